"""Sound from a microphone's own rate to the journey's 48 kHz, however far the one or the other is off.

``clocks.py`` decides, block by block, where on the input each output sample is taken (:class:`clocks.Stretch`); here is
what the input was there, between its samples. Where both clocks agree nothing is computed and no sample is changed.

A filter of fractional delay in Farrow's structure (C. W. Farrow, "A continuously variable digital delay element",
ISCAS 1988): a sinc in a Kaiser window of 16 zero crossings, each coefficient a polynomial of the fraction. README: how
that was chosen.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recorder.capture.clocks import ONE, ONE_BITS, RATE_HZ, Stretch

if TYPE_CHECKING:
    from recorder.capture.ports import Samples

_CROSSINGS = 8  # of the sinc, on each side
_KAISER_BETA = 8.0
_DEGREE = 5
_FRACTIONS = 65  # at which the polynomials are fitted


class Resampler:
    """One run of samples at ``rate_hz`` without a seam. What comes out is late by 8 samples, until :meth:`finish`."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._half = _half(rate_hz)
        self._filter: npt.NDArray[np.float32] | None = None  # made when first needed
        self._input: npt.NDArray[np.int16] = np.zeros(self._half, np.int16)  # before the first sample there is silence
        self._base = -self._half  # which sample of the run the first of it is
        self._wanted: deque[Stretch] = deque()  # counted from the first sample of the run

    def feed(self, samples: Samples, stretch: Stretch) -> Samples:
        """What is ready after these; the stretch is counted from the first of them."""
        begin = self._base + len(self._input)
        self._want(stretch.at + (begin << ONE_BITS), stretch.step, stretch.count)
        self._input = np.concatenate((self._input, samples))
        return self._ready()

    def _want(self, at: int, step: int, count: int) -> None:
        """Note a stretch; one that goes on where and as the last one did is one with it."""
        if self._wanted:
            last = self._wanted[-1]
            if last.step == step and last.at + last.count * step == at:
                self._wanted[-1] = Stretch(last.at, step, last.count + count)
                return
        self._wanted.append(Stretch(at, step, count))

    def finish(self) -> Samples:
        """What was still to come: after the last sample there is silence."""
        last = max((stretch.at + (stretch.count - 1) * stretch.step >> ONE_BITS for stretch in self._wanted), default=0)
        missing = max(0, last + self._half + 1 - self._base - len(self._input))
        self._input = np.concatenate((self._input, np.zeros(missing, np.int16)))
        return self._ready()

    def _ready(self) -> Samples:
        """Take what lies far enough before the end of the input, and forget the input before it."""
        end = self._base + len(self._input)
        limit = end - self._half << ONE_BITS
        parts: list[Samples] = []
        while self._wanted:
            first = self._wanted[0]
            count = min(first.count, max(0, -((first.at - limit) // first.step)))
            parts.append(self._between(first.at - (self._base << ONE_BITS), first.step, count))
            if count < first.count:
                self._wanted[0] = Stretch(first.at + count * first.step, first.step, first.count - count)
                break
            self._wanted.popleft()
        needed = min(self._wanted[0].at >> ONE_BITS if self._wanted else end, end) - self._half
        if needed > self._base:
            self._input, self._base = self._input[needed - self._base :], needed
        return parts[0] if len(parts) == 1 else np.concatenate((*parts, np.zeros(0, np.int16)))

    def _between(self, at: int, step: int, count: int) -> Samples:
        """The samples at ``count`` places, ``step`` apart, the first of them ``at``."""
        first = at >> ONE_BITS
        if not count or (step == ONE and first << ONE_BITS == at and self._rate_hz <= RATE_HZ):
            return self._input[first : first + count]
        if self._filter is None:
            self._filter = _farrow(self._rate_hz)
        places = at + step * np.arange(count, dtype=np.int64)
        whole, fraction = places >> ONE_BITS, places & (ONE - 1)
        samples = self._input.astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * self._half)[whole - self._half + 1]
        terms = windows @ self._filter
        delay = (fraction / ONE).astype(np.float32)
        value = terms[:, -1]
        for degree in range(_DEGREE - 1, -1, -1):  # Horner's scheme
            value = value * delay + terms[:, degree]
        between: Samples = np.clip(np.rint(value), -32_768, 32_767).astype(np.int16)
        return between


def _half(rate_hz: int) -> int:
    """Half the length of the filter: what 48 kHz cannot carry of a faster input takes one so much longer."""
    return int(np.ceil(_CROSSINGS * max(1.0, rate_hz / RATE_HZ)))


def _farrow(rate_hz: int) -> npt.NDArray[np.float32]:
    """For each tap of the filter the coefficients of a polynomial of the fraction."""
    narrower, half = max(1.0, rate_hz / RATE_HZ), _half(rate_hz)
    fraction = np.linspace(0, 1, _FRACTIONS)
    distance = (np.arange(-half + 1, half + 1)[np.newaxis, :] - fraction[:, np.newaxis]) / narrower
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / _CROSSINGS) ** 2, 0, 1))) / np.i0(_KAISER_BETA)
    taps = np.sinc(distance) * window / narrower
    return np.polynomial.polynomial.polyfit(fraction, taps, _DEGREE).T.astype(np.float32)
