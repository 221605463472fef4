"""Sound from before the press is in memory only, and never more of it than was asked for."""

import pytest

from recorder.capture.memory import SoundMemory
from tests.capture.scripted import S, block

BLOCK_NS = S // 50


@pytest.mark.parametrize("rate_hz", [16_000, 48_000, 192_000])
def test_no_more_is_kept_than_was_asked_for(rate_hz: int) -> None:
    """The newest ten seconds, however long it runs."""
    memory = SoundMemory(10 * S)
    for n in range(3_000):
        memory.keep(block(n * BLOCK_NS, rate_hz // 50, rate_hz))
    kept = memory.take()
    assert [one.captured_ns for one in kept] == [n * BLOCK_NS for n in range(2_500, 3_000)]
    assert memory.take() == []


def test_where_nothing_was_asked_for_nothing_is_kept() -> None:
    """Not even one block."""
    memory = SoundMemory(0)
    memory.keep(block(0))
    assert memory.take() == []


def test_what_is_older_is_forgotten_across_a_gap() -> None:
    """A microphone that was gone for a while leaves nothing from before it was."""
    memory = SoundMemory(S)
    memory.keep(block(0))
    memory.keep(block(5 * S))
    assert [one.captured_ns for one in memory.take()] == [5 * S]


def test_a_clock_that_stands_does_not_fill_the_memory() -> None:
    """A device that gives the same time for every block is bounded by how much it gives."""
    memory = SoundMemory(S)
    for _ in range(1_000):
        memory.keep(block(0))
    assert len(memory.take()) == 50
