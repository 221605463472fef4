"""Which of a sensor's modes is used, so that the picture shows every seat. Nothing here imports a vendor's library.

Some modes of a sensor read its middle only. picamera2 takes the mode whose size is nearest to the picture's, whatever
it shows (``Picamera2.configure``, ``score_mode``): for 1280 x 720 that is 1536 x 864 of a Camera Module 3, which leaves
out a third of the width. Rule: the widest view among the modes that are large and fast enough. Modes are looked at only
where the view is not the widest already, for reading them configures the camera once for each.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_ALL = 0.99  # some modes begin a few columns late

Size = tuple[int, int]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SensorMode:
    """What a sensor is told to read: columns and rows that come out of it, and the bits of each."""

    size: Size
    bit_depth: int


def columns_shown(area: tuple[int, int, int, int], size: Size) -> float:
    """How many columns of the sensor a picture of ``size`` shows that is cut from ``area`` (x, y, width, height)."""
    _, _, width, height = area
    return min(width, height * size[0] / size[1])


def share_shown(camera: Any, size: Size) -> float:
    """How much of the widest view a configured Picamera2 shows; 1 where the camera does not say."""
    crop, areas = camera.camera_controls.get("ScalerCrop"), camera.camera_properties.get("PixelArrayActiveAreas")
    if crop is None or not areas:
        return 1.0
    _, largest, _ = crop
    return columns_shown(largest, size) / columns_shown(areas[0], size)


def widest(modes: Iterable[Mapping[str, Any]], size: Size, fps: Fraction) -> SensorMode | None:
    """Of picamera2's ``sensor_modes``, the one that shows most, and of several the smallest; None: none is fit."""
    fit = [
        mode
        for mode in modes
        if "crop_limits" in mode and all(a >= b for a, b in zip(mode["size"], size, strict=True)) and mode["fps"] >= fps
    ]
    if not fit:
        return None

    def merit(mode: Mapping[str, Any]) -> tuple[float, int, int]:
        width, height = mode["size"]
        return columns_shown(mode["crop_limits"], size), -width * height, mode["bit_depth"]

    best = max(fit, key=merit)
    return SensorMode(best["size"], best["bit_depth"])


def is_narrow(camera: Any, size: Size) -> bool:
    """Whether a configured Picamera2 leaves out what another mode may show."""
    return share_shown(camera, size) < _ALL


def tell_view(camera: Any, size: Size) -> None:
    """Say in the log what the picture leaves out."""
    if is_narrow(camera, size):
        share = 100 * share_shown(camera, size)
        _log.warning("the picture shows %.0f %% of the lens's width; another size or rate may show more", share)
