"""PURE. May the copy go onto what was plugged in? Decided over what lsblk and blkid say (``lsblk.py``).

Rules: a stick is known by its label, as it stands on the device itself; whoever gave it that label waits for a copy, so
a stick that has it and will not do is refused with the mend (StickError), and every other is left alone
(ForeignStickError). Of several partitions for the recorder the first is written to. A disk that the machine runs from
is no stick: what is exported must be carried away.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from recorder.errors import ForeignStickError, StickError

LABELS: Final = ("CABINEXPORT", "CABIN-EXPOR", "CABIN-EXPORT")
"""FAT and exFAT labels end after 11 characters, hence three spellings; as in udev/70-cabin-recorder.rules."""

SMALLEST_BYTES: Final = 16 << 20
"""Less holds no minute of footage beside what an export keeps free and what a filesystem takes for itself."""

_NAME = re.compile(r"[a-z0-9]{1,31}")
_KINDS = ("disk", "part", "loop")
_FILESYSTEMS = ("vfat", "exfat", "ext4")
_OF_THE_MACHINE = ("/", "[SWAP]")

# Nothing on a stick is a program, a device or a link. What ext4 does about errors stands on the stick otherwise, and
# may be "panic" (ext4(5)); FAT and exFAT know the option too.
_SAFE = "rw,nosuid,nodev,noexec,nosymfollow,noatime,errors=remount-ro"


@dataclass(frozen=True, slots=True)
class Device:
    """A block device as lsblk shows it, sizes in bytes.

    ``fstype`` and ``label`` are udev's memory, and nothing where it has none.
    """

    name: str
    type: str
    size: int
    ro: bool
    fstype: str | None = None
    label: str | None = None
    mountpoints: tuple[str | None, ...] = ()
    children: tuple["Device", ...] = ()

    @property
    def tree(self) -> Iterator["Device"]:
        """It, and all that is made of it, in lsblk's order."""
        left = [self]
        while left:
            device = left.pop()
            yield device
            left.extend(reversed(device.children))

    @property
    def mounted_at(self) -> tuple[str, ...]:
        """Where it is in use."""
        return tuple(place for place in self.mountpoints if place)


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands on a device now, as blkid reads it; empty where it found nothing, or what contradicts itself."""

    filesystem: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Stick:
    """A partition, or a whole disk with a filesystem, that a copy may go onto. ``filesystem``: vfat, exfat or ext4."""

    name: str
    filesystem: str
    size_bytes: int

    def options(self, uid: int, gid: int) -> str:
        """How it is mounted so that only ``uid`` can enter. FAT and exFAT know no owners, ext4 does."""
        if self.filesystem == "ext4":
            return _SAFE
        return f"{_SAFE},uid={uid},gid={gid},fmask=0177,dmask=0077"


def require_name(name: str) -> str:
    """``name`` where it can be that of a block device: it becomes part of paths. ForeignStickError."""
    if not _NAME.fullmatch(name):
        raise ForeignStickError(f"A partition is named like sda1, not {name!r}.")
    return name


def judge(name: str, disks: tuple[Device, ...], found: Signature, place: str) -> Stick:
    """The stick ``name`` among ``disks``, on which ``found`` stands. ForeignStickError, StickError.

    ``place``: where sticks of this name are mounted; one that was left there is no other use of it.
    """
    disk, device = _find(require_name(name), disks)
    if found.label not in LABELS:
        raise ForeignStickError(f"The stick in {name} is left alone: it is not labelled {LABELS[0]}.")
    for other in takewhile(lambda other: other is not device, disk.tree):
        if other.label in LABELS and other.fstype in _FILESYSTEMS:
            raise ForeignStickError(f"{name} is left alone: {other.name} of the same stick is for the recorder, too.")
    problem = next(_problems(disk, device, found.filesystem, place), None)
    if problem is not None:
        raise StickError(f"The stick in {name} {problem}")
    return Stick(name, found.filesystem, device.size)


def _problems(disk: Device, device: Device, filesystem: str, place: str) -> Iterator[str]:
    """Why ``device``, which has our label, will not do, as ends of a sentence; the first is the one to tell."""
    if any(used in _OF_THE_MACHINE for part in disk.tree for used in part.mounted_at):
        yield "is part of the disk that this machine runs from; use a stick that can be carried away."
    if device.type not in _KINDS:
        yield f"is of the kind {device.type!r}, neither a disk nor a partition; use an ordinary stick."
    if filesystem == "crypto_LUKS":
        yield "is encrypted, and the recorder has no key for it; format it as exFAT (what is copied is encrypted)."
    if filesystem not in _FILESYSTEMS:
        yield f"has {filesystem or 'no filesystem'}; format it as exFAT, FAT32 or ext4."
    if device.children:
        yield f"holds something else as well ({', '.join(child.name for child in device.children)}); format it anew."
    if device.ro:
        yield "is write-protected; move its switch, or use another one."
    if device.size < SMALLEST_BYTES:
        yield f"has {device.size / 1e6:.1f} MB, which is too small for any journey; use a larger one."
    if elsewhere := [used for used in device.mounted_at if used != place]:
        yield f"is in use at {elsewhere[0]}; unmount it there, then plug it in again."


def _find(name: str, disks: tuple[Device, ...]) -> tuple[Device, Device]:
    """The disk that ``name`` belongs to, and what is called so."""
    for disk in disks:
        for device in disk.tree:
            if device.name == name:
                return disk, device
    raise ForeignStickError(f"{name} is not plugged in.")
