"""Where on the journey's timeline each sample belongs. PURE.

A microphone's clock is its samples: they are counted, and their count is compared with the time each block claims to
have been captured at (``steady.py`` says how that is known). Where its clock runs too fast or too slow its samples are
moved a little closer or further apart, too little to be heard, so that none is lost or doubled and none is ever far
from its time. The sound track has no holes once it has begun, for players and decoders mend holes badly: what is
missing is filled with silence, what overlaps is cut off, and both are remembered, so that filled silence can be logged
and is never taken for sound. Positions are samples at 48 kHz since the journey's origin.
"""

from bisect import bisect_left
from dataclasses import dataclass

RATE_HZ = 48_000
NS_PER_S = 1_000_000_000
RUN_IN = 1_024  # samples an AAC encoder puts before the first; a timeline has no room for them below zero
TOLERANCE_NS = 15_000_000  # further from its time than this sound is cut; 20 ms picture and sound may be apart
ONE_BITS = 32
ONE = 1 << ONE_BITS  # places between samples are counted in parts of this

_EXACT_NS = 25_000  # about a sample: a source whose times are exact is passed on as it is
_MEND_NS = 2 * NS_PER_S  # an error is mended as fast as if it were to be gone in that time
_FASTEST_NS = 4_000_000  # larger ones no faster than this one: 0.2 %, 3.5 cents, which nobody hears


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where output samples (48 kHz) lie on the input, in parts of ``ONE`` of an input sample.

    The first at ``at``, counted from the first sample of the block, and ``count`` in all, ``step`` apart.
    """

    at: int
    step: int
    count: int


@dataclass(frozen=True, slots=True)
class Placement:
    """How a block joins the timeline.

    First come ``silence`` samples at 48 kHz, then the block without its first ``skip`` samples (at its own rate), at
    the places that ``stretch`` says; None: nothing is left of it. ``restart``: it does not continue the one before it.
    """

    silence: int
    skip: int
    restart: bool
    stretch: Stretch | None


@dataclass(slots=True)
class _Run:
    """Blocks that follow each other without a seam. ``position``: of the next output sample, which lies ``at``."""

    rate_hz: int
    position: int
    at: int = 0

    @property
    def step(self) -> int:
        """Input samples for one at 48 kHz, by name."""
        return (self.rate_hz << ONE_BITS) // RATE_HZ

    @property
    def early_ns(self) -> int:
        """How much before the moment of ``position`` the next input sample is placed."""
        return self.at * NS_PER_S // (self.rate_hz << ONE_BITS)

    def take(self, count: int, late_ns: int) -> Stretch:
        """Go on with ``count`` samples, of which the first should lie ``late_ns`` later than it would."""
        late_ns = 0 if abs(late_ns) < _EXACT_NS else max(-_FASTEST_NS, min(late_ns, _FASTEST_NS))
        step = self.step - self.step * late_ns // _MEND_NS
        lasts = count << ONE_BITS
        stretch = Stretch(self.at, step, max(0, -((self.at - lasts) // step)))
        self.at += stretch.count * step - lasts
        self.position += stretch.count
        return stretch


class SoundClock:
    """Places the blocks of a microphone, and silence where there are none, on one gapless timeline."""

    def __init__(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        self._run: _Run | None = None
        self.begin = 0  # of the newest track
        self._end = 0
        self._paused = True
        self._silences: list[tuple[int, int]] = []

    @property
    def position(self) -> int | None:
        """Where the next sample belongs; None while there is no track to continue."""
        return None if self._paused else self._end

    def index(self, captured_ns: int) -> int:
        """The position of the moment ``captured_ns``, to the nearest sample."""
        return (2 * (captured_ns - self._origin_ns) * RATE_HZ + NS_PER_S) // (2 * NS_PER_S)

    def moment_ns(self, position: int) -> int:
        """The boottime of ``position``; the inverse of :meth:`index`."""
        return self._origin_ns + position * NS_PER_S // RATE_HZ

    def place(self, captured_ns: int, count: int, rate_hz: int) -> Placement:
        """Take ``count`` samples whose first was captured at ``captured_ns``."""
        run = self._run
        if run is not None and run.rate_hz == rate_hz:
            late_ns = captured_ns - (self.moment_ns(run.position) - run.early_ns)
            if abs(late_ns) <= TOLERANCE_NS:
                stretch = run.take(count, late_ns)
                self._end = run.position
                return Placement(0, 0, restart=False, stretch=stretch)
        index = self.index(captured_ns)
        position = self._begin_at(index)
        silence = max(0, index - position)
        overlap = max(0, position - index)
        skip = min(count, -(-overlap * rate_hz // RATE_HZ))  # rounded up
        self._silent(silence)
        if skip == count:
            self._run = None
            return Placement(silence, skip, restart=True, stretch=None)
        self._run = run = _Run(rate_hz, position + silence)
        stretch = run.take(count - skip, 0)
        self._end = run.position
        return Placement(silence, skip, restart=True, stretch=stretch)

    def fill(self, since_ns: int, until_ns: int) -> int:
        """Continue the track with silence up to ``until_ns``, beginning at ``since_ns`` where there is no track yet.

        Returns how many samples of silence that takes; 0 where the track already reaches so far.
        """
        position = self._begin_at(self.index(since_ns))
        missing = max(0, self.index(until_ns) - position)
        if missing:
            self._run = None
            self._silent(missing)
        return missing

    def pause(self) -> None:
        """Sound is no longer wanted: the next block begins a new track wherever it lies."""
        self._run = None
        self._paused = True

    def newest_sound(self, end: int) -> int | None:
        """The newest position up to ``end`` that follows real sound; None where all before it is silence filled in."""
        end = min(end, self._end)  # an encoder pads its last packet
        at = bisect_left(self._silences, (end, 0)) - 1
        if at >= 0 and end <= self._silences[at][1]:
            end = self._silences[at][0]
        return end if end > self.begin else None

    def silences(self, begin: int, end: int) -> tuple[tuple[int, int], ...]:
        """The stretches of filled silence within ``begin`` and ``end``, cut to these."""
        return tuple((max(a, begin), min(b, end)) for a, b in self._silences if a < end and b > begin)

    def forget(self, before: int) -> None:
        """No one will ask again about what lies before ``before``. The newest silence stays: it may go on."""
        self._silences = [(a, b) for a, b in self._silences if b > before] or self._silences[-1:]

    def _begin_at(self, index: int) -> int:
        if self._paused:
            self._end = self.begin = max(index, RUN_IN)
            self._paused = False
        return self._end

    def _silent(self, count: int) -> None:
        if count:
            begin, self._end = self._end, self._end + count
            if self._silences and self._silences[-1][1] == begin:
                begin = self._silences.pop()[0]
            self._silences.append((begin, self._end))
