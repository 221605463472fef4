"""What lsblk and blkid print, as values for ``stick.py``.

Rules: whatever stands in it, the outcome is values or a StickError; labels and names of vendors are a stranger's text,
and are only ever compared.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from recorder.errors import StickError
from recorder.export.stick import Device, Signature

LSBLK: Final = ("lsblk", "--json", "--bytes", "--output", "NAME,TYPE,SIZE,RO,FSTYPE,LABEL,MOUNTPOINTS")
"""lsblk(8), since util-linux 2.37; bookworm has 2.38."""

BLKID: Final = ("blkid", "--probe", "--output", "export", "--")
"""blkid(8), before the name of a device: reads the device itself, not what udev remembers of it."""

_LONGEST_PROBE = 4096


@dataclass(frozen=True, slots=True)
class _Listing:
    blockdevices: tuple[Device, ...]


def read_listing(listing: bytes) -> tuple[Device, ...]:
    """The disks in what :data:`LSBLK` printed. StickError."""
    try:
        return msgspec.json.decode(listing, type=_Listing).blockdevices
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StickError("lsblk's list of disks cannot be understood; unplug all other sticks.") from error


def read_signature(probe: bytes) -> Signature:
    """What is in what :data:`BLKID` printed. It writes ``KEY=value`` lines, and escapes what is not ASCII."""
    lines = probe[:_LONGEST_PROBE].decode("ascii", "replace").splitlines()
    values = dict(line.partition("=")[::2] for line in lines)
    return Signature(values.get("TYPE", ""), values.get("LABEL", ""))
