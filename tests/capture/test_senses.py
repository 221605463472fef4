"""What is left for the sentinel: small, seldom, the newest; and nobody waits."""

import threading

import numpy as np
import pytest

from recorder.capture.ports import AudioBlock
from recorder.capture.senses import Ear, Glimpse, Peephole, Sound

S = 1_000_000_000


def plane(level: int = 0, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    return np.full(size, level, np.uint8)


@pytest.mark.parametrize(
    ("size", "small"),
    [((720, 1280), (180, 320)), ((1080, 1920), (180, 320)), ((480, 640), (240, 320)), ((144, 176), (144, 176))],
)
def test_a_picture_is_made_small_by_leaving_dots_out(size: tuple[int, int], small: tuple[int, int]) -> None:
    """A copy: what the camera draws next is not seen."""
    y = np.arange(size[0] * size[1], dtype=np.uint32).reshape(size).astype(np.uint8)
    step = size[0] // small[0]
    expected = y[::step, ::step].copy()
    peephole = Peephole()
    peephole.show(y, 5 * S)
    y[:] = 0
    glimpse = peephole.take(0)
    assert glimpse is not None
    assert glimpse.captured_ns == 5 * S
    assert np.array_equal(glimpse.plane, expected)


def test_two_pictures_a_second_are_taken_and_only_the_newest_is_kept() -> None:
    peephole = Peephole()
    taken = []
    for frame in range(90):
        peephole.show(plane(frame), frame * S // 30)
        if frame >= 60 and (glimpse := peephole.take(0)) is not None:
            taken.append(int(glimpse.plane[0, 0]))
    assert taken == [60, 75]
    assert peephole.take(0) is None


def test_a_camera_that_begins_again_is_looked_at_again() -> None:
    """Boottime only goes on, so nothing need be forgotten."""
    peephole = Peephole()
    assert peephole.is_due(0)
    peephole.show(plane(), 10 * S)
    assert [peephole.is_due(at_ns) for at_ns in (10 * S, 10 * S + S // 2 - 1, 10 * S + S // 2, 99 * S)] == [
        False,
        False,
        True,
        True,
    ]


def test_who_waits_is_woken_by_the_next_picture() -> None:
    peephole = Peephole()
    taken: list[Glimpse | None] = []
    waiting = threading.Thread(target=lambda: taken.append(peephole.take(10)))
    waiting.start()
    peephole.show(plane(7), S)
    waiting.join(5)
    assert [glimpse and int(glimpse.plane[0, 0]) for glimpse in taken] == [7]


def sine(seconds: float, level: int, at_ns: int, rate_hz: int = 48_000) -> AudioBlock:
    wave = level * np.sin(np.arange(round(seconds * rate_hz)) / 10)
    return AudioBlock(np.round(wave).astype(np.int16), at_ns, rate_hz)


def test_sound_is_measured_from_trough_to_peak_over_half_seconds() -> None:
    """An offset is no sound; what was not taken in time is forgotten, the oldest first."""
    ear = Ear()
    for number in range(50):
        ear.hear(sine(0.02, 100 if number < 25 else 0, number * S // 50))
    assert ear.take() == [Sound(S // 2, 200), Sound(S, 0)]
    ear.hear(sine(0.0, 0, S))
    assert ear.take() == []
    ear.hear(AudioBlock(np.full(24_000, -500, np.int16), 5 * S, 48_000))
    assert ear.take() == [Sound(5 * S + S // 2, 0)]
    for number in range(20):
        ear.hear(sine(0.5, number, 10 * S + number * S // 2))
    assert [sound.span_steps // 2 for sound in ear.take()] == list(range(12, 20))
