"""The alarm of a real-time clock that can wake the machine, for a deletion that falls due while it is off.

Rules: the alarm is a distance from the clock chip's own time, for the chip may be a month off and what counts is when
the machine wakes; it never rings while the machine is still going down, which would be for nobody; what was written is
read back. A clock without the file ``wakealarm`` cannot wake (Linux, drivers/rtc/sysfs.c, rtc_attr_is_visible).
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from recorder.timekeeping import NS_PER_S, iso_utc

EARLIEST_S = 120
"""Longer than a machine takes to switch off."""

TOLERANCE_S = 60
"""Some chips know alarms by the minute only."""

log = logging.getLogger(__name__)


def _write(path: Path, text: str) -> None:
    """In sysfs a write is an order, given at once and refused with an errno."""
    path.write_text(text, encoding="ascii")


class WakeAlarm:
    """The alarm of ``rtc`` (such as ``rtc1``), or without it of the first clock that can wake."""

    def __init__(
        self,
        rtc: str | None = None,
        clocks: Path = Path("/sys/class/rtc"),
        write: Callable[[Path, str], None] = _write,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._rtc = rtc
        self._clocks = clocks
        self._write = write
        self._now_ns = now_ns

    def set(self, utc_ns: int) -> bool:
        """Wake the machine at ``utc_ns`` of the clock of ``now_ns``; False, and said in the log, where nothing can."""
        in_s = max(EARLIEST_S, -((self._now_ns() - utc_ns) // NS_PER_S))
        refused: list[str] = []
        for clock in self._candidates():
            try:
                self._order(clock, in_s)
            except (OSError, ValueError) as error:
                refused.append(f"{clock.name}: {error}")
            else:
                log.info(
                    "%s wakes this machine in %d s; the next deletion is due at %s", clock.name, in_s, iso_utc(utc_ns)
                )
                return True
        log.warning(
            "nothing wakes this machine for the deletion due at %s (%s); it will be the first act of the next start",
            iso_utc(utc_ns),
            "; ".join(refused) or f"no clock in {self._clocks} has an alarm that wakes",
        )
        return False

    def _candidates(self) -> list[Path]:
        if self._rtc is not None:
            return [self._clocks / self._rtc]
        able = (alarm.parent for alarm in self._clocks.glob("rtc[0-9]*/wakealarm"))
        return sorted(able, key=lambda clock: int(clock.name.removeprefix("rtc")))

    def _order(self, clock: Path, in_s: int) -> None:
        """Clear, set, read back. Raises OSError where the kernel refuses, ValueError where it did something else."""
        alarm = clock / "wakealarm"
        if not alarm.exists():
            raise ValueError("no such clock, or it cannot wake this machine")
        self._write(alarm, "0\n")  # a time that has passed clears; without it the next write is EBUSY
        wanted_s = int((clock / "since_epoch").read_text(encoding="ascii")) + in_s
        self._write(alarm, f"{wanted_s}\n")
        shown = alarm.read_text(encoding="ascii").strip()
        if not shown or abs(int(shown) - wanted_s) > TOLERANCE_S:
            raise ValueError(f"asked to wake at {wanted_s} of its own time, it shows {shown or 'no alarm'}")
