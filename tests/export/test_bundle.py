"""Held journeys leave whole, read back and signed; nothing on the recorder is changed but its logs."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from recorder import manifest
from recorder.errors import ExportError, NoSuchJourneyError
from recorder.export.segments import LeftOut
from recorder.export.target import Target
from recorder.vault.age import decrypt
from recorder.vault.journal import complete_lines, read_entries, verify_chain
from recorder.vault.records import clear_headers
from tests.export.van import VEHICLE, Van, events_of, flip, names_in
from tests.office.probe import picture_hashes

LOGS = ["ledger.jsonl.age", "log.jsonl.age"]


def card(van: Van) -> dict[str, str]:
    """Every file on the card but the logs, by its hash."""
    files = [path for path in van.store.root.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_lies_on_the_stick(van: Van, stick: Path, segments: list[bytes]) -> None:
    """The layout of the README, and nothing beside it."""
    journey = van.held_journey(*segments)
    before = card(van)
    report = van.export(stick, journey)
    assert (report.problems, report.exit_code) == ((), 0)
    assert names_in(stick) == ["CABIN-EXPORT", "HOW-TO-OPEN.txt"]
    folder = van.folder(stick, journey)
    assert names_in(folder) == ["00001.mp4.age", "00002.mp4.age", "00003.mp4.age", *LOGS, "manifest.json"]
    assert card(van) == before
    source = van.store.journey(journey).path
    for number in (1, 2, 3):
        on_card = clear_headers(source)[number] + (source / f"{number:05d}.body").read_bytes()
        assert (folder / f"{number:05d}.mp4.age").read_bytes() == on_card


def test_stock_tools_open_it(van: Van, stick: Path, segments: list[bytes], tmp_path: Path) -> None:
    """The line in HOW-TO-OPEN.txt, typed as it stands there, gives a film with every frame."""
    if shutil.which("age") is None:
        pytest.skip("Debian's package `age` is not installed")
    journey = van.held_journey(*segments)
    van.export(stick, journey)
    (tmp_path / "identity.txt").write_text(van.identity.text + "\n")
    (command,) = [line.strip() for line in (stick / "HOW-TO-OPEN.txt").read_text().splitlines() if "00001" in line]
    program, redirection, film = command.rpartition(" > ")
    assert (program, redirection, film) == ("age -d -i identity.txt 00001.mp4.age", " > ", "00001.mp4")
    shutil.copy(van.folder(stick, journey) / "00001.mp4.age", tmp_path)
    with (tmp_path / film).open("wb") as output:
        subprocess.run(program.split(), cwd=tmp_path, stdout=output, check=True)
    assert len(picture_hashes(tmp_path / film)) == 60


def test_the_logs_on_the_stick(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Encrypted, whole, signed, and they say when they were exported."""
    journey = van.held_journey(*segments[:1])
    van.export(stick, journey)
    entries = {}
    for name in LOGS:
        with (van.folder(stick, journey) / name).open("rb") as file:
            lines, rest_bytes = complete_lines(b"".join(decrypt(file, [van.identity])))
        assert rest_bytes == 0
        entries[name] = verify_chain(lines, van.store.key.public)
    assert events_of(entries["log.jsonl.age"])[-3:] == ["hold", "clock-measured", "export-began"]
    assert entries["log.jsonl.age"][-1].data == {
        "folder": van.folder(stick, journey).name,
        "recipients": [van.identity.recipient.text],
    }
    assert events_of(entries["ledger.jsonl.age"])[-2:] == ["export-began", "export-began"]
    assert entries["ledger.jsonl.age"][-2].data["journeys"] == [journey]


