"""Times, boxes and ranges as people type them.

A faulty text is refused with one sentence that shows how it is written; nothing is guessed.
"""

import math
import re
from dataclasses import dataclass
from itertools import pairwise

from recorder.errors import UsageError
from recorder.office.redaction.boxes import Box, Course, Key

_BOX_FORM = 'write it as "FROM-TO:x,y,w,h" or "T:x,y,w,h > T:x,y,w,h", for instance "1:05-1:30:400,90,160,180"'
_RANGE_FORM = 'write it as "FROM-TO", for instance "0:12-0:19.5"'
_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{1,9})?)", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: from ``from_s`` until ``until_s``, in seconds of the film."""

    from_s: float
    until_s: float

    def touches(self, from_s: float, until_s: float) -> bool:
        """Whether the two share more than an instant."""
        return self.from_s < until_s and from_s < self.until_s


def parse_time(text: str) -> float:
    """Seconds, of ``75.5``, ``1:15.5`` or ``0:01:15.5``. ValueError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse_span(text: str) -> Span:
    """``FROM-TO``; either may be left out, for the film's beginning or end. UsageError."""
    try:
        return _span(text)
    except ValueError as error:
        raise UsageError(f"The range {text!r} cannot be used ({error}); {_RANGE_FORM}.") from error


def parse_course(text: str) -> Course:
    """A box that stays or moves, as README.md has it. UsageError."""
    try:
        parts = [part.rpartition(":") for part in text.split(">")]
        if len(parts) == 1:
            when, _, where = parts[0]
            span, box = _span(when), _box(where)
            return Course((Key(span.from_s, box),), span.from_s, span.until_s)
        keys = tuple(Key(parse_time(when), _box(where)) for when, _, where in parts)
    except ValueError as error:
        raise UsageError(f"The box {text.strip()!r} cannot be used ({error}); {_BOX_FORM}.") from error
    if any(later.at_s <= earlier.at_s for earlier, later in pairwise(keys)):
        raise UsageError(f"The box {text.strip()!r} goes back in time; give its places in their order.")
    return Course(keys, keys[0].at_s, keys[-1].at_s)


def parse_courses(text: str, name: str) -> tuple[Course, ...]:
    """One box a line; empty lines and those that begin with ``#`` are none. UsageError that names file and line."""
    courses = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                courses.append(parse_course(line))
            except UsageError as error:
                raise UsageError(f"{name}, line {number}: {error}") from error
    return tuple(courses)


def require_inside(course: Course, width: int, height: int) -> None:
    """UsageError where ``course`` is ever wholly outside of a picture of this size: it would cover nothing."""
    for key in course.keys:
        box = key.box
        if box.x >= width or box.y >= height or box.x + box.width <= 0 or box.y + box.height <= 0:
            raise UsageError(
                f"The box {box.x:g},{box.y:g},{box.width:g},{box.height:g} lies outside of the picture, which is "
                f"{width}x{height}; give x, y, width and height in its pixels, from the top left."
            )


def _span(text: str) -> Span:
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError("it has no '-' between its ends")
    span = Span(
        parse_time(begins) if begins.strip() else 0.0,
        parse_time(ends) if ends.strip() else math.inf,
    )
    if span.until_s <= span.from_s:
        raise ValueError("it ends before it begins")
    return span


def _box(text: str) -> Box:
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) != 4 or not all(_NUMBER.fullmatch(number) for number in numbers):
        raise ValueError(f"{text.strip()!r} is not x,y,w,h")
    x, y, width, height = map(float, numbers)
    if width <= 0 or height <= 0:
        raise ValueError("its width and height must be above zero")
    return Box(x, y, width, height)
