"""What time it is, and how well we know it.

Two clocks are read together: CLOCK_BOOTTIME, which only ever runs forward while this boot lasts (suspend
included), and the time of day in UTC. ``quality`` says where the time of day comes from, best first:

- ``synchronised``: the system's clock, which the kernel says is disciplined by NTP
- ``rtc``: a clock chip that has run all the time, read directly
- ``unproven``: the system's clock, which may be anything: timesyncd and fake-hwclock invent plausible times

Ages within one boot are always taken from boottime. ``clocksources.py`` asks the sources.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from recorder.clocksources import ClockChips, is_synchronised

ClockQuality = Literal["synchronised", "rtc", "unproven"]

NS_PER_S = 1_000_000_000
_READINGS = 5  # a thread that has just woken is held up between two clocks by 6 µs as a rule, by 170 µs at times
_BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment by both clocks. ``utc_ns``: ns since 1970 UTC. ``boottime_ns``: ns since this boot began."""

    utc_ns: int
    boottime_ns: int
    boot_id: str
    quality: ClockQuality

    @property
    def trusted(self) -> bool:
        """Whether the time of day comes from a clock that can be believed."""
        return self.quality != "unproven"


class Clock(Protocol):
    """Where the time comes from; injected, so that tests can own it."""

    def now(self) -> Instant:
        """This moment by both clocks."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def __init__(self, chips: ClockChips | None = None) -> None:
        self._chips = chips or ClockChips()

    def now(self) -> Instant:
        """This moment, from the best source there is."""
        if is_synchronised():
            return Instant(time.time_ns(), boottime_ns(), boot_id(), "synchronised")
        now_ns = boottime_ns()
        chips_utc_ns = self._chips.utc_ns(now_ns)
        if chips_utc_ns is not None:
            return Instant(chips_utc_ns, now_ns, boot_id(), "rtc")
        return Instant(time.time_ns(), boottime_ns(), boot_id(), "unproven")


def boottime_ns() -> int:
    """Nanoseconds since boot, suspend included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def suspended_ns() -> int:
    """Nanoseconds that this boot has been suspended for: by what boottime is ahead of CLOCK_MONOTONIC."""
    readings = []
    for _ in range(_READINGS):
        before_ns, now_ns, after_ns = time.monotonic_ns(), boottime_ns(), time.monotonic_ns()
        readings.append((after_ns - before_ns, now_ns - (before_ns + after_ns) // 2))
    return min(readings)[1]  # of the reading that was interrupted least


@cache
def boot_id() -> str:
    """The kernel's random name of this boot (random(4)), 36 characters."""
    return _BOOT_ID_PATH.read_text(encoding="ascii").strip()


def iso_utc(utc_ns: int) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-11-22T13:11:43.250Z``."""
    seconds, rest = divmod(utc_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def parse_iso_utc(text: str) -> int:
    """The inverse of :func:`iso_utc`, in ns since 1970 UTC; ValueError where it is not such a time."""
    moment = datetime.fromisoformat(text)  # ten times as fast as strptime, which a sweep over a full card would feel
    utc_ns = int(moment.timestamp()) * NS_PER_S + moment.microsecond * 1000
    if iso_utc(utc_ns) != text:
        raise ValueError(f"{text!r} is not a time as the recorder writes it")
    return utc_ns
