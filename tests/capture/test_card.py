"""The card's thread: what is durable is never overstated, what fails is given up, and nobody waits for it."""

import errno
import threading
import time
from types import SimpleNamespace

import pytest

from recorder.capture import card
from recorder.capture.bounded import BoundedQueue
from recorder.capture.card import CardWriter
from recorder.capture.faults import Faults, back_off_s
from recorder.capture.ports import Durable, SegmentFacts
from recorder.errors import StoreError
from recorder.events import FaultCleared, FaultRaised
from tests.capture.cards import MemoryCard
from tests.capture.scripted import Inbox

FACTS = SegmentFacts(1, 2, 3, 4)


class Bench:
    """A card writer on a memory card."""

    def __init__(self, card: MemoryCard, queue_bytes: int = 10_000) -> None:
        self.card = card
        self.inbox = Inbox()
        self.lost: list[tuple[int, float]] = []
        self.ended = threading.Event()
        self.writer = CardWriter(
            card,
            Faults(self.inbox.post),
            on_lost=lambda number, after_s: self.lost.append((number, after_s)),
            on_end=self.ended.set,
            now_ns=lambda: 0,
            queue_bytes=queue_bytes,
        )

    def end(self) -> None:
        self.writer.end()
        assert self.ended.wait(10)
        self.writer.thread.join(10)


def test_a_segment_is_written_in_order_by_one_thread() -> None:
    bench = Bench(MemoryCard())
    bench.writer.begin(1, 7)
    assert bench.writer.write(1, b"one", Durable(1))
    assert bench.writer.write(1, b"two", Durable(2, 3))
    bench.writer.finish(1, "rotation", FACTS)
    bench.writer.start()
    bench.end()
    segment = bench.card.segments[1]
    assert (segment.first_ns, segment.data, segment.reason, segment.facts) == (7, b"onetwo", "rotation", FACTS)
    assert bench.writer.durable == Durable(2, 3)
    assert bench.card.threads == {"capture-card"}
    assert (bench.inbox.events, bench.lost) == ([], [])


def test_what_is_handed_over_together_is_synced_together() -> None:
    """Written first, all of it, then maintained; where much waits, a megabyte at a time."""
    did: list[str] = []
    bench = Bench(MemoryCard(lambda what, number: did.append(what)), queue_bytes=10 << 20)
    bench.writer.begin(1, 0)
    for number in range(3):
        assert bench.writer.write(1, b"data", Durable(number))
    for number in range(4):
        assert bench.writer.write(1, bytes(600_000), Durable(number))
    bench.writer.start()
    bench.end()
    assert did[:10] == ["begin", *["write"] * 5, "maintain", *["write"] * 2, "maintain"]
    assert set(did[10:]) <= {"maintain"}


def test_a_mark_counts_only_when_nothing_older_is_on_its_way() -> None:
    """While the old segment is open, the new one's marks wait: a power cut then would leave a hole behind them."""
    card = MemoryCard()
    bench = Bench(card)
    bench.writer.start()
    bench.writer.begin(1, 0)
    bench.writer.write(1, b"a", Durable(10, 5))
    bench.writer.begin(2, 0)
    bench.writer.write(2, b"b", Durable(20, None))
    assert card.wait(lambda: 2 in card.segments and card.segments[2].mark == Durable(20))
    rounds = []
    assert card.wait(lambda: rounds.append(1) or len(rounds) > 4)
    assert bench.writer.durable == Durable(10, 5)
    bench.writer.write(1, b"c", Durable(10, 15))
    bench.writer.finish(1, "rotation", FACTS)
    bench.writer.finish(2, "stop", FACTS)
    bench.end()
    assert bench.writer.durable == Durable(20, 15)


@pytest.mark.parametrize("what", ["begin", "write", "seal"])
@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (StoreError("The card is dead."), "card"),
        (OSError(errno.EIO, "Input/output error"), "card"),
        (OSError(errno.ENOSPC, "No space left on device"), "card-full"),
    ],
)
def test_a_segment_that_fails_is_given_up_and_the_next_one_clears_the_fault(
    what: str, error: OSError, fault: str
) -> None:
    def fail(action: str, number: int) -> None:
        if (action, number) == (what, 1):
            raise error

    bench = Bench(MemoryCard(fail))
    for number in (1, 2):
        bench.writer.begin(number, 0)
        bench.writer.write(number, b"data", Durable(number))
        bench.writer.finish(number, "rotation", FACTS)
    bench.writer.start()
    bench.end()
    assert bench.lost == [(1, back_off_s(1))]
    assert bench.inbox.events == [FaultRaised(fault), FaultCleared(fault)]
    assert bench.card.segments[2].reason == "rotation"
    assert bench.writer.durable == Durable(2)


