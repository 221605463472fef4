"""Sound's times: jitter is taken out, a clock that is off is followed, a seam stays a seam."""

import random
from itertools import pairwise

import pytest

from recorder.capture.steady import SteadyClock

MS = 1_000_000
RATE_HZ = 48_000
COUNT = 960
BEGAN_NS = 5_000_000_000_000
LATER_NS = 2 * BEGAN_NS


def played(
    clock: SteadyClock, seconds: float, off_ppm: float, jitter_ms: float, from_ns: int = BEGAN_NS
) -> list[float]:
    """How far each block is placed from the truth (ms), for a device whose driver is wrong by up to so much."""
    wrong = random.Random(1)
    errors = []
    for index in range(round(seconds * RATE_HZ / COUNT)):
        true_ns = from_ns + index * COUNT * 1_000_000_000 / (RATE_HZ * (1 + off_ppm * 1e-6))
        measured_ns = round(true_ns + wrong.uniform(-jitter_ms, jitter_ms) * MS)
        errors.append((clock.place(measured_ns, COUNT, LATER_NS) - true_ns) / MS)
    return errors


def test_a_perfect_device_is_believed() -> None:
    """Nothing is moved by more than rounding."""
    assert max(map(abs, played(SteadyClock(RATE_HZ), 10.0, 0.0, 0.0))) < 0.001


@pytest.mark.parametrize("off_ppm", [0.0, 500.0, -500.0])
def test_jitter_is_taken_out_of_a_clock_that_is_off(off_ppm: float) -> None:
    """Twenty milliseconds of it, to within four; and how much the clock is off becomes known."""
    clock = SteadyClock(RATE_HZ)
    errors = played(clock, 120.0, off_ppm, 20.0)
    assert max(map(abs, errors[1_000:])) < 4.0
    assert clock.off_ppm == pytest.approx(off_ppm, abs=250.0)


def test_blocks_follow_each_other() -> None:
    """No step from block to block that could be heard or would be taken for a gap, however wrong the driver is."""
    errors = played(SteadyClock(RATE_HZ), 60.0, 0.0, 20.0)
    assert max(abs(after - before) for before, after in pairwise(errors)) < 0.5


def test_a_gap_stays_a_gap() -> None:
    """What comes a tenth of a second late is placed there at once; so is what is said to follow lost samples."""
    clock = SteadyClock(RATE_HZ)
    played(clock, 10.0, 0.0, 0.0)
    resumed_ns = BEGAN_NS + 10_100 * MS
    assert clock.place(resumed_ns, COUNT, LATER_NS) == resumed_ns
    assert clock.place(resumed_ns + 35 * MS, COUNT, LATER_NS, seam=True) == resumed_ns + 35 * MS
    assert clock.place(resumed_ns + 56 * MS, COUNT, LATER_NS) == resumed_ns + 55 * MS


def test_no_sample_was_captured_after_it_came() -> None:
    """Whatever the driver says, and whatever was expected: a block that is there was captured before."""
    clock = SteadyClock(RATE_HZ)
    clock.place(BEGAN_NS, COUNT, LATER_NS)
    assert clock.place(BEGAN_NS + 20 * MS, COUNT, BEGAN_NS + 12 * MS) == BEGAN_NS + 12 * MS
