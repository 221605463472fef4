"""What this machine is and how it fares, read where Linux and the Raspberry Pi's firmware say it.

Each reader takes the folder it reads below, so that it can be tried on a machine that has none of it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

HARDWARE_ENCODER = Path("/dev/video11")
SINCE_BOOT = {16: "voltage too low", 17: "clock capped", 18: "throttled", 19: "too hot"}
NOW = {0: "voltage too low", 1: "clock capped", 2: "throttled", 3: "too hot"}
"""The bits of get_throttled (raspberrypi/documentation, os/using-the-command-line, vcgencmd)."""


def model(root: Path = Path("/")) -> str | None:
    """What the device tree calls this board; None where there is no device tree, as on a PC."""
    path = root / "proc/device-tree/model"
    return path.read_bytes().rstrip(b"\0").decode() if path.exists() else None


def throttled(root: Path = Path("/")) -> tuple[str, ...] | None:
    """What the firmware has held against the power supply and the heat since boot; None where no firmware says."""
    found = sorted((root / "sys/devices/platform").glob("**/get_throttled"))
    if not found:
        return None
    bits = int(found[0].read_text(), 16)
    return tuple(
        f"{what} {when}" for names, when in ((NOW, "now"), (SINCE_BOOT, "since boot")) for bit, what in names.items()
        if bits >> bit & 1
    )  # fmt: skip


def temperature_c(root: Path = Path("/")) -> float | None:
    """How hot the processor is."""
    path = root / "sys/class/thermal/thermal_zone0/temp"
    return int(path.read_text()) / 1000 if path.exists() else None


def swaps_on_disk(root: Path = Path("/")) -> list[str]:
    """Swap that outlives a power cut: everything but zram."""
    lines = (root / "proc/swaps").read_text().splitlines()[1:]
    return [line.split()[0] for line in lines if "/zram" not in line.split()[0]]


def clocks(root: Path = Path("/")) -> dict[str, tuple[str, bool, int]]:
    """Each real-time clock: its driver's name, whether it can wake the board, and its memory in bytes."""
    found = {}
    for clock in sorted((root / "sys/class/rtc").glob("rtc[0-9]*")):
        memories = (clock / "device").glob("*/nvmem")  # whatever its driver calls it
        size_bytes = sum(memory.stat().st_size for memory in memories)
        found[clock.name] = ((clock / "name").read_text().strip(), (clock / "wakealarm").exists(), size_bytes)
    return found


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far."""

    cpu_s: float
    peak_mb: float


def usage(pid: int) -> Usage:
    """Of a process that still runs (proc_pid_stat(5), fields 14 and 15; proc_pid_status(5), VmHWM)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), peak_kb / 1024)
