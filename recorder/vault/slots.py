"""Where the one erasable secret lies: in the battery-backed memory of a clock chip, or in a file.

Flash cannot be told to forget: what was overwritten lies on in cells that only a laboratory reads. Memory that is not
flash can. Linux shows the memory of a real-time clock as an nvmem file (``Documentation/driver-api/nvmem.rst``):
PCF2127 512 bytes, DS3232 236, MCP7940x 64, DS1307 and DS1338 56; the popular DS3231 has none. A slot takes 38.

Rules: a secret is written to one of two places and read back before it counts; a place that was wiped is zeros and
was read back; a file takes the same bytes where there is no such memory, and says that it is the weaker kind. Layout,
byte by byte: the README, "The slot".
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recorder.errors import StoreError
from recorder.vault import diskio

Kind = Literal["slot", "file"]

SECRET_BYTES = 16
PLACES = (0, 1)
_CHECK_BYTES = 2
PLACE_BYTES = 1 + SECRET_BYTES + _CHECK_BYTES
SLOT_BYTES = len(PLACES) * PLACE_BYTES
_BLANK = bytes(PLACE_BYTES)
_SYSTEM_DEVICES = Path("/sys")


@dataclass(frozen=True, slots=True)
class Place:
    """What lies in one place: ``secret`` where it is one, with the low byte of its ``generation``."""

    number: int
    generation: int
    secret: bytes | None
    blank: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """Two places of 19 bytes at the beginning of ``path``. ``kind``: slot for memory that forgets, file for a file."""

    path: Path
    kind: Kind

    @classmethod
    def at(cls, path: Path) -> "Slot":
        """The slot at ``path``: memory of a device where it lies in ``/sys``, else a file."""
        return cls(path, "slot" if path.is_relative_to(_SYSTEM_DEVICES) else "file")

    def read(self) -> tuple[Place, ...]:
        """What lies in both places; blank where a file is not there yet. StoreError."""
        if self.kind == "file" and not self.path.exists():
            return tuple(Place(number, 0, None, blank=True) for number in PLACES)
        with self._opened(os.O_RDONLY) as fd:
            data = os.pread(fd, SLOT_BYTES, 0)
        if len(data) < SLOT_BYTES:
            raise StoreError(
                f"{self.path} has {len(data)} bytes; a slot needs {SLOT_BYTES}. Name another in keys.slot."
            )
        return tuple(_parse(number, data[number * PLACE_BYTES :][:PLACE_BYTES]) for number in PLACES)

    def write(self, place: int, generation: int, secret: bytes) -> None:
        """Put ``secret`` into a place and read it back. StoreError."""
        if self.kind == "file" and not self.path.exists():
            with diskio.disk_errors(f"{self.path} cannot be created"):
                diskio.make_directory(self.path.parent)
                diskio.create_file(self.path, bytes(SLOT_BYTES))
        low = bytes([generation % 256])
        self._put(place, low + secret + _check(low + secret))

    def wipe(self, place: int) -> None:
        """Zeros over a place, read back: what lay there is gone, as far as this kind of memory forgets. StoreError."""
        self._put(place, _BLANK)

    def _put(self, place: int, data: bytes) -> None:
        offset = place * PLACE_BYTES
        with self._opened(os.O_RDWR) as fd:
            written = os.pwrite(fd, data, offset)
            os.fsync(fd)
            if written != len(data) or os.pread(fd, len(data), offset) != data:
                raise StoreError(f"{self.path} does not keep what is written to it; is its battery dead?")

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        with diskio.disk_errors(f"the slot {self.path} cannot be used"):
            fd = os.open(self.path, flags)
            try:
                yield fd
            finally:
                os.close(fd)


def _parse(number: int, data: bytes) -> Place:
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    secret = body[1:] if check == _check(body) else None
    return Place(number, body[0], secret, blank=data == _BLANK)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(b"cabin-recorder slot 1\n" + body).digest()[:_CHECK_BYTES]
