"""A card in memory, for tests of capture: what it was given, and a brake to make it slow or dead."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from recorder.capture.ports import Durable, SegmentFacts


@dataclass
class MemorySegment:
    """One segment; what is written is durable at the next maintenance."""

    card: "MemoryCard"
    number: int
    first_ns: int
    data: bytes = b""
    mark: Durable = field(default_factory=Durable)
    reason: str | None = None
    facts: SegmentFacts | None = None

    def write(self, data: bytes, mark: Durable) -> None:
        with self.card.acting("write", self.number):
            if self.card.keeps:
                self.data += data
            self.mark = mark

    def maintain(self, now_ns: int) -> Durable | None:
        with self.card.acting("maintain", self.number):
            return self.mark

    def seal(self, reason: str, facts: SegmentFacts) -> Durable:
        with self.card.acting("seal", self.number):
            self.reason, self.facts = reason, facts
            return self.mark


class MemoryCard:
    """Keeps segments by number. ``before(what, number)`` is called first, and may block or raise.

    ``keeps``: what is in them, too.
    """

    def __init__(self, before: Callable[[str, int], None] = lambda what, number: None, *, keeps: bool = True) -> None:
        self.segments: dict[int, MemorySegment] = {}
        self.threads: set[str] = set()
        self._before, self.keeps = before, keeps
        self._changed = threading.Condition()

    def __call__(self, number: int, first_captured_ns: int) -> MemorySegment:
        with self.acting("begin", number):
            assert number not in self.segments
            segment = self.segments[number] = MemorySegment(self, number, first_captured_ns)
            return segment

    @contextmanager
    def acting(self, what: str, number: int) -> Iterator[None]:
        """What every call goes through: the brake first, then the lock that tests wait on."""
        self.threads.add(threading.current_thread().name)
        self._before(what, number)
        with self._changed:
            yield
            self._changed.notify_all()

    def wait(self, ready: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Wait until ``ready``; looked at after each call."""
        with self._changed:
            return self._changed.wait_for(ready, timeout_s)

    @property
    def frames(self) -> int:
        """Of all sealed segments."""
        return sum(segment.facts.video_frames for segment in self.segments.values() if segment.facts)
