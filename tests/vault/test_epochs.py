"""What goes with an epoch, what survives it, and what a laboratory makes of the rest."""

import io
import shutil
from pathlib import Path

import pytest

from recorder.errors import AgeError
from recorder.vault import words
from recorder.vault.age import X25519Identity, decrypt
from recorder.vault.deletion import Outcome, delete_segments
from recorder.vault.journal import DeviceKey, read_entries
from recorder.vault.records import body_path, clear_headers, head_path, header_path
from recorder.vault.recovery import recover
from recorder.vault.retention import Footage, Reason, Verdict
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, FakeClock, fragment, make_slot, open_like, plaintext, record_segment
from tests.vault.laboratory import Laboratory, take_image


@pytest.fixture
def store(tmp_path: Path, key: DeviceKey, identity: X25519Identity, clock: FakeClock) -> Store:
    """Epochs as long as they are by default: what these tests record is all of one."""
    store = Store(tmp_path / "store", key, [identity.recipient], clock, slots=[make_slot(tmp_path / "slot")])
    store.prepare()
    return store


def delete(store: Store, *names: tuple[str, int]) -> Outcome:
    """As a sweep does whose plan gave these up."""
    footage = {(f.journey, f.number): f for journey in store.journeys() for f in journey.footage}
    gone = Footage("gone", 0, 0, None, live=False)
    return delete_segments(store, [Verdict(footage.get(name, gone), Reason.DUE, "it is due") for name in names])


def conclusions(store: Store) -> list[tuple[str, list[int], str]]:
    """Of each deletion: the journey, the segments, how well they were erased."""
    return [
        (entry.data["journey"], entry.data["deleted"], entry.data["erasure"])
        for entry in read_entries(store.ledger.path)
        if entry.event == words.TOMBSTONE_DONE
    ]


# --- the laboratory --------------------------------------------------------------------------------------------------


def test_after_deletion_nobody_opens_what_was_on_the_card(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity, tmp_path: Path
) -> None:
    """An image of before, the office's key and the whole recorder of after open nothing; the slot of before, all."""
    footage = []
    for _ in range(3):
        number = record_segment(store, journey_id, clock)
        footage.append(plaintext(store.journeys_path / journey_id, number, identity))
    laboratory = Laboratory(take_image(store, tmp_path / "image"), identity)
    shutil.copy(tmp_path / "slot", tmp_path / "slot-before")

    outcome = delete(store, *((journey_id, number) for number in (1, 2, 3)))

    assert (outcome.gone, outcome.alarms) == (((journey_id, 1), (journey_id, 2), (journey_id, 3)), ())
    assert conclusions(store) == [(journey_id, [1, 2, 3], "slot")]
    for copied in ("after", "before"):
        shutil.copy(tmp_path / "slot" if copied == "after" else tmp_path / "slot-before", tmp_path / "attack")
        opened = laboratory.opened(tmp_path / "attack", store.root)
        assert opened == ([] if copied == "after" else footage)


def test_the_image_alone_opens_to_nobody(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity
) -> None:
    """A thief with the card, and even with the office's key: no header on it can be read."""
    record_segment(store, journey_id, clock)
    path = store.journeys_path / journey_id
    assert clear_headers(path) == {}
    with pytest.raises(AgeError):
        b"".join(decrypt(io.BytesIO(head_path(path, 1).read_bytes() + body_path(path, 1).read_bytes()), [identity]))


# --- an epoch goes as a whole ----------------------------------------------------------------------------------------


def test_an_epoch_goes_across_journeys(store: Store, clock: FakeClock) -> None:
    """Two journeys within ten minutes share an epoch: one turn, a tombstone for each journey."""
    first, second = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    for journey_id in (first, second):
        record_segment(store, journey_id, clock)
    assert delete(store, (first, 1), (second, 1)).kept == ()
    assert sorted(conclusions(store)) == sorted([(first, [1], "slot"), (second, [1], "slot")])
    assert store.headers.keyring.keys() == {}


