"""Faces found in single frames, followed over time, so that no frame between them shows one.

Rules: every detection counts, in one track; what carries a track on may be fainter than what begins one, before it as
well as after; a gap is crossed in a straight line; a track is there before its first detection and after its last, and
there as much larger as the face may have moved. Too much covered is no harm, too little is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from recorder.office.redaction.boxes import Box, Course, Key, thinned

_NEAR = 1.5  # sizes that a face may be off from where it was foretold
_FURTHER_EACH_S = 2.0  # and so much more for each second that it was not seen
_REACH = 4.0  # sizes that a face may go in a pad
_TOLERANCE = 0.05  # of a face's size, that a track may be off after thinning; a seventh of the margin
_THIN_AT = 512  # boxes that a track gathers before it is thinned
_SPEED_OVER_S = 0.5  # the motion of a face is taken from this much of its track


@dataclass(frozen=True, slots=True)
class Detection:
    """A face in one frame. ``score``: 0 to 1, how sure the detector is."""

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How far a face is followed. ``begin``: the score that one detection of a track must reach, at least."""

    begin: float = 0.2
    gap_s: float = 2.0
    pad_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Track:
    """A face over time. ``course``: as it moved, pads included. ``seen``: detections. ``best``: the highest score."""

    course: Course
    first_s: float
    last_s: float
    seen: int
    best: float


@dataclass(slots=True)
class _Open:
    """A track that may still go on."""

    keys: list[Key]
    first_s: float
    seen: int
    best: float
    recent: list[Key]  # the last moments
    early: list[Key]  # the first ones
    thin_at: int = _THIN_AT

    def foretold(self, at_s: float) -> Box:
        """Where it would be at ``at_s``, moving as it last did; across a gap, no further than its size."""
        across, down = _speed(self.recent)
        last = self.recent[-1]
        later_s = at_s - last.at_s
        reach = last.box.size
        return last.box.moved(_within(across * later_s, reach), _within(down * later_s, reach))

    def take(self, at_s: float, found: Detection) -> None:
        """It was ``found`` again."""
        key = Key(at_s, found.box)
        self.keys.append(key)
        if at_s - self.first_s <= _SPEED_OVER_S:
            self.early.append(key)
        self.recent = [one for one in self.recent if one.at_s >= at_s - _SPEED_OVER_S] + [key]
        self.seen += 1
        self.best = max(self.best, found.score)
        if len(self.keys) >= self.thin_at:
            self.keys = thinned(self.keys, _TOLERANCE)
            self.thin_at = max(_THIN_AT, 2 * len(self.keys))


class Tracker:
    """Takes the detections of frames in their order; :meth:`finish` has the tracks."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._open: list[_Open] = []
        self._done: list[Track] = []

    def look(self, at_s: float, found: Sequence[Detection]) -> None:
        """What was found in the frame at ``at_s``, which is later than the one before."""
        for track in [one for one in self._open if at_s - one.recent[-1].at_s > self._patience.gap_s]:
            self._close(track)
        left = list(range(len(found)))
        free = list(self._open)
        for _, track, number in sorted(self._fits(at_s, found), key=lambda fit: fit[0]):
            if number in left and track in free:
                left.remove(number)
                free.remove(track)
                track.take(at_s, found[number])
        for number in left:
            key = Key(at_s, found[number].box)
            self._open.append(_Open([key], at_s, 1, found[number].score, [key], [key]))

    def finish(self) -> tuple[Track, ...]:
        """All tracks, in the order in which they begin. Nothing is to come after it."""
        for track in list(self._open):
            self._close(track)
        return tuple(sorted(self._done, key=lambda track: track.first_s))

    def _fits(self, at_s: float, found: Sequence[Detection]) -> list[tuple[float, _Open, int]]:
        """Each track with each detection that could be its next, and how badly they fit."""
        fits = []
        for track in self._open:
            foretold = track.foretold(at_s)
            reach = _NEAR + _FURTHER_EACH_S * (at_s - track.recent[-1].at_s)
            for number, one in enumerate(found):
                apart = min(foretold.distance(one.box), track.recent[-1].box.distance(one.box))
                if apart <= reach:
                    fits.append((apart - foretold.overlap(one.box), track, number))
        return fits

    def _close(self, track: _Open) -> None:
        self._open.remove(track)
        if track.best >= self._patience.begin:
            self._done.append(_closed(track, self._patience.pad_s))


def with_margin(track: Track, share: float) -> Track:
    """The same, each box enlarged by ``share`` of its size on each side."""
    keys = tuple(Key(key.at_s, key.box.enlarged(share)) for key in track.course.keys)
    return replace(track, course=replace(track.course, keys=keys))


def _closed(track: _Open, pad_s: float) -> Track:
    """With its pads: there it grows as far as it may have moved, to where it came from or went."""
    keys = thinned(track.keys, _TOLERANCE)
    first, last = track.keys[0], track.keys[-1]
    before, after = _pad(track.early, first, -pad_s), _pad(track.recent, last, pad_s)
    padded = (before, *keys, after)
    course = Course(padded, first.at_s - pad_s, last.at_s + pad_s)
    return Track(course, track.first_s, last.at_s, track.seen, track.best)


def _pad(keys: Sequence[Key], end: Key, pad_s: float) -> Key:
    """The pad's far end, where the box holds all the way that the face may have gone: no more than four sizes."""
    across, down = _speed(keys)
    speed = (across**2 + down**2) ** 0.5
    for_s = pad_s if not speed else math.copysign(min(abs(pad_s), _REACH * end.box.size / speed), pad_s)
    return Key(end.at_s + for_s, end.box.around(end.box.moved(across * for_s, down * for_s)))


def _speed(keys: Sequence[Key]) -> tuple[float, float]:
    """Pixels a second, right and down; zero where there is but one key."""
    first, last = keys[0], keys[-1]
    lasts_s = last.at_s - first.at_s
    if not lasts_s:
        return 0.0, 0.0
    (x, y), (last_x, last_y) = first.box.center, last.box.center
    return (last_x - x) / lasts_s, (last_y - y) / lasts_s


def _within(value: float, reach: float) -> float:
    return max(-reach, min(reach, value))
