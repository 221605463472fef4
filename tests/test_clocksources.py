"""Who knows the time: the kernel as it is here, clock chips on files that look like sysfs and /dev."""

import ctypes
import errno
import os
import re
from pathlib import Path

import pytest

from recorder import timekeeping
from recorder.clocksources import (
    EARLIEST_UTC_S,
    NS_PER_S,
    READ_EVERY_S,
    RTC_VL_READ,
    ClockChips,
    ask_voltage,
    is_synchronised,
)
from recorder.timekeeping import SystemClock

UTC_S = 1_795_000_000
DATA_INVALID, BACKUP_LOW, BACKUP_EMPTY, ACCURACY_LOW, BACKUP_SWITCH = (1 << bit for bit in range(5))
OS_OF_OLD_PCF85063 = 0x80
HEADER = Path("/usr/include/linux/rtc.h")


class Machine:
    """A machine with clock chips: the files of the kernel, and the answer of each driver to RTC_VL_READ."""

    def __init__(self, root: Path) -> None:
        self.clocks, self.devices = root / "class", root / "dev"
        self.voltages: dict[str, int | OSError] = {}
        self.asked = 0
        for folder in (self.clocks, self.devices):
            folder.mkdir()

    def fit(self, name: str, utc_s: int | str, *, driver: str = "rtc-pcf2127", chip: str | None = "pcf2127") -> None:
        clock = self.clocks / name
        (clock / "device" / driver).mkdir(parents=True)
        (clock / "device" / "driver").symlink_to(clock / "device" / driver)
        (clock / "since_epoch").write_text(f"{utc_s}\n", encoding="ascii")
        if chip is not None:
            (clock / "device" / "name").write_text(f"{chip}\n", encoding="ascii")
        (self.devices / name).touch()

    def voltage(self, device: Path) -> int:
        self.asked += 1
        answer = self.voltages.get(device.name, 0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    @property
    def chips(self) -> ClockChips:
        return ClockChips(self.clocks, self.devices, self.voltage)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def read(machine: Machine) -> int | None:
    """What a recorder that started 100 s ago makes of it, in seconds."""
    utc_ns = machine.chips.utc_ns(100 * NS_PER_S)
    return None if utc_ns is None else utc_ns // NS_PER_S


# --- the kernel ------------------------------------------------------------------------------------------------------


def test_the_kernel_of_this_machine_is_asked() -> None:
    """The answer is adjtimex's own: its state, and the bit of its status, read another way."""

    class Timex(ctypes.Structure):  # struct timex, linux/timex.h, up to what is asked for
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_byte * 256),
        )

    timex = Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    assert is_synchronised() == (0 <= state < 5 and not timex.status & 0x40)


# --- one chip --------------------------------------------------------------------------------------------------------


def test_a_chip_that_runs_is_believed(machine: Machine) -> None:
    """Its own time, not that of the system."""
    machine.fit("rtc0", UTC_S)
    assert read(machine) == UTC_S


@pytest.mark.parametrize("said", [0, BACKUP_LOW, BACKUP_SWITCH, BACKUP_LOW | BACKUP_SWITCH])
def test_a_weak_or_used_cell_is_no_doubt(machine: Machine, said: int) -> None:
    """The time was kept; PCF2127 and PCF85363 report each switch to the cell."""
    machine.fit("rtc0", UTC_S)
    machine.voltages["rtc0"] = said
    assert read(machine) == UTC_S


@pytest.mark.parametrize(
    "said", [DATA_INVALID, BACKUP_EMPTY, ACCURACY_LOW, BACKUP_LOW | DATA_INVALID, OS_OF_OLD_PCF85063]
)
def test_a_chip_that_says_it_stopped_is_not_believed(machine: Machine, said: int) -> None:
    """Also in the bits of older drivers."""
    machine.fit("rtc0", UTC_S)
    machine.voltages["rtc0"] = said
    assert read(machine) is None


@pytest.mark.parametrize("code", [errno.EACCES, errno.EBUSY, errno.ENOENT, errno.EIO])
def test_a_chip_that_cannot_be_asked_is_not_believed(machine: Machine, code: int) -> None:
    """Not knowing whether it stopped is no proof that it did not."""
    machine.fit("rtc0", UTC_S)
    machine.voltages["rtc0"] = OSError(code, os.strerror(code))
    assert read(machine) is None


@pytest.mark.parametrize("shown", ["", "soon", str(EARLIEST_UTC_S - 1), "0"])
def test_a_chip_without_a_time_is_not_believed(machine: Machine, shown: str) -> None:
    """One that was never set, or began anew, is years before any recorder."""
    machine.fit("rtc0", shown)
    assert read(machine) is None


def test_a_chip_that_refuses_to_be_read_is_not_believed(machine: Machine) -> None:
    """So do most drivers when the oscillator has stopped: reading gives EINVAL."""
    machine.fit("rtc0", UTC_S)
    (machine.clocks / "rtc0" / "since_epoch").unlink()
    assert read(machine) is None


