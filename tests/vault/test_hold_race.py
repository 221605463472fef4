"""A hold against an erasure, each stopped before each of its system calls while the other goes through.

Two processes on one store: one is stopped before its n-th call that writes or locks; the other runs until it has gone
through or waits for a lock of the first; then the first goes on. Afterwards the journey is either held and opens, or
had been deleted before it was held, and then the hold's entry names what it lacks.
"""

import fcntl
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from recorder.errors import AgeError, NoSuchJourneyError
from recorder.vault import words
from recorder.vault.age import X25519Identity
from recorder.vault.deletion import delete_segments
from recorder.vault.journal import DeviceKey, read_entries
from recorder.vault.recovery import recover
from recorder.vault.retention import Reason, Verdict
from recorder.vault.store import Store
from tests.vault.cuts import WRITING
from tests.vault.kit import CONSENT, FakeClock, assert_logs_sound, make_slot, open_like, plaintext, record_segment

SEGMENTS = (1, 2, 3)
_STOPPED = b"s"


@pytest.fixture
def store(tmp_path: Path, key: DeviceKey, identity: X25519Identity, clock: FakeClock) -> Store:
    """All that is recorded is of one epoch."""
    store = Store(tmp_path / "store", key, [identity.recipient], clock, slots=[make_slot(tmp_path / "slot")])
    store.prepare()
    return store


class Process:
    """Does something in a child, which may be stopped at its ``stop_at``-th call that writes or locks.

    Made when the child has stopped, waits for a lock or has ended. ``stopped``: the first of these.
    """

    def __init__(self, action: Callable[[], object], stop_at: int | None = None) -> None:
        reached, child_reached = os.pipe()
        child_go, self._go = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _hook(stop_at, child_reached, child_go)
                action()
            except BaseException:  # noqa: BLE001 - the child must never return into pytest
                traceback.print_exc(file=sys.__stderr__)
                os._exit(1)
            os._exit(0)
        os.close(child_reached)
        os.close(child_go)
        self.stopped = os.read(reached, 1) == _STOPPED
        os.close(reached)

    def finish(self) -> None:
        """Let it go on to its end."""
        with suppress(BrokenPipeError):  # it had nothing to wait for
            os.write(self._go, b".")
        os.close(self._go)
        _, status = os.waitpid(self._pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0


def _hook(stop_at: int | None, reached: int, go: int) -> None:
    """Count the calls that write or lock; tell of the one before which we stop, and of waiting for a lock."""
    calls = 0
    real_write, real_sleep = os.write, time.sleep

    def counting(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls == stop_at:
                real_write(reached, _STOPPED)
                os.read(go, 1)
            return real(*args, **more)

        return call

    def sleep(seconds: float) -> None:
        with suppress(BrokenPipeError):  # it was told before
            real_write(reached, b"w")
        real_sleep(seconds)

    for name in WRITING:
        setattr(os, name, counting(getattr(os, name)))
    fcntl.flock = counting(fcntl.flock)
    time.sleep = sleep


class Race:
    """A journey that one process holds while another erases it, again and again, as often as there are calls."""

    def __init__(self, store: Store, clock: FakeClock, identity: X25519Identity, folder: Path) -> None:
        self.store = store
        self.journey_id = store.begin_journey(CONSENT)
        for _ in SEGMENTS:
            record_segment(store, self.journey_id, clock)
        path = store.journeys_path / self.journey_id
        self.footage = [plaintext(path, number, identity) for number in SEGMENTS]
        self._keep, self._slot = folder / "kept", folder / "slot"
        shutil.copytree(store.root, self._keep)
        self._memory = self._slot.read_bytes()

    def run(self, first: str, make: Callable[[Store], Store] = open_like) -> Iterator[int]:
        """Yields the number of the call before which the ``first`` was stopped, when both have ended."""
        actions = [self._hold, self._erase] if first == "hold" else [self._erase, self._hold]
        at, stopped = 0, True
        while stopped:
            at += 1
            shutil.rmtree(self.store.root)
            shutil.copytree(self._keep, self.store.root)
            self._slot.write_bytes(self._memory)
            before = Process(lambda: actions[0](make(self.store)), at)
            stopped = before.stopped
            beside = Process(lambda: actions[1](make(self.store)))
            before.finish()
            beside.finish()
            yield at

    def _hold(self, store: Store) -> None:
        store.hold(self.journey_id, "panel", "button")

    def _erase(self, store: Store) -> None:
        footage = [footage for journey in store.journeys() for footage in journey.footage]
        delete_segments(store, [Verdict(segment, Reason.DUE, "it is due") for segment in footage])


@pytest.fixture
def race(store: Store, clock: FakeClock, identity: X25519Identity, tmp_path: Path) -> Race:
    return Race(store, clock, identity, tmp_path)


@pytest.mark.parametrize("first", ["hold", "erasure"])
def test_held_and_openable_or_deleted_before_and_said(race: Race, identity: X25519Identity, first: str) -> None:
    """Whoever is stopped, and wherever: nothing is lost that was held, and nothing that is lost is passed over."""
    outcomes: dict[int, str] = {}
    for at in race.run(first):
        outcomes[at] = look(race, identity)
        recover(open_like(race.store))
        assert look(race, identity) == outcomes[at], "recovery changes nothing of it"
    assert len(outcomes) > len(SEGMENTS), "there were calls to stop before"
    assert set(outcomes.values()) == {"held", "deleted"}, "either may come first"


def test_without_the_lock_the_race_would_be_lost(race: Race, identity: X25519Identity) -> None:
    """The negative control: where neither process takes the store's lock, it is seen that they must."""

    def careless(store: Store) -> Store:
        store = open_like(store)
        store.__dict__["lock"] = lambda *_: nullcontext()
        return store

    lost = 0
    for _ in race.run("erasure", careless):
        try:
            look(race, identity)
        except (AssertionError, AgeError):
            lost += 1
    assert lost


def look(race: Race, identity: X25519Identity) -> str:
    """What became of the journey, after it was seen that this is allowed."""
    store = race.store
    assert_logs_sound(store, store.key)
    try:
        journey = open_like(store).journey(race.journey_id)
    except NoSuchJourneyError:
        raise AssertionError("a journey that has not ended does not go") from None
    assert (journey.held, journey.problems) == (True, ())
    entries = read_entries(store.ledger.path)
    order = [entry.event for entry in entries if entry.event in (words.TOMBSTONE_DONE, words.HOLD)]
    (hold,) = [entry.data for entry in read_entries(journey.path / "log.jsonl") if entry.event == words.HOLD]
    if [segment.number for segment in journey.segments] == list(SEGMENTS):
        assert [plaintext(journey.path, number, identity) for number in SEGMENTS] == race.footage
        assert order == [words.HOLD]
        assert not {"lost", "deleted"} & set(hold)
        return "held"
    assert journey.segments == ()
    assert order == [words.TOMBSTONE_DONE, words.HOLD], "it had gone before it was held"
    assert hold.get("deleted") == list(SEGMENTS)
    return "deleted"
