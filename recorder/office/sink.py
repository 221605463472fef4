"""One film's file, written by a thread of its own, and on its way to the disk while the next bytes are made.

Rules: bytes go where they belong, in their order and uncopied; two megabytes wait at most, for what was just made
is still in a processor's cache; an error is raised by a later call, at the latest by the sync. Every few megabytes
the kernel is told to write out what it has, so that the sync at the end waits for little.
"""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_BATCH_BYTES = 1 << 19
_BATCH_PIECES = 512  # the kernel takes 1024 in one call: UIO_MAXIOV, linux/uio.h
_BATCHES_AHEAD = 4
_WRITE_OUT_BYTES = 1 << 23


class FileSink:
    """Owns ``fd``, an empty file. What waits when it is closed without a sync is dropped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._batch: list[bytes | memoryview] = []
        self._batch_bytes = 0
        self._position = 0  # of the batch
        self._writer = ThreadPoolExecutor(1, "film")
        self._waiting: deque[Future[None]] = deque()
        self._written_out_bytes = 0  # the writer's alone

    def write(self, data: bytes | memoryview, /) -> None:
        """``data``, where the last write ended; it must not change. OSError: of this or of an earlier write."""
        self._batch.append(data)
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_PIECES:
            self._hand_over()

    def seek(self, position: int, /) -> None:
        """Write from there on. OSError of an earlier write."""
        self._hand_over()
        self._position = position

    def sync(self) -> None:
        """All of it is durable when this returns. OSError."""
        self._hand_over()
        self._wait_for_all_but(0)
        os.fsync(self._fd)

    def close(self) -> None:
        """Write nothing more. Again is as good as once."""
        if self._fd >= 0:
            self._writer.shutdown(cancel_futures=True)
            os.close(self._fd)
            self._fd = -1

    def _hand_over(self) -> None:
        batch, size_bytes = self._batch, self._batch_bytes
        if not batch:
            return
        self._batch, self._batch_bytes = [], 0
        self._wait_for_all_but(_BATCHES_AHEAD - 1)
        self._waiting.append(self._writer.submit(self._put, batch, size_bytes, self._position))
        self._position += size_bytes

    def _wait_for_all_but(self, count: int) -> None:
        while len(self._waiting) > count:
            self._waiting.popleft().result()

    def _put(self, batch: list[bytes | memoryview], size_bytes: int, position: int) -> None:
        """On the writer's thread."""
        done_bytes = os.pwritev(self._fd, batch, position)
        while done_bytes < size_bytes:  # rare: the disk is almost full, and the next call says so
            rest = b"".join(batch)[done_bytes:]
            done_bytes += os.pwrite(self._fd, rest, position + done_bytes)
        end = position + size_bytes
        if end - self._written_out_bytes >= _WRITE_OUT_BYTES and hasattr(os, "posix_fadvise"):  # not macOS
            # Begins to write what is dirty, and does not wait for it: posix_fadvise(2), mm/fadvise.c.
            begin, self._written_out_bytes = self._written_out_bytes, end
            os.posix_fadvise(self._fd, begin, end - begin, os.POSIX_FADV_DONTNEED)
