"""One film's file, on its way to the disk while the next bytes are made.

Rules: bytes go where they belong, in their order, in blocks; one thread writes a block while the next one fills. Blocks
pass by the kernel's cache where the file system lets them (``O_DIRECT``, open(2)): to copy them into it costs as much
as to decrypt them, and the sync at the end has nothing left to wait for.
"""

import errno
import fcntl
import mmap
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_BLOCK_BYTES = 1 << 21  # of whole pages, in memory and in the file, as O_DIRECT wants it
_BLOCKS = 3
_O_DIRECT = getattr(os, "O_DIRECT", 0)  # macOS has none


class FileSink:
    """Owns ``fd``, an empty file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._free = deque(mmap.mmap(-1, _BLOCK_BYTES) for _ in range(_BLOCKS))
        self._block = self._free.popleft()
        self._filled_bytes = 0
        self._position = 0  # in the file, of the block that fills
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="film")
        self._writing: deque[tuple[Future[None], mmap.mmap]] = deque()
        _pass_by_cache(fd, wanted=True)

    def write(self, data: bytes | memoryview, /) -> None:
        """``data``, where the last write ended; a copy of it. OSError, also of an earlier one."""
        left = memoryview(data)
        while left:
            begin, end = self._filled_bytes, min(self._filled_bytes + len(left), _BLOCK_BYTES)
            self._block[begin:end] = left[: end - begin]
            left = left[end - begin :]
            self._filled_bytes = end
            if end == _BLOCK_BYTES:
                self._hand_over()

    def seek(self, position: int, /) -> None:
        """Write from there on. OSError."""
        self._write_rest()
        self._position = position

    def sync(self) -> None:
        """All of it is durable when this returns. OSError."""
        self._write_rest()
        os.fsync(self._fd)

    def close(self) -> None:
        """Write nothing more; what was not synced may be lost. Again is as good as once."""
        if self._fd >= 0:
            self._writer.shutdown()  # it has the file open
            os.close(self._fd)
            self._fd = -1

    def _hand_over(self) -> None:
        self._writing.append((self._writer.submit(_write_at, self._fd, self._block, self._position), self._block))
        self._position += _BLOCK_BYTES
        if not self._free:
            self._wait()
        self._block, self._filled_bytes = self._free.popleft(), 0

    def _wait(self) -> None:
        written, block = self._writing.popleft()
        self._free.append(block)
        written.result()

    def _write_rest(self) -> None:
        """What has not filled its block, by the cache: it is no whole pages."""
        while self._writing:
            self._wait()
        _pass_by_cache(self._fd, wanted=False)
        with memoryview(self._block) as block, block[: self._filled_bytes] as rest:
            _write_at(self._fd, rest, self._position)
        self._position += self._filled_bytes
        self._filled_bytes = 0


def _write_at(fd: int, data: mmap.mmap | memoryview, position: int) -> None:
    with memoryview(data) as left:
        done_bytes = 0
        while done_bytes < len(left):
            try:
                done_bytes += os.pwrite(fd, left[done_bytes:], position + done_bytes)
            except OSError as error:  # a file system that says so late, or a rest that is no whole pages
                if error.errno != errno.EINVAL or not _pass_by_cache(fd, wanted=False):
                    raise


def _pass_by_cache(fd: int, *, wanted: bool) -> bool:
    """Whether that changed anything. One that cannot is written as any other file."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    changed = flags | _O_DIRECT if wanted else flags & ~_O_DIRECT
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, changed)
    except OSError:
        return False
    return changed != flags
