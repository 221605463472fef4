"""A bundle is what the recorder signed, all of it and nothing else, or the first wrong thing in each file is named."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder import manifest
from recorder.errors import AgeNoMatchError, BundleError, UsageError
from recorder.manifest import FileEntry
from recorder.office import contents
from recorder.office.bundle import verify
from recorder.office.findings import VerifyReport
from recorder.office.recorders import Trust, load_recorder_key
from recorder.vault.age import X25519Identity, decrypt, encrypt_bytes
from recorder.vault.deletion import delete_segments
from recorder.vault.journal import DeviceKey
from recorder.vault.recovery import recover
from recorder.vault.retention import Reason, Verdict
from recorder.vault.slots import Kind, Slot
from recorder.vault.store import Store
from tests.export.van import Van, flip, names_in, resigned
from tests.vault.kit import make_slot

FILES = ("00001.mp4.age", "00002.mp4.age", "log.jsonl.age", "ledger.jsonl.age", "manifest.json")


@pytest.fixture
def journey(van: Van, stick: Path, segments: list[bytes]) -> str:
    """A held journey of two whole segments and one that a power cut ended, exported."""
    journey = van.held_journey(*segments[:2])
    van.tear(journey, segments[2])
    van.export(stick, journey)
    return journey


@pytest.fixture
def folder(van: Van, stick: Path, journey: str) -> Path:
    return van.folder(stick, journey)


def inside(van: Van, stick: Path) -> VerifyReport:
    return verify(stick, van.trust, [van.identity])


def outside(van: Van, stick: Path) -> VerifyReport:
    return verify(stick, van.trust)


def said(report: VerifyReport) -> dict[str, str]:
    """What is wrong, by file; one finding a file."""
    wrong = [finding for finding in report.findings if finding.is_wrong]
    assert len({finding.file for finding in wrong}) == len(wrong)
    return {finding.file: finding.text for finding in wrong}


# --- verdicts ----------------------------------------------------------------------------------------------------


def test_attested(van: Van, stick: Path, journey: str) -> None:
    """Signed by the recorder that is known here: exit 0, with and without the office's key."""
    folder = van.folder(stick, journey).name
    for report, name in ((outside(van, stick), folder), (inside(van, stick), journey)):
        assert (report.verdict, report.exit_code, said(report)) == ("attested", 0, {})
        assert [(each.journey, each.folder, each.files) for each in report.journeys] == [(name, folder, 6)]
        assert f"(folder {folder})" in report.lines[0] or name == folder
        assert f"signed by recorder {van.store.key.fingerprint} (Van 3)" in report.lines[0]


@pytest.mark.parametrize("known", [None, "another"])
def test_consistent_but_unknown(van: Van, stick: Path, journey: str, tmp_path: Path, known: str | None) -> None:
    """Everything holds, and the key is not known here: exit 4, and what to do about it."""
    key = None if known is None else DeviceKey.load_or_create(tmp_path / "other.key").public
    report = verify(stick, Trust(given=key), [van.identity])
    assert (report.verdict, report.exit_code, said(report)) == ("consistent", 4, {})
    assert "cabin-recorder enrol" in report.lines[-1]
    assert van.store.key.fingerprint in report.lines[0]


def test_json_for_programs(van: Van, stick: Path, journey: str) -> None:
    """All of it, in plain values."""
    flip(van.folder(stick, journey) / "00001.mp4.age")
    answer = json.loads(json.dumps(inside(van, stick).as_json()))
    assert (answer["verdict"], answer["exit_code"], answer["inside_checked"]) == ("wrong", 3, True)
    assert answer["journeys"][0]["recorder"] == van.store.key.public_text
    assert answer["findings"][0]["file"] == "00001.mp4.age"


def test_without_the_key_it_says_what_was_not_checked(van: Van, stick: Path, journey: str) -> None:
    """Nobody should take a check of the outside for more than that."""
    assert any("The inside was not checked" in line for line in outside(van, stick).lines)
    assert not any("The inside was not checked" in line for line in inside(van, stick).lines)