def test_what_a_plan_did_not_name_keeps_its_epoch(store: Store, journey_id: str, clock: FakeClock) -> None:
    """A segment that came since, or is being written, needs the key: nothing of its epoch goes."""
    record_segment(store, journey_id, clock)
    writer = store.open_segment(journey_id, 2, clock.now_ns)
    outcome = delete(store, (journey_id, 1), (journey_id, 2))
    assert (outcome.gone, set(outcome.kept)) == ((), {(journey_id, 1), (journey_id, 2)})
    assert conclusions(store) == []
    assert len(store.headers.keyring.keys()) == 1
    writer.write(fragment(100), None)


def test_a_held_journey_survives_its_epoch(store: Store, clock: FakeClock, identity: X25519Identity) -> None:
    """Another journey of the same ten minutes is held: its headers lie in the clear before the key goes."""
    going, held = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    for journey_id in (going, held):
        record_segment(store, journey_id, clock)
    footage = plaintext(store.journeys_path / held, 1, identity)
    store.hold(held, "panel", "button")

    assert delete(store, (going, 1), (held, 1)).gone == ((going, 1),)

    assert store.headers.keyring.keys() == {}
    assert plaintext(store.journeys_path / held, 1, identity) == footage
    (store.journeys_path / held / "HOLD").unlink()
    assert plaintext(store.journeys_path / held, 1, identity) == footage, "rm HOLD takes nothing"
    assert store.journey(held).held


