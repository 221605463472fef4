"""What people type is taken as written in the README, or refused with a sentence that shows how."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.office.redaction.boxes import Box, Course, Key
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.wishes import Span, parse_course, parse_courses, parse_span, parse_time, require_inside


@pytest.mark.parametrize(
    ("text", "seconds"), [("75.5", 75.5), ("1:15.5", 75.5), ("0:01:15.5", 75.5), (" 0 ", 0), ("12:00:00", 43200)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "span"),
    [("0:12-0:19.5", Span(12, 19.5)), ("-5", Span(0, 5)), ("5-", Span(5, math.inf)), ("-", Span(0, math.inf))],
)
def test_ranges(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "5", "9-5", "5-5", "a-b", "1e3-2e3", "-1--2", "nan-inf", "1:2:3:4-", "٣-٤", "1-2-3"]
)
def test_a_faulty_range_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(UsageError, match=r'write it as "FROM-TO"'):
        parse_span(text)


def test_boxes_that_stay_and_boxes_that_move() -> None:
    still = Box(400, 90, 160, 180)
    assert parse_course("1:05-1:30:400,90,160,180") == Course((Key(65, still),), 65, 90)
    assert parse_course("-:-5,0.5,10,20") == Course((Key(0, Box(-5, 0.5, 10, 20)),), 0, math.inf)
    moving = parse_course("12:100,80,60,60 > 0:13.5:140,80,60,60")
    assert moving == Course((Key(12, Box(100, 80, 60, 60)), Key(13.5, Box(140, 80, 60, 60))), 12, 13.5)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1-2", "1-2:1,2,3", "1-2:1,2,3,4,5", "1-2:1,2,0,4", "1-2:1,2,3,-4", "1-2:1,2,nan,4", "1-2:1e9,2,3,4"),
        *("1:1,2,3,4 >", "1,2,3,4", ">", "1-2:1,2,3,4 > 3:1,2,3,4", "1-2:99999999,0,1,1"),
    ],
)
def test_a_faulty_box_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(UsageError, match=r'write it as "FROM-TO:x,y,w,h"'):
        parse_course(text)


def test_a_box_does_not_go_back_in_time() -> None:
    with pytest.raises(UsageError, match="goes back in time"):
        parse_course("5:1,2,3,4 > 5:1,2,3,4")


def test_a_file_of_boxes_names_the_line_that_is_wrong() -> None:
    text = "# driver's mirror\n\n1-2:1,2,3,4\n  # more\n3-4:5,6,7,8\n"
    assert len(parse_courses(text, "boxes.txt")) == 2
    with pytest.raises(UsageError, match=r"boxes.txt, line 6: The box '3-4'"):
        parse_courses(text + "3-4", "boxes.txt")


@pytest.mark.parametrize(
    ("box", "is_inside"),
    [
        *(("0,0,10,10", True), ("-5,-5,6,6", True), ("639,479,5,5", True)),
        *(("640,0,5,5", False), ("0,480,5,5", False), ("-5,0,5,5", False), ("0,-5,5,5", False)),
    ],
)
def test_a_box_that_would_cover_nothing_is_refused(box: str, is_inside: bool) -> None:
    course = parse_course(f"-:{box}")
    if is_inside:
        require_inside(course, 640, 480)
        return
    with pytest.raises(UsageError, match="outside of the picture, which is 640x480"):
        require_inside(course, 640, 480)


@given(st.text(max_size=40))
def test_any_text_is_taken_or_refused_and_nothing_else(text: str) -> None:
    for parse in (parse_span, parse_course):
        try:
            parse(text)
        except UsageError:
            continue


def test_which_packets_a_range_reaches() -> None:
    """A span touches what it shares more than an instant with, its lead of 25 ms and fades of 10 ms included."""
    ranges = SoundRanges(muted=(Span(1, 2),), masked=(Span(5, math.inf),))
    moments = [(0.0, 0.96), (0.0, 0.97), (1.5, 1.6), (2.03, 2.1), (2.04, 4.96), (100.0, 100.1)]
    assert [ranges.touch(*moment) for moment in moments] == [False, True, True, True, False, True]
    assert (ranges.is_empty, SoundRanges().is_empty) == (False, True)
