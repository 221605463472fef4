"""Where the recorder's stamp is in a picture: found by its form, so that no face is left open beside it.

The form, as the recorder writes it (capture's README, "The stamp"): from the left top corner, characters of 5 x 7 dots,
light on dark, each with a dark dot on its left, above and below; a dot has the height of the picture, divided by 200,
in pixels; what does not fit beside goes into further lines below. A picture without at least a date there has none.
The stamp replaces what the camera saw: under it there is no face.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from recorder.office.redaction.boxes import Box

Plane = npt.NDArray[np.uint8]

_COLUMNS, _ROWS = 6, 9  # dots of a character with its margins
_LINES_PER_DOT = 200
_MAX_LINES = 4
_DATE = 10  # characters
_MAX_BLANKS = 2
_DARK, _LIGHT = 100, 125  # luma; ground is 16 and ink 235, before an encoder has smoothed them
_SHARP = 0.9  # of a character's dots that must be one or the other


def find_stamp(luma: Plane) -> tuple[Box, ...]:
    """The lines of the stamp in a picture's Y plane; none where there is no stamp."""
    dot = max(1, luma.shape[0] // _LINES_PER_DOT)
    return tuple(_lines(_dots(luma, dot), dot))


def _lines(dots: npt.NDArray[Any], dot: int) -> Iterator[Box]:
    for number in range(_MAX_LINES):
        line = dots[number * _ROWS : (number + 1) * _ROWS]
        length = _length(line) if line.shape[0] == _ROWS else 0
        if length < (1 if number else _DATE):
            return
        yield Box(0, number * _ROWS * dot, min(length * _COLUMNS + 1, line.shape[1]) * dot, _ROWS * dot)


def _length(line: npt.NDArray[Any]) -> int:
    """How many characters a line has, up to the last that is not blank."""
    length = 0
    for number in range(line.shape[1] // _COLUMNS):
        character = line[:, number * _COLUMNS : (number + 1) * _COLUMNS]
        if number - length > _MAX_BLANKS or not _is_character(character):
            break
        if np.any(character > _LIGHT):
            length = number + 1
    return length


def _is_character(dots: npt.NDArray[Any]) -> bool:
    margin = np.concatenate([dots[0], dots[-1], dots[1:-1, 0]])
    sharp = np.mean((dots < _DARK) | (dots > _LIGHT))
    return bool(np.mean(margin < _DARK) >= _SHARP and sharp >= _SHARP)


def _dots(luma: Plane, dot: int) -> npt.NDArray[Any]:
    """The mean of each dot in the picture's upper lines."""
    rows = min(_MAX_LINES * _ROWS, luma.shape[0] // dot)
    columns = luma.shape[1] // dot
    cut = luma[: rows * dot, : columns * dot].astype(np.float32)
    dots: npt.NDArray[Any] = cut.reshape(rows, dot, columns, dot).mean(axis=(1, 3))
    return dots
