"""Samples at the journey's rate: what lies between those of the microphone, so true that nobody hears it was moved."""

import numpy as np
import pytest

from recorder.capture.clocks import ONE, RATE_HZ, Stretch
from recorder.capture.resampler import Resampler

LEVEL = 20_000


def test_where_blocks_end_makes_no_difference_where_the_pace_changes_either() -> None:
    samples = np.random.default_rng(1).integers(-32_768, 32_767, 960 * 4).astype(np.int16)
    whole, halved, at = Resampler(RATE_HZ), Resampler(RATE_HZ), 0
    once, twice = [], []
    for n, step in enumerate((ONE, ONE, ONE + ONE // 1_000, ONE)):
        count, first = -((at - 960 * ONE) // step), -((at - 480 * ONE) // step)
        block = samples[960 * n : 960 * (n + 1)]
        once.append(whole.feed(block, Stretch(at, step, count)))
        twice.append(halved.feed(block[:480], Stretch(at, step, first)))
        twice.append(halved.feed(block[480:], Stretch(at + first * step - 480 * ONE, step, count - first)))
        at += count * step - 960 * ONE
    np.testing.assert_array_equal(np.concatenate([*once, whole.finish()]), np.concatenate([*twice, halved.finish()]))


def tone(hz: float, places: np.ndarray, rate_hz: int) -> np.ndarray:
    return LEVEL * np.sin(2 * np.pi * hz * places / rate_hz)


def resampled(samples: np.ndarray, rate_hz: int, step: int, block: int) -> np.ndarray:
    """All of it, handed over in blocks, each beginning where the one before left off."""
    resampler, at, parts = Resampler(rate_hz), 0, []
    for begin in range(0, len(samples), block):
        lasts = len(samples[begin : begin + block]) * ONE
        count = max(0, -((at - lasts) // step))
        parts.append(resampler.feed(samples[begin : begin + block], Stretch(at, step, count)))
        at += count * step - lasts
    return np.concatenate([*parts, resampler.finish()])


@pytest.mark.parametrize("block", [1, 7, 960])
def test_where_nothing_is_off_nothing_is_changed(block: int) -> None:
    """Sample by sample, to the last one."""
    samples = np.random.default_rng(0).integers(-32_768, 32_767, 3_000).astype(np.int16)
    np.testing.assert_array_equal(resampled(samples, RATE_HZ, ONE, block), samples)


@pytest.mark.parametrize(
    ("hz", "rate_hz", "off_ppm", "least_db"),
    [
        (1_000, 48_000, 500, 80),
        (1_000, 48_000, -500, 80),
        (4_000, 48_000, 500, 80),
        (10_000, 48_000, 500, 80),
        (16_000, 48_000, 2_000, 70),
        (1_000, 44_100, 500, 80),
        (2_000, 8_000, 0, 60),
        (1_000, 96_000, 500, 80),
    ],
)
def test_a_tone_stays_pure(hz: int, rate_hz: int, off_ppm: int, least_db: int) -> None:
    """How much louder it is than what the resampler adds; repeating single samples would leave 28 dB at 1 kHz."""
    step = round(rate_hz * ONE / RATE_HZ * (1 + off_ppm * 1e-6))
    samples = np.rint(tone(hz, np.arange(rate_hz), rate_hz)).astype(np.int16)
    got = resampled(samples, rate_hz, step, rate_hz // 50)
    ideal = tone(hz, np.arange(len(got)) * (step / ONE), rate_hz)
    inner = slice(500, -500)  # a tone that begins and ends at once has other frequencies there
    noise = got[inner] - ideal[inner]
    assert 20 * np.log10(ideal[inner].std() / noise.std()) > least_db


def test_what_48_khz_cannot_carry_is_taken_out() -> None:
    """A tone of 30 kHz would come back as one of 18."""
    samples = np.rint(tone(30_000, np.arange(96_000), 96_000)).astype(np.int16)
    assert np.abs(resampled(samples, 96_000, 2 * ONE, 1_920)[500:-500]).max() < LEVEL / 100


def test_the_largest_samples_do_not_turn_over() -> None:
    """What lies between two of them may be larger than any: it is cut off."""
    samples = np.tile(np.array([32_767, 32_767, -32_768, -32_768], np.int16), 500)
    got = resampled(samples, RATE_HZ, ONE + ONE // 2_000, 960).astype(int)
    assert got.max() == 32_767
    assert got.min() == -32_768


def test_the_beginning_and_the_end_are_there() -> None:
    """As many come out as were asked for, whatever the filter needs beside them."""
    for count in (1, 2, 15, 16, 17, 960):
        got = resampled(np.full(count, 1_000, np.int16), RATE_HZ, ONE - ONE // 1_000, 960)
        assert len(got) == -(-count * 1_000 // 999)
        assert abs(int(got[0]) - 1_000) < 5
