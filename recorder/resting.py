"""Parked with nothing left to do: the alarm for the next deletion is set, then the power goes.

Rules: asked once each time the recorder comes to rest; where the power supply refuses (logind does while an upgrade
runs) the recorder stays up, says so, and asks again; a clock that cannot wake the computer is a fault that stops
nothing, because the next start deletes before anything else; while footage waits for a clock that proves its age the
recorder stays up, for that wait counts from the start, and every sleep would begin it anew.
"""

import logging
from collections.abc import Iterator

from recorder import events as on
from recorder.cabin.ports import PowerSupply
from recorder.errors import PanelError

ASK_AGAIN_S = 60.0

log = logging.getLogger(__name__)


class Resting:
    """Asks the power supply to let the recorder sleep."""

    def __init__(self, power: PowerSupply) -> None:
        self._power = power
        self._asked = False
        self._not_before_s = 0.0

    def wake(self) -> None:
        """Something goes on again: the next rest asks anew."""
        self._asked = False

    def look(self, now_s: float, next_due_utc_ns: int | None, *, awaits_clock: bool = False) -> Iterator[on.Event]:
        """To be called while at rest; ``now_s`` never steps, ``next_due_utc_ns`` is when footage must go next.

        ``awaits_clock``: whether some of it is kept only until a clock can prove its age.
        """
        if self._asked or awaits_clock or now_s < self._not_before_s:
            return
        self._asked = True
        if next_due_utc_ns is not None:
            woken = self._power.wake_at(next_due_utc_ns)
            yield on.FaultCleared("wake") if woken else on.FaultRaised("wake")
        try:
            self._power.power_off()
        except PanelError as error:
            log.error("%s", error)
            self._asked, self._not_before_s = False, now_s + ASK_AGAIN_S
            yield on.FaultRaised("power")
        else:
            yield on.FaultCleared("power")