def test_a_key_stays_while_a_held_header_cannot_be_put_in_the_clear(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that refuses the header refuses the erasure: the epoch stays, and that is an alarm."""
    going, held = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    for journey_id in (going, held):
        record_segment(store, journey_id, clock)
    store.hold(held, "panel", "button")
    (store.journeys_path / held / "00001.header").mkdir()
    monkeypatch.setattr(Path, "exists", lambda path, real=Path.exists: not path.name.endswith(".header") and real(path))
    outcome = delete(store, (going, 1))
    assert (outcome.gone, outcome.kept) == ((), ((going, 1),))
    assert len(outcome.alarms) == 1
    assert len(store.headers.keyring.keys()) == 1


def test_a_key_that_could_not_be_erased_is_erased_by_the_next_start(
    store: Store, journey_id: str, clock: FakeClock, tmp_path: Path, identity: X25519Identity
) -> None:
    """The slot fails at the moment of deletion: footage goes all the same, the key when it can."""
    record_segment(store, journey_id, clock)
    memory = (tmp_path / "slot").read_bytes()
    (tmp_path / "slot").unlink()
    outcome = delete(store, (journey_id, 1))
    assert outcome.gone == ((journey_id, 1),)
    assert any("No slot takes the secret" in alarm for alarm in outcome.alarms)
    assert conclusions(store) == [(journey_id, [1], "unlink")]
    (tmp_path / "slot").write_bytes(memory)
    again = open_like(store)
    assert len(again.headers.keyring.keys()) == 1
    assert recover(again).alarms == ()
    assert again.headers.keyring.keys() == {}


# --- holds -----------------------------------------------------------------------------------------------------------


def test_a_hold_carries_what_opens_the_journey(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity, tmp_path: Path
) -> None:
    """Evidence does not hang on a battery: with the slot empty, what was held, and what came after, opens."""
    record_segment(store, journey_id, clock)
    live = store.open_segment(journey_id, 2, clock.now_ns)
    store.hold(journey_id, "panel", "button")
    live.write(fragment(70_000), None)
    record_segment(store, journey_id, clock)
    (tmp_path / "slot").write_bytes(bytes(38))
    path = store.journeys_path / journey_id
    assert set(clear_headers(path)) == {1, 2, 3}
    for number in (1, 3):
        assert plaintext(path, number, identity)
    assert not head_path(path, 3).exists(), "what is opened while the journey is held needs no key at all"


def test_a_release_seals_nothing_back_and_says_so(store: Store, journey_id: str, clock: FakeClock) -> None:
    """What lay in the clear on flash may lie there still: its deletion is of the weakest class, and is called so."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    record_segment(store, journey_id, clock)
    store.release(journey_id, "office", "copied")
    release = [entry.data for entry in read_entries(store.log(journey_id).path) if entry.event == words.RELEASE]
    assert [data["headers"] for data in release] == ["stay-clear"]
    delete(store, (journey_id, 1), (journey_id, 2))
    assert conclusions(store) == [(journey_id, [1, 2], "unlink")]


def test_a_hold_that_comes_too_late_says_what_it_lacks(
    store: Store, journey_id: str, clock: FakeClock, tmp_path: Path
) -> None:
    """The slot forgot while the power was off: the hold is made, and the log names what nobody can open."""
    record_segment(store, journey_id, clock)
    (tmp_path / "slot").write_bytes(bytes(38))
    parked = open_like(store)
    parked.hold(journey_id, "panel", "button")
    (hold,) = [entry.data for entry in read_entries(store.log(journey_id).path) if entry.event == words.HOLD]
    assert hold["lost"] == [f"The key of segment 1 of {journey_id} is erased; nobody can open it."]
    assert parked.journey(journey_id).held


def test_a_second_hold_brings_back_what_the_first_lost(
    store: Store, journey_id: str, clock: FakeClock, tmp_path: Path
) -> None:
    """Pressed again when the slot can be read again, the headers are put in the clear beside the HOLD that is there."""
    record_segment(store, journey_id, clock)
    memory = (tmp_path / "slot").read_bytes()
    (tmp_path / "slot").rename(tmp_path / "away")
    open_like(store).hold(journey_id, "panel", "button")
    (tmp_path / "slot").write_bytes(memory)
    open_like(store).hold(journey_id, "panel", "again")
    assert set(clear_headers(store.journeys_path / journey_id)) == {1}


# --- an older store --------------------------------------------------------------------------------------------------


def make_older(store: Store, journey_id: str, numbers: range) -> None:
    """As version 0.2 left it: headers in the clear, and a log that knows no epochs."""
    path = store.journeys_path / journey_id
    headers, _ = store.headers.get_all(path, numbers)
    for number in numbers:
        head_path(path, number).unlink()
        header_path(path, number).write_bytes(headers[number])
    entries = [(entry.event, dict(entry.data)) for entry in read_entries(store.log(journey_id).path)]
    (path / "log.jsonl").unlink()
    log = store.log(journey_id)
    log.create()
    for event, data in entries:
        data.pop("epoch", None)
        log.append(event, data)


def test_an_older_store_is_sealed_by_one_start(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity
) -> None:
    """Ten minutes under a key; nothing is clear, all opens, and its deletion claims no more than is true."""
    path = store.journeys_path / journey_id
    for _ in range(3):
        record_segment(store, journey_id, clock, length_s=400)
    footage = [plaintext(path, number, identity) for number in (1, 2, 3)]
    make_older(store, journey_id, range(1, 4))

    assert recover(store).sealed == ((journey_id, 3),)

    assert clear_headers(path) == {}
    assert [plaintext(path, number, identity) for number in (1, 2, 3)] == footage
    journey = store.journey(journey_id)
    assert (journey.problems, [segment.was_clear for segment in journey.segments]) == ((), [True] * 3)
    epochs = [segment.epoch for segment in journey.segments]
    assert None not in epochs
    assert len(set(epochs)) == 2
    assert recover(store).sealed == ()
    delete(store, *((journey_id, number) for number in (1, 2, 3)))
    assert conclusions(store) == [(journey_id, [1, 2, 3], "unlink")]


def test_an_older_hold_is_left_as_it_is(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity
) -> None:
    """Held footage is never touched, by no upgrade."""
    record_segment(store, journey_id, clock)
    make_older(store, journey_id, range(1, 2))
    store.hold(journey_id, "panel", "button")
    assert recover(store).sealed == ()
    assert header_path(store.journeys_path / journey_id, 1).exists()