@pytest.mark.parametrize(
    ("driver", "chip", "believed"),
    [
        ("rtc-ds3232", "ds3232", False),
        ("rtc-ds3232", None, False),
        ("rtc-ds1307", "ds3231", False),
        ("rtc-ds1307", "ds1339", False),
        ("rtc-ds1307", "ds1338", True),
        ("rtc-ds1307", "mcp7940x", True),
        ("rpi-rtc", None, True),
        ("rtc_cmos", None, True),
    ],
)
def test_a_chip_whose_flag_linux_clears_is_not_believed(
    machine: Machine, driver: str, chip: str | None, believed: bool
) -> None:
    """It may have stood still, and nobody can say any more."""
    machine.fit("rtc0", UTC_S, driver=driver, chip=chip)
    assert (read(machine) == UTC_S) == believed


# --- several, and time between readings --------------------------------------------------------------------------


def test_without_a_chip_there_is_no_time(machine: Machine, tmp_path: Path) -> None:
    """As on a Pi 4."""
    assert read(machine) is None
    assert ClockChips(tmp_path / "nowhere", tmp_path).utc_ns(1) is None


def test_of_several_chips_those_that_can_be_believed_must_agree(machine: Machine) -> None:
    """A Pi 5 has its own beside the one with memory; the lowest number is read."""
    machine.fit("rtc10", UTC_S + 5)
    machine.fit("rtc2", UTC_S + 3)
    machine.fit("rtc0", 0)
    assert read(machine) == UTC_S + 3
    (machine.clocks / "rtc10" / "since_epoch").write_text(str(UTC_S + 64), encoding="ascii")
    assert read(machine) is None


def test_between_two_readings_a_chip_runs_on(machine: Machine) -> None:
    """It is asked once a minute, and whole seconds do not make it jump; a step of it is seen at the next reading."""
    machine.fit("rtc0", UTC_S)
    chips, shown = machine.chips, machine.clocks / "rtc0" / "since_epoch"
    begun_ns = 100 * NS_PER_S + 700_000_000
    times = []
    for after_s, shows_s in ((0, 0), (59, 3600), (READ_EVERY_S, 61), (2 * READ_EVERY_S, 3720)):
        shown.write_text(str(UTC_S + shows_s), encoding="ascii")
        times.append(chips.utc_ns(begun_ns + after_s * NS_PER_S))
    assert times == [(UTC_S + after_s) * NS_PER_S for after_s in (0, 59, 60, 3720)]
    assert machine.asked == 3


# --- the real question -------------------------------------------------------------------------------------------


def test_the_number_of_the_question_is_the_kernels() -> None:
    """_IOR('p', 0x13, unsigned int), and the header of this machine says so where it is installed."""
    direction_read, size_bytes = 2, ctypes.sizeof(ctypes.c_uint)
    number = direction_read << 30 | size_bytes << 16 | ord("p") << 8 | 0x13
    assert number == RTC_VL_READ
    if HEADER.exists():
        text = HEADER.read_text(encoding="utf-8")
        assert re.search(r"#define RTC_VL_READ\s+_IOR\('p', 0x13, unsigned int\)", text)
        for name, bit in (("DATA_INVALID", 0), ("BACKUP_LOW", 1), ("BACKUP_SWITCH", 4)):
            assert re.search(rf"#define RTC_VL_{name}\s+_BITUL\({bit}\)", text)


def test_a_driver_that_does_not_know_the_question_has_nothing_to_say(tmp_path: Path) -> None:
    """ENOTTY, from the kernel itself: an ordinary file answers like such a driver."""
    (tmp_path / "rtc0").touch()
    assert ask_voltage(tmp_path / "rtc0") == 0


def test_a_drivers_answer_is_its_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsigned int of this machine; an error of the bus is none."""
    (tmp_path / "rtc0").touch()

    def driver(fd: int, number: int, answer: bytearray) -> None:
        assert number == RTC_VL_READ
        answer[:] = bytes(ctypes.c_uint(DATA_INVALID | BACKUP_LOW))

    monkeypatch.setattr("fcntl.ioctl", driver)
    assert ask_voltage(tmp_path / "rtc0") == DATA_INVALID | BACKUP_LOW

    def broken(fd: int, number: int, answer: bytearray) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("fcntl.ioctl", broken)
    with pytest.raises(OSError, match="Input/output error"):
        ask_voltage(tmp_path / "rtc0")


def test_a_device_that_is_not_there_cannot_be_asked(tmp_path: Path) -> None:
    """That is an error, not an answer."""
    with pytest.raises(FileNotFoundError):
        ask_voltage(tmp_path / "rtc0")


def test_the_chips_of_this_machine_give_their_time_or_none() -> None:
    """Real sysfs and real devices, where there are any."""
    utc_ns = ClockChips().utc_ns(timekeeping.boottime_ns())
    assert utc_ns is None or utc_ns >= EARLIEST_UTC_S * NS_PER_S


# --- together ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("synchronised", "fitted", "quality"),
    [(True, True, "synchronised"), (True, False, "synchronised"), (False, True, "rtc"), (False, False, "unproven")],
)
def test_the_best_source_there_is_tells_the_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, synchronised: bool, fitted: bool, quality: str
) -> None:
    """An unsynchronised system clock is the last resort, and says so."""
    monkeypatch.setattr(timekeeping, "is_synchronised", lambda: synchronised)
    monkeypatch.setattr(timekeeping.time, "time_ns", lambda: 42)
    if fitted:
        machine.fit("rtc0", UTC_S)
    now = SystemClock(machine.chips).now()
    assert (now.quality, now.trusted) == (quality, quality != "unproven")
    assert now.utc_ns == (UTC_S * NS_PER_S if quality == "rtc" else 42)
