"""Samples in, samples out: silence, or a voice that is nobody's.

The mask is a channel vocoder (H. Dudley, "Remaking Speech", 1939): the loudness of 24 bands, which makes the words, is
measured in the voice and put on a carrier of its own, one band higher. Pitch, melody and waveform of the voice are not
in the result. Each block of 1024 samples depends on itself, its neighbours and its place alone, so that a film of any
length takes no more memory than a short one.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from recorder.office.redaction.ranges import FADE_S, LEAD_S, SoundRanges, is_touched
from recorder.office.redaction.wishes import Span

Samples = npt.NDArray[np.float32]
"""Channels by samples, -1 to 1."""

BLOCK = 1024
_HOP = 256
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 24, 80.0, 8000.0
_SHIFT = 1  # bands; each is 22 % above the one below
_PITCH_HZ = 120.0
_NOISE = 0.15  # beside the buzz: what whispers and hisses in speech


class Alteration:
    """Takes the blocks of one unbroken stretch of sound in their order, and gives them back as ``ranges`` ask.

    ``begins_s``: when the stretch begins. It lags by one block; :meth:`finish` gives the last.
    """

    def __init__(self, ranges: SoundRanges, hz: int, begins_s: float) -> None:
        self._ranges, self._hz, self._begins_s = ranges, hz, begins_s
        self._before: Samples | None = None
        self._current: Samples | None = None
        self._number = 0

    def push(self, block: Samples) -> Iterator[Samples]:
        """The block before ``block``, altered; none at first."""
        if self._current is not None:
            yield self._altered(block)
        self._before, self._current = self._current, block

    def finish(self) -> Iterator[Samples]:
        """The last block, altered."""
        if self._current is not None:
            yield self._altered(np.zeros_like(self._current))
        self._before = self._current = None

    def _altered(self, following: Samples) -> Samples:
        assert self._current is not None  # noqa: S101 - both callers have looked
        block, first = self._current, self._number * BLOCK
        self._number += 1
        moments_s = self._begins_s + (first + np.arange(BLOCK)) / self._hz
        begins_s, ends_s = float(moments_s[0]), float(moments_s[-1])
        if is_touched(self._ranges.masked, begins_s, ends_s):
            before = np.zeros_like(block) if self._before is None else self._before
            masked = masked_voice(np.concatenate([before, block, following], axis=1), first, self._hz)
            share = _share(self._ranges.masked, moments_s)
            block = (block * (1 - share) + masked * share).astype(np.float32)
        if is_touched(self._ranges.muted, begins_s, ends_s):
            block = (block * (1 - _share(self._ranges.muted, moments_s))).astype(np.float32)
        return block


def masked_voice(blocks: Samples, first: int, hz: int) -> Samples:
    """The middle one of three ``blocks``, masked. ``first``: the number of its first sample in the stretch."""
    carrier = _carrier(first - BLOCK, 3 * BLOCK, hz)
    window = np.hanning(BLOCK + 1)[:-1]
    bands = _bands(hz)
    masked = np.zeros_like(blocks, dtype=np.float64)
    for start in range(_HOP, 2 * BLOCK, _HOP):
        part = slice(start, start + BLOCK)
        loudness = bands @ np.abs(np.fft.rfft(blocks[:, part] * window, axis=1).T) ** 2
        spectrum = np.fft.rfft(carrier[part] * window)
        own = bands @ np.abs(spectrum) ** 2
        gains = np.sqrt(loudness / (own[:, np.newaxis] + 1e-9))
        shifted = np.vstack([np.zeros((_SHIFT, gains.shape[1])), gains[:-_SHIFT]])
        each = bands.T @ shifted
        masked[:, part] += np.fft.irfft(spectrum * each.T, BLOCK, axis=1) * window
    middle = masked[:, BLOCK : 2 * BLOCK] * _HOP / np.sum(window**2)
    return np.clip(middle, -1, 1).astype(np.float32)


def _carrier(first: int, count: int, hz: int) -> npt.NDArray[np.float64]:
    """A buzz and noise, the same at each place of the stretch however it is cut."""
    numbers = np.arange(first, first + count)
    buzz = (numbers % round(hz / _PITCH_HZ) == 0) * 1.0
    blocks = range(first // BLOCK, (first + count) // BLOCK)
    noise = np.concatenate([np.random.default_rng(block + 1).standard_normal(BLOCK) for block in blocks])
    carrier: npt.NDArray[np.float64] = buzz + _NOISE * noise / np.sqrt(hz / _PITCH_HZ)
    return carrier


def _bands(hz: int) -> npt.NDArray[np.float64]:
    """How much of each of a window's frequencies is in each band: triangles whose sum is 1, evenly spaced by ear."""
    frequencies = np.fft.rfftfreq(BLOCK, 1 / hz)
    centers = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, hz / 2), _BANDS)
    position = np.interp(frequencies, centers, np.arange(_BANDS))
    inside = (frequencies >= _LOWEST_HZ / 2) & (frequencies <= _HIGHEST_HZ * 1.2)
    bands: npt.NDArray[np.float64] = np.clip(1 - np.abs(position - np.arange(_BANDS)[:, np.newaxis]), 0, 1) * inside
    return bands


def _share(spans: Sequence[Span], moments_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much of it is on at each moment: 1 in a span and close to it, 0 outside, between over the fades."""
    share = np.zeros_like(moments_s)
    for span in spans:
        outside_s = np.maximum(np.maximum(span.from_s - moments_s, moments_s - span.until_s) - LEAD_S, 0)
        share = np.maximum(share, 1 - np.minimum(outside_s / FADE_S, 1))
    return share
