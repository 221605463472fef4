"""Whole exports onto real filesystems: several journeys, a full stick, one that is pulled out.

Each ends with what counts: ``verify``, as the office types it, calls all of it attested.
"""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from recorder.errors import ExportError
from recorder.office.bundle import verify
from tests.export.disks import MIB, Port, pull_out
from tests.export.van import Van
from tests.vault.kit import assert_logs_sound


def attested(van: Van, root: Path) -> str:
    """What ``verify`` prints of ``root``, which must be good, and signed by the recorder of ``van``."""
    identity = root.parent.parent / "identity.txt"
    identity.write_text(van.identity.text + "\n")
    command = ["verify", str(root), "--recorder", van.store.key.public_text, "--identity", str(identity)]
    done = subprocess.run([sys.executable, "-m", "recorder", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recorded(van: Van, journey: str) -> set[bytes]:
    """What of ``journey`` a stick should hold, once it went onto a folder that gives no trouble."""
    folder = van.store.root.parent / f"good-{journey}"
    folder.mkdir(exist_ok=True)
    van.export(folder, journey)
    return {path.read_bytes() for path in folder.rglob("*.mp4.age")}


def test_several_journeys(van: Van, segments: list[bytes], usb: Port) -> None:
    """All that is held, onto one stick; what is read after it was plugged in anew is attested."""
    journeys = [van.held_journey(*segments[:count]) for count in (1, 3, 2)]
    report = van.export(usb.plug(), *journeys)
    assert [(done.journey, done.copied) for done in report.journeys] == list(zip(journeys, (1, 3, 2), strict=True))
    root = usb.plug()
    assert len(list(root.rglob("*.mp4.age"))) == 6
    attested(van, root)


def test_a_full_stick_is_refused_before_anything_is_written(van: Van, segments: list[bytes], usb: Port) -> None:
    """What is missing would not fit; not one byte of the stick changes, and the next one, with room, is filled."""
    journey = van.held_journey(*segments)
    root = usb.plug()
    filler = root / "holiday.jpg"
    filler.write_bytes(bytes(os.statvfs(root).f_bavail * os.statvfs(root).f_frsize - 4 * MIB))
    ledger = van.store.ledger.path.read_bytes()
    with pytest.raises(ExportError, match=r"MB free, and \d+ MB are needed; use a larger or an emptier stick"):
        van.export(root, journey)
    assert sorted(path.name for path in root.iterdir()) == ["holiday.jpg", "lost+found"]
    assert van.store.ledger.path.read_bytes() == ledger
    filler.unlink()
    van.export(root, journey)
    attested(van, root)


def test_pulled_out_at_any_moment(van: Van, segments: list[bytes], usb: Port) -> None:
    """Copying or reading back: one sentence, nothing lost on the recorder, whole or not there; then it goes on."""
    journeys = [van.held_journey(*segments[:2]), van.held_journey(segments[2])]
    good = set[bytes]().union(*(recorded(van, journey) for journey in journeys))
    van.export(_fresh(van, "counting"), *journeys)
    moments = len(van.progress)
    assert moments > 8
    for moment in range(moments):
        root = usb.plug()
        van.watch = partial(_pull_at, van, root, moment)
        with pytest.raises(ExportError, match="perhaps pulled out; plug it in and export again"):
            van.export(root, *journeys)
        van.watch = lambda: None
        root = usb.plug()
        assert {path.read_bytes() for path in root.rglob("[0-9]*.mp4.age")} <= good, moment
        for journey in journeys:
            assert van.store.journey(journey).problems == ()
        van.export(root, *journeys)
        report = verify(root, van.trust, [van.identity])
        assert (report.exit_code, report.findings) == (0, ()), moment
        shutil.rmtree(root / "CABIN-EXPORT")
    assert_logs_sound(van.store, van.store.key)


def _pull_at(van: Van, root: Path, moment: int) -> None:
    if len(van.progress) == moment:
        pull_out(root)


def _fresh(van: Van, name: str) -> Path:
    folder = van.store.root.parent / name
    folder.mkdir()
    return folder
