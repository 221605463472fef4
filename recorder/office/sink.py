"""One film's file, on its way to the disk while the next bytes are made.

Rules: bytes go where they belong, in their order, and at once: a piece that was just decrypted is still in the
processor's cache. Every few megabytes the kernel is told to write out what it has, so that the sync at the end waits
for little; on another thread, for it takes its time.
"""

import os
from concurrent.futures import ThreadPoolExecutor

_WRITE_OUT_BYTES = 1 << 23


class FileSink:
    """Owns ``fd``, an empty file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._position = 0
        self._written_out_bytes = 0
        self._writing_out = ThreadPoolExecutor(1, thread_name_prefix="write-out")

    def write(self, data: bytes | memoryview, /) -> None:
        """``data``, where the last write ended. OSError."""
        left = memoryview(data)
        while left:
            done_bytes = os.pwrite(self._fd, left, self._position)  # all of it, but where the disk is almost full
            self._position += done_bytes
            left = left[done_bytes:]
        if self._position - self._written_out_bytes >= _WRITE_OUT_BYTES and hasattr(os, "posix_fadvise"):  # not macOS
            # Begins to write what is dirty, and does not wait for it: posix_fadvise(2), mm/fadvise.c.
            begin, self._written_out_bytes = self._written_out_bytes, self._position
            self._writing_out.submit(
                os.posix_fadvise, self._fd, begin, self._position - begin, os.POSIX_FADV_DONTNEED
            )  # what the disk refuses, the sync says

    def seek(self, position: int, /) -> None:
        """Write from there on."""
        self._position = position

    def sync(self) -> None:
        """All of it is durable when this returns. OSError."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Write nothing more. Again is as good as once."""
        if self._fd >= 0:
            self._writing_out.shutdown()  # it has the file open
            os.close(self._fd)
            self._fd = -1
