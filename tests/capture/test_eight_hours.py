"""Eight hours of a microphone in seconds: its samples' way from PortAudio's clock to the journey's timeline, simulated.

The driver's clock counts from the boot or from 1970 (PortAudio issue 559) and is set meanwhile; the card's clock runs
500 ppm off, and otherwise as it grows warm; blocks come late and in bursts, the driver is wrong about its delay as
PulseAudio is, and for an hour by as much as 20 ms; now and then blocks are lost, and nobody says so.
"""

import math
import random
from dataclasses import dataclass, field

import pytest

from recorder.capture.clocks import NS_PER_S, ONE, RATE_HZ, SoundClock
from recorder.capture.portaudio import delay_of_first_ns
from recorder.capture.steady import Measured, SteadyClock

MS = 1_000_000
HOURS = 8
COUNT = 3_840  # samples in a block: 80 ms; so much less to compute than 20
BLOCKS = HOURS * 3_600 * RATE_HZ // COUNT
HOUR = BLOCKS // HOURS
BOOTED_NS = 400 * 86_400 * NS_PER_S  # so long ago
EPOCHS_S = {"monotonic": 0.0, "realtime": 1.8e9}  # what the driver's clock showed at boot
FIRST = 125  # blocks that the clock's rate takes to be known: ten seconds


@dataclass
class Card:
    """A sound card, and what its driver says; ``truth_ns``: when each block that was heard began."""

    off_ppm: float
    epoch_s: float
    random: random.Random
    at_ns: float = 0.0
    free_ns: float = 0.0  # when the one before was handed over
    set_s: float = 0.0  # how far the wall clock has been set since the boot
    rough: bool = False

    def hear(self, index: int) -> tuple[float, Measured]:
        """When the next block began, and what its driver says of it."""
        warm_ppm = 60 * math.sin(4 * math.pi * index / BLOCKS)  # twice to and fro, up to 0.03 ppm a second
        began_ns = self.at_ns
        self.at_ns += COUNT * 1e9 / RATE_HZ / (1 + (self.off_ppm + warm_ppm) * 1e-6)
        self.free_ns = came_ns = max(self.free_ns, self.at_ns + self.random.expovariate(1 / (4 * MS)))
        if self.random.random() < 2e-4:
            self.free_ns += 300 * MS  # Python was busy elsewhere: the next ones come in a burst
        wrong_ms = self.random.uniform(-20, 20) if self.rough else self.random.choice((-6.0, 0.5, 3.0, 6.0))
        adc_s = self._shows_s(began_ns + wrong_ms * MS)
        if self.random.random() < 2e-4:
            self.set_s += self.random.choice((-3_600.0, -0.7, 0.3, 40.0))  # between the two readings
        now_ns = BOOTED_NS + round(came_ns)
        delay_ns = delay_of_first_ns(self._shows_s(came_ns), adc_s, COUNT, RATE_HZ)
        return began_ns, Measured(now_ns - delay_ns, COUNT, now_ns - COUNT * NS_PER_S // RATE_HZ)

    def _shows_s(self, at_ns: float) -> float:
        return self.epoch_s + (BOOTED_NS + at_ns) / 1e9 + (self.set_s if self.epoch_s else 0.0)


@dataclass
class Journey:
    """Where the samples of a card are placed, beside where they belong. Offsets in ms, losses as (block, ms)."""

    steady: SteadyClock = field(default_factory=lambda: SteadyClock(RATE_HZ))
    sound: SoundClock = field(default_factory=lambda: SoundClock(BOOTED_NS - NS_PER_S))
    waiting: list[tuple[int, float]] = field(default_factory=list)
    offsets_ms: list[float] = field(default_factory=list)
    gaps: list[tuple[int, float]] = field(default_factory=list)
    cut: int = 0

    def hear(self, index: int, began_ns: float, measured: Measured) -> None:
        self.waiting.append((index, began_ns))
        for placed_ns in self.steady.place(measured):
            self._place(*self.waiting.pop(0), placed_ns)

    def _place(self, index: int, began_ns: float, placed_ns: int) -> None:
        end = self.sound.position
        placement = self.sound.place(placed_ns, COUNT, RATE_HZ)
        self.cut += placement.skip
        if placement.silence:
            self.gaps.append((index, placement.silence * 1e3 / RATE_HZ))
        stretch = placement.stretch
        assert stretch is not None
        assert self.sound.position is not None
        first = self.sound.position - stretch.count
        assert first == (first if end is None else end + placement.silence), "neither overlap nor hole"
        at_ns = self.sound.moment_ns(first) - stretch.at * NS_PER_S / (RATE_HZ * ONE)
        self.offsets_ms.append((at_ns - BOOTED_NS - began_ns) / MS)


@pytest.mark.parametrize(("off_ppm", "epoch"), [(500.0, "monotonic"), (-500.0, "realtime")])
def test_eight_hours(off_ppm: float, epoch: str) -> None:
    """Offset within 20 ms throughout; every loss found at its block, to a few ms; no other gap, no overlap."""
    chance = random.Random(5)
    card, journey = Card(off_ppm, EPOCHS_S[epoch], chance), Journey()
    lost: list[tuple[int, float]] = []
    for index in range(BLOCKS):
        card.rough = 3 * HOUR <= index < 4 * HOUR
        if index > FIRST and chance.random() < 2e-4:
            blocks = chance.randint(1, 25)
            lost.append((index, blocks * COUNT * 1e3 / RATE_HZ))
            card.at_ns += blocks * COUNT * 1e9 / RATE_HZ
        journey.hear(index, *card.hear(index))
    wrong_ms = [found - true for (_, found), (_, true) in zip(journey.gaps, lost, strict=True)]
    print(
        f"{off_ppm:+g} ppm, {epoch}: offset {min(journey.offsets_ms):+.1f} to {max(journey.offsets_ms):+.1f} ms, after "
        f"the first ten seconds {min(journey.offsets_ms[FIRST:]):+.1f} to {max(journey.offsets_ms[FIRST:]):+.1f} ms; "
        f"{len(lost)} losses found, {min(wrong_ms):+.1f} to {max(wrong_ms):+.1f} ms wrong about their length"
    )
    assert [index for index, _ in journey.gaps] == [index for index, _ in lost]
    assert max(map(abs, journey.offsets_ms)) < 12.0
    assert max(map(abs, wrong_ms)) < 12.0
    assert journey.cut == 0
    assert len(lost) > 40
    if epoch == "realtime":
        assert card.set_s != 0.0
