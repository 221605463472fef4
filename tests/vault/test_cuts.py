"""Every procedure, cut at every system call that writes: what was acknowledged holds, what was not is whole or absent.

A child process runs the procedure and dies at its n-th writing call, for every n (``cuts``). The child notes what was
acknowledged to it in a file outside the store. Then the store is recovered here, as a start would, and looked at.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.errors import AgeTruncatedError
from recorder.vault import words
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey, read_entries
from recorder.vault.pruner import Pruner
from recorder.vault.recovery import recover
from recorder.vault.retention import Policy
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.vault.cuts import DEATHS, Death, each_cut, run_and_cut
from tests.vault.kit import (
    CONSENT,
    Facts,
    FakeClock,
    assert_logs_sound,
    fragment,
    open_like,
    plaintext,
    record_segment,
    whole_chunks,
)

POLICY = Policy(max_age_s=20, sweep_s=1, clock_grace_s=5, min_free_bytes=0)
deaths = pytest.mark.parametrize("death", DEATHS)


class World:
    """A store that can be put back to how it was, and a note of what a dead process had been told."""

    def __init__(self, store: Store, keep: Path) -> None:
        self.store = store
        self._keep = keep
        self._notes = keep.with_suffix(".notes")
        self._slot = store.root.with_name("slot")
        self._keep_slot = keep.with_suffix(".slot")
        shutil.copytree(store.root, keep)
        shutil.copy(self._slot, self._keep_slot)

    def restore(self) -> None:
        shutil.rmtree(self.store.root)
        shutil.copytree(self._keep, self.store.root)
        shutil.copy(self._keep_slot, self._slot)
        self._notes.write_bytes(b"")

    def note(self, what: object) -> None:
        with self._notes.open("a") as notes:
            notes.write(f"{what}\n")

    @property
    def notes(self) -> list[str]:
        return self._notes.read_text().splitlines()

    def cuts(self, action: Callable[[Store], object], death: Death) -> "list[int]":
        return each_cut(lambda: action(open_like(self.store)), death, self.restore)


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Callable[[], World]:
    return lambda: World(store, tmp_path / "kept")


def assert_recovered(store: Store) -> None:
    """One recovery mends all; a second finds nothing; every log is whole; every deletion has exactly one conclusion."""
    recover(store)
    assert recover(store).found == {}
    assert [problem for journey in store.journeys() for problem in journey.problems] == []
    assert not [path for path in store.root.rglob("*") if path.name.endswith(".tmp")]
    assert_logs_sound(store, store.key)
    concluded = {words.TOMBSTONE_DONE, words.TOMBSTONE_WITHDRAWN}
    ledger = read_entries(store.ledger.path)
    intents = [entry.seq for entry in ledger if entry.event == words.TOMBSTONE_INTENT]
    assert [entry.data["intent"] for entry in ledger if entry.event in concluded] == intents
    heads = {entry.data["journey"]: entry.data["log_head"] for entry in ledger if "log_head" in entry.data}
    for entry in ledger:
        if entry.event == words.RECOVERED:
            heads.update(entry.data["heads"])
    ended = [journey.id for journey in store.journeys() if journey.ended is not None]
    assert {journey_id: heads.get(journey_id) for journey_id in ended} == {
        journey_id: store.log(journey_id).head for journey_id in ended
    }


def sweep(store: Store, clock: FakeClock) -> None:
    assert Pruner(store, POLICY, clock).sweep().alarms == ()


def recover_all(store: Store) -> None:
    assert recover(store).alarms == ()


@deaths
def test_preparing_a_store(tmp_path: Path, key: DeviceKey, clock: FakeClock, death: Death) -> None:
    """A first start that was cut is a first start again."""
    root = tmp_path / "deep" / "store"

    def fresh() -> None:
        shutil.rmtree(tmp_path / "deep", ignore_errors=True)

    for _ in each_cut(lambda: Store(root, key, [], clock, slots=[Slot.at(tmp_path / "slot")]).prepare(), death, fresh):
        store = Store(root, key, [], clock, slots=[Slot.at(tmp_path / "slot")])
        store.prepare()
        assert [entry.event for entry in read_entries(store.ledger.path)][-1] == words.STORE_CREATED
        assert_recovered(store)


@deaths
def test_making_the_device_key(tmp_path: Path, death: Death) -> None:
    """The key is there whole or not at all, and once it was used it stays."""
    path, used = tmp_path / "keys" / "device.key", tmp_path / "used"

    def fresh() -> None:
        shutil.rmtree(tmp_path / "keys", ignore_errors=True)
        used.unlink(missing_ok=True)

    def make() -> None:
        with used.open("w") as file:
            file.write(DeviceKey.load_or_create(path).public_text)

    for _ in each_cut(make, death, fresh):
        key = DeviceKey.load_or_create(path)
        assert path.with_name("device.key.pub").read_text() == key.public_text + "\n"
        assert not used.exists() or used.read_text() in {"", key.public_text}


@deaths
def test_beginning_a_journey(world: Callable[[], World], store: Store, death: Death) -> None:
    """A consent that was acknowledged is on the card; one that was not is there whole, or not at all."""
    scene = world()
    for _ in scene.cuts(lambda s: scene.note(s.begin_journey(CONSENT)), death):
        assert_recovered(store)
        journeys = store.journeys()
        assert len(journeys) <= 1
        assert [journey.consented for journey in journeys] == [True] * len(journeys)
        assert set(scene.notes) <= {journey.id for journey in journeys}


@deaths
def test_ending_a_journey(world: Callable[[], World], store: Store, journey_id: str, death: Death) -> None:
    """Once acknowledged, ended; and whenever it is ended the ledger knows the head of its log."""
    scene = world()
    for _ in scene.cuts(lambda s: scene.note(s.end_journey(journey_id, "ignition-off")), death):
        assert_recovered(store)
        assert not scene.notes or store.journey(journey_id).ended is not None


@deaths
def test_a_whole_segment(
    world: Callable[[], World], store: Store, clock: FakeClock, identity: X25519Identity, death: Death
) -> None:
    """From opening to seal: what was called durable is there, what is there is a prefix of what was written."""
    journey_id = store.begin_journey(CONSENT)
    pieces = [fragment(50_000) for _ in range(6)]
    footage = b"".join(pieces)
    scene = world()

    def record(child: Store) -> None:
        writer = child.open_segment(journey_id, 1, clock.now_ns)
        written = 0
        for piece in pieces:
            written += len(piece)
            writer.write(piece, written)
            clock.advance(0.2)
            scene.note(writer.maintain(clock.now_ns))
        scene.note(writer.seal("rotation", Facts(0, 0)))

    for _ in scene.cuts(record, death):
        durable_bytes = max((int(note) for note in scene.notes if note != "None"), default=0)
        path = store.journeys_path / journey_id
        signed = any(entry.event == words.SEGMENT_OPENED for entry in read_entries(path / "log.jsonl"))
        assert signed or not (path / "00001.body").exists(), "a header's hash is signed before there is a body"
        assert_recovered(store)
        journey = store.journey(journey_id)
        assert len(journey.segments) <= 1
        for segment in journey.segments:
            assert (segment.signed, segment.live, segment.has_header, segment.has_body) == (True, False, True, True)
            survived = _survived(journey.path, identity)
            assert len(survived) >= durable_bytes
            assert footage.startswith(survived)
            assert segment.torn or survived == footage
        assert durable_bytes == 0 or journey.segments
        assert record_segment(store, journey_id, clock) == journey.next_segment


def _survived(path: Path, identity: X25519Identity) -> bytes:
    try:
        return plaintext(path, 1, identity)
    except AgeTruncatedError:
        return whole_chunks(path, 1, identity)


@deaths
def test_holding(world: Callable[[], World], store: Store, clock: FakeClock, journey_id: str, death: Death) -> None:
    """A hold that was acknowledged survives everything, a sweep a year later included."""
    record_segment(store, journey_id, clock)
    scene = world()
    clock.advance(365 * 86_400)
    for _ in scene.cuts(lambda s: scene.note(s.hold(journey_id, "panel", "button")), death):
        was_held = store.journey(journey_id).held
        assert_recovered(store)
        assert store.journey(journey_id).held == was_held
        assert was_held or not scene.notes
        sweep(store, clock)
        assert len(store.journey(journey_id).segments) == int(was_held)


@deaths
def test_releasing(world: Callable[[], World], store: Store, clock: FakeClock, journey_id: str, death: Death) -> None:
    """Released once acknowledged; before that held or released, never in between."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    scene = world()
    for _ in scene.cuts(lambda s: scene.note(s.release(journey_id, "office", "copied")), death):
        assert_recovered(store)
        assert not (scene.notes and store.journey(journey_id).held)
        if not store.journey(journey_id).held:
            store.hold(journey_id, "panel", "again")
            assert recover(store).holds == ()
        assert store.journey(journey_id).held


