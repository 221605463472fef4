"""One signed, chained, append-only log: what the recorder did, for anyone with its public key to check.

Rules: an entry is durable when :meth:`Journal.append` returns; entries are never changed; several threads and
processes append to one log, each under the log's own lock; what a power cut tore off the end is cut, and said; other
damage stays where it is, as evidence, and the log goes on behind it; a log that has become long goes on in a new file,
without a gap in its chain.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.errors import JournalError
from recorder.timekeeping import Clock
from recorder.vault import diskio, words
from recorder.vault.entries import (
    GENESIS,
    Entry,
    complete_lines,
    head_of,
    line_hash,
    parse_line,
    readable,
    signed_line,
)
from recorder.vault.signing import DeviceKey, PublicKey
from recorder.vault.verification import verify_chain

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

_WINDOW_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Tail:
    """The sound end of a log: of which file, how long it is, the number of its last entry and the hash of that line."""

    inode: int
    size_bytes: int
    seq: int
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
        return self.end[1]

    @property
    def end(self) -> tuple[int, str]:
        """The number of the last entry, 0 before the first, and :attr:`head`. StoreError."""
        with self._open() as fd:
            tail = self._tail(fd)
            return tail.seq, tail.head

    def append(self, event: str, data: Mapping[str, Any]) -> Entry:
        """Add an entry and sync it. ``data``: anything JSON, no NaN. StoreError; then the entry is not there."""
        with self._open() as fd:
            self._mend(fd)
            return self._append(fd, event, data)

    def mend(self) -> int:
        """Cut a torn end and say so in an entry; how many bytes were lost. StoreError."""
        with self._open() as fd:
            return self._mend(fd)

    def go_on_in_new_file(self, old: Path, event: str, data: Mapping[str, Any]) -> Entry:
        """Keep what there is as ``old``, and begin a new file with this entry, which follows what there was.

        There is a log at :attr:`path` at every instant. A cut leaves nothing behind but ``old``, as a second name of
        the same file; then the next call uses that. StoreError.
        """
        with self._open() as fd:
            self._mend(fd)
            line = self._signed_line(self._tail(fd), event, data)
            if not (old.exists() and old.samefile(self.path)):
                os.link(self.path, old)
            diskio.sync_directory(old.parent)
            diskio.create_file(self.path, line + b"\n")
            return parse_line(line)

    @contextmanager
    def _open(self) -> Iterator[int]:
        with self._mutex, _locked_log(self.path) as fd:
            yield fd

    def _tail(self, fd: int) -> _Tail:
        status = os.fstat(fd)
        if self._known is None or (self._known.inode, self._known.size_bytes) != (status.st_ino, status.st_size):
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
        self._known = _Tail(tail.inode, tail.size_bytes + len(line) + 1, entry.seq, line_hash(line))
        return entry

    def _signed_line(self, tail: _Tail, event: str, data: Mapping[str, Any]) -> bytes:
        return signed_line((tail.seq + 1, tail.head), self._clock.now(), event, data, self._key.sign)


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
    return readable(_lines_in(path))


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


def cut_torn_tail(path: Path) -> int:
    """Cut what a power cut left half written; how many bytes. :meth:`Journal.mend` says so in the log too."""
    with _locked_log(path) as fd:
        sound_bytes = _sound_tail(fd).size_bytes
        torn_bytes = os.fstat(fd).st_size - sound_bytes
        if torn_bytes:
            os.ftruncate(fd, sound_bytes)
            os.fsync(fd)
    return torn_bytes


@contextmanager
def _locked_log(path: Path) -> Iterator[int]:
    with diskio.disk_errors(f"{path} cannot be written"):
        fd = _open_locked(path)
        try:
            yield fd
        finally:
            os.close(fd)


def _open_locked(path: Path) -> int:
    """The file that has the name now: while we waited for its lock, the log may have gone on in another one."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
        try:
            diskio.lock_fd(fd, path)
            if os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except OSError:
            os.close(fd)
            raise
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
    inode = os.fstat(fd).st_ino
    if found is None:
        return _Tail(inode, 0, 0, GENESIS)
    begin, line = found
    size_bytes = begin + len(line) + 1
    entry = _readable(line)
    return _Tail(inode, size_bytes, entry.seq if entry is not None else _counted_seq(fd, size_bytes), line_hash(line))


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


def _counted_seq(fd: int, size_bytes: int) -> int:
    """The number of the last of these lines, where it cannot be read: counted from the first."""
    lines, _ = complete_lines(os.pread(fd, size_bytes, 0))
    first = _readable(lines[0])
    return len(lines) - 1 + (1 if first is None else first.seq)


def _readable(line: bytes) -> Entry | None:
    try:
        return parse_line(line)
    except JournalError:
        return None
