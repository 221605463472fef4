"""Boxes in a picture, and boxes that move over time.

Units: pixels from the picture's top left corner, seconds of the film. A course is what a track and a box by hand
have in common: boxes at some moments, straight motion between them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its left top corner, width and height; in pixels, not necessarily whole ones."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> tuple[float, float]:
        """The middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def size(self) -> float:
        """The mean of width and height."""
        return (self.width + self.height) / 2

    def overlap(self, other: "Box") -> float:
        """Intersection over union, 0 to 1."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        shared = across * down
        return shared / (self.width * self.height + other.width * other.height - shared)

    def distance(self, other: "Box") -> float:
        """Between the centres, in units of the smaller one's size."""
        (x, y), (other_x, other_y) = self.center, other.center
        apart: float = ((x - other_x) ** 2 + (y - other_y) ** 2) ** 0.5
        return apart / min(self.size, other.size)

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether ``point`` lies inside."""
        x, y = point
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height

    def moved(self, across: float, down: float) -> "Box":
        """The same elsewhere."""
        return Box(self.x + across, self.y + down, self.width, self.height)

    def enlarged(self, share: float) -> "Box":
        """Larger by ``share`` of its width at left and right, of its height above and below."""
        across, down = self.width * share, self.height * share
        return Box(self.x - across, self.y - down, self.width + 2 * across, self.height + 2 * down)

    def around(self, other: "Box") -> "Box":
        """The smallest box around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        below = max(self.y + self.height, other.y + other.height)
        return Box(x, y, right - x, below - y)

    def between(self, other: "Box", share: float) -> "Box":
        """On the way to ``other``: itself at 0, ``other`` at 1."""
        return Box(
            self.x + (other.x - self.x) * share,
            self.y + (other.y - self.y) * share,
            self.width + (other.width - self.width) * share,
            self.height + (other.height - self.height) * share,
        )

    def is_near(self, other: "Box", tolerance: float) -> bool:
        """Whether no edge is further from the other's than ``tolerance`` of the size."""
        edges = (
            self.x - other.x,
            self.y - other.y,
            self.x + self.width - other.x - other.width,
            self.y + self.height - other.y - other.height,
        )
        return max(map(abs, edges)) <= tolerance * self.size


@dataclass(frozen=True, slots=True)
class Key:
    """Where a course is at a moment."""

    at_s: float
    box: Box


@dataclass(frozen=True, slots=True)
class Course:
    """Boxes over time: ``keys`` in their order, at least one; there from ``from_s`` to ``until_s``, both included.

    Before the first key and after the last it stays where that is.
    """

    keys: tuple[Key, ...]
    from_s: float
    until_s: float

    def at(self, at_s: float) -> Box | None:
        """Where it is at ``at_s``; None where it is not there."""
        if not self.from_s <= at_s <= self.until_s:
            return None
        following = bisect_right(self.keys, at_s, key=lambda key: key.at_s)
        if following == 0:
            return self.keys[0].box
        if following == len(self.keys):
            return self.keys[-1].box
        before, after = self.keys[following - 1], self.keys[following]
        return before.box.between(after.box, (at_s - before.at_s) / (after.at_s - before.at_s))


def thinned(keys: Sequence[Key], tolerance: float) -> list[Key]:
    """The fewest of ``keys``, first and last among them, so that straight motion passes near those left out.

    Near: by ``tolerance`` of a box's size. Greedy, from the front; a stretch of at most 64 keys is looked at at once.
    """
    kept = list(keys[:1])
    first = 0
    while first < len(keys) - 1:
        last = first + 1
        while last + 1 < len(keys) and last + 1 - first < 64 and _is_straight(keys[first : last + 2], tolerance):
            last += 1
        kept.append(keys[last])
        first = last
    return kept


def boxes_at(courses: Iterable[Course], at_s: float) -> list[Box]:
    """Where each of ``courses`` is, of those that are there."""
    return [box for course in courses if (box := course.at(at_s)) is not None]


def _is_straight(keys: Sequence[Key], tolerance: float) -> bool:
    first, last = keys[0], keys[-1]
    lasts_s = last.at_s - first.at_s
    return all(
        first.box.between(last.box, (key.at_s - first.at_s) / lasts_s).is_near(key.box, tolerance) for key in keys[1:-1]
    )
