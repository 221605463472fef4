"""The film that the page saves is the film that `open` makes, byte for byte; a clip has its pictures and no others."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from recorder.mp4 import free_box, iter_boxes
from recorder.office.join import Joiner
from tests.office.footage import Recording
from tests.office.probe import picture_hashes, probe, sound

VIEWER = Path(__file__).parents[2] / "recorder/office/viewer"
FPS = 30


@dataclass(frozen=True, slots=True)
class Joined:
    """What the page's joiner said and left."""

    folder: Path
    names: list[str]
    pictures: list[int]
    problems: list[tuple[str, ...]]

    def film(self, number: int = 0) -> Path:
        return self.folder / self.names[number]


Join = Callable[..., Joined]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording(6)


@pytest.fixture(scope="module")
def join(tmp_path_factory: pytest.TempPathFactory) -> Join:
    subprocess.run(["node", "build.mjs", "--tests"], cwd=VIEWER, check=True)

    def run(*segments: bytes, span: tuple[float, float] | None = None, max_part_bytes: int = 0) -> Joined:
        folder = tmp_path_factory.mktemp("join")
        (folder / "out").mkdir()
        files = []
        for number, data in enumerate(segments):
            files.append(folder / f"{number}.mp4")
            files[-1].write_bytes(data)
        marks = ("-", "-") if span is None else tuple(map(str, span))
        command = ["node", VIEWER / "dist/tests/join.mjs", folder / "out", str(max_part_bytes), *marks, *files]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        films = answer["films"]
        names = [film["name"] for film in films]
        assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(names), "nothing unfinished is left"
        return Joined(folder / "out", names, [f["pictures"] for f in films], [tuple(p) for p in answer["problems"]])

    return run


def padded(data: bytes) -> bytes:
    return b"".join(box.data + (free_box(5000) if box.kind == "mdat" else b"") for box in iter_boxes(data))


@pytest.fixture(scope="module")
def cases(recording: Recording) -> dict[str, list[bytes]]:
    one = recording.segment(0, 2)
    other_size = Recording(2, size=(320, 240)).segment(0, 2, shift_s=2)
    return {
        "one journey": recording.segments(2, 3),
        "padding": [padded(one)],
        "a gap": [one, recording.segment(2, 4, shift_s=3.0)],
        "the first are gone": recording.segments(2, 3)[1:],
        "torn": [one[:-70_000], recording.segment(2, 4)],
        "other parameters": [one, other_size, recording.segment(4, 6)],
        "a timeline that begins anew": [recording.segment(2, 4), one],
        "no MP4": [b"\x00\x00\x00\x01not an mp4 at all, whatever it claims", one],
        "nothing": [b""],
    }


@pytest.mark.parametrize(
    "name",
    [
        "one journey",
        "padding",
        "a gap",
        "the first are gone",
        "torn",
        "other parameters",
        "a timeline that begins anew",
        "no MP4",
        "nothing",
    ],
)
def test_the_film_is_that_of_open(name: str, cases: dict[str, list[bytes]], join: Join, tmp_path: Path) -> None:
    """Gaps, the edit list for the priming, parts where codecs change: the same bytes from both writers."""
    segments = cases[name]
    ours = join(*segments)
    with Joiner(tmp_path, "film") as joiner:
        problems = [joiner.add_segment([segment]) for segment in segments]
        movies = joiner.finish()
    assert ours.names == [movie.path.name for movie in movies]
    assert [len(said) for said in ours.problems] == [len(said) for said in problems]
    for number, movie in enumerate(movies):
        assert ours.film(number).read_bytes() == movie.path.read_bytes()


def test_a_film_in_parts_has_every_picture_once(recording: Recording, join: Join) -> None:
    """Where a browser cannot stream to the disk, a part ends at the next key frame past its limit."""
    parts = join(*recording.segments(2, 3), max_part_bytes=300_000)
    assert len(parts.names) > 2
    assert sum(parts.pictures) == 6 * FPS
    hashes = [one for number in range(len(parts.names)) for one in picture_hashes(parts.film(number))]
    assert hashes == picture_hashes(join(*recording.segments(2, 3)).film())


def test_a_clip_shows_what_lies_between_its_marks(recording: Recording, join: Join) -> None:
    """To the picture, across segments; sound in step; and what lies outside is not in the file."""
    clip = join(*recording.segments(2, 3)[:2], span=(1.5, 2.7))
    assert clip.problems == [(), ()]
    whole = picture_hashes(join(*recording.segments(2, 3)).film())
    assert picture_hashes(clip.film()) == whole[45:81]
    video, audio = probe(clip.film())
    assert video.start_s == 0.0
    assert video.duration_s == pytest.approx(1.2, abs=0.001)
    assert audio.duration_s == pytest.approx(1.2, abs=0.03)
    # the pictures since the key frame, of which the first is made, are in the file; nothing else is
    assert clip.pictures == [51]
    sizes = sum(len(p.data) for p in recording.packets if p.is_video and 1.0 <= p.time_s < 2.7 - 1e-3)
    assert clip.film().stat().st_size < sizes + 20_000
    assert sound(clip.film()).size / 48_000 == pytest.approx(1.2, abs=0.03)
