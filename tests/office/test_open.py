"""All that can be delivered is, as films that play; all that cannot is said; plaintext goes where it was asked for."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click import Abort
from click.testing import CliRunner

from recorder import progress
from recorder.cli import cli
from recorder.errors import AgeNoMatchError, BundleError, OutputError, UsageError
from recorder.office import join
from recorder.office.keys import keygen
from recorder.office.open import OpenReport, open_bundle
from recorder.office.register import Register
from recorder.vault.age import X25519Identity
from tests.export.van import Van, flip, names_in
from tests.office.probe import picture_hashes, probe

FPS = 30


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "films"


@pytest.fixture
def journey(van: Van, stick: Path, segments: list[bytes]) -> str:
    journey = van.held_journey(*segments)
    van.export(stick, journey)
    return journey


def open_(van: Van, stick: Path, out: Path) -> OpenReport:
    return open_bundle(stick, [van.identity], out, lambda done, total: None)


def findings(report: OpenReport) -> dict[str, tuple[bool, str]]:
    assert len({finding.file for finding in report.findings}) == len(report.findings)
    return {finding.file: (finding.is_wrong, finding.text) for finding in report.findings}


def test_a_journey_becomes_a_film_and_its_log(van: Van, stick: Path, journey: str, out: Path) -> None:
    """All pictures of all segments, in a file that ffprobe has nothing to say about; the log as it was exported."""
    report = open_(van, stick, out)
    assert (report.exit_code, report.findings) == (0, ())
    assert names_in(out) == [f"{journey}.log.jsonl", f"{journey}.mp4"]
    video, audio = probe(out / f"{journey}.mp4")
    assert (video.codec, video.duration_s, video.frames) == ("h264", 6.0, 6 * FPS)
    assert (audio.codec, audio.duration_s) == ("aac", pytest.approx(6.0, abs=0.03))
    log = (out / f"{journey}.log.jsonl").read_bytes()
    assert van.store.log(journey).path.read_bytes().startswith(log)
    assert report.lines == (f"{out / journey}.mp4: 6.0 s", f"{out / journey}.log.jsonl")
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}


def test_what_was_stopped_goes_on(van: Van, stick: Path, segments: list[bytes], out: Path) -> None:
    """Ctrl-C in the second journey: the first is whole, nothing is half-named; the next run opens the second alone."""
    first, second = (van.held_journey(segments[0]) for _ in range(2))
    van.export(stick, first, second)
    size_bytes = sum(path.stat().st_size for path in van.folder(stick, first).glob("*.mp4.age"))

    def stop(done_bytes: int, _total_bytes: int) -> None:
        if done_bytes > size_bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_bundle(stick, [van.identity], out, stop)
    assert names_in(out) == [f"{first}.log.jsonl", f"{first}.mp4"]
    made = (out / f"{first}.mp4").stat()
    told: list[tuple[int, int]] = []
    entered: list[str] = []
    report = open_bundle(stick, [van.identity], out, lambda *counts: told.append(counts), entered.extend)
    assert (report.exit_code, entered, {total for _, total in told}) == (0, [second], {size_bytes})
    assert report.lines[0] == f"{first}: its film is there already, from an earlier run."
    assert names_in(out) == sorted(f"{one}.{kind}" for one in (first, second) for kind in ("log.jsonl", "mp4"))
    now = (out / f"{first}.mp4").stat()
    assert (now.st_ino, now.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert (open_bundle(stick, [van.identity], out, stop, entered.extend).exit_code, entered) == (0, [second])


@pytest.mark.usefixtures("journey")
def test_whoever_stops_it_is_told_that_it_goes_on(
    stick: Path, van: Van, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the command: what is whole is said, and what to type."""

    @contextmanager
    def stopped(_title: str) -> Iterator[Callable[[int, int], None]]:
        def show(_done_bytes: int, _total_bytes: int) -> None:
            raise KeyboardInterrupt

        yield show

    monkeypatch.setattr(progress, "progress_bar", stopped)
    identity = tmp_path / "identity.txt"
    identity.write_text(van.identity.text)
    opened = CliRunner().invoke(cli, list(map(str, ["open", stick, "-i", identity, "-o", out])), standalone_mode=False)
    assert isinstance(opened.exception, Abort)
    assert f"What has its name in {out} is whole; the same command goes on behind it." in opened.output
    assert names_in(out) == []


