"""The erasable slot, in the memory of a clock chip as the kernel shows it to the service."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.rig.drivers import ClockChip
from tests.rig.office import Office
from tests.rig.recorder import STORE, Recorder
from tests.vault.laboratory import Laboratory

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]


def image_of(recorder: Recorder, folder: Path) -> Path:
    """The card of ``recorder``, as a laboratory copies it."""
    archive = recorder.vehicle.guest.try_("tar", "-C", STORE, "-c", ".").output
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        members.extractall(folder, filter="data")
    return folder


def test_what_was_deleted_opens_to_nobody_who_has_the_chip(recorder: Recorder, office: Office, tmp_path: Path) -> None:
    """With a clock chip's memory as slot an image of the card from before, the office's key and the chip open nothing.

    The same image opens with what the chip held before the deletion.
    """
    guest = recorder.vehicle.guest
    chip = ClockChip(guest)
    recorder.configure(slot=f'slot = "{chip.memory}"', max_age_s=150)
    recorder.start()
    recorder.record()
    assert recorder.status()["erasure"] == "slot"
    recorder.park()
    laboratory = Laboratory(image_of(recorder, tmp_path / "before"), office.identity)
    (tmp_path / "slot-before").write_bytes(guest.read(chip.memory))

    recorder.until(lambda status: status["store"]["size_bytes"] == 0)

    (tmp_path / "slot-after").write_bytes(guest.read(chip.memory))
    after = image_of(recorder, tmp_path / "after")
    assert len(laboratory.opened(tmp_path / "slot-before", after)) >= 3
    assert laboratory.opened(tmp_path / "slot-after", after) == []
    deletions = [entry["data"] for entry in recorder.ledger() if entry["event"] == "tombstone-done"]
    assert {data["erasure"] for data in deletions if data.get("deleted")} == {"slot"}
