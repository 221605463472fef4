"""Where the stamp is, and what a cover leaves; the detector on labelled frames."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recorder.capture.stamp import Stamp
from recorder.office.redaction.boxes import Box
from recorder.office.redaction.centerface import CenterFace
from recorder.office.redaction.cover import Planes, Style
from recorder.office.redaction.stampline import find_stamp
from recorder.office.redaction.weights import find_weights
from tests.capture.clips import BUNNY, CARPHONE
from tests.office.moving_faces import labels
from tests.test_readmes import HOUSE, unnamed


def coded(luma: np.ndarray[Any, Any], crf: int) -> np.ndarray[Any, Any]:
    """What an encoder leaves of a picture."""
    height, width = luma.shape
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.options = width, height, "yuv420p", {"crf": str(crf)}
    encoder.time_base = Fraction(1, 25)
    planes = np.vstack([luma, np.full((height // 2, width), 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder: Any = av.CodecContext.create("h264", "r")
    [seen] = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    return np.array(seen.to_ndarray()[:height])


@pytest.mark.parametrize("size", [(176, 144), (320, 240), (640, 480), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("ground", ["noise", "black", "white"])
def test_the_recorder_s_stamp_is_found_to_the_pixel(size: tuple[int, int], ground: str) -> None:
    """In each size that it is written in, over any picture, after an encoder; in lines, where it needs several."""
    width, height = size
    grounds = {
        "noise": np.random.default_rng(1)
        .integers(0, 256, (height // 8, width // 8), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1),
        "black": np.full((height, width), 16, np.uint8),
        "white": np.full((height, width), 235, np.uint8),
    }
    picture = np.ascontiguousarray(grounds[ground])
    Stamp("Van 3", width, height, wall_ns=lambda at_ns: 1_795_000_000_000_000_000).apply(picture, 0, 123)
    dot = max(1, height // 200)
    lines = [(25, 0), (13, 1)] if width == 176 else [(39, 0)]  # characters, and which line
    assert find_stamp(coded(picture, 24)) == tuple(
        Box(0, line * 9 * dot, (characters * 6 + 1) * dot, 9 * dot) for characters, line in lines
    )


@pytest.mark.parametrize("level", [0, 16, 60, 110, 235, 255])
def test_a_plain_picture_has_no_stamp(level: int) -> None:
    assert find_stamp(np.full((240, 320), level, np.uint8)) == ()


@pytest.mark.parametrize("clip", [BUNNY, CARPHONE, CARPHONE.with_name("bikes.mp4")], ids=lambda path: path.stem)
def test_other_films_have_no_stamp(clip: Path) -> None:
    """So that no face at the upper edge is left open for its sake."""
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 10 == 0:
                assert find_stamp(frame.reformat(format="yuv420p").to_ndarray()[: frame.height]) == ()


@pytest.mark.parametrize("style", list(Style))
def test_a_cover_depends_on_nothing_beyond_its_style(style: Style) -> None:
    """Solid: two pictures that differ under it are the same with it. Cells: they differ by 16 colours at most."""
    box = Box(11, 7, 41, 33)
    made = []
    for seed in (1, 2):
        noise = np.random.default_rng(seed).integers(0, 256, (96, 64), np.uint8)
        ground = np.random.default_rng(9).integers(0, 256, (96, 64), np.uint8)
        ground[6:40, 10:52] = noise[6:40, 10:52]
        ground[64:] = 90
        planes = Planes.of(av.VideoFrame.from_ndarray(ground, format="yuv420p"))
        planes.covered([box], style)
        made.append(planes.whole.copy())
        assert np.array_equal(planes.y[:6], ground[:6])
        assert len(np.unique(planes.y[6:40, 10:52])) <= (1 if style is Style.SOLID else 200)
    assert np.array_equal(*made) == (style is Style.SOLID)


def test_a_box_beside_the_picture_covers_nothing() -> None:
    planes = Planes.of(av.VideoFrame.from_ndarray(np.full((96, 64), 90, np.uint8), format="yuv420p"))
    planes.covered([Box(-20, 0, 20, 20), Box(64, 0, 9, 9), Box(0, 64, 9, 9), Box(0, -9, 9, 9)], Style.SOLID)
    assert np.all(planes.y == 90)


def test_the_detector_finds_the_face_where_a_person_drew_it() -> None:
    """On every labelled frame of the public in-car clip, at its own size; the boxes agree by half at least."""
    known = labels(CARPHONE.name)
    detector = CenterFace(find_weights().path, 176, 144, 960, 0.2)
    with av.open(str(CARPHONE)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in known:
                [found] = detector.find(frame)
                assert found.box.overlap(known[number][0]) > 0.5
                assert found.score > 0.8


def test_where_there_is_no_face_none_is_found() -> None:
    detector = CenterFace(find_weights().path, 320, 240, 960, 0.2)
    assert detector.find(av.VideoFrame.from_ndarray(np.full((360, 320), 90, np.uint8), format="yuv420p")) == []


def test_the_readme_names_each_module() -> None:
    """With its job beside it, as in the rooms."""
    assert unnamed(HOUSE / "office" / "redaction") == []
