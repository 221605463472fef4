"""What time it is, and how well we know it.

Two clocks are read together: CLOCK_BOOTTIME, which only ever runs forward while this boot lasts (suspend
included), and the wall clock in UTC, which may be anything. ``quality`` says whether the wall clock can be
believed: ``synchronised`` when the kernel is disciplined by NTP (adjtimex without STA_UNSYNC, Linux
``include/uapi/linux/timex.h``), otherwise ``unproven``. Ages within one boot are always taken from boottime.
"""

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

ClockQuality = Literal["synchronised", "unproven"]

NS_PER_S = 1_000_000_000
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised
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
        """Whether the wall clock can be believed across boots."""
        return self.quality == "synchronised"


class Clock(Protocol):
    """Where the time comes from; injected, so that tests can own it."""

    def now(self) -> Instant:
        """This moment by both clocks."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> Instant:
        """This moment, read from the kernel."""
        return Instant(time.time_ns(), boottime_ns(), boot_id(), clock_quality())


def boottime_ns() -> int:
    """Nanoseconds since boot, suspend included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """The kernel's random name of this boot (random(4)), 36 characters."""
    return _BOOT_ID_PATH.read_text(encoding="ascii").strip()


def clock_quality() -> ClockQuality:
    """Whether the kernel's wall clock is disciplined now; reads, never sets (adjtimex(2) with modes = 0)."""
    libc = ctypes.CDLL(None, use_errno=True)
    # struct timex begins: unsigned modes; long offset, freq, maxerror, esterror; int status
    # and is 208 bytes on 64-bit Linux; the buffer is larger than any.
    buffer = ctypes.create_string_buffer(512)
    answer = libc.adjtimex(buffer)
    long = ctypes.sizeof(ctypes.c_long)
    status = ctypes.c_int.from_buffer(buffer, 5 * long).value
    if answer in (-1, _TIME_ERROR) or status & _STA_UNSYNC:
        return "unproven"
    return "synchronised"


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