def test_the_manifest(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Names, sizes, hashes, signed; no times, no words about what happened."""
    journey = van.held_journey(*segments)
    report = van.export(stick, journey)
    folder = van.folder(stick, journey)
    data = (folder / "manifest.json").read_bytes()
    signed, signed_bytes, signature = manifest.parse(data)
    assert van.store.key.public.verify(signed_bytes, signature)
    assert (signed.vehicle, signed.journey, signed.recorder) == (VEHICLE, folder.name, van.store.key.public_text)
    on_stick = {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    assert {entry.name: (entry.size_bytes, entry.sha256) for entry in signed.files} == on_stick
    assert set(json.loads(data)) == {"format", "software", "recorder", "vehicle", "journey", "files", "sig"}
    assert report.journeys[0].manifest_sha256 == hashlib.sha256(data).hexdigest()


def test_it_is_logged_with_the_manifest_s_hash(van: Van, stick: Path, segments: list[bytes]) -> None:
    """In the journey's log and in the ledger, after everything was read back."""
    journey = van.held_journey(*segments)
    report = van.export(stick, journey)
    for log in (van.store.log(journey).path, van.store.ledger.path):
        last = read_entries(log)[-1]
        assert last.event == "exported"
        assert last.data["manifest_sha256"] == report.journeys[0].manifest_sha256
        assert last.data["segments"] == 3


def test_progress_counts_to_the_end(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Each byte twice, copied and read back; never backwards."""
    journey = van.held_journey(*segments)
    van.export(stick, journey)
    total_bytes = 2 * sum(path.stat().st_size for path in van.folder(stick, journey).glob("*.mp4.age"))
    assert van.progress[-1] == (total_bytes, total_bytes)
    assert van.progress == sorted(van.progress)


def test_what_is_whole_is_not_copied_again(van: Van, stick: Path, segments: list[bytes]) -> None:
    """A second export writes logs and manifest, and not one segment."""
    journey = van.held_journey(*segments)
    van.export(stick, journey)
    times = {path: path.stat().st_mtime_ns for path in van.folder(stick, journey).glob("*.mp4.age")}
    (again,) = van.export(stick, journey).journeys
    assert (again.copied, again.present, again.copied_bytes) == (0, 3, 0)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert van.progress[-1][0] == van.progress[-1][1]


def test_an_interrupted_export_goes_on(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Half files, altered files and leftovers are made good; what is whole is kept."""
    journey = van.held_journey(*segments)
    van.export(stick, journey)
    folder = van.folder(stick, journey)
    (folder / "manifest.json").unlink()
    flip(folder / "00002.mp4.age", 5000)
    (folder / "00003.mp4.age").rename(folder / ".00003.mp4.age.part")
    (again,) = van.export(stick, journey).journeys
    assert (again.copied, again.present) == (2, 1)
    assert names_in(folder) == ["00001.mp4.age", "00002.mp4.age", "00003.mp4.age", *LOGS, "manifest.json"]


def test_a_segment_that_is_being_recorded_stays_out(van: Van, stick: Path, segments: list[bytes]) -> None:
    """The report says so, and the next export takes it."""
    journey = van.held_journey(*segments[:2])
    writer = van.open_segment(journey, segments[2])
    (first,) = van.export(stick, journey).journeys
    assert (first.copied, first.left_out) == (
        2,
        (LeftOut(3, "it is still being recorded; export again when it is done"),),
    )
    assert f"{journey}: segment 3 was left out" in first.lines[1]
    os.close(writer._fd)  # the process died; nobody has signed the segment yet
    (second,) = van.export(stick, journey).journeys
    assert (second.copied, second.present, second.left_out) == (1, 2, ())


def test_a_segment_without_its_header_stays_out(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Nobody could open it; the others go along."""
    journey = van.held_journey(*segments[:2])
    hold = van.store.journey(journey).path / "HOLD"
    hold.write_bytes(b"".join(line for line in hold.read_bytes().splitlines(True) if not line.startswith(b"00001 ")))
    (report,) = van.export(stick, journey).journeys
    assert (report.copied, report.left_out) == (1, (LeftOut(1, "its header is missing, so nobody could open it"),))


def test_a_header_without_footage_stays_out(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Cut off before its first moment."""
    journey = van.held_journey(*segments[:2])
    (van.store.journey(journey).path / "00002.body").unlink()
    (report,) = van.export(stick, journey).journeys
    assert [left.number for left in report.left_out] == [2]


def test_what_is_deleted_meanwhile_is_left_out(van: Van, stick: Path, segments: list[bytes]) -> None:
    """A journey may be released while it is copied, and lose segments to the pruner."""
    journey = van.held_journey(*segments)
    path = van.store.journey(journey).path
    copying = Target.write

    def delete_then_copy(target: Target, at: Path, pieces: object) -> object:
        if at.name == "00001.mp4.age":
            (path / "00002.body").unlink()
        return copying(target, at, pieces)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Target, "write", delete_then_copy)
        (report,) = van.export(stick, journey).journeys
    assert (report.copied, report.left_out) == (2, (LeftOut(2, "it was deleted while the export ran"),))
    assert "00002.mp4.age" not in names_in(van.folder(stick, journey))


def test_what_nobody_holds_is_not_copied(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Its headers are sealed: even the office could not open it. The sentence says what to do."""
    journey = van.begin()
    van.record(journey, *segments[:1])
    report = van.export(stick, journey)
    assert report.problems == (
        f"{journey} was not exported: {journey} is not held, so nobody can open it; hold it first.",
    )


def test_several_journeys_and_one_that_fails(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Two get through, the third's log is gone: a problem of its own."""
    journeys = [van.held_journey(segments[0]) for _ in range(3)]
    (van.store.journey(journeys[1]).path / "log.jsonl").unlink()
    report = van.export(stick, *journeys)
    assert [done.journey for done in report.journeys] == [journeys[0], journeys[2]]
    assert report.exit_code == 1
    assert report.problems[0].startswith(f"{journeys[1]} was not exported: ")
    assert report.lines[-1] == report.problems[0]
    assert report.lines[-2].startswith("2 journeys exported: ")


def test_a_journey_that_is_not_there_is_refused_before_anything_is_written(van: Van, stick: Path) -> None:
    """A mistyped id leaves no trace."""
    before = read_entries(van.store.ledger.path)
    with pytest.raises(NoSuchJourneyError):
        van.export(stick, "20991231T000000Z-ffff")
    assert names_in(stick) == []
    assert read_entries(van.store.ledger.path) == before


def test_a_stick_that_is_too_small_is_refused_before_anything_is_written(
    van: Van, stick: Path, segments: list[bytes]
) -> None:
    """The sentence says how much is needed."""
    journey = van.held_journey(*segments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Target, "free_bytes", lambda self: 1_000_000)
        with pytest.raises(ExportError, match=r"has 1 MB free, and \d+ MB are needed; use a larger"):
            van.export(stick, journey)
    assert names_in(stick) == []


def test_a_vehicle_s_name_fits_any_filesystem(van: Van, stick: Path, segments: list[bytes]) -> None:
    """FAT drops dots and spaces at the end of a name; so do we, before it does."""
    journey = van.held_journey(segments[0])
    van.export(stick, journey, vehicle="No. 7. ")
    assert names_in(stick / "CABIN-EXPORT") == ["No. 7"]
