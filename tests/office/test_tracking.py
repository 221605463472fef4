"""Faces followed over time: nothing found in a frame is lost, and no frame between two of them is left open."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.office.redaction.boxes import Box, Course, Key, boxes_at, thinned
from recorder.office.redaction.tracking import Detection, Patience, Track, Tracker, with_margin

RATE = 25


def face(x: float, y: float = 50, size: float = 40, score: float = 0.9) -> Detection:
    return Detection(Box(x - size / 2, y - size / 2, size, size), score)


def tracked(frames: dict[int, list[Detection]], patience: Patience | None = None) -> tuple[Track, ...]:
    tracker = Tracker(patience or Patience())
    for number, found in sorted(frames.items()):
        tracker.look(number / RATE, found)
    return tracker.finish()


def covers(tracks: tuple[Track, ...], number: int, x: float, y: float = 50, tolerance: float = 6) -> bool:
    """Whether some track's box at this frame holds the point, with ``tolerance`` pixels to spare for its middle."""
    boxes = boxes_at([track.course for track in tracks], number / RATE)
    return any(box.enlarged(-0.5 + tolerance / 40).holds((x, y)) or box.holds((x, y)) for box in boxes)


def test_nothing_found_is_no_track() -> None:
    assert tracked({number: [] for number in range(5)}) == ()


def test_one_detection_is_a_track_with_a_second_on_either_side() -> None:
    """It stays where it was, for one look tells no speed."""
    [track] = tracked({50: [face(100)]})
    assert (track.first_s, track.last_s, track.seen, track.best) == (2.0, 2.0, 1, 0.9)
    assert (track.course.from_s, track.course.until_s) == (1.0, 3.0)
    assert [track.course.at(moment) for moment in (1.0, 2.0, 3.0)] == [face(100).box] * 3
    assert (track.course.at(0.99), track.course.at(3.01)) == (None, None)


@pytest.mark.parametrize("gap", [2, 10, 25, 50])
def test_a_gap_is_crossed_in_a_straight_line(gap: int) -> None:
    """A face that moves on while it is missed for up to two seconds is one track, and covered all along."""
    frames = {number: [face(100 + 2 * number)] for number in (*range(10), *range(9 + gap, 19 + gap))}
    tracks = tracked({number: frames.get(number, []) for number in range(19 + gap)})
    [track] = tracks
    for number in range(19 + gap):
        box = track.course.at(number / RATE)
        assert box is not None
        assert abs(box.center[0] - (100 + 2 * number)) < 3, number


def test_beyond_two_seconds_it_is_another_track() -> None:
    """Their pads still meet: nothing between them is open where the gap is short of two seconds and a frame."""
    tracks = tracked({**{number: [face(100)] for number in range(5)}, **{number: [face(100)] for number in (56, 57)}})
    assert [track.seen for track in tracks] == [5, 2]


def test_what_is_faint_carries_on_but_does_not_begin() -> None:
    """A track of faint detections alone is none; one sure among them makes all of it count, also before it."""
    faint = {number: [face(100 + number, score=0.12)] for number in range(20)}
    assert tracked(faint) == ()
    [track] = tracked({**faint, 20: [face(120, score=0.5)]})
    assert (track.first_s, track.seen, track.best) == (0.0, 21, 0.5)


def test_two_that_cross_are_both_covered_in_every_frame() -> None:
    """Also while one hides the other for half a second."""
    frames = {}
    for number in range(100):
        first, second = face(50 + 4 * number), face(450 - 4 * number)
        hidden = 44 <= number <= 56
        frames[number] = [first] if hidden else [first, second]
    tracks = tracked(frames)
    for number in range(100):
        assert covers(tracks, number, 50 + 4 * number), number
        assert covers(tracks, number, 450 - 4 * number), number


def test_what_rushes_in_at_the_edge_is_covered_before_it_is_found() -> None:
    """The pad reaches back along its motion: missed in its first five frames, it was to be seen in them."""
    tracks = tracked({number: [face(-20 + 30 * number)] if number >= 5 else [] for number in range(20)})
    assert all(covers(tracks, number, -20 + 30 * number) for number in range(5))


def test_a_speed_is_carried_no_further_than_four_sizes() -> None:
    [track] = tracked({number: [face(1000 * number, size=1000)] for number in range(3)})
    assert track.course.at(track.course.until_s) == Box(1500, -450, 5000, 1000)


def test_a_long_track_stays_small_and_true() -> None:
    """Ten minutes of one face, to and fro: thinned as it grows, and never off by more than a tenth of its size."""
    places = {number: 300 + 150 * abs((number / 250) % 2 - 1) for number in range(0, 15_000, 2)}
    [track] = tracked({number: [face(x)] for number, x in places.items()})
    assert len(track.course.keys) < 250
    for number, x in places.items():
        box = track.course.at(number / RATE)
        assert box is not None
        assert abs(box.center[0] - x) <= 0.1 * 40


def test_what_cannot_be_thinned_is_not_tried_again_with_each_frame() -> None:
    """A face that jumps keeps all its places."""
    [track] = tracked({number: [face(100 + 15 * (number % 2))] for number in range(1200)})
    assert len(track.course.keys) == 1202


def test_a_margin_is_added_on_each_side() -> None:
    [track] = tracked({0: [face(100, size=40)]})
    assert with_margin(track, 0.25).course.at(0) == Box(70, 20, 60, 60)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.floats(0, 640), st.floats(0, 480), st.floats(8, 200), st.floats(0.05, 0.99)),
        max_size=40,
    )
)
def test_every_detection_is_covered_whatever_comes(raw: list[tuple[int, float, float, float, float]]) -> None:
    """Of any detections, each is in one track; each of a track that counts is covered at its moment."""
    frames: dict[int, list[Detection]] = {}
    for number, x, y, size, score in raw:
        frames.setdefault(number, []).append(face(x, y, size, score))
    tracks = tracked(frames, Patience(begin=0.0))
    assert sum(track.seen for track in tracks) == len(raw)
    for number, found in frames.items():
        boxes = boxes_at([track.course for track in tracks], number / RATE)
        for one in found:
            assert any(box.is_near(one.box, 0.06) for box in boxes), (number, one)


def test_boxes() -> None:
    """Overlap, distance, and what lies around both."""
    one, other, apart = Box(0, 0, 10, 10), Box(5, 0, 10, 10), Box(20, 0, 10, 10)
    assert (one.overlap(one), one.overlap(other), one.overlap(apart)) == (1.0, pytest.approx(1 / 3), 0.0)
    assert one.overlap(Box(0, 20, 10, 10)) == 0.0
    assert one.distance(apart) == 2.0
    assert one.around(apart) == Box(0, 0, 30, 10)


def test_a_course_before_its_first_key_and_after_its_last() -> None:
    keys = (Key(1, Box(0, 0, 10, 10)), Key(2, Box(10, 0, 10, 10)))
    course = Course(keys, 0, 3)
    assert [course.at(moment) for moment in (0, 1.5, 3)] == [keys[0].box, Box(5, 0, 10, 10), keys[1].box]


@pytest.mark.parametrize("count", [0, 1, 2, 200])
def test_straight_motion_needs_few_keys(count: int) -> None:
    """First and last are kept, and one at least in 64."""
    keys = [Key(float(number), Box(number, 0, 10, 10)) for number in range(count)]
    kept = thinned(keys, 0.05)
    assert kept[:1] + kept[-1:] == keys[:1] + keys[-1:]
    assert len(kept) == min(count, 2 + max(0, (count - 2) // 63))
    assert all(later.at_s > earlier.at_s for earlier, later in itertools.pairwise(kept))
