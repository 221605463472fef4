"""A device is kept open while it is wanted, whatever it does, and closed at once when it is not."""

import time

import pytest

from recorder.capture import keeper
from recorder.capture.faults import Faults
from recorder.capture.keeper import Keeper
from recorder.capture.ports import DeviceFailure
from recorder.events import FaultCleared, FaultRaised
from tests.capture.scripted import Inbox, ScriptedMicrophone

RAISED, CLEARED = FaultRaised("microphone"), FaultCleared("microphone")


class Bench:
    """A keeper on a scripted microphone."""

    def __init__(self, microphone: ScriptedMicrophone) -> None:
        self.microphone = microphone
        self.inbox = Inbox()
        self.keeper = Keeper(
            "microphone",
            lambda on_failure: microphone.open(lambda block: None, on_failure),
            microphone.close,
            Faults(self.inbox.post),
        )
        self.keeper.start()

    def end(self) -> None:
        self.keeper.end()
        self.keeper.thread.join(5)
        assert (self.keeper.thread.is_alive(), self.keeper.working, self.keeper.is_open) == (False, False, False)
        assert not self.microphone.is_open


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is silent for 0.3 s is taken for dead."""
    monkeypatch.setattr(keeper, "SILENT_AFTER_S", 0.3)


def test_nothing_is_opened_before_it_is_wanted_nor_after() -> None:
    bench = Bench(ScriptedMicrophone())
    bench.end()
    assert bench.microphone.attempts == 0


def test_wanted_and_not_wanted_open_and_close() -> None:
    bench = Bench(ScriptedMicrophone())
    for attempt in (1, 2):
        bench.keeper.want(True)
        assert bench.microphone.opened.get(timeout=5) == attempt
        assert bench.keeper.is_open
        bench.keeper.want(False)
        assert bench.microphone.closed.get(timeout=5) == attempt
    bench.end()
    assert bench.microphone.attempts == 2
    assert bench.inbox.events == []


def test_closing_takes_less_than_a_tenth_of_a_second() -> None:
    bench = Bench(ScriptedMicrophone())
    bench.keeper.want(True)
    bench.microphone.opened.get(timeout=5)
    began_s = time.monotonic()
    bench.end()
    assert time.monotonic() - began_s < 0.1


def test_an_absent_device_is_a_fault_until_it_delivers() -> None:
    """It is tried again after a second; opening alone does not clear the fault, for it may be as dead as before."""
    bench = Bench(ScriptedMicrophone(absent=1))
    bench.keeper.want(True)
    assert bench.inbox.wait(RAISED)
    began_s = time.monotonic()
    assert bench.microphone.opened.get(timeout=5) == 2
    assert 0.8 < time.monotonic() - began_s < 1.6
    assert bench.inbox.events == [RAISED]
    bench.keeper.delivered()
    assert bench.inbox.wait(CLEARED)
    bench.end()


def test_a_device_that_reports_a_failure_is_closed_and_opened_anew() -> None:
    bench = Bench(ScriptedMicrophone())
    bench.keeper.want(True)
    bench.microphone.opened.get(timeout=5)
    bench.keeper.delivered()
    bench.microphone.on_failure(DeviceFailure("It was unplugged."))
    assert bench.inbox.wait(RAISED)
    assert bench.microphone.opened.get(timeout=5) == 2
    bench.keeper.delivered()
    assert bench.inbox.wait(CLEARED)
    bench.end()
    assert bench.microphone.closings >= 2
    assert bench.inbox.events == [RAISED, CLEARED]


def test_a_device_that_wants_another_picture_is_opened_anew_at_once() -> None:
    """Nothing is wrong with it: no fault, no pause."""
    bench = Bench(ScriptedMicrophone())
    bench.keeper.want(True)
    bench.microphone.opened.get(timeout=5)
    began_s = time.monotonic()
    bench.microphone.on_failure(DeviceFailure("The computer slows down for heat.", reopen=True))
    assert bench.microphone.opened.get(timeout=5) == 2
    assert time.monotonic() - began_s < 0.5
    assert bench.microphone.closings == 1
    bench.end()
    assert bench.inbox.events == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("delivers_first", [True, False])
def test_a_device_that_says_nothing_is_taken_for_dead(delivers_first: bool) -> None:
    """A dead camera raises nothing, a frozen microphone stays active."""
    bench = Bench(ScriptedMicrophone())
    bench.keeper.want(True)
    bench.microphone.opened.get(timeout=5)
    if delivers_first:
        bench.keeper.delivered()
    assert bench.inbox.wait(RAISED)
    assert bench.microphone.opened.get(timeout=5) == 2
    bench.end()


def test_a_fault_of_a_device_that_is_no_longer_wanted_is_over() -> None:
    bench = Bench(ScriptedMicrophone(absent=99))
    bench.keeper.want(True)
    assert bench.inbox.wait(RAISED)
    bench.keeper.want(False)
    assert bench.inbox.wait(CLEARED)
    bench.end()


def test_the_thread_beats_while_it_waits_and_while_the_device_is_in_fault() -> None:
    """A declared fault never starves the watchdog."""
    bench = Bench(ScriptedMicrophone(absent=99))
    bench.keeper.want(True)
    assert bench.inbox.wait(RAISED)
    before_s = bench.keeper.beat_s
    assert not bench.inbox.wait(RAISED, times=2, timeout_s=0.4), "told once"
    assert bench.keeper.beat_s > before_s
    bench.end()
