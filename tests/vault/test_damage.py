"""What the store says of itself when something on the card is gone, damaged or strange."""

import shutil

from recorder.vault import words
from recorder.vault.records import read_journey
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, FakeClock, record_segment


def test_one_unreadable_journey_hides_no_other(store: Store, clock: FakeClock) -> None:
    """It is listed with its problem, and the good ones beside it."""
    good, bad = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    for journey_id in (good, bad):
        record_segment(store, journey_id, clock)
    store.hold(bad, "panel", "button")
    log = store.journeys_path / bad / "log.jsonl"
    log.write_bytes(b"\xff" * 1000 + b"\n")
    records = {record.id: record for record in store.journeys()}
    assert records[good].problems == ()
    assert records[bad].problems[0] == f"{log}, line 1 cannot be read; it is damaged."
    assert [segment.number for segment in records[bad].segments] == [1]


def test_a_lost_log_is_answered_for_by_the_ledger(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Hold, beginning and end are the ledger's then; the footage counts from the beginning of the journey."""
    began = clock.now()
    clock.advance(100)
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    store.end_journey(journey_id, "ignition-off")
    (store.journeys_path / journey_id / "log.jsonl").unlink()
    (store.journeys_path / journey_id / "HOLD").unlink()
    record = store.journey(journey_id)
    assert (record.held, record.first, record.segments[0].first) == (True, began, began)
    assert record.ended == "2026-11-22T13:13:33.000Z"
    assert "No such file" in record.problems[0]
    assert record.next_segment == 2


def test_a_lost_line_is_answered_for_by_the_ledger(store: Store, journey_id: str, clock: FakeClock) -> None:
    """The one line that said hold is damaged, HOLD is gone: the ledger remembers."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    log = store.journeys_path / journey_id / "log.jsonl"
    lines = log.read_bytes().splitlines()
    assert words.HOLD.encode() in lines[4]
    lines[4] = b"x" * len(lines[4])
    log.write_bytes(b"\n".join(lines) + b"\n")
    (store.journeys_path / journey_id / "HOLD").unlink()
    assert store.journey(journey_id).held


def test_a_damaged_ledger_beside_a_damaged_log_is_reported_too(store: Store, journey_id: str) -> None:
    """Nothing is known, and that is what the record says."""
    (store.journeys_path / journey_id / "log.jsonl").write_bytes(b"")
    store.ledger.path.write_bytes(b"?\n")
    record = store.journey(journey_id)
    assert (record.began, record.held, record.first, record.last) == (None, False, None, None)
    assert record.problems == (
        f"{store.journeys_path / journey_id / 'log.jsonl'} is empty.",
        f"{store.ledger.path}, line 1 cannot be read; it is damaged.",
    )
    store.ledger.path.unlink()
    assert "ledger.jsonl cannot be read" in store.journey(journey_id).problems[1]


def test_entries_that_say_nonsense_are_not_believed(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Numbers and times of the wrong type count as not said."""
    record_segment(store, journey_id, clock)
    log = store.log(journey_id)
    log.append(words.SEGMENT_OPENED, {"number": "two"})
    log.append(words.SEGMENT_SEALED, {})
    log.append(words.SEGMENT_OPENED, {"number": 5, "first_boottime_ns": "noon"})
    (store.journeys_path / journey_id / "00005.body").touch()
    record = store.journey(journey_id)
    assert [(s.number, s.began) for s in record.segments] == [(1, record.began), (5, record.began)]


def test_a_body_without_header_is_reported(store: Store, journey_id: str, clock: FakeClock) -> None:
    """It opens to nobody, and somebody should know."""
    record_segment(store, journey_id, clock)
    (store.journeys_path / journey_id / "00001.head").unlink()
    assert store.journey(journey_id).problems == (
        f"{store.journeys_path / journey_id / '00001.body'} has no header: nobody can open it.",
    )


def test_a_body_that_cannot_be_read_is_reported(store: Store, journey_id: str) -> None:
    """It is a segment still, and what is wrong with it is said."""
    path = store.journeys_path / journey_id
    (path / "00001.header").write_bytes(b"header")
    (path / "00001.body").symlink_to("00001.body")
    record = store.journey(journey_id)
    assert [(s.number, s.size_bytes, s.torn, s.has_body) for s in record.segments] == [(1, 6, True, True)]
    assert record.problems == (f"{path / '00001.body'} cannot be read: Too many levels of symbolic links.",) * 2


def test_a_directory_that_cannot_be_read_is_answered_for_by_the_ledger(store: Store, journey_id: str) -> None:
    """The card lost a whole directory: what the ledger knows is what there is to say."""
    store.hold(journey_id, "panel", "button")
    path = store.journeys_path / journey_id
    shutil.rmtree(path)
    path.write_text("no directory any more")
    record = read_journey(path, store.ledger.path)
    assert (record.began, record.held, record.segments) == ("2026-11-22T13:11:43.000Z", True, ())
    assert record.problems[0] == f"{path} cannot be read: Not a directory."


def test_a_journey_somebody_renamed_is_still_one(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Footage does not escape the pruner by another name."""
    record_segment(store, journey_id, clock)
    (store.journeys_path / journey_id).rename(store.journeys_path / "keep me")
    (record,) = store.journeys()
    assert (record.id, len(record.segments)) == ("keep me", 1)
