"""Where on the journey's timeline each sample belongs. PURE.

A microphone's clock is its samples: they are counted, and their count is compared with the time each block claims to
have been captured at. The sound track has no holes once it has begun, for players and decoders mend holes badly:
what is missing is filled with silence, what overlaps is cut off, and both are remembered, so that filled silence
can be logged and is never taken for sound. Positions are samples at 48 kHz since the journey's origin.
"""

from bisect import bisect_left
from dataclasses import dataclass

RATE_HZ = 48_000
NS_PER_S = 1_000_000_000
RUN_IN = 1_024  # samples an AAC encoder puts before the first; a timeline has no room for them below zero
TOLERANCE_NS = 10_000_000  # half of the 20 ms picture and sound may be apart


@dataclass(frozen=True, slots=True)
class Placement:
    """How a block joins the timeline.

    First come ``silence`` samples at 48 kHz, then the block without its first ``skip`` samples (at its own rate).
    ``restart``: the block does not continue the one before it, so no filter may run across the seam.
    """

    silence: int
    skip: int
    restart: bool


@dataclass(slots=True)
class _Run:
    """Blocks that follow each other without a seam: where the first sample lies, and how many came since."""

    began_ns: int
    rate_hz: int
    position: int
    count: int = 0

    @property
    def due_ns(self) -> int:
        """When the next sample is expected to have been captured."""
        return self.began_ns + self.count * NS_PER_S // self.rate_hz

    @property
    def end(self) -> int:
        """The position after the last sample so far."""
        return self.position + rescale(self.count, self.rate_hz)


def rescale(count: int, rate_hz: int) -> int:
    """How many samples at 48 kHz last as long as ``count`` at ``rate_hz``, to the nearest."""
    return (2 * count * RATE_HZ + rate_hz) // (2 * rate_hz)


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
        if run is not None and run.rate_hz == rate_hz and abs(captured_ns - run.due_ns) <= TOLERANCE_NS:
            run.count += count
            self._end = run.end
            return Placement(0, 0, restart=False)
        index = self.index(captured_ns)
        position = self._begin_at(index)
        silence = max(0, index - position)
        overlap = max(0, position - index)
        skip = min(count, -(-overlap * rate_hz // RATE_HZ))  # rounded up
        self._silent(silence)
        if skip == count:
            self._run = None
        else:
            self._run = _Run(captured_ns + skip * NS_PER_S // rate_hz, rate_hz, position + silence, count - skip)
            self._end = self._run.end
        return Placement(silence, skip, restart=True)

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
