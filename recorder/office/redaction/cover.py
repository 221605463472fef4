"""Covers boxes in a picture, so that nothing of what was there can be brought back.

Solid: one grey, which depends on nothing. Cells: 4 x 4 mean colours, smoothed: milder to the eye, and README says what
it gives away. Boxes grow to whole pairs of pixels, for colour has half the resolution.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from recorder.office.redaction.boxes import Box

Plane = npt.NDArray[np.uint8]

_GREY, _COLOURLESS = 110, 128  # luma and chroma of 8-bit YUV
_CELLS = 4


class Style(StrEnum):
    """How a box is covered."""

    SOLID = "solid"
    CELLS = "cells"


@dataclass(frozen=True, slots=True)
class Planes:
    """The planes of a YUV 4:2:0 picture, views of one array: what is written to them is in the picture."""

    whole: Plane
    y: Plane
    u: Plane
    v: Plane

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Planes":
        """A copy of the planes of ``frame``, which is yuv420p with even sides."""
        whole: Any = np.array(frame.to_ndarray(), copy=True)
        height, width = frame.height, frame.width
        quarter = (height // 2) * (width // 2)
        flat = whole.reshape(-1)
        y, rest = flat[: height * width], flat[height * width :]
        half = (height // 2, width // 2)
        return cls(whole, y.reshape(height, width), rest[:quarter].reshape(half), rest[quarter:].reshape(half))

    def covered(self, boxes: Iterable[Box], style: Style) -> None:
        """Cover ``boxes``; what lies outside of the picture is cut off."""
        for box in boxes:
            area = _even_area(box, self.y.shape)
            if area is not None:
                left, top, right, below = area
                _fill(self.y[top:below, left:right], style, _GREY)
                for plane in (self.u, self.v):
                    _fill(plane[top // 2 : below // 2, left // 2 : right // 2], style, _COLOURLESS)

    def restored(self, boxes: Iterable[Box], source: "Planes") -> None:
        """Put back the luma that ``source`` has in ``boxes``, whose edges are whole pixels. Colour stays covered."""
        for box in boxes:
            area = slice(int(box.y), int(box.y + box.height)), slice(int(box.x), int(box.x + box.width))
            self.y[area] = source.y[area]


def _even_area(box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Left, top, right, below in whole even pixels of the picture; None where there is nothing of it in it."""
    height, width = shape
    left, top = (max(0, int(np.floor(edge / 2)) * 2) for edge in (box.x, box.y))
    right = min(width, int(np.ceil((box.x + box.width) / 2)) * 2)
    below = min(height, int(np.ceil((box.y + box.height) / 2)) * 2)
    return (left, top, right, below) if left < right and top < below else None


def _fill(area: Plane, style: Style, plain: int) -> None:
    if style is Style.SOLID:
        area[:] = plain
        return
    import cv2  # noqa: PLC0415

    rows, columns = (min(_CELLS, side) for side in area.shape)
    means = [[part.mean() for part in np.array_split(band, columns, axis=1)] for band in np.array_split(area, rows)]
    cells = np.round(means).astype(np.uint8)
    area[:] = cv2.resize(cells, (area.shape[1], area.shape[0]), interpolation=cv2.INTER_LINEAR)
