"""Sound from a microphone's own rate to the journey's 48 kHz, however far the one or the other is off.

``clocks.py`` decides, block by block, where on the input each output sample is taken (:class:`clocks.Stretch`); here is
what the input was there, between its samples. Where both clocks agree nothing is computed and no sample is changed.

A filter of fractional delay in Farrow's structure (C. W. Farrow, "A continuously variable digital delay element",
ISCAS 1988): a sinc in a Kaiser window of 16 zero crossings, each coefficient a polynomial of the fraction. README: how
that was chosen.
"""

from __future__ import annotations

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
        half, self._filter = _farrow(rate_hz)
        self._half = half
        self._input: npt.NDArray[np.float32] = np.zeros(half, np.float32)  # before the first sample there is silence
        self._begin = half  # where in it the next block will begin
        self._wanted: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # places in it, in parts of ONE

    def feed(self, samples: Samples, stretch: Stretch) -> Samples:
        """What is ready after these."""
        places = stretch.at + stretch.step * np.arange(stretch.count, dtype=np.int64)
        self._wanted = np.concatenate((self._wanted, places + (self._begin << ONE_BITS)))
        self._input = np.concatenate((self._input, samples.astype(np.float32)))
        self._begin += len(samples)
        return self._ready()

    def finish(self) -> Samples:
        """What was still to come: after the last sample there is silence."""
        last = int(self._wanted[-1] >> ONE_BITS) if len(self._wanted) else 0
        missing = max(0, last + self._half + 1 - len(self._input))
        self._input = np.concatenate((self._input, np.zeros(missing, np.float32)))
        return self._ready()

    def _ready(self) -> Samples:
        """Take what lies far enough before the end of the input, and forget the input before it."""
        whole = self._wanted >> ONE_BITS
        count = int(np.searchsorted(whole, len(self._input) - self._half))
        taken, self._wanted = self._wanted[:count], self._wanted[count:]
        ready = self._between(whole[:count], taken & (ONE - 1))
        done = max(0, int(self._wanted[0] >> ONE_BITS if len(self._wanted) else self._begin) - self._half)
        done = min(done, len(self._input) - self._half)
        self._input, self._begin = self._input[done:], self._begin - done
        self._wanted = self._wanted - (done << ONE_BITS)
        return ready

    def _between(self, whole: npt.NDArray[np.int64], fraction: npt.NDArray[np.int64]) -> Samples:
        if len(whole) == 0 or (self._filter.shape[0] == 2 * _CROSSINGS and not fraction.any()):
            value = self._input[whole]
        else:
            windows = np.lib.stride_tricks.sliding_window_view(self._input, 2 * self._half)[whole - self._half + 1]
            terms = windows @ self._filter
            delay = (fraction / ONE).astype(np.float32)
            value = terms[:, -1]
            for degree in range(_DEGREE - 1, -1, -1):  # Horner's scheme
                value = value * delay + terms[:, degree]
        return np.clip(np.rint(value), -32_768, 32_767).astype(np.int16)


def _farrow(rate_hz: int) -> tuple[int, npt.NDArray[np.float32]]:
    """Half the length of the filter, and for each of its taps the coefficients of a polynomial of the fraction.

    What 48 kHz cannot carry of a faster input is taken out, by a filter so much longer.
    """
    narrower = max(1.0, rate_hz / RATE_HZ)
    half = int(np.ceil(_CROSSINGS * narrower))
    fraction = np.linspace(0, 1, _FRACTIONS)
    distance = (np.arange(-half + 1, half + 1)[np.newaxis, :] - fraction[:, np.newaxis]) / narrower
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / _CROSSINGS) ** 2, 0, 1))) / np.i0(_KAISER_BETA)
    taps = np.sinc(distance) * window / narrower
    return half, np.polynomial.polynomial.polyfit(fraction, taps, _DEGREE).T.astype(np.float32)
