"""One signed, chained, append-only log: what the recorder did, for anyone with its public key to check.

Rules: an entry is durable when :meth:`Journal.append` returns; entries are never changed; several threads and
processes append to one log, each under the log's own lock; what a power cut tore off the end is cut, and said; other
damage stays where it is, as evidence, and the log goes on behind it. The README has the format byte by byte.
"""

import base64
import binascii
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from recorder.errors import JournalError
from recorder.timekeeping import Clock, ClockQuality, Instant, iso_utc, parse_iso_utc
from recorder.vault import diskio, words
from recorder.vault.signing import DeviceKey, PublicKey

__all__ = [
    "GENESIS",
    "DeviceKey",
    "Entry",
    "Journal",
    "PublicKey",
    "complete_lines",
    "cut_torn_tail",
    "head_of",
    "line_hash",
    "parse_line",
    "read_backwards",
    "read_entries",
    "read_readable",
    "verify_chain",
]

GENESIS = "0" * 64
_CONTEXT = b"cabin-recorder log entry 1\n"
_SIGNATURE_MARK = b',"sig":"'
_WINDOW_BYTES = 4096


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


@dataclass(frozen=True, slots=True)
class _Tail:
    """The sound end of a log: how long it is, how many lines it has, and the hash of the last."""

    size_bytes: int
    lines: int
    head: str


class Journal:
    """A log that this recorder writes. Any number of them, in any process, may stand on one file."""

    def __init__(self, path: Path, key: DeviceKey, clock: Clock) -> None:
        self.path = path
        self._key = key
        self._clock = clock
        self._mutex = threading.Lock()
        self._known: _Tail | None = None  # what this object last saw; another process may have appended since

    def create(self) -> None:
        """Begin an empty log, durably. StoreError."""
        with diskio.disk_errors(f"{self.path} cannot be created"):
            diskio.create_file(self.path, b"")

    @property
    def head(self) -> str:
        """SHA-256 (hex) of the last line; :data:`GENESIS` before the first. StoreError."""
        with self._open() as fd:
            return self._tail(fd).head

    def append(self, event: str, data: Mapping[str, Any]) -> Entry:
        """Add an entry and sync it. ``data``: anything JSON, no NaN. StoreError; then the entry is not there."""
        with self._open() as fd:
            self._mend(fd)
            return self._append(fd, event, data)

    def mend(self) -> int:
        """Cut a torn end and say so in an entry; how many bytes were lost. StoreError."""
        with self._open() as fd:
            return self._mend(fd)

    @contextmanager
    def _open(self) -> Iterator[int]:
        with self._mutex, _locked_log(self.path) as fd:
            yield fd

    def _tail(self, fd: int) -> _Tail:
        if self._known is None or self._known.size_bytes != os.fstat(fd).st_size:
            self._known = _sound_tail(fd)
        return self._known

    def _mend(self, fd: int) -> int:
        tail = self._tail(fd)
        torn_bytes = os.fstat(fd).st_size - tail.size_bytes
        if torn_bytes:
            os.ftruncate(fd, tail.size_bytes)
            self._append(fd, words.LOG_TORN, {"bytes_cut": torn_bytes})
        return torn_bytes

    def _append(self, fd: int, event: str, data: Mapping[str, Any]) -> Entry:
        tail = self._tail(fd)
        line = self._signed_line(tail, event, data)
        entry = parse_line(line)
        try:
            diskio.write_all(fd, line + b"\n")
            os.fdatasync(fd)
        except OSError:
            with suppress(OSError):  # the first error is the one to tell; the next append cuts what stays
                os.ftruncate(fd, tail.size_bytes)
            raise
        self._known = _Tail(tail.size_bytes + len(line) + 1, tail.lines + 1, line_hash(line))
        return entry

    def _signed_line(self, tail: _Tail, event: str, data: Mapping[str, Any]) -> bytes:
        now = self._clock.now()
        unsigned = _encode(
            {
                "seq": tail.lines + 1,
                "utc": iso_utc(now.utc_ns),
                "clock": now.quality,
                "boot_id": now.boot_id,
                "boottime_ns": now.boottime_ns,
                "event": event,
                "data": dict(data),
                "prev": tail.head,
            }
        )
        signature = base64.b64encode(self._key.sign(_CONTEXT + unsigned))
        return unsigned[:-1] + _SIGNATURE_MARK + signature + b'"}'


def parse_line(line: bytes) -> Entry:
    """The entry in ``line`` (no newline); JournalError where it is none. Proves nothing: see :func:`verify_chain`."""
    try:
        entry = msgspec.json.decode(line, type=Entry)
        parse_iso_utc(entry.utc)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise JournalError(f"not an entry of a log ({error})") from error
    return entry


def complete_lines(data: bytes) -> tuple[tuple[bytes, ...], int]:
    """The lines of a log that end in a newline, and how many bytes follow the last of them."""
    *lines, rest = data.split(b"\n")
    return tuple(lines), len(rest)


