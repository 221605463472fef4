"""What is remembered of a journey is what reading it again would give, whoever has changed it meanwhile."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.vault import records
from recorder.vault.pruner import Pruner
from recorder.vault.records import HOLD_NAME, LOG_NAME, body_path
from recorder.vault.remembered import Remembered
from recorder.vault.retention import Policy
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, FakeClock, fragment, open_like, record_segment

SETTLE_S = 0.02
"""More than a tick of any kernel's clock for files, less than anybody waits."""


class Reads(list[str]):
    """The journeys that were read, in their order."""

    def taken(self) -> list[str]:
        taken = list(self)
        self.clear()
        return taken


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """What is read from now on."""
    found, reading = Reads(), records.read_journey_twice

    def read(path: Path, ledger: Path, lock: records.Lock) -> records.JourneyRecord:
        found.append(path.name)
        return reading(path, ledger, lock)

    monkeypatch.setattr(records, "read_journey_twice", read)
    return found


@pytest.fixture
def remembered() -> Remembered:
    return Remembered(SETTLE_S)


def settle(store: Store, remembered: Remembered, reads: Reads) -> None:
    """Look until there is nothing left to read."""
    while True:
        reads.clear()
        store.journeys(remembered)
        if not reads:
            return


def test_what_has_not_changed_is_not_read_again(
    store: Store, journey_id: str, clock: FakeClock, remembered: Remembered, reads: Reads
) -> None:
    """And what is remembered is all that there is to know; a new journey is read, the old one is not."""
    record_segment(store, journey_id, clock)
    settle(store, remembered, reads)
    assert store.journeys(remembered) == store.journeys()
    assert reads.taken() == [journey_id]  # by the one that remembers nothing
    clock.advance(1)
    another = store.begin_journey(CONSENT)
    assert [record.id for record in store.journeys(remembered)] == [journey_id, another]
    assert reads.taken() == [another]


def _hold(store: Store, journey_id: str, _clock: FakeClock) -> None:
    store.hold(journey_id, "driver", "button")


def _forced_release(store: Store, journey_id: str, _clock: FakeClock) -> None:
    (store.journeys_path / journey_id / HOLD_NAME).unlink()


def _segment(store: Store, journey_id: str, clock: FakeClock) -> None:
    record_segment(store, journey_id, clock)


def _end(store: Store, journey_id: str, _clock: FakeClock) -> None:
    store.end_journey(journey_id, "ignition-off")


def _deletion(store: Store, _journey_id: str, clock: FakeClock) -> None:
    clock.advance(60)
    assert Pruner(store, Policy(20, 1, 5, 0), clock).sweep().deleted


def _lost_body(store: Store, journey_id: str, _clock: FakeClock) -> None:
    body_path(store.journeys_path / journey_id, 1).unlink()


def _lost_log(store: Store, journey_id: str, _clock: FakeClock) -> None:
    (store.journeys_path / journey_id / LOG_NAME).unlink()


def _altered_log(store: Store, journey_id: str, _clock: FakeClock) -> None:
    with (store.journeys_path / journey_id / LOG_NAME).open("r+b") as log:
        log.write(b"x")  # as long as before


def _exchanged_log(store: Store, journey_id: str, _clock: FakeClock) -> None:
    log = store.journeys_path / journey_id / LOG_NAME
    copy = log.with_name("copy")
    copy.write_bytes(log.read_bytes().replace(b"consent", b"dissent"))
    os.utime(copy, ns=(log.stat().st_atime_ns, log.stat().st_mtime_ns))
    copy.rename(log)


@pytest.mark.parametrize(
    "change", [_hold, _segment, _end, _deletion, _lost_body, _lost_log, _altered_log, _exchanged_log]
)
def test_what_another_process_has_changed_is_read_again(  # noqa: PLR0917 - fixtures
    store: Store,
    journey_id: str,
    clock: FakeClock,
    remembered: Remembered,
    reads: Reads,
    change: Callable[[Store, str, FakeClock], None],
) -> None:
    """Whatever it was: a mutation of the store's, or somebody's hand."""
    record_segment(store, journey_id, clock)
    settle(store, remembered, reads)
    change(open_like(store), journey_id, clock)
    assert store.journeys(remembered) == store.journeys()
    assert journey_id in reads.taken()


def test_a_hold_that_was_removed_by_hand_is_met_at_each_look(
    store: Store, journey_id: str, clock: FakeClock, remembered: Remembered, reads: Reads
) -> None:
    """A problem is never remembered: it is an alarm each time, until it is none."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "driver", "button")
    settle(store, remembered, reads)
    _forced_release(store, journey_id, clock)
    for _ in range(3):
        (record,) = store.journeys(remembered)
        assert (record.held, len(record.problems)) == (True, 1)


def test_what_cannot_be_looked_at_is_an_alarm_at_each_look(
    store: Store, journey_id: str, clock: FakeClock, remembered: Remembered, reads: Reads
) -> None:
    """A HOLD that leads to itself, as a damaged card may have it: nothing is remembered, and the journey is held."""
    record_segment(store, journey_id, clock)
    settle(store, remembered, reads)
    (store.journeys_path / journey_id / HOLD_NAME).symlink_to(HOLD_NAME)
    for _ in range(3):
        (record,) = store.journeys(remembered)
        assert (record.held, len(record.problems)) == (True, 2)
    assert reads.taken() == [journey_id] * 3


def test_who_writes_may_die_without_a_trace(store: Store, journey_id: str, clock: FakeClock) -> None:
    """The lock of a process that was killed goes, and nothing on the disk has changed: what is live is asked anew."""
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    writer.write(fragment(1000), "all")
    remembered = Remembered(settle_s=0)
    for _ in range(3):
        (record,) = store.journeys(remembered)
        assert record.segments[0].live
    os.close(writer._fd)
    (record,) = store.journeys(remembered)
    assert (record.segments[0].live, record.segments[0].torn) == (False, True)


def test_what_has_just_changed_is_read_again(store: Store, journey_id: str, clock: FakeClock, reads: Reads) -> None:
    """Another change could bear the same time."""
    record_segment(store, journey_id, clock)
    remembered = Remembered(settle_s=3600)
    for _ in range(3):
        store.journeys(remembered)
    assert reads.taken() == [journey_id] * 3


def test_a_sweep_reads_what_has_changed(store: Store, journey_id: str, clock: FakeClock, reads: Reads) -> None:
    """The pruner of a daemon; what it deletes is looked at again, under the lock, by deletion itself."""
    kept = store.begin_journey(CONSENT)
    record_segment(store, kept, clock)
    store.hold(kept, "driver", "button")
    record_segment(store, journey_id, clock)
    store.end_journey(journey_id, "ignition-off")
    pruner = Pruner(store, Policy(60, 1, 5, 0), clock)
    pruner._remembered = Remembered(SETTLE_S)
    settle(store, pruner._remembered, reads)
    assert len(pruner.sweep().kept) == 2
    assert reads.taken() == []
    clock.advance(60)
    report = pruner.sweep()
    assert ([v.footage.journey for v in report.deleted], report.logs_deleted) == ([journey_id], (journey_id,))
    assert kept not in reads.taken()
