"""A card in memory, for tests of capture: what it was given, and a brake to make it slow or dead."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from recorder.capture.ports import Durable, SegmentFacts


@dataclass
class MemorySegment:
    """One segment; what is written is durable at the next maintenance."""

    card: "MemoryCard"
    number: int
    first_ns: int
    data: bytearray = field(default_factory=bytearray)
    mark: Durable = field(default_factory=Durable)
    reason: str | None = None
    facts: SegmentFacts | None = None

    def write(self, data: bytes, mark: Durable) -> None:
        self.card.act("write", self.number)
        self.data += data
        self.mark = mark

    def maintain(self, now_ns: int) -> Durable | None:
        self.card.act("maintain", self.number)
        return self.mark

    def seal(self, reason: str, facts: SegmentFacts) -> Durable:
        self.card.act("seal", self.number)
        self.reason, self.facts = reason, facts
        return self.mark


class MemoryCard:
    """Keeps segments by number. ``before``: called with (what, number) first; may block or raise."""

    def __init__(self, before: Callable[[str, int], None] = lambda what, number: None) -> None:
        self.segments: dict[int, MemorySegment] = {}
        self.before = before
        self.threads: set[str] = set()

    def __call__(self, number: int, first_captured_ns: int) -> MemorySegment:
        self.act("begin", number)
        assert number not in self.segments
        segment = self.segments[number] = MemorySegment(self, number, first_captured_ns)
        return segment

    def act(self, what: str, number: int) -> None:
        self.threads.add(threading.current_thread().name)
        self.before(what, number)

    @property
    def sealed(self) -> list[MemorySegment]:
        return [segment for segment in self.segments.values() if segment.reason is not None]
