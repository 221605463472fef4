"""Reading exact amounts from a file, a pipe or an armored text alike.

A source that answers with fewer bytes than asked for is ordinary (pipes, raw files); a parser must not care.
"""

from collections.abc import Iterator
from typing import Protocol

_BLOCK_BYTES = 1 << 16


class Readable(Protocol):
    """A file open for reading, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none only at the end."""
        ...


def blocks(source: Readable) -> Iterator[bytes]:
    """Everything ``source`` still holds, in pieces of at most 64 KiB."""
    while block := source.read(_BLOCK_BYTES):
        yield block


class ByteReader:
    """Exact reads over pieces of any size. Holds at most what was asked for plus one piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = bytearray()

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without taking them; fewer only at the end."""
        self._fill(size)
        return bytes(memoryview(self._buffer)[:size])

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""
        taken = self.peek(size)
        del self._buffer[:size]
        return taken

    def line(self, limit: int) -> bytes:
        """The next line with its LF; without one at the end, or where none comes within ``limit`` bytes."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched, limit)) < 0:
            searched = len(self._buffer)
            if searched >= limit or not self._fill(searched + 1):
                return self.take(min(limit, searched))
        return self.take(end + 1)

    def _fill(self, size: int) -> bool:
        while len(self._buffer) < size:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._buffer += piece
        return True
