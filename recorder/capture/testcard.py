"""The picture of the synthetic scene, drawn and read back: a counter in every frame, white on every whole second.

The counter is 32 bits and a CRC-8 as black and white cells at the bottom, at least 8 x 8 dots each, so that it survives
H.264 at 4 Mb/s and at 176 x 144. A cell that cannot be trusted makes the whole counter unreadable, never wrong.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

_BITS, _CRC_BITS = 32, 8
_CELLS = _BITS + _CRC_BITS
_SMALLEST_CELL, _LARGEST_CELL, _COLUMNS = 8, 32, 20
_CRC_POLYNOMIAL = 0x07  # CRC-8 of SMBus and ATM: x^8 + x^2 + x + 1
_BLACK, _WHITE, _NEUTRAL = 16, 235, 128  # limited range (ITU-R BT.601)
_BARS = (  # Y, Cb, Cr of 75 % colour bars (SMPTE EG 1)
    (180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114)
)  # fmt: skip
_FLASH_ABOVE = 200  # brighter than any bar or wave
_SUBSAMPLED = (1, 2, 2)  # Y, U and V of 4:2:0
_SPEED = 2  # dots a frame
_PERIOD = 256
_GRAIN, _JUMP = 20, 97  # noise as of a camera, elsewhere in every frame: an encoder must have something to do


def _waves(top: int, bottom: int, width: int) -> Plane:
    """Lines ``top`` to ``bottom`` of waves that repeat themselves after _PERIOD dots; one at a time, to save memory."""
    sine = np.sin(2 * np.pi * np.arange(_PERIOD) / _PERIOD)
    across = np.arange(_PERIOD)
    waves = np.empty((bottom - top, width), np.uint8)
    for down in range(top, bottom):
        line = 90 + 35 * (sine[(across + down) % _PERIOD] + sine[(2 * across - 5 * down) % _PERIOD])
        waves[down - top] = np.resize(line.astype(np.uint8), width)
    return waves


@dataclass(frozen=True, slots=True)
class Card:
    """What a frame says: the counter (None: unreadable), and whether it is the white one of a whole second."""

    counter: int | None
    flash: bool


@dataclass(frozen=True, slots=True)
class _Strip:
    """Where the cells of the counter lie."""

    cell: int
    columns: int
    top: int
    left: int

    @property
    def rows(self) -> int:
        return -(-_CELLS // self.columns)


def _strip(width: int, height: int) -> _Strip:
    cell = max(_SMALLEST_CELL, min(_LARGEST_CELL, width // _COLUMNS // 2 * 2))
    columns = min(_COLUMNS, width // cell)
    rows = -(-_CELLS // columns)
    return _Strip(cell, columns, height - rows * cell, (width - columns * cell) // 2)


class TestCard:
    """Draws the frames of one scene, ``width`` x ``height`` dots, into the planes of 8-bit 4:2:0 video."""

    __test__ = False  # pytest: not a test, in spite of its name

    def __init__(self, width: int, height: int) -> None:
        self._strip = _strip(width, height)
        self._bars = [  # one line of each plane
            np.asarray(levels, np.uint8)[np.arange(width // part) * len(_BARS) // (width // part)]
            for part, levels in zip(_SUBSAMPLED, zip(*_BARS, strict=True), strict=True)
        ]
        self._waves_top = height // 5 * 3 // 2 * 2
        self._waves = _waves(self._waves_top, height, width + _PERIOD)
        noise = random.Random(0)  # noqa: S311 - noise for an encoder, always the same; numpy's own costs 3 MB
        self._grain: Plane = np.empty_like(self._waves)
        for line in self._grain:
            line[:] = np.frombuffer(noise.randbytes(line.size), np.uint8) % np.uint8(_GRAIN)

    def draw(self, planes: tuple[Plane, Plane, Plane], counter: int, *, flash: bool) -> None:
        """Draw frame ``counter`` (0 to 2^32 - 1); white where ``flash``."""
        if flash:
            for plane, level in zip(planes, (_WHITE, _NEUTRAL, _NEUTRAL), strict=True):
                plane[:] = level
        else:
            for plane, bars, part in zip(planes, self._bars, _SUBSAMPLED, strict=True):
                plane[: self._waves_top // part] = bars
                plane[self._waves_top // part :] = _NEUTRAL
            shift = counter * _SPEED % _PERIOD
            width = planes[0].shape[1]
            jump = counter * _JUMP % _PERIOD
            waves, grain = self._waves[:, shift : shift + width], self._grain[:, jump : jump + width]
            np.add(waves, grain, out=planes[0][self._waves_top :])
        self._draw_counter(planes[0], counter)

    def _draw_counter(self, y: Plane, counter: int) -> None:
        strip = self._strip
        bits = np.full(strip.rows * strip.columns, 0, np.uint8)
        bits[:_CELLS] = _to_bits(counter)
        cells = np.where(bits.reshape(strip.rows, strip.columns), _WHITE, _BLACK).astype(np.uint8)
        picture = cells.repeat(strip.cell, 0).repeat(strip.cell, 1)
        y[strip.top :, strip.left : strip.left + picture.shape[1]] = picture


def read(y: Plane) -> Card:
    """Read a frame's Y plane."""
    height, width = y.shape
    strip = _strip(width, height)
    flash = float(y[height // 3 : strip.top].mean()) > _FLASH_ABOVE if strip.top > height // 3 else False
    shape = (strip.rows, strip.cell, strip.columns, strip.cell)
    cells = y[strip.top :, strip.left : strip.left + strip.columns * strip.cell].reshape(shape)
    edge = strip.cell // 4  # the middle of a cell is what blurring reaches last
    levels = cells[:, edge:-edge, :, edge:-edge].mean(axis=(1, 3)).ravel()[:_CELLS]
    return Card(_from_bits(levels > (_BLACK + _WHITE) / 2), flash)


def _to_bits(counter: int) -> npt.NDArray[np.uint8]:
    word = counter.to_bytes(_BITS // 8, "big")
    return np.unpackbits(np.frombuffer(word + bytes((_crc8(word),)), np.uint8))


def _from_bits(bits: npt.NDArray[np.bool_]) -> int | None:
    data = np.packbits(bits).tobytes()
    word, crc = data[:-1], data[-1]
    return int.from_bytes(word, "big") if _crc8(word) == crc else None


def _crc8(word: bytes) -> int:
    crc = 0xFF  # a picture all black must not read as a valid zero
    for byte in word:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x80 else 0)) & 0xFF
    return crc
