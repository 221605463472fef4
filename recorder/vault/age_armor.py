"""ASCII armor: an age file as text, for e-mail and for passphrase-protected identity files.

Strict PEM (C2SP ``age.md``, "ASCII armor"): base64 with padding in lines of exactly 64 characters but the last,
LF or CRLF, whitespace only before the first and after the last line. Whatever else a PEM reader would let pass
is refused, so that one file has one reading.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from recorder.errors import AgeArmorError
from recorder.vault.age_source import ByteReader

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"
_COLUMNS = 64
_BYTES_A_LINE = _COLUMNS // 4 * 3
_WHITESPACE = b" \t\r\n"
MAX_OUTER_WHITESPACE = 1024  # as age itself: enough for any mail, little enough to read at once
_LINE_LIMIT = 256
_LINES_AT_ONCE = 1024
_FULL_LINES = re.compile(rb"(?:[A-Za-z0-9+/]{64}\r?\n)+")  # these are canonical whatever they say: no bit is unused


def armor(data: bytes) -> bytes:
    """``data`` as armored text, ending in a newline."""
    lines = [base64.b64encode(data[start : start + _BYTES_A_LINE]) for start in range(0, len(data), _BYTES_A_LINE)]
    return b"\n".join([BEGIN, *lines, END, b""])


def looks_armored(start: bytes) -> bool:
    """Whether a file that begins with ``start`` is meant as armor."""
    return start.lstrip(_WHITESPACE).startswith(b"-----BEGIN")


def dearmor(reader: ByteReader) -> Iterator[bytes]:
    """The binary file inside the armor, in pieces; AgeArmorError where the text is not strict armor."""
    for _ in range(MAX_OUTER_WHITESPACE):
        if reader.peek(1) not in (b" ", b"\t", b"\r", b"\n"):
            break
        reader.take(1)
    if _text_line(reader) != BEGIN:
        raise AgeArmorError(f"The text does not begin with {BEGIN.decode()}; give the whole file as it was made.")
    while full := _FULL_LINES.match(reader.peek(_LINES_AT_ONCE * (_COLUMNS + 1))):
        yield base64.b64decode(reader.take(full.end()).translate(None, b"\r\n"))
    short_line_seen = False
    while (line := _text_line(reader)) != END:
        if short_line_seen:
            raise AgeArmorError("The armored text goes on after its last line; it was edited.")
        if not 0 < len(line) <= _COLUMNS:
            raise AgeArmorError("The armored text has an empty or overlong line; it was edited or re-wrapped.")
        short_line_seen = len(line) < _COLUMNS or line.endswith(b"=")
        yield _decoded(line)
    rest = reader.take(MAX_OUTER_WHITESPACE + 1)
    if rest.strip(_WHITESPACE) or len(rest) > MAX_OUTER_WHITESPACE:
        raise AgeArmorError(f"Something follows {END.decode()}; give the file as it was made.")


def _text_line(reader: ByteReader) -> bytes:
    line = reader.line(_LINE_LIMIT)
    if line.endswith(b"\r\n"):
        return line[:-2]
    if line.endswith(b"\n"):
        return line[:-1]
    if line != END:  # the very last line may lack its newline
        raise AgeArmorError(f"The armored text ends without {END.decode()}; it was cut off or is no armor.")
    return line


def _decoded(line: bytes) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise AgeArmorError("A line of the armored text is not base64; it was edited.") from error
    if base64.b64encode(data) != line:
        raise AgeArmorError("A line of the armored text is not canonical base64; it was edited.")
    return data
