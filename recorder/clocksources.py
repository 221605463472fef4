"""Where the time of day can be had from somebody who knows: the kernel's NTP discipline, and the machine's clock chips.

Rules: sources are asked, never set; one that cannot be asked, or that may have stood still, is not believed. A chip
is read directly, for the system's clock may have been set from anything. What each chip's driver tells is in the
vault's README, "Retention".
"""

import ctypes
import errno
import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

EARLIEST_UTC_S = 1_767_225_600
"""2026-01-01: no recorder is older. A chip that reads less was never set, or began anew without its battery."""

READ_EVERY_S = 60
SAME_READING_S = 2
"""Chips tell whole seconds; a reading this close to the one before brings nothing new."""

CHIPS_AGREE_S = 60

NS_PER_S = 1_000_000_000

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised

RTC_VL_READ = 0x80047013
"""linux/rtc.h: _IOR('p', 0x13, unsigned int); asm-generic/ioctl.h: 2 << 30 | size << 16 | type << 8 | number."""

_BACKUP_LOW = 1 << 1  # linux/rtc.h, RTC_VL_BACKUP_LOW: the cell is to be replaced; the time is right
_BACKUP_SWITCH = 1 << 4  # RTC_VL_BACKUP_SWITCH: the cell was used, as it is whenever the power is off
# Every other bit says that the time is wrong or may be; older drivers say it in bits of their own.

_FORGETFUL_DRIVERS = {"rtc-ds3232"}
_FORGETFUL_CHIPS = {"ds1337", "ds1339", "ds1341", "ds3231", "rx8025"}
"""Linux clears the flag of these when it starts (rtc-ds3232.c, ds3232_check_rtc_status; rtc-ds1307.c, ds1307_probe)."""


def is_synchronised() -> bool:
    """Whether the kernel's clock is disciplined now (adjtimex(2) with modes = 0, which reads and never sets).

    The kernel takes it back when it has not been told for so long that it may be 16 s off: after some nine hours.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    # struct timex begins: unsigned modes; long offset, freq, maxerror, esterror; int status
    # and is 208 bytes on 64-bit Linux; the buffer is larger than any.
    buffer = ctypes.create_string_buffer(512)
    answer = libc.adjtimex(buffer)
    status = ctypes.c_int.from_buffer(buffer, 5 * ctypes.sizeof(ctypes.c_long)).value
    return answer not in (-1, _TIME_ERROR) and not status & _STA_UNSYNC


def ask_voltage(device: Path) -> int:
    """The bits of RTC_VL_READ; 0 where the driver does not know the question. OSError where nobody can be asked."""
    fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        answer = bytearray(4)
        fcntl.ioctl(fd, RTC_VL_READ, answer)
        return int.from_bytes(answer, sys.byteorder)
    except OSError as error:
        if error.errno == errno.ENOTTY:
            return 0
        raise
    finally:
        os.close(fd)


class ClockChips:
    """The clock chips of this machine as one clock, which runs on with the kernel's between two readings.

    Its methods may be called from any thread.
    """

    def __init__(
        self,
        clocks: Path = Path("/sys/class/rtc"),
        devices: Path = Path("/dev"),
        voltage: Callable[[Path], int] = ask_voltage,
    ) -> None:
        self._clocks = clocks
        self._devices = devices
        self._voltage = voltage
        self._lock = threading.Lock()
        self._offset_ns: int | None = None
        self._read_ns: int | None = None

    def utc_ns(self, boottime_ns: int) -> int | None:
        """The time of day at ``boottime_ns``, which is now; None where no chip is believed or two contradict."""
        with self._lock:
            if self._read_ns is None or boottime_ns - self._read_ns >= READ_EVERY_S * NS_PER_S:
                self._offset_ns, self._read_ns = self._read(boottime_ns), boottime_ns
            return None if self._offset_ns is None else self._offset_ns + boottime_ns

    def _read(self, boottime_ns: int) -> int | None:
        readings_s = [utc_s for clock in self._chips() if (utc_s := self._believed_s(clock)) is not None]
        if not readings_s or max(readings_s) - min(readings_s) > CHIPS_AGREE_S:
            return None
        offset_ns = readings_s[0] * NS_PER_S - boottime_ns
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) <= SAME_READING_S * NS_PER_S:
            return self._offset_ns
        return offset_ns

    def _chips(self) -> Iterator[Path]:
        yield from sorted(self._clocks.glob("rtc[0-9]*"), key=lambda clock: int(clock.name.removeprefix("rtc")))

    def _believed_s(self, clock: Path) -> int | None:
        """What a chip reads, in seconds since 1970; None where it refuses, or says or hides that it has stopped."""
        try:
            if _is_forgetful(clock):
                return None
            utc_s = int((clock / "since_epoch").read_text(encoding="ascii"))
            doubts = self._voltage(self._devices / clock.name) & ~(_BACKUP_LOW | _BACKUP_SWITCH)
        except (OSError, ValueError):
            return None
        return None if doubts or utc_s < EARLIEST_UTC_S else utc_s


def _is_forgetful(clock: Path) -> bool:
    """Whether Linux has cleared this chip's oscillator-stop flag by now. OSError where its driver is not told."""
    driver, chip = (clock / "device" / "driver").resolve().name, clock / "device" / "name"
    return driver in _FORGETFUL_DRIVERS or (
        chip.exists() and chip.read_text(encoding="ascii").strip() in _FORGETFUL_CHIPS
    )
