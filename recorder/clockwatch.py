"""Notices when the time of day is set, or becomes better or worse known, or comes from another source.

Within one boot, time of day minus boottime is constant while nobody sets the clock; a change of more than half a
second is a step. NTP's slewing (at most 500 ppm, adjtimex(2)) stays far below that between two looks, and a clock chip
runs on with the kernel between two readings (``clocksources.py``). What a step means for the age of footage is the
vault's to decide, from its ledger.
"""

import time

from recorder.events import ClockChanged
from recorder.timekeeping import NS_PER_S, Clock

LOOK_EVERY_S = 1.0
STEP_S = 0.5


class ClockWatch:
    """Compares the clocks once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        now = clock.now()
        self._offset_ns = now.utc_ns - now.boottime_ns
        self._quality = now.quality
        self._next_s = 0.0

    def look(self) -> tuple[ClockChanged, ...]:
        """What has changed since the last look; looks at most once a second."""
        if time.monotonic() < self._next_s:
            return ()
        self._next_s = time.monotonic() + LOOK_EVERY_S
        now = self._clock.now()
        step_s = (now.utc_ns - now.boottime_ns - self._offset_ns) / NS_PER_S
        changed = abs(step_s) > STEP_S or now.quality != self._quality
        self._offset_ns, self._quality = now.utc_ns - now.boottime_ns, now.quality
        return (ClockChanged(round(step_s, 3), now.quality),) if changed else ()
