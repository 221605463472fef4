"""The first pass: every n-th frame of a film is looked at, and what is found becomes tracks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from recorder.office.redaction.boxes import Course, boxes_at
from recorder.office.redaction.centerface import CenterFace
from recorder.office.redaction.film import Film, Picture
from recorder.office.redaction.tracking import Detection, Patience, Track, Tracker, with_margin
from recorder.office.redaction.weights import Weights

CARRIES_ON = 0.1
"""The score from which a detection carries a track on; the least that the detector tells from nothing."""

Progress = Callable[[float], None]
"""Called with the seconds of the film that are done."""


@dataclass(frozen=True, slots=True)
class Search:
    """How faces are looked for. README, "Faces", has what each means, and why the defaults."""

    every: int = 2
    detail: int = 960
    threshold: float = 0.2
    margin: float = 0.35


@dataclass(frozen=True, slots=True)
class Found:
    """What the first pass saw. ``looked_at``: frames."""

    tracks: tuple[Track, ...]
    frames: int
    looked_at: int


def find_faces(film: Film, weights: Weights, search: Search, excluded: Sequence[Course], progress: Progress) -> Found:
    """The faces of ``film``, as they are to be covered: with pads and margin. What it and the detector raise."""
    detector = CenterFace(
        weights.path, film.facts.width, film.facts.height, search.detail, min(CARRIES_ON, search.threshold)
    )
    tracker = Tracker(Patience(begin=search.threshold))
    frames = looked_at = 0
    for picture, is_looked_at in _chosen(film.pictures(), search.every):
        frames += 1
        if is_looked_at:
            looked_at += 1
            tracker.look(picture.at_s, _outside(detector.find(picture.frame), excluded, picture.at_s))
        progress(picture.at_s)
    return Found(tuple(with_margin(track, search.margin) for track in tracker.finish()), frames, looked_at)


def _chosen(pictures: Iterator[Picture], every: int) -> Iterator[tuple[Picture, bool]]:
    """Each picture, and whether it is looked at: every n-th, and the last."""
    number, held = 0, None
    for picture in pictures:
        if held is not None:
            yield held, number % every == 0
            number += 1
        held = picture
    if held is not None:
        yield held, True


def _outside(found: Sequence[Detection], excluded: Sequence[Course], at_s: float) -> list[Detection]:
    """Those of ``found`` whose centre is in no excluded place."""
    boxes = boxes_at(excluded, at_s)
    return [one for one in found if not any(box.holds(one.box.center) for box in boxes)]
