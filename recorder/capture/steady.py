"""When each block of sound began, steadier than a driver can tell; and where samples are missing. PURE.

A driver says with each block how late it is, and is wrong by milliseconds, at worst by twenty. The samples themselves
are a clock that does not jitter but runs a little fast or slow. The line that fits both is the least-squares line
through what was measured in the last minutes, its slope expected near one; it is kept recursively (a Kalman filter of
two states: R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", 1960).

No sample was captured after it came. Where the line says so it is mended by the block that came soonest, which counts
a hundred times as much as what a driver claims. Samples that are missing show as a step in what is measured. One block
that is off the line says nothing; so it waits, with those that follow, until enough of them agree, half a second at
most, and all that waited is then placed right. Only differences of the recorder's own clock come in here
(``portaudio.delay_of_first_ns``): no clock that can be set.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import fmean, median_low
from typing import NamedTuple

_NS_PER_S = 1_000_000_000
_SUSPECT_NS = 10_000_000  # so far off the line a block waits for those that follow
_STEP_NS = 18_000_000  # so far off the line they must be, on the whole, for samples to be missing; less is evened out
_ENOUGH = 24  # blocks that must agree; jitter of 20 ms pretends a step once in a thousand million
_FEW, _AGREE_NS = 12, 10_000_000  # so few are enough where they lie as close together as that
_TRUST = 8  # blocks at least follow a step that is told from another
_JITTER_NS = 10_000_000  # what a measurement is taken to be wrong by
_LATE_NS = 1_000_000  # and where it says that a sample was captured after it came
_OFF = 300e-6  # what a sound card's clock is taken to be wrong by
_WANDER = 1e-6  # and what that changes in a second, more or less, as it grows warm


class Measured(NamedTuple):
    """One block as its driver tells of it.

    ``began_ns``: when its first sample was captured (boottime ns). ``latest_ns``: not later than that, for all of it
    was there when it came. ``seam``: the driver says that samples are missing before it.
    """

    began_ns: int
    samples: int
    latest_ns: int
    seam: bool = False


class SteadyClock:
    """The samples of one device, from its opening on, on boottime."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._line: _Line | None = None
        self._waiting: deque[Measured] = deque()

    @property
    def off_ppm(self) -> float:
        """How much too fast the device's clock runs, as far as is known yet."""
        return 0.0 if self._line is None else (1 / self._line.slope - 1) * 1e6

    def place(self, block: Measured) -> tuple[int, ...]:
        """Where the oldest blocks that wait begin (boottime ns), in their order, as many of them as are known now."""
        if self._line is None:
            self._line = _Line(block.began_ns)
            block = block._replace(seam=True)
        self._waiting.append(block)
        return tuple(self._placed(self._line))

    def rest(self) -> tuple[int, ...]:
        """Where all begin that wait; no block follows."""
        line = self._line
        return () if line is None else tuple(self._take(line) for _ in range(len(self._waiting)))

    def _placed(self, line: "_Line") -> Iterator[int]:
        while self._waiting and self._is_known(line):
            yield self._take(line)

    def _take(self, line: "_Line") -> int:
        block = self._waiting.popleft()
        return line.take(block, self._lasts_ns(block.samples))

    def _is_known(self, line: "_Line") -> bool:
        """Whether the place of the oldest block is known; where a step begins with it, the line moves there."""
        first = self._waiting[0]
        if not first.seam and abs(line.error_ns(first.began_ns, 0)) <= _SUSPECT_NS:
            return True
        errors_ns = self._errors_ns(line)
        agree = len(errors_ns) >= _FEW and max(errors_ns) - min(errors_ns) <= _AGREE_NS
        no_more = len(errors_ns) < len(self._waiting)
        if not (agree or no_more or len(errors_ns) >= _ENOUGH):
            return False
        step_ns = min(_step_ns(errors_ns), self._highest_step_ns(line, len(errors_ns)))
        if first.seam or (abs(step_ns) > _STEP_NS and _begins_at_first(errors_ns)):
            line.move(step_ns, len(errors_ns))
        return True

    def _errors_ns(self, line: "_Line") -> list[float]:
        """How much later than on the line each waiting block was measured, up to the next seam that is told of."""
        errors_ns: list[float] = []
        for block, ahead_ns in self._ahead():
            if block.seam and errors_ns:
                break
            errors_ns.append(line.error_ns(block.began_ns, ahead_ns))
        return errors_ns

    def _highest_step_ns(self, line: "_Line", blocks: int) -> float:
        """How much later than on the line so many waiting blocks can all have begun."""
        return min(line.error_ns(block.latest_ns, ahead_ns) for block, ahead_ns in islice(self._ahead(), blocks))

    def _ahead(self) -> Iterator[tuple[Measured, float]]:
        """Each waiting block, and how far its beginning lies ahead of that of the first, by the device's clock."""
        count = 0
        for block in self._waiting:
            yield block, self._lasts_ns(count)
            count += block.samples

    def _lasts_ns(self, count: int) -> float:
        """How long so many samples last, by name."""
        return count * _NS_PER_S / self._rate_hz


