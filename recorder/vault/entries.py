"""One line of a log: how it is written, read, hashed and signed. The README has the format byte by byte.

Rules: nothing here touches a file; an entry that was read proves nothing before :mod:`recorder.vault.verification` has
looked at it; a line has one spelling, so that nobody can alter it and keep its meaning.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from recorder.errors import JournalError
from recorder.timekeeping import ClockQuality, Instant, iso_utc, parse_iso_utc

GENESIS: Final = "0" * 64
CONTEXT: Final = b"cabin-recorder log entry 1\n"
SIGNATURE_MARK: Final = b',"sig":"'


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a log; the members in the order in which they stand there."""

    seq: int
    utc: str
    clock: ClockQuality
    boot_id: str
    boottime_ns: int
    event: str
    data: dict[str, Any]
    prev: str
    sig: str

    @property
    def instant(self) -> Instant:
        """When it was written, by both clocks; the wall clock to a millisecond."""
        return Instant(parse_iso_utc(self.utc), self.boottime_ns, self.boot_id, self.clock)

    @property
    def line(self) -> bytes:
        """As it stands in the log, without its newline."""
        return _encode({name: getattr(self, name) for name in self.__struct_fields__})


def parse_line(line: bytes) -> Entry:
    """The entry in ``line`` (no newline); JournalError where it is none. Proves nothing."""
    try:
        entry = msgspec.json.decode(line, type=Entry)
        parse_iso_utc(entry.utc)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise JournalError(f"not an entry of a log ({error})") from error
    return entry


def readable(lines: Iterable[bytes]) -> tuple[tuple[Entry, ...], tuple[int, ...]]:
    """The entries that can be read, and the numbers (from 1) of the lines that cannot."""
    entries, damaged = [], []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(parse_line(line))
        except JournalError:
            damaged.append(number)
    return tuple(entries), tuple(damaged)


def signed_line(
    place: tuple[int, str], now: Instant, event: str, data: Mapping[str, Any], sign: Callable[[bytes], bytes]
) -> bytes:
    """A new line, without its newline. ``place``: its number, and the hash of the line before."""
    seq, prev = place
    unsigned = _encode(
        {
            "seq": seq,
            "utc": iso_utc(now.utc_ns),
            "clock": now.quality,
            "boot_id": now.boot_id,
            "boottime_ns": now.boottime_ns,
            "event": event,
            "data": dict(data),
            "prev": prev,
        }
    )
    return unsigned[:-1] + SIGNATURE_MARK + base64.b64encode(sign(CONTEXT + unsigned)) + b'"}'


def complete_lines(data: bytes) -> tuple[tuple[bytes, ...], int]:
    """The lines of a log that end in a newline, and how many bytes follow the last of them."""
    *lines, rest = data.split(b"\n")
    return tuple(lines), len(rest)


def line_hash(line: bytes) -> str:
    """SHA-256 (hex) of a line without its newline: what the next line's ``prev`` is."""
    return hashlib.sha256(line).hexdigest()


def head_of(lines: Iterable[bytes]) -> str:
    """The head of a log with these lines: SHA-256 (hex) of the last, :data:`GENESIS` where there is none."""
    last = None
    for line in lines:
        last = line
    return GENESIS if last is None else line_hash(last)


def _encode(members: Mapping[str, Any]) -> bytes:
    """One JSON object: members in the order given, those of ``data`` sorted at every depth; ASCII, no white space."""
    text = json.dumps(members["data"], sort_keys=True, allow_nan=False, ensure_ascii=False)
    data = json.loads(text.encode("utf-8", "replace"))  # half a surrogate pair, typed or from a file name, becomes "?"
    return json.dumps({**members, "data": data}, separators=(",", ":"), allow_nan=False).encode("ascii")
