"""What a start finds and mends, case by case; ``test_cuts`` finds the cases by itself."""

import hashlib
import os
import shutil

import pytest

from recorder.vault import diskio, mending, words
from recorder.vault.age import X25519Identity
from recorder.vault.journal import read_entries
from recorder.vault.mending import TornSegment
from recorder.vault.recovery import RecoveryReport, UnendedJourney, recover
from recorder.vault.segment import SegmentWriter
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, Facts, FakeClock, assert_logs_sound, fragment, record_segment, whole_chunks

NOTHING = RecoveryReport((), (), (), (), (), (), (), (), (), None)


def die(writer: SegmentWriter) -> None:
    """What the kernel does to the files of a process that dies."""
    os.close(writer._fd)


def last(store: Store, journey_id: str | None = None) -> tuple[str, dict[str, object]]:
    path = store.ledger.path if journey_id is None else store.journeys_path / journey_id / "log.jsonl"
    entry = read_entries(path)[-1]
    return entry.event, entry.data


def test_a_store_that_is_right_is_left_alone(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Nothing found, nothing written."""
    record_segment(store, journey_id, clock)
    store.end_journey(journey_id, "ignition-off")
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert recover(store) == NOTHING
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("boot_id", "cause"), [("boot-1", "crash"), ("boot-2", "power-loss")])
def test_a_torn_segment_is_hashed_and_signed_as_it_is(
    store: Store, journey_id: str, clock: FakeClock, boot_id: str, cause: str
) -> None:
    """What survived is what is signed, with what ended it, and how many whole chunks there are."""
    first = clock.now()
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    writer.write(fragment(200_000), None)
    die(writer)
    body = store.journeys_path / journey_id / "00001.body"
    os.truncate(body, body.stat().st_size - 1000)
    if boot_id != "boot-1":
        clock.reboot(boot_id)
    report = recover(store)
    assert report.torn_segments == (TornSegment(journey_id, 1, 16 + 3 * 65552 - 1000, cause),)
    words_for_it = cause.replace("-", " ")
    assert report.torn_segments[0].sentence == f"segment 1 of {journey_id}: ended by {words_for_it}, 195672 bytes"
    assert last(store, journey_id) == (
        words.SEGMENT_TORN,
        {
            "number": 1,
            "ended_by": cause,
            "size_bytes": 195_672,
            "body_sha256": hashlib.sha256(body.read_bytes()).hexdigest(),
            "whole_chunks": 2,
        },
    )
    record = store.journey(journey_id)
    assert [(s.torn, s.signed, s.live) for s in record.segments] == [(True, True, False)]
    assert (record.last, record.next_segment) == (first, 2)
    assert last(store) == (
        words.RECOVERED,
        {
            "found": {"torn_segments": [report.torn_segments[0].sentence]},
            "heads": [[journey_id, store.log(journey_id).head]],
        },
    )
    again = recover(store)
    assert again.found == {}
    assert last(store)[0] == words.RECOVERED
    assert_logs_sound(store, store.key)


def test_what_a_living_process_writes_is_not_touched(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Recovery beside a running recorder: the segment goes on and is sealed as if nothing had been."""
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    writer.write(fragment(100_000), "all")
    assert recover(store).found == {}
    assert writer.seal("rotation", Facts(0, 0)) == "all"
    assert [(s.torn, s.signed) for s in store.journey(journey_id).segments] == [(False, True)]
    assert recover(store).found == {}


def test_a_segment_sealed_while_recovery_looks_is_not_signed_as_torn(
    store: Store, journey_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing and the lock on the body a living recorder may have sealed it: the log is read again."""
    die(store.open_segment(journey_id, 1, clock.now_ns))
    listing = store.journey(journey_id)
    store.log(journey_id).append(words.SEGMENT_SEALED, {"number": 1})
    monkeypatch.setattr(store, "journey", lambda _: listing)
    assert mending.sign_torn_segments(store, journey_id) == ()


def test_a_segment_taken_or_deleted_while_recovery_looks_is_left_to_others(
    store: Store, journey_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing and the lock a body may be gone, or in somebody's hands."""
    for _ in range(2):
        die(store.open_segment(journey_id, store.journey(journey_id).next_segment, clock.now_ns))
    listing = store.journey(journey_id)
    monkeypatch.setattr(store, "journey", lambda _: listing)
    (listing.path / "00001.body").unlink()
    with diskio.locked(listing.path / "00002.body"):
        assert mending.sign_torn_segments(store, journey_id) == ()


def test_a_hold_the_log_knows_needs_no_mending(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Another problem of the same journey does not make a hold half-done."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    (store.journeys_path / journey_id / "00001.head").unlink()
    report = recover(store)
    assert (report.holds, len(report.alarms)) == ((), 1)


def test_the_last_journey_is_offered_for_going_on(store: Store, clock: FakeClock) -> None:
    """When it began, its last living moment, whether consent stands, where to go on; the same after a second crash."""
    began = clock.now()
    journey_id = store.begin_journey(CONSENT)
    record_segment(store, journey_id, clock, length_s=10)
    writer = store.open_segment(journey_id, 2, clock.now_ns)
    writer.write(fragment(100_000), None)
    die(writer)
    last_living = clock.now()
    os.utime(store.journeys_path / journey_id / "00002.body", ns=(0, last_living.utc_ns + 5 * 10**9))
    os.utime(store.journeys_path / journey_id / "00001.body", ns=(0, last_living.utc_ns))
    clock.reboot("boot-2", off_s=20)
    expected = UnendedJourney(
        id=journey_id,
        began=began,
        last=last_living,
        last_written_utc_ns=last_living.utc_ns + 5 * 10**9,
        consented=True,
        held=False,
        next_segment=3,
    )
    assert recover(store).unended == expected
    clock.reboot("boot-3", off_s=20)
    assert recover(store).unended == expected


def test_a_body_that_cannot_be_read_does_not_keep_a_journey_from_being_offered(store: Store, journey_id: str) -> None:
    """When it was last written to is then not known."""
    (store.journeys_path / journey_id / "00001.body").symlink_to("00001.body")
    report = recover(store)
    assert report.unended is not None
    assert (report.unended.id, report.unended.last_written_utc_ns) == (journey_id, None)
    assert any("Too many levels of symbolic links" in alarm for alarm in report.alarms)


def test_a_withdrawn_journey_is_offered_as_withdrawn(store: Store, journey_id: str) -> None:
    """A crash between the withdrawal and the end must not bring the consent back."""
    store.log(journey_id).append(words.WITHDRAWN, {})
    unended = recover(store).unended
    assert unended is not None
    assert not unended.consented


def test_journeys_left_open_are_ended_but_for_the_last(store: Store, clock: FakeClock) -> None:
    """The last by the ledger's order: a clock that was set back names the newer journey like an older one."""
    first = store.begin_journey(CONSENT)
    clock.set_wall(-10 * 86_400)
    second = store.begin_journey(CONSENT)
    assert second < first
    report = recover(store)
    assert report.ended == (first,)
    assert last(store, first) == (words.JOURNEY_ENDED, {"reason": "found-open"})
    assert report.unended is not None
    assert report.unended.id == second


def test_an_open_journey_before_an_ended_one_is_ended_too(store: Store) -> None:
    """It is not the last: nobody will go on with it."""
    first, second = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    store.end_journey(second, "ignition-off")
    report = recover(store)
    assert (report.ended, report.unended) == ((first,), None)


def test_torn_logs_are_cut_and_say_so(store: Store, journey_id: str) -> None:
    """Ledger and journey's log alike."""
    for path in (store.ledger.path, store.journeys_path / journey_id / "log.jsonl"):
        with path.open("ab") as file:
            file.write(b'{"seq":3,"utc"')
    report = recover(store)
    assert report.torn_logs == (("ledger.jsonl", 14), (f"journeys/{journey_id}/log.jsonl", 14))
    assert last(store, journey_id) == (words.LOG_TORN, {"bytes_cut": 14})
    assert_logs_sound(store, store.key)


def test_half_made_things_are_dropped(store: Store, journey_id: str) -> None:
    """Temp files and temp directories, wherever they lie."""
    temp_dir = diskio.temp_path(store.journeys_path / "20261122T131143Z-7f3a")
    temp_dir.mkdir()
    (temp_dir / "log.jsonl").write_bytes(b"half")
    temps = [
        diskio.temp_path(store.ledger.path),
        diskio.temp_path(store.journeys_path / journey_id / "00001.header"),
        diskio.temp_path(store.journeys_path / journey_id / "HOLD"),
    ]
    for temp in temps:
        temp.write_bytes(b"half")
    dropped = recover(store).dropped
    assert sorted(dropped) == sorted(str(path.relative_to(store.root)) for path in (*temps, temp_dir))
    assert not any(path.exists() for path in (*temps, temp_dir))


def test_a_temp_directory_with_footage_is_not_dropped(store: Store) -> None:
    """No temp directory of ours ever holds footage: somebody made this one, and it is reported."""
    temp_dir = diskio.temp_path(store.journeys_path / "20261122T131143Z-7f3a")
    temp_dir.mkdir()
    (temp_dir / "00001.body").write_bytes(b"footage")
    report = recover(store)
    assert (temp_dir / "00001.body").exists()
    assert "holds footage (00001.body) and is kept" in report.alarms[0]


def test_a_header_nobody_knows_is_dropped(store: Store, journey_id: str) -> None:
    """Cut before its entry: it never opened anything."""
    (store.journeys_path / journey_id / "00001.header").write_bytes(b"header")
    assert recover(store).found == {}
    assert store.journey(journey_id).segments == ()
    assert store.journey(journey_id).next_segment == 1


def test_a_known_header_without_a_body_is_signed_as_empty(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Cut between entry and body: the log says there is nothing, and the number stays used."""
    record_segment(store, journey_id, clock)
    die(store.open_segment(journey_id, 2, clock.now_ns))
    (store.journeys_path / journey_id / "00002.body").unlink()
    report = recover(store)
    assert report.torn_segments == (TornSegment(journey_id, 2, 0, "crash"),)
    record = store.journey(journey_id)
    assert ([segment.number for segment in record.segments], record.next_segment) == ([1], 3)
    assert recover(store).found == {}


def test_a_body_whose_entry_was_lost_is_signed_too(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Nothing that holds footage is dropped for want of an entry."""
    die(store.open_segment(journey_id, 1, clock.now_ns))
    log = store.journeys_path / journey_id / "log.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    report = recover(store)
    assert report.torn_segments == (TornSegment(journey_id, 1, 16, "power-loss"),)


def test_a_hold_without_its_entry_is_logged(store: Store, journey_id: str) -> None:
    """Cut after HOLD was made: it held from that moment, and now the log says so."""
    log = store.journeys_path / journey_id / "log.jsonl"
    before = log.read_bytes()
    store.hold(journey_id, "panel", "button")
    log.write_bytes(before)
    assert store.journey(journey_id).problems != ()
    report = recover(store)
    assert report.holds == ((journey_id, words.HOLD),)
    assert last(store, journey_id)[0] == words.HOLD
    assert (store.journey(journey_id).held, store.journey(journey_id).problems) == (True, ())


def test_a_release_without_its_removal_is_finished(store: Store, journey_id: str) -> None:
    """Cut after the log released: this very HOLD goes; one made since would stay."""
    store.hold(journey_id, "panel", "button")
    hold = (store.journeys_path / journey_id / "HOLD").read_bytes()
    store.release(journey_id, "office", "copied")
    (store.journeys_path / journey_id / "HOLD").write_bytes(hold)
    assert store.journey(journey_id).held
    report = recover(store)
    assert report.holds == ((journey_id, words.RELEASE),)
    assert not store.journey(journey_id).held
    store.hold(journey_id, "panel", "button")
    assert recover(store).holds == ()
    assert store.journey(journey_id).held


def test_a_hold_that_was_removed_by_hand_stays_an_alarm(store: Store, journey_id: str) -> None:
    """Recovery does not hide what somebody did."""
    store.hold(journey_id, "panel", "button")
    (store.journeys_path / journey_id / "HOLD").unlink()
    for _ in range(2):
        report = recover(store)
        assert [alarm.split(", but")[0] for alarm in report.alarms] == [f"{journey_id} is held by its log"]
    assert store.journey(journey_id).held


def test_a_damaged_hold_is_an_alarm_and_still_holds(store: Store, journey_id: str) -> None:
    """Who held it cannot be told any more; that it is held can."""
    (store.journeys_path / journey_id / "HOLD").write_bytes(b"?")
    report = recover(store)
    assert any("HOLD is damaged" in alarm for alarm in report.alarms)
    assert store.journey(journey_id).held


def test_what_the_ledger_did_not_hear_of_is_noted(store: Store, journey_id: str) -> None:
    """A journey whose beginning or end was cut off before its ledger entry is known afterwards, with its head."""
    ledger_before = store.ledger.path.read_bytes()
    store.end_journey(journey_id, "ignition-off")
    store.ledger.path.write_bytes(ledger_before)
    report = recover(store)
    assert report.seen == (journey_id,)
    entries = read_entries(store.ledger.path)
    assert (entries[-2].event, entries[-2].data) == (
        words.JOURNEY_SEEN,
        {"journey": journey_id, "log_head": store.log(journey_id).head},
    )
    assert recover(store).seen == ()


def test_a_journey_that_vanished_is_an_alarm_once(store: Store, journey_id: str) -> None:
    """Removed without a tombstone: the ledger knows, and keeps that it was found out."""
    shutil.rmtree(store.journeys_path / journey_id)
    assert recover(store).alarms == (f"{journey_id} is gone without a tombstone; somebody removed it.",)
    assert last(store)[1]["found"] == {"alarms": [f"{journey_id} is gone without a tombstone; somebody removed it."]}
    assert recover(store) == NOTHING


def test_a_log_that_was_rolled_back_is_an_alarm(store: Store, journey_id: str) -> None:
    """An older copy of a log is a valid chain; the ledger knows a later head."""
    log = store.journeys_path / journey_id / "log.jsonl"
    before = log.read_bytes()
    store.hold(journey_id, "panel", "button")
    store.release(journey_id, "office", "copied")
    log.write_bytes(before)
    assert recover(store).alarms == (f"{log} lacks an entry that the ledger knows: it was altered.",)


def test_a_journey_that_cannot_be_mended_keeps_no_other_from_it(store: Store, clock: FakeClock) -> None:
    """A directory where a log should be is an alarm; the torn segment of the next journey is signed all the same."""
    bad, good = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    log = store.journeys_path / bad / "log.jsonl"
    log.unlink()
    log.mkdir()
    die(store.open_segment(good, 1, clock.now_ns))
    report = recover(store)
    assert [torn.journey for torn in report.torn_segments] == [good]
    assert any(str(log) in alarm for alarm in report.alarms)


def test_the_way_back_stays_short(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing to mend a `recovered` is written all the same once the way back to the last has grown long."""
    monkeypatch.setattr("recorder.vault.recovery._LONG_WAY_BACK", 10)
    for number in range(10):
        store.ledger.append("note", {"number": number})
    assert recover(store) == NOTHING
    assert last(store) == (words.RECOVERED, {"found": {}, "heads": []})
    before = store.ledger.path.read_bytes()
    assert recover(store) == NOTHING
    assert store.ledger.path.read_bytes() == before


def test_a_torn_segment_opens_as_far_as_it_goes(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity
) -> None:
    """Stock age delivers every whole chunk of it; this is what its signature is about."""
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    footage = fragment(300_000)
    writer.write(footage, None)
    die(writer)
    recover(store)
    path = store.journeys_path / journey_id
    assert whole_chunks(path, 1, identity) == footage[: 4 * 65536]