def test_a_segment_that_fails_between_two_writes_is_given_up_too() -> None:
    """Syncing is where a dying card shows first. What still comes for that segment is dropped with it."""

    def fail(action: str, number: int) -> None:
        if action == "maintain":
            raise StoreError("The card is dead.")

    bench = Bench(MemoryCard(fail))
    bench.writer.begin(1, 0)
    bench.writer.write(1, b"data", Durable(1))
    bench.writer.start()
    assert bench.inbox.wait(FaultRaised("card"))
    bench.writer.write(1, b"more", Durable(2))
    bench.writer.finish(1, "rotation", FACTS)
    bench.end()
    assert bench.lost == [(1, back_off_s(1))]
    assert (bench.card.segments[1].reason, bench.writer.durable) == (None, Durable())


def test_a_full_card_behind_a_store_error_is_known_as_full() -> None:
    """The vault says what it could not do, and keeps the reason as the cause."""

    def fail(action: str, number: int) -> None:
        raise StoreError("The segment cannot be written.") from OSError(errno.ENOSPC, "No space left on device")

    bench = Bench(MemoryCard(fail))
    bench.writer.begin(1, 0)
    bench.writer.start()
    bench.end()
    assert bench.inbox.events == [FaultRaised("card-full")]


def test_failures_in_a_row_wait_longer_each_time() -> None:
    def fail(action: str, number: int) -> None:
        raise StoreError("The card is dead.")

    bench = Bench(MemoryCard(fail))
    for number in range(1, 8):
        bench.writer.begin(number, 0)
    bench.writer.start()
    bench.end()
    assert bench.lost == [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (6, 10.0), (7, 10.0)]
    assert bench.inbox.events == [FaultRaised("card")], "told once, however often it is seen"


def test_a_full_queue_refuses_without_waiting_and_takes_words_of_command() -> None:
    bench = Bench(MemoryCard(), queue_bytes=100)
    bench.writer.begin(1, 0)
    assert bench.writer.write(1, b"x" * 60, Durable(1))
    assert not bench.writer.half_drained
    assert not bench.writer.write(1, b"x" * 60, Durable(2))
    bench.writer.finish(1, "fault", FACTS)
    bench.writer.start()
    bench.end()
    assert bench.writer.half_drained
    assert (bench.card.segments[1].data, bench.writer.durable) == (b"x" * 60, Durable(1))


def test_waiting_for_the_card_is_a_beat_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that stalls for a minute is a declared fault; one that never answers must end the process."""
    stalled, release = threading.Event(), threading.Event()

    def stall(action: str, number: int) -> None:
        stalled.set()
        release.wait(10)

    bench = Bench(MemoryCard(stall))
    bench.writer.begin(1, 0)
    bench.writer.start()
    assert stalled.wait(5)
    assert not bench.writer.stalled
    now_s = time.monotonic()
    for waited_s, is_stalled, age_s in ((1.0, False, 0.0), (60.0, True, 0.0), (150.0, True, 30.0)):
        monkeypatch.setattr(card, "time", SimpleNamespace(monotonic=lambda at_s=now_s + waited_s: at_s))
        assert bench.writer.stalled is is_stalled
        assert abs(now_s + waited_s - bench.writer.beat_s - age_s) < 0.5
    monkeypatch.undo()
    release.set()
    bench.end()
    assert not bench.writer.stalled


def test_the_queue_is_first_in_first_out_and_counts_its_bytes() -> None:
    queue: BoundedQueue[str] = BoundedQueue(10)
    assert [queue.put("a", 6), queue.put("b", 6), queue.put("c", 4), queue.put("d"), queue.put("e", 1)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert queue.waiting_bytes == 10
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == ["a", "c", "d", None]
    assert queue.waiting_bytes == 0


def test_whoever_waits_for_the_queue_is_woken_by_what_rings_and_finds_what_did_not() -> None:
    queue: BoundedQueue[str] = BoundedQueue(10)
    got: list[str | None] = []

    def wait() -> None:
        queue.wait(30)
        got.extend([queue.take(), queue.take(), queue.take()])

    waiting = threading.Thread(target=wait)
    waiting.start()
    queue.put("a", 1, ring=False)
    waiting.join(0.2)
    assert waiting.is_alive()
    queue.put("b", 1)
    waiting.join(10)
    assert got == ["a", "b", None]


def test_a_bell_that_rang_before_anybody_waited_is_heard_once() -> None:
    queue: BoundedQueue[str] = BoundedQueue(10)
    queue.put("a")
    queue.put("b")
    began_s = time.monotonic()
    queue.wait(30)
    assert time.monotonic() - began_s < 15
    queue.wait(0.01)
    assert time.monotonic() - began_s >= 0.01
    assert [queue.take(), queue.take()] == ["a", "b"]