def _step_ns(errors_ns: Sequence[float]) -> float:
    """The mean of those that lie near the middle one: a clock that was set puts single ones far from it."""
    middle_ns = median_low(errors_ns)
    return fmean(error_ns for error_ns in errors_ns if abs(error_ns - middle_ns) <= 2 * _JITTER_NS)


def _begins_at_first(errors_ns: Sequence[float]) -> bool:
    """Whether these are better told by one step that all of them follow than by a later one, or by none."""

    def unexplained_ns(before: int) -> float:
        step_ns = median_low(errors_ns[before:])
        return sum(map(abs, errors_ns[:before])) + sum(abs(error_ns - step_ns) for error_ns in errors_ns[before:])

    later = range(1, len(errors_ns) - _TRUST + 1)
    others_ns = [sum(map(abs, errors_ns)), *(unexplained_ns(before) for before in later)]
    return unexplained_ns(0) < min(others_ns)


class _Line:
    """Where the next sample is expected, and how many nanoseconds of boottime each of the device's own last."""

    def __init__(self, origin_ns: int) -> None:
        self.slope = 1.0
        self._origin_ns, self._next_ns = origin_ns, 0.0  # apart: after months a float counts boottime in microseconds
        self._place_variance, self._slope_variance, self._covariance = 0.0, _OFF**2, 0.0

    def error_ns(self, began_ns: int, ahead_ns: float) -> float:
        """How much later than here the sample that is so far ahead (by the device's clock) was captured."""
        return began_ns - self._origin_ns - self._next_ns - ahead_ns * self.slope

    def move(self, step_ns: float, blocks: int) -> None:
        """Samples are missing: all that comes is so much later, as so many blocks say."""
        self._next_ns += step_ns
        self._place_variance, self._covariance = _JITTER_NS**2 / blocks, 0.0

    def take(self, block: Measured, lasts_ns: float) -> int:
        """Where this block begins, by what was expected and what was measured; the next begins where it ends."""
        self._learn(max(-2 * _JITTER_NS, min(self.error_ns(block.began_ns, 0), 2 * _JITTER_NS)), _JITTER_NS)
        if (late_ns := self.error_ns(block.latest_ns, 0)) < 0:
            self._learn(late_ns, _LATE_NS)
        begin_ns = self._origin_ns + math.floor(self._next_ns)
        self._next_ns += lasts_ns * self.slope
        self._place_variance += 2 * lasts_ns * self._covariance + lasts_ns**2 * self._slope_variance
        self._covariance += lasts_ns * self._slope_variance
        self._slope_variance += _WANDER**2 * lasts_ns / _NS_PER_S
        return begin_ns

    def _learn(self, error_ns: float, doubt_ns: float) -> None:
        """The next sample is so much later than here, give or take ``doubt_ns``."""
        believed = self._place_variance + doubt_ns**2
        of_place, of_slope = self._place_variance / believed, self._covariance / believed
        self._next_ns += of_place * error_ns
        self.slope += of_slope * error_ns
        self._slope_variance -= of_slope * self._covariance
        self._place_variance *= 1 - of_place
        self._covariance *= 1 - of_place