# --- one thing wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("position", [0, 100, -1])
def test_one_flipped_bit_in_any_file_is_found(van: Van, stick: Path, folder: Path, name: str, position: int) -> None:
    """At the beginning, within, at the end: exit 3, and the file is named."""
    flip(folder / name, position)
    for report in (outside(van, stick), inside(van, stick)):
        assert (report.exit_code, list(said(report))) == (3, [name])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("check", [inside, outside])
def test_a_cut_file_is_found(
    van: Van, stick: Path, folder: Path, name: str, check: Callable[[Van, Path], VerifyReport]
) -> None:
    """A byte less, or nothing left."""
    for keep in (-1, 0):
        path = folder / name
        path.write_bytes(path.read_bytes()[:keep])
        report = check(van, stick)
        assert (report.exit_code, list(said(report))) == (3, [name])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("check", [inside, outside])
def test_a_missing_file_is_found(
    van: Van, stick: Path, folder: Path, name: str, check: Callable[[Van, Path], VerifyReport]
) -> None:
    """Whichever it is."""
    (folder / name).unlink()
    report = check(van, stick)
    assert report.exit_code == 3
    assert "missing" in said(report)[name]


@pytest.mark.parametrize("check", [inside, outside])
def test_an_added_segment_is_found(
    van: Van, stick: Path, folder: Path, check: Callable[[Van, Path], VerifyReport]
) -> None:
    """A name that a recorder might have given proves nothing."""
    shutil.copy(folder / "00001.mp4.age", folder / "00009.mp4.age")
    assert said(check(van, stick)) == {"00009.mp4.age": "is not in the manifest; it was added."}


def test_swapped_segments_are_found(van: Van, stick: Path, folder: Path) -> None:
    """By the manifest without a key; by the log even where the recorder's own key signed the swap."""
    first, second = folder / "00001.mp4.age", folder / "00002.mp4.age"
    first.rename(folder / "swap")
    second.rename(first)
    (folder / "swap").rename(second)
    assert set(said(outside(van, stick))) == {"00001.mp4.age", "00002.mp4.age"}
    resigned(folder, van.store.key)
    assert outside(van, stick).exit_code == 0
    text = "is another segment than the recorder's log says (its header differs). Every chunk of it is authentic."
    assert said(inside(van, stick)) == {"00001.mp4.age": text, "00002.mp4.age": text}


def test_a_replaced_body_is_found_by_the_log(van: Van, stick: Path, folder: Path) -> None:
    """Whoever has the recorder's key, but not its past, cannot change what was recorded."""
    flip(folder / "00002.mp4.age", 5000)
    (folder / "00003.mp4.age").write_bytes((folder / "00003.mp4.age").read_bytes()[:-5000])
    resigned(folder, van.store.key)
    text = "is not what the recorder's log says was recorded (its body differs)."
    payload_bytes = 168 + 16  # the header for one recipient, and the nonce
    end_bytes = payload_bytes + 9 * (65_536 + 16)
    assert said(inside(van, stick)) == {
        "00002.mp4.age": f"{text} Chunk 1, from byte {payload_bytes} on, is the first that is not authentic.",
        "00003.mp4.age": f"{text} It is authentic up to its chunk 9, which ends at byte {end_bytes}.",
    }


@pytest.mark.parametrize("chunk", [0, 1, 5])
def test_the_first_wrong_chunk_is_named(van: Van, stick: Path, folder: Path, chunk: int) -> None:
    """With the office's key: from which byte on a segment is not what was recorded."""
    begin = 168 + 16 + chunk * (65_536 + 16)
    flip(folder / "00001.mp4.age", begin + 1000)
    flip(folder / "00001.mp4.age", -1)
    text = "was altered: its SHA-256 is not the one in the manifest."
    assert said(outside(van, stick)) == {"00001.mp4.age": text}
    more = f" Chunk {chunk + 1}, from byte {begin} on, is the first that is not authentic."
    assert said(inside(van, stick)) == {"00001.mp4.age": text + more}


