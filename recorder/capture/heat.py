"""Does the computer slow itself down for heat? Read from sysfs, by anybody, in microseconds.

A Raspberry Pi's firmware does, from 80 °C on or from its soft limit, and says so in a word of bits. Its kernel asks
for that word every two seconds (``drivers/hwmon/raspberrypi-hwmon.c``) and shows what it was told, without asking anew,
as ``get_throttled`` (``drivers/firmware/raspberrypi.c``: hexadecimal, readable by all). Where a kernel does not show
it, as on a Raspberry Pi 5, or a low voltage may be the reason, the temperature of the zone ``cpu-thermal`` counts. Any
other computer is never hot.
"""

from pathlib import Path

_SYSFS = Path("/sys")
_WORD = "devices/platform/soc*/*firmware/get_throttled"
_LOW_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = (1 << bit for bit in range(4))  # "has been", from bit 16 on, is over
_ZONES = "class/thermal/thermal_zone*"
_PI_ZONE = "cpu-thermal"
_HOT_MILLIDEGREES = 80_000


class Heat:
    """Where this computer says it; found once."""

    def __init__(self, sysfs: Path = _SYSFS) -> None:
        self._word = next(sysfs.glob(_WORD), None)
        self._zones = [zone / "temp" for zone in sysfs.glob(_ZONES) if _read(zone / "type") == _PI_ZONE]

    def is_hot(self) -> bool:
        """Whether the computer is slower than it could be, or about to be, for heat. False where nobody says."""
        word = 0 if self._word is None else _number(self._word, 16) or 0
        if word & _SOFT_LIMIT or (word & (_CAPPED | _THROTTLED) and not word & _LOW_VOLTAGE):
            return True
        return any((_number(zone, 10) or 0) >= _HOT_MILLIDEGREES for zone in self._zones)


def _read(path: Path) -> str:
    """What it says; nothing where it cannot be read, as a sensor that is busy."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_read(path), base)
    except ValueError:
        return None