def test_opening_is_entered_before_anything_is_opened(
    van: Van, stick: Path, journey: str, out: Path, tmp_path: Path
) -> None:
    """Who looked at what, when and why; where there is no authority key beside the identity, that is said."""
    keygen(tmp_path / "keys", None)
    identity = tmp_path / "keys" / "identity.txt"
    identity.write_text(van.identity.text)
    asked = [*("open", stick, "-i", identity, "-o", out), *("--reference", "SAR 7", "--reason", "an access request")]
    opened = CliRunner().invoke(cli, list(map(str, asked)), standalone_mode=False)
    assert (opened.return_value, "note" in opened.output) == (0, False)
    register = Register.open(tmp_path / "keys", str)
    (entry,) = register.check().entries
    assert (entry.event, entry.data) == (
        "opened",
        {
            "to": "this office",
            "reference": "SAR 7",
            "reason": "an access request",
            "journeys": [journey],
            "folder": str(out),
        },
    )
    asked = ["open", stick, "-i", identity, "-o", tmp_path / "once more"]
    CliRunner().invoke(cli, list(map(str, asked)), standalone_mode=False)
    assert register.check().lines[1].endswith(f"  opened: this office; to look at it: {journey}")  # no empty words
    alone = tmp_path / "identity.txt"
    alone.write_text(van.identity.text)
    asked = ["open", stick, "-i", alone, "-o", tmp_path / "again"]
    opened = CliRunner().invoke(cli, list(map(str, asked)), standalone_mode=False)
    assert (opened.return_value, f"note  This is in no register, for {tmp_path} has no" in opened.output) == (0, True)


