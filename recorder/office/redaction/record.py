"""The log beside a copy: what was done, so that anybody who has both can check it.

It has times, places and hashes, and nothing of what was seen or heard.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import av

from recorder import __version__
from recorder.office.redaction.boxes import Box, Course
from recorder.office.redaction.detecting import Found
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.rendering import CRF, Rendered
from recorder.office.redaction.tracking import Track
from recorder.office.redaction.weights import MODEL, PACKAGE, Weights
from recorder.office.redaction.wishes import Span

FORMAT = "cabin-redaction-1"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was read or written."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Done:
    """All that a log tells. ``options``: as given, by name. ``problems``: sentences."""

    made_utc: str
    source: FileFacts
    result: FileFacts
    options: Mapping[str, Any]
    weights: Weights | None
    found: Found | None
    rendered: Rendered
    by_hand: tuple[Course, ...]
    excluded: tuple[Course, ...]
    ranges: SoundRanges
    left_out: tuple[str, ...]
    problems: tuple[str, ...]
    promises: tuple[str, ...]


def written(done: Done) -> bytes:
    """The log, as JSON in UTF-8."""
    return (json.dumps(_told(done), indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _told(done: Done) -> dict[str, Any]:
    found, rendered = done.found, done.rendered
    return {
        "format": FORMAT,
        "made": done.made_utc,
        "software": {"cabin-recorder": __version__, "av": av.__version__, **_opencv(found)},
        "model": None if done.weights is None else _model(done.weights),
        "source": asdict(done.source),
        "result": asdict(done.result),
        "options": dict(done.options),
        "picture": {
            "frames": rendered.frames,
            "looked_at": 0 if found is None else found.looked_at,
            "encoded": f"H.264 baseline, crf {CRF}",
            "stamp_kept_at": [_box(box) for box in rendered.stamp],
        },
        "faces": [] if found is None else [_track(number, one) for number, one in enumerate(found.tracks, start=1)],
        "boxes_by_hand": [_course(course) for course in done.by_hand],
        "excluded": [_course(course) for course in done.excluded],
        "sound": None if rendered.sound is None else _sound(rendered, done.ranges),
        "left_out": list(done.left_out),
        "problems": list(done.problems),
        "cannot_promise": list(done.promises),
    }


def _opencv(found: Found | None) -> dict[str, str]:
    if found is None:
        return {}
    import cv2  # noqa: PLC0415

    return {"opencv": cv2.__version__}


def _model(weights: Weights) -> dict[str, str]:
    return {"name": MODEL, "package": PACKAGE, "version": weights.version, "sha256": weights.sha256}


def _track(number: int, track: Track) -> dict[str, Any]:
    return {
        "number": number,
        "first_seen_s": _rounded(track.first_s),
        "last_seen_s": _rounded(track.last_s),
        "detections": track.seen,
        "best_score": round(track.best, 3),
        **_course(track.course),
    }


def _course(course: Course) -> dict[str, Any]:
    keys = [{"at_s": _rounded(key.at_s), **_box(key.box)} for key in course.keys]
    return {"from_s": _rounded(course.from_s), "until_s": _rounded(course.until_s), "keys": keys}


def _box(box: Box) -> dict[str, float]:
    return {"x": round(box.x, 1), "y": round(box.y, 1), "w": round(box.width, 1), "h": round(box.height, 1)}


def _sound(rendered: Rendered, ranges: SoundRanges) -> dict[str, Any]:
    count = rendered.sound
    return (
        {}
        if count is None
        else {
            "packets": count.way,
            "kept": count.kept,
            "encoded_anew": count.replaced,
            "muted": _spans(ranges.muted),
            "masked": _spans(ranges.masked),
        }
    )


def _spans(spans: Iterable[Span]) -> list[dict[str, Any]]:
    return [{"from_s": _rounded(span.from_s), "until_s": _rounded(span.until_s)} for span in spans]


def _rounded(seconds: float) -> float | None:
    """To the millisecond; None: to the film's end."""
    return None if math.isinf(seconds) else round(seconds, 3)