def test_a_ledger_that_was_rolled_back_between_exports_is_found(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Two journeys from two exports carry two copies of the ledger: the later one must go on where the first ended."""
    first = van.held_journey(segments[0])
    older = van.store.ledger.path.read_bytes()
    van.export(stick, first)
    second = van.held_journey(segments[1])
    van.export(stick, second)
    assert inside(van, stick).exit_code == 0
    shutil.rmtree(van.folder(stick, second))
    van.store.ledger.path.write_bytes(older)
    van.clock.advance(60)
    third = van.held_journey(segments[1])
    for number in range(5):
        van.store.ledger.append("note", {"number": number})
    van.export(stick, third)
    assert said(inside(van, stick)) == {
        "ledger.jsonl.age": f"tells another past than that of {third} from entry {len(older.splitlines()) + 1} on; "
        "on the recorder it was put back to an older state and written on."
    }


def test_a_ledger_of_several_files_is_one_on_the_stick(van: Van, stick: Path, segments: list[bytes]) -> None:
    """Whatever the recorder does with its own files; also where the oldest are gone."""
    journey = van.held_journey(segments[0])
    for number in range(45):
        van.clock.reboot(f"boot-{number}", off_s=10 * 86_400)
        recover(van.store)
        van.store.ledger.append("start", {})
    files = sorted(path.name for path in van.store.root.glob("ledger*"))
    assert len(files) > 10
    assert "ledger.000000001.jsonl" not in files
    van.export(stick, journey)
    assert (inside(van, stick).exit_code, said(inside(van, stick))) == (0, {})


def test_a_segment_taken_out_is_found_by_the_log(van: Van, stick: Path, folder: Path) -> None:
    """A gap in the numbers that the log does not explain."""
    (folder / "00002.mp4.age").unlink()
    resigned(folder, van.store.key)
    assert said(inside(van, stick)) == {"00002.mp4.age": "is missing, though the recorder's log knows it."}


def test_a_resigned_bundle_is_not_attested(van: Van, stick: Path, folder: Path, tmp_path: Path) -> None:
    """Another key under the manifest: unknown from outside, wrong from inside, for the logs are not that key's."""
    other = DeviceKey.load_or_create(tmp_path / "other.key")
    resigned(folder, other, recorder=other.public_text)
    assert verify(stick, Trust()).exit_code == 4
    assert said(outside(van, stick)) == {
        "manifest.json": f"is signed by {other.fingerprint}, and the recorder of Van 3 that this office knows is "
        f"{van.store.key.fingerprint}: another recorder made this, or somebody signed it anew."
    }
    report = verify(stick, Trust(), [van.identity])
    assert report.exit_code == 3
    assert said(report)["log.jsonl.age"].startswith("line 1 (from byte 0 on) is not signed by the recorder")


def rewritten(folder: Path, van: Van, name: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """The log ``name`` with other lines, encrypted and signed for again, as root on the recorder could."""
    with (folder / name).open("rb") as file:
        lines = change(b"".join(decrypt(file, [van.identity])).splitlines(keepends=True))
    (folder / name).write_bytes(encrypt_bytes(b"".join(lines), [van.identity.recipient]))
    resigned(folder, van.store.key)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        pytest.param(
            lambda lines: [lines[0], *lines[2:]],
            "is entry 3, and entry 2 is missing; something was removed",
            id="removed",
        ),
        pytest.param(
            lambda lines: [lines[0], lines[2], lines[1]],
            "is entry 3, and entry 2 is line 3; lines were moved",
            id="exchanged",
        ),
        pytest.param(lambda lines: [lines[0], lines[1].replace(b'"en"', b'"cy"')], " on) is not signed", id="altered"),
        pytest.param(lambda lines: [b"\n"], "line 1 (from byte 0 on) is not an entry", id="emptied"),
        pytest.param(lambda lines: [], "holds nothing.", id="nothing"),
        pytest.param(lambda lines: [*lines, b"half"], "is 4 bytes without an end", id="half a line"),
        pytest.param(
            lambda lines: lines[:-3],
            "the ledger knows an entry that is not there; the end was cut off",
            id="end cut off",
        ),
    ],
)
def test_a_log_that_was_changed_is_found(
    van: Van, stick: Path, folder: Path, change: Callable[[list[bytes]], list[bytes]], wrong: str
) -> None:
    """Each line is signed and chained, and the ledger knows how far the log reached."""
    rewritten(folder, van, "log.jsonl.age", change)
    assert wrong in said(inside(van, stick))["log.jsonl.age"]