def head_of(lines: Iterable[bytes]) -> str:
    """The head of a log with these lines: SHA-256 (hex) of the last, :data:`GENESIS` where there is none."""
    last = None
    for line in lines:
        last = line
    return GENESIS if last is None else line_hash(last)


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Every complete line, unverified. A half line at the end is passed over: somebody may be writing it now.

    StoreError where the file cannot be read; JournalError, with its line, where a line is not an entry.
    """
    entries = []
    for number, line in enumerate(_lines_in(path), start=1):
        try:
            entries.append(parse_line(line))
        except JournalError as error:
            raise JournalError(f"{path}, line {number}: {error}.", number) from error
    return tuple(entries)


def read_readable(path: Path) -> tuple[tuple[Entry, ...], tuple[int, ...]]:
    """The entries that can be read, and the numbers of the lines that cannot. StoreError."""
    entries, damaged = [], []
    for number, line in enumerate(_lines_in(path), start=1):
        try:
            entries.append(parse_line(line))
        except JournalError:
            damaged.append(number)
    return tuple(entries), tuple(damaged)


def read_backwards(path: Path) -> Iterator[Entry]:
    """The entries that can be read, the last one first, for a reader that stops early. StoreError."""
    with diskio.disk_errors(f"{path} cannot be read"), path.open("rb") as file:
        found = _last_line(file.fileno(), os.fstat(file.fileno()).st_size)
        while found is not None:
            begin, line = found
            entry = _readable(line)
            if entry is not None:
                yield entry
            found = _last_line(file.fileno(), begin)


def verify_chain(lines: Iterable[bytes], public_key: PublicKey) -> tuple[Entry, ...]:
    """The entries of a whole log, proven: each signed by ``public_key``, in order, none missing before the last.

    ``lines`` come without their newlines. JournalError names the first wrong line. Whether the end is missing only
    another's record of the head can tell: compare :func:`head_of`.
    """
    entries: list[Entry] = []
    head = GENESIS
    for number, line in enumerate(lines, start=1):
        entry = _verified(line, number, head, public_key)
        entries.append(entry)
        head = line_hash(line)
    return tuple(entries)


def cut_torn_tail(path: Path) -> int:
    """Cut what a power cut left half written; how many bytes. :meth:`Journal.mend` says so in the log too."""
    with _locked_log(path) as fd:
        sound_bytes = _sound_tail(fd).size_bytes
        torn_bytes = os.fstat(fd).st_size - sound_bytes
        if torn_bytes:
            os.ftruncate(fd, sound_bytes)
            os.fsync(fd)
    return torn_bytes


def _verified(line: bytes, number: int, head: str, public_key: PublicKey) -> Entry:
    def wrong(what: str) -> JournalError:
        return JournalError(f"line {number} {what}", number)

    try:
        entry = parse_line(line)
    except JournalError as error:
        raise wrong(f"is {error}") from error
    if entry.line != line:
        raise wrong("is not written as the recorder writes; it was altered")
    unsigned, _, _ = line.rpartition(_SIGNATURE_MARK)
    try:
        signature = base64.b64decode(entry.sig, validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong("has a signature that is none; it was altered") from error
    if not public_key.verify(_CONTEXT + unsigned + b"}", signature):
        raise wrong(f"is not signed by the recorder {public_key.fingerprint}; it was altered, or another wrote it")
    if entry.seq != number or entry.prev != head:
        raise wrong("does not follow the line before; something was removed, added or moved")
    return entry


@contextmanager
def _locked_log(path: Path) -> Iterator[int]:
    with diskio.disk_errors(f"{path} cannot be written"):
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
        try:
            diskio.lock_fd(fd, path)
            yield fd
        finally:
            os.close(fd)


def _lines_in(path: Path) -> tuple[bytes, ...]:
    with diskio.disk_errors(f"{path} cannot be read"):
        data = path.read_bytes()
    return complete_lines(data)[0]


def _sound_tail(fd: int) -> _Tail:
    """Where the log is sound up to: behind its last newline, or a line earlier if the last one is no entry.

    No more than one entry is ever unsynced, and blocks of it may reach the card in any order.
    """
    found = _last_line(fd, os.fstat(fd).st_size)
    if found is not None and _readable(found[1]) is None:
        found = _last_line(fd, found[0])
    if found is None:
        return _Tail(0, 0, GENESIS)
    begin, line = found
    size_bytes = begin + len(line) + 1
    entry = _readable(line)
    return _Tail(size_bytes, entry.seq if entry is not None else _count_lines(fd, size_bytes), line_hash(line))


def _last_line(fd: int, before: int) -> tuple[int, bytes] | None:
    """The last line that ends within the first ``before`` bytes: where it begins, and what it is."""
    window = _WINDOW_BYTES
    while True:
        start = max(0, before - window)
        block = os.pread(fd, before - start, start)
        end = block.rfind(b"\n")
        begin = block.rfind(b"\n", 0, max(end, 0)) + 1
        if begin or not start:
            return None if end < 0 else (start + begin, block[begin:end])
        window *= 4


def _count_lines(fd: int, size_bytes: int) -> int:
    return os.pread(fd, size_bytes, 0).count(b"\n")


def _readable(line: bytes) -> Entry | None:
    try:
        return parse_line(line)
    except JournalError:
        return None


def _encode(members: Mapping[str, Any]) -> bytes:
    """One JSON object: members in the order given, those of ``data`` sorted at every depth; ASCII, no white space."""
    text = json.dumps(members["data"], sort_keys=True, allow_nan=False, ensure_ascii=False)
    data = json.loads(text.encode("utf-8", "replace"))  # half a surrogate pair, typed or from a file name, becomes "?"
    return json.dumps({**members, "data": data}, separators=(",", ":"), allow_nan=False).encode("ascii")


def line_hash(line: bytes) -> str:
    """SHA-256 (hex) of a line without its newline: what the next line's ``prev`` is."""
    return hashlib.sha256(line).hexdigest()
