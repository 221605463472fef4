"""Sticks as loop devices with real filesystems, made and mounted as a recorder does; and pulled out as a hand does."""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from recorder.export.mounting import Mounter

MIB: Final = 1 << 20
SIZE_BYTES: Final = 64 * MIB

_MAKE: Final = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-L"),
    "vfat": ("mkfs.vfat", "-F", "32", "-n"),
    "exfat": ("mkfs.exfat", "-L"),
    "swap": ("mkswap", "--label"),
}
_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32); fs/ext4/ext4.h, EXT4_IOC_SHUTDOWN
_WITHOUT_FLUSH = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH


@dataclass(frozen=True)
class Disk:
    """A stick in its socket. ``name``: of its device, ``loop0``; ``image``: what a laboratory would read."""

    name: str
    image: Path


def make_image(image: Path, filesystem: str, label: str, size_bytes: int = SIZE_BYTES, *options: str) -> Path:
    """A stick's content, freshly formatted. Skips where the tool is missing."""
    tool, *arguments = _MAKE[filesystem]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is missing; scripts/setup --test")
    with image.open("wb") as file:
        file.truncate(size_bytes)
    image.chmod(0o600)
    subprocess.run([tool, *options, *arguments, label, str(image)], check=True, capture_output=True)
    return image


@contextmanager
def plugged(image: Path, *options: str) -> Iterator[Disk]:
    """``image`` as a block device; ``options`` of losetup. Skips where that cannot be."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        pytest.skip("loop devices need root")
    # Past the host's cache: what the image holds is what the device was given.
    command = ["losetup", "--find", "--show", "--direct-io=on", *options, str(image)]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield Disk(device.removeprefix("/dev/"), image)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextmanager
def mounted(mounter: Mounter, disk: Disk) -> Iterator[Path]:
    """The stick as the copy sees it; let go at the end, also where it was pulled out."""
    at = mounter.mount(disk.name)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)
        mounter.release(disk.name)


def require_filesystem(name: str) -> None:
    """Skip where this kernel cannot mount it."""
    subprocess.run(["modprobe", name], capture_output=True, check=False) if shutil.which("modprobe") else None
    if name not in Path("/proc/filesystems").read_text().split():
        pytest.skip(f"this kernel has no {name}; the virtual vehicle has (tests/rig)")


def pull_out(at: Path) -> None:
    """What is mounted at ``at`` (ext4) answers nothing but EIO from now on, and what it had not written is lost."""
    fd = os.open(at, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
    finally:
        os.close(fd)


class Port:
    """Where sticks are plugged in, one at a time: ``image`` survives, what was only in memory does not."""

    def __init__(self, folder: Path, size_bytes: int = 32 * MIB) -> None:
        self._mounter = Mounter(folder / "place", "root")
        self._mounter.place.mkdir()
        self.image = make_image(folder / "stick.img", "ext4", "CABINEXPORT", size_bytes)
        self._plugged = ExitStack()

    def plug(self) -> Path:
        """In, anew if it was in; where it is mounted."""
        self.unplug()
        disk = self._plugged.enter_context(plugged(self.image))
        return self._plugged.enter_context(mounted(self._mounter, disk))

    def unplug(self) -> None:
        """Let go, and out."""
        self._plugged.close()