@deaths
def test_a_sweep(
    world: Callable[[], World], store: Store, clock: FakeClock, identity: X25519Identity, death: Death
) -> None:
    """What is due goes in the end, with one tombstone each; what is young or held is untouched at every step."""
    ended, held, mixed = (store.begin_journey(CONSENT) for _ in range(3))
    for journey_id in (ended, ended, held, mixed):
        record_segment(store, journey_id, clock, length_s=1)
    store.hold(held, "panel", "button")
    store.end_journey(ended, "ignition-off")
    store.end_journey(held, "ignition-off")
    clock.advance(16)
    record_segment(store, mixed, clock, length_s=1)
    kept = {journey_id: (store.journeys_path / journey_id, number) for journey_id, number in ((held, 1), (mixed, 2))}
    footage = {journey_id: plaintext(*place, identity) for journey_id, place in kept.items()}
    scene = world()
    for _ in scene.cuts(lambda s: sweep(s, clock), death):
        listed = [path for path in store.journeys_path.iterdir() if not path.name.startswith(".")]
        assert all((path / "log.jsonl").exists() for path in listed), "a journey goes in one step"
        assert_recovered(store)
        sweep(store, clock)
        assert {journey.id: [s.number for s in journey.segments] for journey in store.journeys()} == {
            held: [1],
            mixed: [2],
        }
        assert {journey_id: plaintext(*place, identity) for journey_id, place in kept.items()} == footage
        assert_recovered(store)
        deleted = [
            (entry.data["journey"], number)
            for entry in read_entries(store.ledger.path)
            if entry.event == words.TOMBSTONE_DONE
            for number in entry.data["deleted"]
        ]
        assert sorted(deleted) == sorted([(ended, 1), (ended, 2), (mixed, 1)])