def test_another_recorder_s_ledger_is_found(van: Van, stick: Path, folder: Path) -> None:
    """A ledger that does not know this journey."""
    rewritten(folder, van, "ledger.jsonl.age", lambda lines: lines[:1])
    assert said(inside(van, stick)) == {
        "ledger.jsonl.age": "does not know this journey; it is another's ledger, or it was cut."
    }


def test_a_log_of_another_journey_is_found(van: Van, stick: Path, folder: Path) -> None:
    """Signed by the same recorder, and of another day."""
    other = van.begin()
    text = van.store.log(other).path.read_bytes()
    (folder / "log.jsonl.age").write_bytes(encrypt_bytes(text, [van.identity.recipient]))
    resigned(folder, van.store.key)
    assert said(inside(van, stick))["log.jsonl.age"].startswith("is the log of another journey")


def test_a_ledger_in_the_log_s_place_is_found(van: Van, stick: Path, folder: Path) -> None:
    """The right signer, the wrong book."""
    shutil.copy(folder / "ledger.jsonl.age", folder / "log.jsonl.age")
    resigned(folder, van.store.key)
    assert said(inside(van, stick))["log.jsonl.age"] == "does not begin as this recorder's log of a journey begins."


def test_exchanged_folders_are_found(van: Van, stick: Path, folder: Path, journey: str) -> None:
    """A journey under another's name."""
    folder.rename(folder.with_name("20200101T000000Z-0000"))
    assert "folders were renamed or exchanged" in said(outside(van, stick))["manifest.json"]


def test_a_journey_taken_off_the_stick_is_found(van: Van, stick: Path, segments: list[bytes]) -> None:
    """The ledger that travels with each journey names what was exported along."""
    kept, removed = van.held_journey(segments[0]), van.held_journey(segments[1])
    van.export(stick, kept, removed)
    shutil.rmtree(van.folder(stick, removed))
    (finding,) = [finding for finding in inside(van, stick).findings if finding.is_wrong]
    assert (finding.journey, finding.file) == (removed, "")
    assert finding.text.startswith("is missing: it was exported to this stick along with others.")


# --- not wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("slot", "for good, its key lay in memory that forgets"),
        ("file", "weakly, its key lay in a file, which a laboratory may find on the card"),
    ],
)
def test_segments_that_are_accounted_for(van: Van, stick: Path, segments: list[bytes], kind: Kind, how: str) -> None:
    """Deleted before, with a tombstone that says how well; or still being recorded: remarks, and nothing wrong."""
    slot = make_slot(van.store.root.with_name("other-slot"))
    recipients = [van.identity.recipient]
    van.store = Store(van.store.root, van.store.key, recipients, van.clock, slots=[Slot(slot.path, kind)])
    journey = van.begin()
    van.record(journey, segments[0])
    van.clock.advance(700)  # what comes now is of another epoch
    van.record(journey, segments[1])
    first = van.store.journey(journey).footage[0]
    delete_segments(van.store, [Verdict(first, Reason.DUE, "is a day old")])
    van.store.hold(journey, "driver", "hold button")
    writer = van.open_segment(journey, segments[2])
    van.export(stick, journey)
    report = inside(van, stick)
    os.close(writer._fd)
    assert report.exit_code == 0
    assert [(finding.file, finding.text.split(":")[1]) for finding in report.findings] == [
        ("00001.mp4.age", f" the recorder had deleted it before ({how}), and its ledger says why."),
        ("00003.mp4.age", " it was still being recorded; export again for it."),
    ]


