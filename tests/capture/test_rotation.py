"""Where one segment ends and the next begins."""

import pytest

from recorder.capture.rotation import PICTURE_LATE_NS, Rotation

S = 1_000_000_000
FRAME_NS = S // 30
ROTATION = Rotation(60 * S)
BEGAN = 5 * S


@pytest.mark.parametrize(
    ("captured_ns", "is_keyframe", "expected"),
    [
        (BEGAN + 60 * S, True, True),
        (BEGAN + 60 * S, False, False),
        (BEGAN + 61 * S, True, True),
        (BEGAN + 60 * S - 1000, True, True),  # jitter must not cost a GOP
        (BEGAN + 60 * S - FRAME_NS, True, False),
        (BEGAN, True, False),
    ],
)
def test_the_first_keyframe_at_or_after_the_end_begins_the_next(
    captured_ns: int, is_keyframe: bool, expected: bool
) -> None:
    assert ROTATION.at_picture(BEGAN, captured_ns, FRAME_NS, is_keyframe=is_keyframe) is expected


@pytest.mark.parametrize(
    ("sound_ns", "picture_ns", "expected"),
    [
        (BEGAN + 60 * S, None, True),  # no picture ever: by the clock
        (BEGAN + 60 * S - 1, None, False),
        (BEGAN + 60 * S, BEGAN + 60 * S - FRAME_NS, False),  # the picture will say
        (BEGAN + 60 * S, BEGAN + 60 * S - PICTURE_LATE_NS, True),  # the picture stopped: do not wait for it
        (BEGAN + 60 * S, 1 * S, True),  # it stopped before this segment began
        (BEGAN + 62 * S, BEGAN + 61 * S, False),
    ],
)
def test_sound_rotates_by_the_clock_only_where_no_picture_comes(
    sound_ns: int, picture_ns: int | None, expected: bool
) -> None:
    assert ROTATION.at_sound(BEGAN, sound_ns, picture_ns) is expected


def test_a_segment_that_has_just_begun_waits_for_a_picture_first() -> None:
    """A segment shorter than the patience: its own beginning counts as the newest picture."""
    short = Rotation(1 * S)
    assert not short.at_sound(BEGAN, BEGAN + S, None)
    assert short.at_sound(BEGAN, BEGAN + PICTURE_LATE_NS, None)
