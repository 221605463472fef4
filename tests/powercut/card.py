"""A card whose power can be cut while it is in use: ext4 on a loop device, its image cloned at any instant.

The image lies on a filesystem that clones files (FICLONE, ioctl_ficlone(2)): on XFS, in an image of its own, for few
hosts have one. The loop device writes past the host's cache (direct I/O), so that the clone holds what the card's
filesystem had handed to the device at that instant, nothing else: everything in its cache is lost, as with the power.
A clone waits for writes that are under way, so each is in it whole or not at all, and in order. A card that loses
writes out of its own cache is the virtual vehicle's part (``tests/rig``).
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recorder.timekeeping import boottime_ns

_FICLONE = 0x40049409  # linux/fs.h
_TOOLS = ("losetup", "mkfs.ext4", "mkfs.xfs", "mount", "umount")
_BASE_BYTES = 2 << 30
CARD_BYTES = 256 << 20


def why_not() -> str | None:
    """Why no card can be made here; None where one can."""
    if os.geteuid() != 0:
        return "loop devices and mounts need root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} is missing; scripts/setup --test"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices here"
    return None


@dataclass(frozen=True, slots=True)
class Clone:
    """An image as it was at one instant between ``from_ns`` and ``until_ns`` (boottime)."""

    image: Path
    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Card:
    """A card in use. ``root``: where it is mounted."""

    image: Path
    root: Path

    def cut(self, number: int) -> Clone:
        """What is on it now, as a power cut would leave it. The card itself goes on."""
        path = self.image.with_name(f"cut-{number}.img")
        with self.image.open("rb") as source, path.open("wb") as target:
            from_ns = boottime_ns()
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
            return Clone(path, from_ns, boottime_ns())


@contextmanager
def card(folder: Path, size_bytes: int = CARD_BYTES) -> Iterator[Card]:
    """A new card, mounted below ``folder``."""
    base = folder / "base.img"
    with base.open("wb") as file:
        file.truncate(_BASE_BYTES)
    _run("mkfs.xfs", "-q", "-m", "reflink=1", base)
    with _mounted(base, folder / "base"):
        image = folder / "base" / "card.img"
        with image.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
        _make_ext4(image)
        with _mounted(image, folder / "card"):
            yield Card(image, folder / "card")


@contextmanager
def power_back(clone: Clone, folder: Path) -> Iterator[Path]:
    """The clone, mounted (which replays its journal); forgotten afterwards."""
    try:
        with _mounted(clone.image, folder):
            yield folder
    finally:
        clone.image.unlink()


@contextmanager
def small_card(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A card that is soon full."""
    image = folder / "small.img"
    with image.open("wb") as file:
        file.truncate(size_bytes)
    _make_ext4(image)
    with _mounted(image, folder / "small"):
        yield folder / "small"


@contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    device = _run("losetup", "--find", "--show", "--direct-io=on", image).strip()
    try:
        _run("mount", device, folder)
        try:
            yield
        finally:
            _run("umount", folder)
    finally:
        _run("losetup", "--detach", device)


def _make_ext4(image: Path) -> None:
    """With blocks as large as those of a card, and of shared extents on XFS; nothing kept back for root.

    All of it is made now: what the kernel would go on to make in the background is no write of the recorder's.
    """
    made_now = "lazy_itable_init=0,lazy_journal_init=0"
    _run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-E", made_now, image)


def _run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout
