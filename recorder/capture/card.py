"""The card-writer thread: the only caller of a segment on the card.

The mux thread hands over finished values and never waits; seconds of a slow card are absorbed by the queue. A mark
counts as durable only when nothing older is still on its way: while the segment before it is open, marks of the
next one wait, so that a power cut can cost the newest moments but never leaves a hole behind a promise.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from recorder.capture.bounded import BoundedQueue
from recorder.capture.faults import Faults, back_off_s
from recorder.capture.ports import Durable, SegmentFactory, SegmentFacts, SegmentSink
from recorder.errors import RecorderError

QUEUE_BYTES = 64 * 1024 * 1024  # two minutes at 4 Mb/s
STALLED_AFTER_S = 2.0  # a card that takes longer for one thing is a fault
STUCK_AFTER_S = 120.0  # and after this one that only a new start can mend
_TOGETHER_BYTES = 1 << 20  # written between two syncs at most, where more waits
_ROUND_S = 0.5  # a sink wants to be maintained twice a second at least; what is handed over comes more often


@dataclass(frozen=True, slots=True)
class _Begin:
    number: int
    first_ns: int


@dataclass(frozen=True, slots=True)
class _Write:
    number: int
    data: bytes
    mark: Durable


@dataclass(frozen=True, slots=True)
class _Finish:
    number: int
    reason: str
    facts: SegmentFacts


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing follows."""


_Job = _Begin | _Write | _Finish | _End


class CardWriter:
    """Writes segments in the order they are handed over, on a thread of its own."""

    def __init__(
        self,
        segments: SegmentFactory,
        faults: Faults,
        *,
        on_lost: Callable[[int, float], None],
        on_end: Callable[[], None],
        now_ns: Callable[[], int],
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """``on_lost(number, retry_after_s)``: a segment failed. ``on_end``: all is sealed. Both on this thread."""
        self._segments, self._faults = segments, faults
        self._on_lost, self._on_end = on_lost, on_end
        self._now_ns = now_ns
        self._queue: BoundedQueue[_Job] = BoundedQueue(queue_bytes)
        self._open: dict[int, SegmentSink] = {}  # oldest first
        self._waiting_marks: dict[int, Durable] = {}
        self._failures = 0
        self._handed_over = False  # and not yet told
        self._round_s = time.monotonic()
        self._waiting_since_s: float | None = None  # for the card
        self.thread = threading.Thread(target=self._run, name="capture-card", daemon=True)
        self.durable = Durable()
        self.working = False  # the thread was started and has not done its work

    # What the mux thread calls. Nothing here waits.

    def start(self) -> None:
        """Start the thread."""
        self.working = True
        self.thread.start()

    def begin(self, number: int, first_ns: int) -> None:
        """The next segment begins; nothing captured before ``first_ns`` (boottime) will be in it."""
        self._queue.put(_Begin(number, first_ns))

    def write(self, number: int, data: bytes, mark: Durable) -> bool:
        """Append to a segment; False, and nothing taken, where too much waits already. Takes effect by :meth:`go`."""
        self._handed_over = True
        return self._queue.put(_Write(number, data, mark), len(data), ring=False)

    def go(self) -> None:
        """What was written may be taken now: a thread that is woken earlier only waits for the one that woke it."""
        if self._handed_over:
            self._handed_over = False
            self._queue.ring()

    def finish(self, number: int, reason: str, facts: SegmentFacts) -> None:
        """Seal a segment."""
        self._queue.put(_Finish(number, reason, facts))

    def end(self) -> None:
        """Nothing follows: work off what waits, then end."""
        self._queue.put(_End())

    @property
    def half_drained(self) -> bool:
        """Whether at least half of the queue is free."""
        return self._queue.waiting_bytes * 2 <= self._queue.limit_bytes

    @property
    def stalled(self) -> bool:
        """Whether the card keeps the thread waiting: a fault to declare."""
        since_s = self._waiting_since_s
        return since_s is not None and time.monotonic() - since_s > STALLED_AFTER_S

    @property
    def beat_s(self) -> float:
        """When the thread last went round (monotonic). Waiting for the card counts, but not for ever."""
        since_s = self._waiting_since_s
        return self._round_s if since_s is None else min(time.monotonic(), since_s + STUCK_AFTER_S)

    # What runs on the thread.

    def _run(self) -> None:
        while not isinstance(job := self._work_off(), _End):
            if job is None:
                self._queue.wait(_ROUND_S)
        self.working = False
        self._on_end()

    def _work_off(self) -> _Job | None:
        """Do what waits, a megabyte at most, then sync it together; the last job, None where nothing more waits."""
        written_bytes = 0
        while (job := self._queue.take()) is not None and not isinstance(job, _End):
            self._begin_waiting()
            self._carry_out(job)
            written_bytes += len(job.data) if isinstance(job, _Write) else 0
            if written_bytes >= _TOGETHER_BYTES:
                break
        self._begin_waiting()
        self._maintain()
        self._waiting_since_s = None
        return job

    def _begin_waiting(self) -> None:
        self._round_s = self._waiting_since_s = time.monotonic()

    def _carry_out(self, job: _Begin | _Write | _Finish) -> None:
        """Do one job; what belongs to a segment that was lost is lost with it."""
        try:
            if isinstance(job, _Begin):
                self._open[job.number] = self._segments(job.number, job.first_ns)
            elif job.number not in self._open:
                return
            elif isinstance(job, _Write):
                self._open[job.number].write(job.data, job.mark)
            else:
                self._durable_until(job.number, self._open[job.number].seal(job.reason, job.facts))
                self._close(job.number)
        except (OSError, RecorderError) as error:
            self._lost(job.number, error)

    def _maintain(self) -> None:
        for number, sink in tuple(self._open.items()):
            try:
                mark = sink.maintain(self._now_ns())
            except (OSError, RecorderError) as error:
                self._lost(number, error)
            else:
                if mark is not None:
                    self._durable_until(number, mark)

    def _durable_until(self, number: int, mark: Durable) -> None:
        """``mark`` of segment ``number`` is on the card; it counts once no older segment is open."""
        if number != next(iter(self._open)):
            self._waiting_marks[number] = mark
            return
        newest = Durable(_newest(self.durable.video_ns, mark.video_ns), _newest(self.durable.audio_ns, mark.audio_ns))
        if newest != self.durable:
            self.durable = newest
            self._failures = 0
            self._faults.end("card")
            self._faults.end("card-full")

    def _close(self, number: int) -> None:
        """Segment ``number`` is no longer open: what waited behind it counts now."""
        del self._open[number]
        if self._open:
            oldest = next(iter(self._open))
            if (mark := self._waiting_marks.pop(oldest, None)) is not None:
                self._durable_until(oldest, mark)

    def _lost(self, number: int, error: OSError | RecorderError) -> None:
        """Give segment ``number`` up; what reached the card is found at the next start."""
        self._failures += 1
        self._faults.begin("card-full" if _is_full(error) else "card", f"segment {number}: {error}")
        if number in self._open:
            self._close(number)
        self._waiting_marks.pop(number, None)
        self._on_lost(number, back_off_s(self._failures))


def _newest(one: int | None, other: int | None) -> int | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _is_full(error: BaseException | None) -> bool:
    """Whether ``error``, or what it was made from, is a full card."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return True
        error = error.__cause__
    return False