@deaths
def test_a_hold_after_a_cut_sweep_keeps_what_is_still_whole(
    world: Callable[[], World], store: Store, clock: FakeClock, identity: X25519Identity, death: Death
) -> None:
    """Held before recovery came to finish the deletion: what can still be opened stays, and the ledger says so."""
    journey_id = store.begin_journey(CONSENT)
    for _ in range(3):
        record_segment(store, journey_id, clock, length_s=1)
    clock.advance(20)
    scene = world()
    for _ in scene.cuts(lambda s: sweep(s, clock), death):
        path = store.journeys_path / journey_id
        with store.lock():  # a header that lies there may have lost its key
            headers, _ = store.headers.get_all(
                path, [s.number for s in store.journey(journey_id).segments if s.has_header]
            )
        whole = sorted(headers)
        store.hold(journey_id, "panel", "button")
        assert_recovered(store)
        assert [s.number for s in store.journey(journey_id).segments] == whole
        for number in whole:
            plaintext(path, number, identity)


@deaths
def test_recovery_itself(world: Callable[[], World], store: Store, clock: FakeClock, death: Death) -> None:
    """A start that is cut and started again comes to the same store as one that was not."""
    open_one, torn, holding, deleting = (store.begin_journey(CONSENT) for _ in range(4))
    record_segment(store, deleting, clock, length_s=1)
    record_segment(store, deleting, clock, length_s=1)
    clock.advance(20)
    assert run_and_cut(lambda: sweep(open_like(store), clock), 4, "killed")
    assert run_and_cut(lambda: open_like(store).hold(holding, "panel", "button"), 5, "killed")
    assert run_and_cut(lambda: open_like(store).open_segment(torn, 1, clock.now_ns), 24, "killed")
    assert run_and_cut(lambda: open_like(store).begin_journey(CONSENT), 3, "killed")
    with store.ledger.path.open("ab") as ledger:
        ledger.write(b'{"seq":')
    scene = world()
    kinds = ["deletions", "dropped", "ended", "holds", "torn_logs", "torn_segments"]
    assert sorted(recover(store).found) == kinds, "the scene has something of everything to mend"
    found: set[tuple[str, ...]] = set()
    for _ in scene.cuts(recover_all, death):
        assert_recovered(store)
        found.add(tuple(_shape(store)))
    assert found == {
        (
            f"{open_one} ended=True held=False segments=[]",
            f"{torn} ended=True held=False segments=[1]",
            f"{holding} ended=True held=True segments=[]",
            f"{deleting} ended=False held=False segments=[]",
        )
    }


def _shape(store: Store) -> list[str]:
    order = [entry.data["journey"] for entry in read_entries(store.ledger.path) if entry.event == words.JOURNEY_BEGAN]
    return [
        f"{j.id} ended={j.ended is not None} held={j.held} segments={[s.number for s in j.segments]}"
        for j in sorted(store.journeys(), key=lambda journey: order.index(journey.id))
    ]


def test_the_cutter_cuts(tmp_path: Path) -> None:
    """The negative control: a careless writer does lose what it wrote, each way of dying in its own way."""
    path = tmp_path / "file"
    left: dict[Death, set[bytes | None]] = {}
    for death in DEATHS:
        left[death] = set()
        for _ in each_cut(lambda: _replace_carelessly(path), death, lambda: path.write_bytes(b"old")):
            left[death].add(path.read_bytes() if path.exists() else None)
            for temp in tmp_path.glob("*.new"):
                temp.unlink()
    assert left == {
        "killed": {b"old", b"0123456789"},
        "half": {b"old", b"0123456789"},
        "unsynced": {b"old", b""},
        "forgotten": {b"old"},
    }


def _replace_carelessly(path: Path) -> None:
    """By temp and rename, but nothing is synced."""
    temp = path.with_suffix(".new")
    fd = os.open(temp, os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(fd, b"0123456789")
    os.close(fd)
    temp.rename(path)
