"""When the alarm is set and the power goes; what happens where it does not go."""

from recorder.errors import PanelError
from recorder.events import FaultCleared, FaultRaised
from recorder.resting import ASK_AGAIN_S, Resting

DUE_NS = 1_800_000_000_000_000_000


class Supply:
    """A power supply that notes what it is asked, and refuses as often as it is told to."""

    def __init__(self, *, wakes=True, refusals=0):
        self.asked = []
        self._wakes, self._refusals = wakes, refusals

    def wake_at(self, utc_ns):
        self.asked.append(("wake", utc_ns))
        return self._wakes

    def power_off(self):
        self.asked.append(("off", None))
        if self._refusals:
            self._refusals -= 1
            raise PanelError("The system would not switch off: an upgrade runs. Let it end.")


def test_the_alarm_comes_before_the_power_goes_and_both_once():
    """However often the loop looks, a rest asks once; the alarm is set by then."""
    supply = Supply()
    resting = Resting(supply)
    assert [*resting.look(10.0, DUE_NS)] == [FaultCleared("wake"), FaultCleared("power")]
    assert [*resting.look(10.1, DUE_NS)] == []
    assert supply.asked == [("wake", DUE_NS), ("off", None)]


def test_nothing_to_delete_needs_no_alarm():
    """An empty card: the power goes, no clock is asked."""
    supply = Supply()
    assert [*Resting(supply).look(10.0, None)] == [FaultCleared("power")]
    assert supply.asked == [("off", None)]


def test_a_clock_that_cannot_wake_is_a_fault_that_stops_nothing():
    """The power goes all the same: the next start deletes first."""
    supply = Supply(wakes=False)
    assert [*Resting(supply).look(10.0, DUE_NS)] == [FaultRaised("wake"), FaultCleared("power")]


def test_a_refusal_is_a_fault_and_is_asked_again(caplog):
    """The daemon lives on; a minute later it asks again, and what was wrong is cleared when it is right."""
    supply = Supply(refusals=1)
    resting = Resting(supply)
    assert [*resting.look(10.0, None)] == [FaultRaised("power")]
    assert "an upgrade runs" in caplog.text
    assert [*resting.look(10.0 + ASK_AGAIN_S - 0.1, None)] == []
    assert [*resting.look(10.0 + ASK_AGAIN_S, None)] == [FaultCleared("power")]


def test_each_rest_asks_anew():
    """After a journey, or a stick, the recorder rests again."""
    supply = Supply()
    resting = Resting(supply)
    [*resting.look(10.0, None)]
    resting.wake()
    [*resting.look(11.0, None)]
    assert supply.asked == [("off", None), ("off", None)]


def test_footage_that_waits_for_a_clock_is_waited_for():
    """The wait counts from the start: a recorder that slept and woke for the deletion would begin it anew, for ever."""
    supply = Supply()
    resting = Resting(supply)
    assert [*resting.look(10.0, DUE_NS, awaits_clock=True)] == []
    assert supply.asked == []
    assert [*resting.look(900.0, None)] == [FaultCleared("power")]
    assert supply.asked == [("off", None)]
