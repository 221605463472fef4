"""The textual header of an age file: who can open it, and a MAC over that.

Grammar of C2SP ``age.md``, "ABNF definition of file header"; nothing beyond it is accepted. The MAC is taken over
the bytes as read, never over a header written anew.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from recorder.errors import AgeHeaderError
from recorder.vault.age_source import ByteReader

FILE_KEY_BYTES = 16
_VERSION_LINE = b"age-encryption.org/v1\n"
_COLUMNS = 64
_MAC_BYTES = 32
_MAX_HEADER_BYTES = 1 << 20  # thousands of recipients; a larger one is an attack on memory


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient's wrapped copy of the file key. ``arguments[0]`` is the kind of recipient."""

    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A header as read. ``raw``: all its bytes, the MAC line and its newline included."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    raw: bytes

    def authenticate(self, file_key: bytes) -> None:
        """Raise AgeHeaderError unless the MAC is that of ``file_key``."""
        covered = self.raw[: self.raw.rindex(b"---") + 3]
        if not hmac.compare_digest(_mac(covered, file_key), self.mac):
            raise AgeHeaderError("The header was altered: its check (MAC) does not fit.")


def derive(key: bytes, salt: bytes | None, info: str) -> bytes:
    """HKDF-SHA-256 to 32 bytes, the one key derivation of the format."""
    return HKDF(SHA256(), 32, salt, info.encode("ascii")).derive(key)


def render(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """The header for ``stanzas``, with its MAC line and newline."""
    covered = _VERSION_LINE + b"".join(map(_rendered, stanzas)) + b"---"
    return covered + b" " + encode_base64(_mac(covered, file_key)) + b"\n"


def parse(reader: ByteReader) -> Header:
    """Read one header and leave ``reader`` at the payload; AgeHeaderError where the grammar is broken."""
    lines = _Lines(reader)
    if lines.next() != _VERSION_LINE:
        raise AgeHeaderError("This is not an age v1 file; give a file that ends in .age, as it was made.")
    stanzas: list[Stanza] = []
    while not (line := lines.next()).startswith(b"---"):
        stanzas.append(_parse_stanza(line, lines))
    if not stanzas:
        raise AgeHeaderError("The header names nobody who could open this file.")
    if line[:4] != b"--- ":
        raise AgeHeaderError("The last line of the header is malformed.")
    mac = decode_base64(line[4:-1])
    if len(mac) != _MAC_BYTES:
        raise AgeHeaderError("The check (MAC) of the header has the wrong length.")
    return Header(tuple(stanzas), mac, b"".join(lines.seen))


def encode_base64(data: bytes) -> bytes:
    """Standard base64 without padding."""
    return base64.b64encode(data).rstrip(b"=")


def decode_base64(text: bytes) -> bytes:
    """The inverse of :func:`encode_base64`; AgeHeaderError for padding, stray characters, non-canonical text."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AgeHeaderError("The header contains text that is not base64.") from error
    if encode_base64(data) != text:
        raise AgeHeaderError("The header contains base64 that is not canonical.")
    return data


class _Lines:
    """The header's lines with a limit on their sum; ``seen`` keeps them as they were."""

    def __init__(self, reader: ByteReader) -> None:
        self.seen: list[bytes] = []
        self._reader = reader
        self._left = _MAX_HEADER_BYTES

    def next(self) -> bytes:
        line = self._reader.line(self._left)
        if not line.endswith(b"\n"):
            raise AgeHeaderError("The header is cut off, or this is not an age file.")
        self._left -= len(line)
        self.seen.append(line)
        return line


def _parse_stanza(first_line: bytes, lines: _Lines) -> Stanza:
    if not first_line.startswith(b"-> "):
        raise AgeHeaderError("The header has a line that belongs nowhere.")
    arguments = first_line[3:-1].split(b" ")
    if any(not argument or any(not 0x21 <= byte <= 0x7E for byte in argument) for argument in arguments):
        raise AgeHeaderError("The header has a malformed recipient line.")
    body = bytearray()
    while True:
        text = lines.next()[:-1]
        if len(text) > _COLUMNS:
            raise AgeHeaderError("The header has an overlong line.")
        body += decode_base64(text)
        if len(text) < _COLUMNS:
            return Stanza(tuple(argument.decode("ascii") for argument in arguments), bytes(body))


def _rendered(stanza: Stanza) -> bytes:
    body = encode_base64(stanza.body)
    # The last line is always short: a body of full lines ends in an empty one.
    wrapped = [body[start : start + _COLUMNS] for start in range(0, len(body) + 1, _COLUMNS)]
    return b"\n".join([f"-> {' '.join(stanza.arguments)}".encode("ascii"), *wrapped, b""])


def _mac(covered: bytes, file_key: bytes) -> bytes:
    return hmac.digest(derive(file_key, None, "header"), covered, "sha256")
