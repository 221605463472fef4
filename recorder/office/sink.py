"""One film's file, on its way to the disk while the next bytes are made.

Rules: bytes go where they belong, in their order, many pieces at once, in whole pages: one that is written in two
parts costs the kernel as much as four. What is less than a page waits for the next bytes. Every few megabytes the
kernel is told to write out what it has, so that the sync at the end waits for little; on another thread, for it takes
its time.
"""

import os
from concurrent.futures import ThreadPoolExecutor

_PAGE_BYTES = 4096
_WRITE_OUT_BYTES = 1 << 23
_MAX_PIECES = 1024  # in one writev(2): IOV_MAX on Linux and macOS


class FileSink:
    """Owns ``fd``, an empty file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: list[bytes | memoryview] = []
        self._position = 0  # in the file, of what comes next
        self._written_out_bytes = 0
        self._writing_out = ThreadPoolExecutor(1, thread_name_prefix="write-out")

    def write(self, data: bytes | memoryview, /) -> None:
        """``data``, where the last write ended; it stays as it is until :meth:`flush`."""
        self._waiting.append(data)
        self._position += len(data)

    def flush(self) -> None:
        """Write all whole pages that wait; what was given may change then. OSError."""
        rest = self._take_back(self._position % _PAGE_BYTES)
        self._write_all()
        self._waiting.append(rest)
        done_bytes = self._position - len(rest)
        if done_bytes - self._written_out_bytes >= _WRITE_OUT_BYTES and hasattr(os, "posix_fadvise"):  # not macOS
            # Begins to write what is dirty, and does not wait for it: posix_fadvise(2), mm/fadvise.c.
            begin, self._written_out_bytes = self._written_out_bytes, done_bytes
            self._writing_out.submit(
                os.posix_fadvise, self._fd, begin, done_bytes - begin, os.POSIX_FADV_DONTNEED
            )  # what the disk refuses, the sync says

    def seek(self, position: int, /) -> None:
        """Write what waits; go on at ``position``. OSError."""
        self._write_all()
        self._position = os.lseek(self._fd, position, os.SEEK_SET)

    def sync(self) -> None:
        """All of it is durable when this returns. OSError."""
        self._write_all()
        os.fsync(self._fd)

    def close(self) -> None:
        """Write nothing more, not even what waits. Again is as good as once."""
        if self._fd >= 0:
            self._writing_out.shutdown()  # it has the file open
            os.close(self._fd)
            self._fd = -1

    def _take_back(self, size: int) -> bytes:
        """A copy of the last ``size`` bytes that wait, or of all there are; they wait no more."""
        taken = b""
        while self._waiting and len(taken) < size:
            piece = self._waiting.pop()
            begin = max(0, len(piece) + len(taken) - size)
            taken = bytes(piece[begin:]) + taken
            if begin:
                self._waiting.append(piece[:begin])
        return taken

    def _write_all(self) -> None:
        pieces, self._waiting = self._waiting, []
        at = 0
        while at < len(pieces):
            done_bytes = os.writev(self._fd, pieces[at : at + _MAX_PIECES])  # a part, where the disk is almost full
            while at < len(pieces) and done_bytes >= len(pieces[at]):
                done_bytes -= len(pieces[at])
                at += 1
            if done_bytes:
                pieces[at] = memoryview(pieces[at])[done_bytes:]
