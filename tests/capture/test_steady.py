"""Sound's times: jitter is taken out, a clock that is off is followed, what is missing is found."""

import random
from itertools import cycle, pairwise

import pytest

from recorder.capture.steady import Measured, SteadyClock

MS = 1_000_000
RATE_HZ = 48_000
COUNT = 960
BLOCK_NS = 20 * MS
BEGAN_NS = 400 * 86_400 * 10**9  # the recorder was switched on more than a year ago
LATER_NS = 2 * BEGAN_NS


class Device:
    """A device that is wrong about its delay by up to ``jitter_ms``.

    ``late_ms``: how long after its end a block comes, in turn. ``errors_ms``: how far blocks are placed off.
    """

    def __init__(self, off_ppm: float = 0.0, jitter_ms: float = 0.0, *late_ms: float) -> None:
        self.clock = SteadyClock(RATE_HZ)
        self.block_ns = BLOCK_NS / (1 + off_ppm * 1e-6)
        self.jitter_ms, self.late_ms = jitter_ms, cycle(late_ms or (100.0,))
        self.at_ns = 0.0
        self.waiting: list[float] = []
        self.errors_ms: list[float] = []
        self.placed_ns: list[int] = []
        self._wrong = random.Random(1)

    def play(self, blocks: int, wrong_ms: float = 0.0, seam: bool = False) -> list[float]:
        """How far blocks were placed from the truth meanwhile (ms). ``wrong_ms``: the driver's error besides."""
        before = len(self.errors_ms)
        for _ in range(blocks):
            measured_ms = wrong_ms + self._wrong.uniform(-self.jitter_ms, self.jitter_ms)
            latest_ns = BEGAN_NS + round(self.at_ns + next(self.late_ms) * MS)
            began_ns = min(latest_ns, BEGAN_NS + round(self.at_ns + measured_ms * MS))
            self.waiting.append(self.at_ns)
            self._place(self.clock.place(Measured(began_ns, COUNT, latest_ns, seam)))
            self.at_ns += self.block_ns
        return self.errors_ms[before:]

    def lose(self, blocks: float) -> None:
        """So many blocks are captured by nobody."""
        self.at_ns += blocks * self.block_ns

    def close(self) -> None:
        self._place(self.clock.rest())

    def _place(self, known_ns: tuple[int, ...]) -> None:
        for placed_ns in known_ns:
            self.placed_ns.append(placed_ns)
            self.errors_ms.append((placed_ns - BEGAN_NS - self.waiting.pop(0)) / MS)


def test_a_perfect_device_is_believed() -> None:
    """Nothing is moved by more than rounding, however long the recorder has been on."""
    assert max(map(abs, Device().play(500))) < 0.001


@pytest.mark.parametrize("off_ppm", [0.0, 500.0, -500.0])
def test_jitter_is_taken_out_of_a_clock_that_is_off(off_ppm: float) -> None:
    """Twenty milliseconds of it, to within three; and how much the clock is off becomes known."""
    device = Device(off_ppm, jitter_ms=20.0)
    assert max(map(abs, device.play(1_000))) < 8.0
    assert max(map(abs, device.play(5_000))) < 3.0
    assert device.clock.off_ppm == pytest.approx(off_ppm, abs=25.0)


def test_blocks_follow_each_other() -> None:
    """No step from block to block that could be heard or would be taken for a gap, however wrong the driver is."""
    device = Device(jitter_ms=20.0)
    device.play(3_000)
    steps_ns = [after - before - BLOCK_NS for before, after in pairwise(device.placed_ns)]
    assert max(map(abs, steps_ns)) < MS


def test_what_is_missing_is_found_at_its_place() -> None:
    """Blocks wait until it is clear what has happened; then none of them is placed where it was not."""
    device = Device(jitter_ms=5.0)
    device.play(500)
    for lost in (1, 2, 50):
        device.lose(lost)
        assert max(map(abs, device.play(100))) < 4.0
    assert device.waiting == []


def test_a_second_loss_beside_the_first_is_found_too() -> None:
    """The blocks between the two say how long each was."""
    device = Device(jitter_ms=15.0)
    device.play(500)
    device.lose(5)
    device.play(14)
    device.lose(3)
    assert max(map(abs, device.play(100)[14:])) < 8.0


def test_what_the_driver_knows_of_is_believed_however_short() -> None:
    """It says that samples are missing, not how many: a few milliseconds are found that jitter would have hidden."""
    device = Device(jitter_ms=2.0)
    device.play(500)
    device.lose(0.4)
    device.play(1, seam=True)
    assert max(map(abs, device.play(50))) < 2.0
    device.lose(0.4)
    device.play(1, seam=True)
    device.lose(0.4)
    device.play(1, seam=True)
    assert max(map(abs, device.play(50)[20:])) < 3.0


def test_a_loss_too_short_to_be_told_from_jitter_is_evened_out() -> None:
    """Within a minute or two, and meanwhile the sound is no further from its time than the loss was long."""
    device = Device(jitter_ms=5.0)
    device.play(2_000)
    device.lose(0.6)
    errors_ms = device.play(6_000)
    assert min(errors_ms) > -14.0
    assert max(map(abs, errors_ms[-500:])) < 3.0


@pytest.mark.parametrize("wrong_ms", [-3_600_000.0, -500.0, 60.0, 99.0])
def test_a_single_wrong_time_moves_nothing(wrong_ms: float) -> None:
    """As where the clock was set that the driver counts by, between its two readings."""
    device = Device(jitter_ms=1.0)
    device.play(500)
    errors_ms = device.play(1, wrong_ms) + device.play(100)
    assert max(map(abs, errors_ms)) < 1.0


def test_no_sample_was_captured_after_it_came() -> None:
    """A driver that always claims it is not believed, but for a millisecond: the quickest of its blocks says more."""
    device = Device(0.0, 1.0, 1.0, 30.0, 15.0)
    errors_ms = device.play(3_000, wrong_ms=18.0)
    assert 0.9 < min(errors_ms) <= max(errors_ms) < 2.5
    assert abs(device.clock.off_ppm) < 10.0


def test_a_seam_is_no_later_than_what_came() -> None:
    """Where the driver is wrong about its delay by so much, for seconds, nothing is missing."""
    device = Device(0.0, 1.0, 3.0)
    device.play(500)
    assert max(device.play(100, wrong_ms=40.0)) <= 3.0


def test_at_the_end_what_waits_is_placed() -> None:
    """A device that is closed, or torn out, while it is not clear yet what has happened."""
    device = Device()
    device.close()
    device.play(5)
    assert device.errors_ms == []
    device.close()
    assert device.errors_ms == pytest.approx([0.0] * 5, abs=0.001)