def test_progress_counts_to_the_end(van: Van, stick: Path, journey: str, out: Path) -> None:
    """Bytes of segments, to the last one."""
    told: list[tuple[int, int]] = []
    open_bundle(stick, [van.identity], out, lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == sum(path.stat().st_size for path in stick.rglob("*.mp4.age"))


def test_several_journeys(van: Van, stick: Path, segments: list[bytes], out: Path) -> None:
    """A film each, in the order of their names."""
    journeys = [van.held_journey(segments[0]), van.held_journey(segments[1])]
    van.export(stick, *journeys)
    report = open_(van, stick, out)
    assert [opened.journey for opened in report.journeys] == journeys
    assert sorted(path.stem for path in out.glob("*.mp4")) == journeys


def test_a_segment_that_a_power_cut_ended(van: Van, stick: Path, segments: list[bytes], out: Path) -> None:
    """It plays to its last whole fragment; that is a remark, for the signed log says the same."""
    journey = van.held_journey(segments[0])
    van.tear(journey, segments[1][:400_000])
    van.export(stick, journey)
    report = open_(van, stick, out)
    assert report.exit_code == 0
    ((is_wrong, text),) = findings(report).values()
    assert not is_wrong
    assert re.fullmatch(
        r"was ended by a power cut; it plays up to then\. Its last \d+ bytes are no whole fragment and were left out\.",
        text,
    )
    frames = probe(out / f"{journey}.mp4")[0].frames
    assert 2 * FPS < frames < 4 * FPS


@pytest.mark.parametrize("position", [0, 250, 70_000, -1])
def test_a_damaged_segment_takes_nothing_with_it(van: Van, stick: Path, journey: str, out: Path, position: int) -> None:
    """The others play, what is whole of it plays, and it is said which file is wrong."""
    flip(van.folder(stick, journey) / "00002.mp4.age", position)
    report = open_(van, stick, out)
    assert report.exit_code == 3
    assert [name for name, (is_wrong, _) in findings(report).items() if is_wrong] == ["00002.mp4.age"]
    video = probe(out / f"{journey}.mp4")[0]
    assert 4 * FPS <= video.frames <= 6 * FPS  # the last chunk holds no frame, but an index that is not needed
    assert video.duration_s == pytest.approx(6.0, abs=1e-3)  # the gap stays a gap


def test_a_flipped_bit_names_both_the_chunk_and_the_log(van: Van, stick: Path, journey: str, out: Path) -> None:
    """The hash of the signed log says that it was altered, the chunk says where."""
    flip(van.folder(stick, journey) / "00002.mp4.age", 70_000)
    (text,) = [text for _, text in findings(open_(van, stick, out)).values()]
    assert text.startswith("is not what the recorder's log says was recorded (its body differs). ")
    assert "damaged in its chunk 2" in text


def test_a_missing_segment_is_said(van: Van, stick: Path, journey: str, out: Path) -> None:
    """The film goes on after the gap."""
    (van.folder(stick, journey) / "00002.mp4.age").unlink()
    report = open_(van, stick, out)
    assert (report.exit_code, findings(report)) == (
        3,
        {"00002.mp4.age": (True, "is missing, though the recorder's log knows it.")},
    )
    assert probe(out / f"{journey}.mp4")[0].frames == 4 * FPS


def test_an_added_segment_is_shown_and_said(van: Van, stick: Path, journey: str, out: Path) -> None:
    """Nobody should take it for the recorder's."""
    folder = van.folder(stick, journey)
    shutil.copy(folder / "00001.mp4.age", folder / "00004.mp4.age")
    report = open_(van, stick, out)
    assert (report.exit_code, findings(report)) == (
        3,
        {"00004.mp4.age": (True, "is not in the manifest; it was added.")},
    )


@pytest.mark.parametrize("name", ["manifest.json", "log.jsonl.age", "ledger.jsonl.age"])
@pytest.mark.parametrize("damage", [Path.unlink, flip])
def test_the_film_does_not_need_the_papers(  # noqa: PLR0917 - fixtures
    van: Van, stick: Path, journey: str, out: Path, name: str, damage: Callable[[Path], None]
) -> None:
    """Without manifest or logs everything plays all the same, and the report says what could not be checked."""
    damage(van.folder(stick, journey) / name)
    report = open_(van, stick, out)
    assert report.exit_code == 3
    assert name in findings(report)
    film = van.folder(stick, journey).name if name == "manifest.json" else journey  # no manifest, no key to believe
    assert probe(out / f"{film}.mp4")[0].frames == 6 * FPS


def test_without_a_log_the_manifest_is_what_segments_are_held_to(
    van: Van, stick: Path, journey: str, out: Path
) -> None:
    """A flipped bit in a segment is found by whatever knows its hash."""
    folder = van.folder(stick, journey)
    (folder / "log.jsonl.age").unlink()
    flip(folder / "00003.mp4.age", 40)
    texts = {name: text for name, (_, text) in findings(open_(van, stick, out)).items()}
    assert "00003.mp4.age" in texts


def test_a_segment_whose_end_is_not_in_the_log(van: Van, stick: Path, segments: list[bytes], out: Path) -> None:
    """Exported after a crash, before the next start: its header is held to the log, its bytes to the manifest."""
    journey = van.held_journey(segments[0])
    os.close(van.open_segment(journey, segments[1])._fd)
    van.export(stick, journey)
    folder = van.folder(stick, journey)
    ((_, text),) = findings(open_(van, stick, out)).values()
    assert text.startswith("The file ends without its final chunk")
    flip(folder / "00002.mp4.age", 300)
    ((_, text),) = findings(open_(van, stick, out / "again")).values()
    assert text.startswith("was altered: its SHA-256 is not the one in the manifest.")


def test_a_journey_of_another_office_does_not_stop_ours(van: Van, stick: Path, journey: str, out: Path) -> None:
    """Its files are said not to open; ours become a film. No film of a journey is exit 1 at least."""
    other = Van.build(out.with_name("other"))
    foreign = other.held_journey()
    other.export(stick, foreign, vehicle="Van 4")
    report = open_(van, stick, out)
    assert report.exit_code == 3
    name = other.folder(stick, foreign, "Van 4").name
    assert {opened.journey: len(opened.movies) for opened in report.journeys} == {journey: 1, name: 0}
    assert f"{name}: no film, for nothing in it could be opened." in report.lines


def test_a_journey_without_footage(van: Van, stick: Path, out: Path) -> None:
    """Nothing was recorded, so there is no film, and the answer is not yes."""
    journey = van.held_journey()
    van.export(stick, journey)
    report = open_(van, stick, out)
    assert (report.exit_code, report.findings) == (1, ())
    assert names_in(out) == [f"{journey}.log.jsonl"]


def test_the_wrong_key_writes_nothing(van: Van, stick: Path, journey: str, out: Path) -> None:
    """One sentence."""
    with pytest.raises(AgeNoMatchError, match="None of the given keys opens anything"):
        open_bundle(stick, [X25519Identity.generate()], out, lambda done, total: None)
    assert not out.exists()


def test_what_is_no_bundle(van: Van, stick: Path, out: Path) -> None:
    """Nothing is made for it."""
    with pytest.raises(BundleError):
        open_(van, stick, out)
    assert not out.exists()


@pytest.mark.parametrize("suffix", [".mp4", "-part2.mp4", ".log.jsonl"])
def test_nothing_is_replaced(van: Van, stick: Path, journey: str, out: Path, suffix: str) -> None:
    """Someone may have worked with an earlier film; a link under its name counts too."""
    out.mkdir()
    (out / f"{journey}{suffix}").symlink_to("nowhere")
    with pytest.raises(UsageError, match="is in the way, and nothing is replaced; name an empty folder"):
        open_(van, stick, out)
    assert names_in(out) == [f"{journey}{suffix}"]


@pytest.mark.parametrize("place", ["", "films", "CABIN-EXPORT/films"])
def test_films_do_not_go_onto_the_stick(van: Van, stick: Path, journey: str, place: str) -> None:
    """Plaintext beside the ciphertext would undo all of it."""
    with pytest.raises(UsageError, match="lies in the bundle"):
        open_(van, stick, stick / place)


def test_a_folder_that_cannot_be(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    """A file in its place."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be used as a folder"):
        open_(van, stick, tmp_path / "file")


def test_a_journey_that_is_on_the_stick_twice(van: Van, stick: Path, journey: str, out: Path) -> None:
    """Its name came about once; the first becomes the film, the other is said."""
    shutil.copytree(van.folder(stick, journey), van.folder(stick, journey, "Van 4"))
    report = open_(van, stick, out)
    assert (report.exit_code, findings(report)) == (
        3,
        {van.folder(stick, journey).name: (True, "is here twice; only the one under Van 3 was looked at.")},
    )
    assert names_in(out) == [f"{journey}.log.jsonl", f"{journey}.mp4"]


def test_a_full_disk_leaves_nothing_half_named(van: Van, stick: Path, journey: str, out: Path) -> None:
    """One sentence; no film, no leftover of one."""

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join.MovieWriter, "add", full)
        with pytest.raises(OutputError, match="No space left on device; what is there is whole"):
            open_(van, stick, out)
    assert names_in(out) == []


def test_a_stick_pulled_out_midway_gives_what_was_read(van: Van, stick: Path, journey: str, out: Path) -> None:
    """The first segments become a film, the others are said to be unreadable."""
    reading = os.open

    def pulled_out(path: Path, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(("00002.mp4.age", "00003.mp4.age")):
            raise OSError(errno.EIO, "Input/output error")
        return reading(path, flags, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", pulled_out)
        report = open_(van, stick, out)
    unreadable = (True, "cannot be read: Input/output error.")
    assert findings(report) == {"00002.mp4.age": unreadable, "00003.mp4.age": unreadable}
    assert len(picture_hashes(out / f"{journey}.mp4")) == 2 * FPS