def test_what_computers_strew_onto_sticks_is_nothing(van: Van, stick: Path, folder: Path) -> None:
    """A lead who looked at the stick on a Mac or in Windows has not tampered with it."""
    for name in (".DS_Store", "._00001.mp4.age", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"strewn")
    (stick / "System Volume Information").mkdir()
    assert outside(van, stick).findings == ()


def test_a_leftover_of_an_interrupted_export_is_a_remark(van: Van, stick: Path, folder: Path) -> None:
    """It says that it can go."""
    (folder / ".00004.mp4.age.part").write_bytes(b"half")
    report = outside(van, stick)
    assert report.exit_code == 0
    assert [(finding.file, finding.is_wrong) for finding in report.findings] == [(".00004.mp4.age.part", False)]


# --- hostile -----------------------------------------------------------------------------------------------------


def link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [link, endless, os.mkfifo, Path.mkdir])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_never_opened(
    van: Van, stick: Path, folder: Path, name: str, make: Callable[[Path], None]
) -> None:
    """A link would be followed out of the stick, a pipe would hang, a device never end."""
    (folder / name).unlink()
    make(folder / name)
    for check in (inside, outside):
        texts = [finding.text for finding in check(van, stick).findings if finding.file == name]
        assert "is a link, a folder or a device instead of a file; it was not opened." in texts


@pytest.mark.parametrize(
    "name", ["\x1b[2J\x07.mp4.age", "naïve\n", "-rf", "0001.mp4.age", "1234567890.mp4.age", "x" * 200, "\udcff"]
)
def test_odd_names_are_findings_and_harmless_to_print(van: Van, stick: Path, folder: Path, name: str) -> None:
    """No control character reaches the terminal, and a long name stays short."""
    (folder / name).write_bytes(b"x")
    (finding,) = outside(van, stick).findings
    assert finding.text == "does not belong there and was left alone."
    assert finding.line.isascii()
    assert finding.line.isprintable()
    assert len(finding.file) <= 80


@pytest.mark.parametrize("name", ["..data", "a/b".replace("/", "\\"), "é", " lead", "x" * 65])
def test_odd_folders_are_findings(van: Van, stick: Path, folder: Path, name: str) -> None:
    """A folder's name becomes the film's; only plain ones do."""
    folder.with_name(name).mkdir()
    (stick / "CABIN-EXPORT" / name).mkdir()
    findings = [finding for finding in outside(van, stick).findings if finding.is_wrong]
    assert [finding.text for finding in findings] == ["is a folder that no recorder makes."] * 2


