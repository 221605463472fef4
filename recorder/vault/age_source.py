"""Reading exact amounts from a file, a pipe or an armored text alike.

A source that answers with fewer bytes than asked for is ordinary (pipes, raw files); a parser must not care. What is
asked for in large pieces is handed on as it was read: a payload is not copied on its way to the cipher.
"""

from collections.abc import Iterator
from typing import Protocol

_LOOK_AHEAD_BYTES = 1 << 12  # where nobody knows how long a line is


class Readable(Protocol):
    """A file open for reading, or anything that reads like one."""

    def read(self, size: int, /) -> bytes | memoryview:
        """At most ``size`` bytes; none only at the end."""
        ...


class Pieces:
    """Pieces of any size, read like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """See :class:`Readable`."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


class ByteReader:
    """Exact reads from ``source``. Holds at most what was asked for, or a few kilobytes of look-ahead."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._buffer = bytearray()

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without taking them; fewer only at the end."""
        while len(self._buffer) < size and self._read_more(size - len(self._buffer)):
            pass
        return bytes(memoryview(self._buffer)[:size])

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""
        return bytes(self.view(size))

    def view(self, size: int) -> bytes | memoryview:
        """As :meth:`take`, uncopied where the source gave them in one piece."""
        if not self._buffer:
            block = self._source.read(size)
            if len(block) == size:
                return block
            self._buffer += block
        taken = self.peek(size)
        del self._buffer[:size]
        return taken

    def line(self, limit: int) -> bytes:
        """The next line with its LF; without one at the end, or where none comes within ``limit`` bytes."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched, limit)) < 0:
            searched = len(self._buffer)
            if searched >= limit or not self._read_more(_LOOK_AHEAD_BYTES):
                return self.take(min(limit, searched))
        return self.take(end + 1)

    def _read_more(self, size: int) -> bool:
        block = self._source.read(size)
        self._buffer += block
        return bool(block)
