"""Promises about a real disk, on a small ext4 image behind a loop device: full, write-protected, and forgetful."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recorder.errors import ExportError
from recorder.export.target import Target
from tests.export.van import Van, names_in

SIZE_BYTES = 16 << 20
MARK_BYTES = 64 << 10


@dataclass(frozen=True)
class Disk:
    """A mounted image. ``image``: what a laboratory would read."""

    image: Path
    root: Path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    image, root = tmp_path / "stick.img", tmp_path / "mounted"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE_BYTES)
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("mounting an image needs root, and mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True, capture_output=True)
    mount = subprocess.run(["mount", "-o", "loop", str(image), str(root)], capture_output=True, text=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"this machine mounts no images: {mount.stderr.strip()}")
    try:
        yield Disk(image, root)
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_what_the_disk_forgot_is_noticed_past_the_cache(disk: Disk) -> None:
    """A bit that changed on the medium: the kernel's memory still has the right one, the read-back has not."""
    target, written = Target(disk.root), os.urandom(MARK_BYTES)
    draft = target.write(disk.root / "file", [written])
    target.publish(draft)
    on_medium = disk.image.read_bytes().index(written)
    with disk.image.open("r+b") as image:
        image.seek(on_medium + 1000)
        image.write(bytes([written[1000] ^ 1]))
    assert (disk.root / "file").read_bytes() == written  # the control: an ordinary read sees nothing
    with pytest.raises(ExportError, match="did not keep what was written to it"):
        target.check(disk.root / "file", draft.sha256, lambda size_bytes: None)


def test_a_disk_that_fills_up_while_copying(disk: Disk, van: Van, segments: list[bytes]) -> None:
    """Said in one sentence; what got its name is whole, and with room the next run goes on from there."""
    journey = van.held_journey(*segments)
    filler = disk.root / "holiday.jpg"
    filler.write_bytes(bytes(Target(disk.root).free_bytes() - 1_500_000))
    with pytest.MonkeyPatch.context() as patch:  # the room vanishes after it was looked at
        patch.setattr(Target, "free_bytes", lambda self: SIZE_BYTES)
        with pytest.raises(ExportError, match="the stick is full; what is on it stays valid"):
            van.export(disk.root, journey)
    folder = van.folder(disk.root, journey)
    assert names_in(folder) == ["00001.mp4.age", "00002.mp4.age"]
    filler.unlink()
    (done,) = van.export(disk.root, journey).journeys
    assert (done.copied, done.present) == (1, 2)


def test_a_write_protected_disk(disk: Disk, van: Van, segments: list[bytes]) -> None:
    """Refused before anything is logged."""
    journey = van.held_journey(segments[0])
    subprocess.run(["mount", "-o", "remount,ro", str(disk.root)], check=True)
    ledger = van.store.ledger.path.read_bytes()
    with pytest.raises(ExportError, match="it is write-protected"):
        van.export(disk.root, journey)
    assert van.store.ledger.path.read_bytes() == ledger