def test_a_folder_without_end_is_left_at_some_point(van: Van, stick: Path, folder: Path) -> None:
    """A stick prepared with millions of names does not keep us for ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "MAX_FILES", 3)
        report = outside(van, stick)
    assert report.exit_code == 3
    assert any(finding.text.startswith("has more than 3 entries") for finding in report.findings)


def test_a_folder_that_cannot_be_read(van: Van, stick: Path, folder: Path) -> None:
    """The stick is failing: that is what is said."""

    def failing(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", failing)
        (finding,) = outside(van, stick).findings
    assert (finding.text, finding.is_wrong) == ("cannot be read: Input/output error.", True)


def test_stray_files_among_folders_are_findings(van: Van, stick: Path, folder: Path) -> None:
    """A link to a journey elsewhere is not looked into."""
    folder.with_name("20200101T000000Z-0000").symlink_to(folder)
    (finding,) = outside(van, stick).findings
    assert (finding.file, finding.is_wrong) == ("20200101T000000Z-0000", True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"format":"cabin-recorder-manifest-1"}',
        b"\xff" * 100,
        b"1" * 5000,
        b'{"format":' + b"1" * 5000 + b"}",
        b" " * (manifest.MAX_BYTES + 10),
    ],
)
def test_a_manifest_that_is_none(van: Van, stick: Path, folder: Path, data: bytes) -> None:
    """Whatever it is, it is one finding, soon."""
    (folder / "manifest.json").write_bytes(data)
    assert list(said(outside(van, stick))) == ["manifest.json"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": "cabin-recorder-manifest-9"}, "use a newer one"),
        ({"recorder": "cabin-recorder-1:AAAA"}, "is not a recorder's public key"),
        ({"files": (FileEntry("00001.mp4.age", 1, "0" * 64),) * 2}, "names a file twice"),
        ({"files": (FileEntry("../../etc/passwd", 1, "0" * 64),)}, "is not a manifest"),
        ({"files": (FileEntry("00001.mp4.age", -1, "0" * 64),)}, "is not a manifest"),
        ({"journey": "../20200101T000000Z-0000"}, "folders were renamed or exchanged"),
    ],
)
def test_a_signed_manifest_that_cannot_be_right(
    van: Van, stick: Path, folder: Path, changes: dict[str, object], text: str
) -> None:
    """A signature makes nothing true."""
    resigned(folder, van.store.key, **changes)
    assert text in said(outside(van, stick))["manifest.json"]


def test_a_manifest_with_white_space_is_not_the_recorder_s(van: Van, stick: Path, folder: Path) -> None:
    """One manifest has one spelling."""
    data = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(data.replace(b'"}\n', b'" }\n'))
    assert "is not written as the recorder writes" in said(outside(van, stick))["manifest.json"]


# --- no bundle ---------------------------------------------------------------------------------------------------


def test_what_is_no_bundle(stick: Path, tmp_path: Path) -> None:
    """Missing, a folder of something else, an empty one, a link: one sentence each."""
    for path, text in ((tmp_path / "missing", "is not a folder"), (stick, "it has no folder CABIN-EXPORT")):
        with pytest.raises(BundleError, match=text):
            verify(path, Trust())
    (stick / "CABIN-EXPORT").symlink_to("/")
    with pytest.raises(BundleError, match="it has no folder"):
        verify(stick, Trust())
    (stick / "CABIN-EXPORT").unlink()
    (stick / "CABIN-EXPORT").mkdir()
    with pytest.raises(BundleError, match="is an empty bundle"):
        verify(stick, Trust())


def test_the_folder_itself_may_be_named(van: Van, stick: Path, journey: str) -> None:
    """CABIN-EXPORT copied from the stick to somewhere else."""
    assert inside(van, stick / "CABIN-EXPORT").exit_code == 0


def test_the_wrong_key_is_said_once(van: Van, stick: Path, journey: str) -> None:
    """It is the caller's mistake, and not a fault of sixty files."""
    with pytest.raises(AgeNoMatchError, match="None of the given keys opens anything in this bundle"):
        verify(stick, Trust(), [X25519Identity.generate()])


def test_a_recorder_s_key_from_a_line_or_a_file(van: Van, tmp_path: Path) -> None:
    """As printed at installation, or as the .pub file beside the key."""
    path = tmp_path / "recorder.pub"
    path.write_text(van.store.key.public_text + "\n")
    assert load_recorder_key(str(path)) == load_recorder_key(van.store.key.public_text) == van.store.key.public


@pytest.mark.parametrize("text", ["", "nonsense", "cabin-authority-1:AAAA", "x" * 5000, "a\0b"])
def test_what_is_no_recorder_s_key(text: str) -> None:
    """Wrong use, in one sentence."""
    with pytest.raises(UsageError, match="The recorder's key cannot be used"):
        load_recorder_key(text)


def test_nothing_is_written(van: Van, stick: Path, folder: Path) -> None:
    """Checking leaves no trace."""
    before = {path: path.stat().st_mtime_ns for path in stick.rglob("*")}
    inside(van, stick)
    assert {path: path.stat().st_mtime_ns for path in stick.rglob("*")} == before
    assert names_in(stick) == ["CABIN-EXPORT", "HOW-TO-OPEN.txt"]
