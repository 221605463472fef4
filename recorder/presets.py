"""What the picture is to be on a known computer, and what a day of it takes. PURE.

A preset is a set of answers to keys that nobody fitting a vehicle should have to work out; each key that stands in the
configuration counts instead of the preset's. The figures are chosen so that half of the computer stays free (the
README of ``recorder/capture``, "Presets").
"""

from collections.abc import Container
from dataclasses import asdict, dataclass
from typing import Literal

PresetName = Literal["pi4", "pi5", "laptop"]

SOUND_BPS = 64_000  # AAC, as recorder/capture/boxes.py declares it
DAY_S = 86_400
_CONTAINER = 1.02  # boxes, encryption and padding; `scripts/bench` measures what is written for each byte of footage


@dataclass(frozen=True, slots=True)
class Preset:
    """Dots, frames a second, bits a second, and the longest time between two keyframes (s)."""

    width: int
    height: int
    fps: float
    bitrate_bps: int
    gop_s: float

    @property
    def day_bytes(self) -> int:
        """What 24 hours of recording take on the card, sound included: no vehicle needs more."""
        return day_bytes(self.bitrate_bps)


PRESETS: dict[PresetName, Preset] = {
    "pi4": Preset(1280, 720, 30.0, 4_000_000, 1.0),
    "pi5": Preset(1920, 1080, 30.0, 6_000_000, 1.0),
    "laptop": Preset(1280, 720, 15.0, 2_000_000, 1.0),
}


def preset_of(name: PresetName, written: Container[str], prefix: str) -> dict[str, float]:
    """The preset's values for the keys that are not ``written``, by their names with ``prefix``."""
    return {prefix + key: value for key, value in asdict(PRESETS[name]).items() if key not in written}


def day_bytes(bitrate_bps: int) -> int:
    """What 24 hours of recording at ``bitrate_bps`` take on the card, sound included."""
    return round((bitrate_bps + SOUND_BPS) / 8 * DAY_S * _CONTAINER)
