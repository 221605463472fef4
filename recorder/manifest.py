"""What an exported journey consists of: the manifest that the recorder signs and the office checks, and the names.

It lies in the clear, so it says sizes, hashes and names that mean nothing, and no times. Form: one JSON object on one
line, members in the order below, no white space, ASCII; the last member is ``sig``, base64 of Ed25519 over
:data:`CONTEXT` ‖ the line without ``,"sig":"..."``. So a reader needs no canonical encoder.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from recorder.errors import BundleError

CONTEXT: Final = b"cabin-recorder export manifest 1\n"
NAME_CONTEXT: Final = b"cabin-recorder export name 1\n"
FORMAT: Final = "cabin-recorder-manifest-2"
FORMAT_WITH_IDS: Final = "cabin-recorder-manifest-1"
"""Of older recorders: ``journey`` and the folder are the journey's id, which tells when it began."""
MAX_BYTES: Final = 1 << 24  # a hundred thousand files

FOLDER: Final = "CABIN-EXPORT"
HOW_TO_OPEN_NAME: Final = "HOW-TO-OPEN.txt"
MANIFEST_NAME: Final = "manifest.json"
LOG_NAME: Final = "log.jsonl.age"
LEDGER_NAME: Final = "ledger.jsonl.age"

EXPORT_BEGAN: Final = "export-began"
"""In the ledger with the ``journeys`` that go onto one stick together; in the log of each, before it is copied, with
its ``folder`` and the ``recipients`` of its logs."""
EXPORTED: Final = "exported"
"""In log and ledger with the hash of the manifest, once everything it names was read back."""

_SEGMENT_NAME = re.compile(r"([0-9]{5,9})\.mp4\.age")
_SIGNATURE_MARK = b',"sig":"'


class FileEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One file beside the manifest. ``sha256``: hexadecimal."""

    name: Annotated[str, Meta(pattern=r"^(?:[0-9]{5,9}\.mp4|log\.jsonl|ledger\.jsonl)\.age$")]
    size_bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole journey on a stick. ``recorder``: the public key that signs, ``cabin-recorder-1:...``.

    ``journey``: the name of its folder; see :func:`opaque_name`.
    """

    format: str
    software: str
    recorder: str
    vehicle: str
    journey: str
    files: tuple[FileEntry, ...]
    sig: str = ""

    @property
    def by_name(self) -> dict[str, FileEntry]:
        """Its files, by name."""
        return {entry.name: entry for entry in self.files}


def opaque_name(journey: str, sign: Callable[[bytes], bytes]) -> str:
    """What the folder of a journey is called on every stick: 20 hexadecimal digits that only its recorder can find.

    ``sign``: Ed25519 by the recorder's key, which gives the same signature each time (RFC 8032, section 5.1.6).
    """
    return hashlib.sha256(sign(NAME_CONTEXT + journey.encode("utf-8"))).hexdigest()[:20]


def folder_names(vehicle: str, name: str) -> tuple[str, str, str]:
    """The folders of a journey on a stick, one within the other. FAT takes no name that ends in a dot or a space."""
    return FOLDER, vehicle.rstrip(". "), name


def segment_name(number: int) -> str:
    """What segment ``number`` is called on a stick."""
    return f"{number:05d}.mp4.age"


def segment_number(name: str) -> int | None:
    """The number of the segment called ``name``; None where it is no segment."""
    match = _SEGMENT_NAME.fullmatch(name)
    return int(match[1]) if match else None


def render(manifest: Manifest, sign: Callable[[bytes], bytes]) -> bytes:
    """The manifest as a file, signed; ``manifest.sig`` is not looked at."""
    members = {name: getattr(manifest, name) for name in Manifest.__struct_fields__ if name != "sig"}
    unsigned = msgspec.json.encode(members)
    return unsigned[:-1] + _SIGNATURE_MARK + base64.b64encode(sign(CONTEXT + unsigned)) + b'"}\n'


def parse(data: bytes) -> tuple[Manifest, bytes, bytes]:
    """The manifest in ``data``, what was signed of it, and the signature. BundleError, a clause, where it is none."""
    if len(data) > MAX_BYTES:
        raise BundleError("is larger than any manifest.")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
        signature = base64.b64decode(manifest.sig, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        raise BundleError("is not a manifest; it was altered or damaged.") from error
    if manifest.format not in (FORMAT, FORMAT_WITH_IDS):
        raise BundleError(f"is in a form {manifest.format[:40]!r} that this software does not know; use a newer one.")
    if len(manifest.by_name) != len(manifest.files):
        raise BundleError("names a file twice; it was altered.")
    unsigned, mark, rest = data.rpartition(_SIGNATURE_MARK)
    if not mark or rest != base64.b64encode(signature) + b'"}\n':
        raise BundleError("is not written as the recorder writes; it was altered.")
    return manifest, CONTEXT + unsigned + b"}", signature
