"""What one look at the picture measures: how bright it is, where its edges are, how light and dark are laid out.

Rules: a look is cheap (README, "Worth recording") and remembers nothing of the picture that could be seen again; it is
the logarithm of light that is measured, so that a scene in half the light has the same edges and the same layout; what
noise alone would look like is told beside them, for darkness makes a camera turn up its gain.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from recorder.capture.sentinel import COLUMNS, ROWS, Look
from recorder.timekeeping import NS_PER_S

if TYPE_CHECKING:
    import numpy.typing as npt

    from recorder.capture.ports import Plane

    Tiles = npt.NDArray[np.float32]

_BLACK, _WHITE = 16, 235  # limited range (ITU-R BT.601)
_SHADOW = 16.0  # grey levels: darker than this the eye of the logarithm closes, for there is noise only
_RELIEF = 0.1  # relief of a tenth (in logarithms) counts half; what is much more counts little more
_NOISIEST = 0.05  # of the tiles, the smoothest share is taken to show nothing but noise


def measure(plane: Plane, captured_ns: int) -> Look:
    """Look at a small plane (:class:`~recorder.capture.senses.Glimpse`) of at least 64 x 48 dots."""
    four = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2].astype(np.uint16)
    fours = four[::2, ::2] + four[1::2, ::2] + four[::2, 1::2] + four[1::2, 1::2]
    dots = fours.astype(np.float32) / 4  # less noise than in one of them
    light = np.log(np.maximum(dots - _BLACK, 0) + _SHADOW)
    rough = 4 * light[1:-1, 1:-1] - light[:-2, 1:-1] - light[2:, 1:-1] - light[1:-1, :-2] - light[1:-1, 2:]
    edges = _tiles(rough * rough)
    grey = _tiles(dots)
    noise = _noise(edges, grey)
    return Look(
        at_s=captured_ns / NS_PER_S,
        brightness=float(dots.mean()),
        edges=tuple(np.maximum(edges - noise, 0).ravel().tolist()),
        noise=tuple(noise.ravel().tolist()),
        relief=tuple(_relief(_tiles(light)).ravel().tolist()),
        digest=zlib.crc32(plane.tobytes()),
    )


def _tiles(values: npt.NDArray[np.floating]) -> Tiles:
    """The mean of each tile; together they are the whole picture, so that it may change its size."""
    down = np.arange(ROWS + 1) * values.shape[0] // ROWS
    across = np.arange(COLUMNS + 1) * values.shape[1] // COLUMNS
    sums = np.add.reduceat(np.add.reduceat(values, down[:-1], axis=0), across[:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(down), np.diff(across)), np.float32)


def _noise(edges: Tiles, grey: Tiles) -> Tiles:
    """What the edges of each tile would measure if it showed nothing.

    A sensor's noise has about one size in grey levels; the logarithm makes it large in the dark. Where the picture is
    clipped it has none, and says nothing about the rest.
    """
    levels = np.maximum(grey - _BLACK, 0) + _SHADOW
    exposed = (grey > _BLACK + 2) & (grey < _WHITE - 10)
    sizes = np.sort((edges * levels * levels)[exposed])
    size = sizes[int(len(sizes) * _NOISIEST)] if len(sizes) else np.float32(0)
    return np.asarray(size / (levels * levels), np.float32)


def _relief(heights: Tiles) -> Tiles:
    """How much lighter or darker each tile is than those around it, from -1 to 1."""
    wide = np.pad(heights, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    around = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)
    above = heights - around
    return np.asarray(above / (np.abs(above) + _RELIEF), np.float32)
