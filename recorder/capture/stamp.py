"""Date, time with zone, vehicle and frame number in the picture, as police requirements for digital CCTV ask.

Glyphs are rendered once and copied into the Y plane, light on a dark ground that keeps them legible on any picture.
They grow with the picture, by whole dots, so that an encoder keeps their edges. What does not fit beside goes below.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.capture.font import COLUMNS, GLYPHS, ROWS
from recorder.timekeeping import NS_PER_S, boottime_ns

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

_INK, _GROUND = 235, 16  # white and black of limited-range video (ITU-R BT.601)
_LINES_PER_DOT = 200  # one dot in a picture of 200 to 399 lines, two from 400 on: about a thirtieth of the height
_ADVANCE = COLUMNS + 1


def wall_clock_ns(captured_ns: int) -> int:
    """The wall clock (ns since 1970 UTC) at a moment of boottime, by what both clocks say now."""
    return time.time_ns() - boottime_ns() + captured_ns


@dataclass(slots=True)
class _Field:
    """One word of the stamp: where it stands (dots), and its picture as last rendered."""

    left: int
    top: int
    text: str = ""
    picture: Plane | None = None


class Stamp:
    """Stamps the frames of one camera. ``wall_ns``: wall clock at a boottime; the zone is the machine's (``TZ``)."""

    def __init__(self, vehicle: str, width: int, height: int, wall_ns: Callable[[int], int] = wall_clock_ns) -> None:
        self._wall_ns = wall_ns
        self._vehicle = vehicle
        self._dot = max(1, height // _LINES_PER_DOT)
        self._glyphs = {character: self._render(columns) for character, columns in GLYPHS.items()}
        self._second: int | None = None
        self._moment = ""
        self._fields = self._lay_out(width // self._dot)

    def apply(self, y: Plane, captured_ns: int, frame_number: int) -> None:
        """Stamp the Y plane of a frame. What a very small picture has no room for is cut off at its edge."""
        for field, text in zip(self._fields, self._texts(captured_ns, frame_number), strict=True):
            if text != field.text or field.picture is None:
                field.text, field.picture = text, self._line(text)
            room = y[field.top : field.top + field.picture.shape[0], field.left : field.left + field.picture.shape[1]]
            room[:] = field.picture[: room.shape[0], : room.shape[1]]

    def _texts(self, captured_ns: int, frame_number: int) -> tuple[str, ...]:
        second = self._wall_ns(captured_ns) // NS_PER_S
        if second != self._second:
            self._second, self._moment = second, time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(second))
        date, clock = self._moment.split(" ")
        return date, f"{clock[:-2]}:{clock[-2:]}", self._vehicle, f"#{frame_number:06d}"

    def _lay_out(self, width_dots: int) -> list[_Field]:
        """Put the words beside each other as long as they fit, then below."""
        fields: list[_Field] = []
        left = top = 0
        for text in self._texts(0, 0):
            if left and left + len(text) * _ADVANCE + 1 > width_dots:
                left, top = 0, top + ROWS + 2
            fields.append(_Field(left * self._dot, top * self._dot))
            left += (len(text) + 1) * _ADVANCE
        return fields

    def _line(self, text: str) -> Plane:
        """A word as a picture, with a margin of one dot around it and a space after it."""
        glyphs = [self._glyphs.get(character, self._glyphs["?"]) for character in f"{text} "]
        line: Plane = np.concatenate(glyphs, axis=1)
        return line

    def _render(self, columns: bytes) -> Plane:
        """One glyph with the margin on its left, above and below."""
        dots = np.zeros((ROWS + 2, _ADVANCE), np.uint8)
        for column, bits in enumerate(columns):
            for row in range(ROWS):
                dots[row + 1, column + 1] = bits >> row & 1
        ink: Plane = np.where(dots.repeat(self._dot, 0).repeat(self._dot, 1), _INK, _GROUND).astype(np.uint8)
        return ink
