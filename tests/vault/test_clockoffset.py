"""How far the clock was off is what a better clock said in the same start, before or after; else nobody knows."""

from collections.abc import Sequence

import pytest

from recorder.timekeeping import ClockQuality, iso_utc
from recorder.vault import words
from recorder.vault.clockoffset import MeasuredClock, measure
from recorder.vault.entries import GENESIS, Entry
from tests.vault.kit import FakeClock


def entry(clock: FakeClock, event: str = words.CONSENT) -> Entry:
    now = clock.now()
    return Entry(1, iso_utc(now.utc_ns), now.quality, now.boot_id, now.boottime_ns, event, {}, GENESIS, "")


def measured(journey: Sequence[Entry], ledger: Sequence[Entry] = ()) -> tuple[MeasuredClock, ...]:
    """As both lie in their files, with a line in each that nobody can read."""
    return measure(*(b"".join(entry.line + b"\n" for entry in entries) + b"boot-1\n" for entries in (journey, ledger)))


def log(clock: FakeClock, count: int = 3) -> list[Entry]:
    entries = []
    for _ in range(count):
        clock.advance(10)
        entries.append(entry(clock))
    return entries


@pytest.mark.parametrize("step_s", [0.0, 12.5, -3600.0])
def test_a_clock_that_is_put_right_later(step_s: float) -> None:
    """Its times before were off by the step; that the ledger alone knows it makes no difference."""
    clock = FakeClock()
    clock.set_wall(0, "unproven")
    journey = log(clock)
    clock.set_wall(-step_s, "synchronised")
    ledger = [entry(clock, words.CLOCK_KNOWN)]
    assert measured(journey, ledger) == (MeasuredClock("boot-1", "synchronised", (step_s, step_s)),)


def test_a_clock_that_is_set_during_the_journey() -> None:
    """Least and most."""
    clock = FakeClock()
    clock.set_wall(5, "unproven")
    journey = log(clock)
    clock.set_wall(-5, "synchronised")
    journey += log(clock)
    assert measured(journey) == (MeasuredClock("boot-1", "synchronised", (0.0, 5.0)),)


@pytest.mark.parametrize("quality", ["rtc", "unproven"])
def test_what_was_never_synchronised(quality: ClockQuality) -> None:
    """The chip is what there is to measure by; without one there is nothing, and no number."""
    clock = FakeClock()
    clock.set_wall(0, quality)
    ahead = None if quality == "unproven" else (0.0, 0.0)
    assert measured(log(clock)) == (MeasuredClock("boot-1", quality, ahead),)


def test_synchronised_time_counts_more_than_a_chip_that_speaks_later() -> None:
    """As everywhere in the vault."""
    clock = FakeClock()
    journey = log(clock)
    clock.set_wall(7, "rtc")
    journey += log(clock)
    assert measured(journey) == (MeasuredClock("boot-1", "synchronised", (0.0, 7.0)),)


def test_each_start_for_itself_and_only_those_of_the_recording() -> None:
    """A journey that went on after a power cut has two; a hold of the next day, none."""
    clock = FakeClock()
    journey = log(clock)
    clock.reboot("boot-2", quality="unproven")
    journey += log(clock)
    clock.reboot("boot-3")
    journey.append(entry(clock, words.HOLD))
    assert [one.data for one in measured(journey)] == [
        {"boot_id": "boot-1", "by": "synchronised", "ahead_s": [0.0, 0.0]},
        {"boot_id": "boot-2", "by": "unproven", "ahead_s": None},
    ]
    assert measured(()) == ()
