"""One film's file: few writes without a copy, and on its way to the disk while the next bytes are made.

Rules: bytes go where they belong, in their order; a quarter of a megabyte waits at most, for a piece that was just
decrypted is still in the processor's cache when it is written. Every few megabytes the kernel is told to write out what
it has, so that the sync at the end waits for little.
"""

import os

_BATCH_BYTES = 1 << 18
_BATCH_PIECES = 512  # the kernel takes 1024 in one call: UIO_MAXIOV, linux/uio.h
_WRITE_OUT_BYTES = 1 << 23


class FileSink:
    """Owns ``fd``, an empty file. What waits when it is closed without a sync is dropped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._batch: list[bytes | memoryview] = []
        self._batch_bytes = 0
        self._position = 0
        self._written_out_bytes = 0

    def write(self, data: bytes | memoryview, /) -> None:
        """``data``, where the last write ended; it must not change. OSError: of this or of an earlier write."""
        self._batch.append(data)
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_PIECES:
            self._flush()

    def seek(self, position: int, /) -> None:
        """Write from there on. OSError."""
        self._flush()
        self._position = position

    def sync(self) -> None:
        """All of it is durable when this returns. OSError."""
        self._flush()
        os.fsync(self._fd)

    def close(self) -> None:
        """Write nothing more. Again is as good as once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _flush(self) -> None:
        batch, size_bytes = self._batch, self._batch_bytes
        self._batch, self._batch_bytes = [], 0
        done_bytes = os.pwritev(self._fd, batch, self._position) if batch else 0
        while done_bytes < size_bytes:  # rare: the disk is almost full, and the next call says so
            rest = b"".join(batch)[done_bytes:]
            done_bytes += os.pwrite(self._fd, rest, self._position + done_bytes)
        self._position += size_bytes
        if self._position - self._written_out_bytes >= _WRITE_OUT_BYTES and hasattr(os, "posix_fadvise"):  # not macOS
            # Begins to write what is dirty, and does not wait for it: posix_fadvise(2), mm/fadvise.c.
            begin, self._written_out_bytes = self._written_out_bytes, self._position
            os.posix_fadvise(self._fd, begin, self._position - begin, os.POSIX_FADV_DONTNEED)
