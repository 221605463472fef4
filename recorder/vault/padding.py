"""Padding in a stream of MP4: where it may stand, and what it is.

Why: an age chunk that is not the last must be full, so footage of a still scene is pushed onto the card by padding.
Padding is a ``free`` box (ISO/IEC 14496-12, 8.1.2), which players pass over. Rules: it stands between two boxes of the
top level, never inside one, and never behind a ``moof``: sample offsets count from the ``moof`` into the box that
follows it (8.8.7, default-base-is-moof).
"""

from recorder.mp4 import MIN_BOX_BYTES, free_box

_SIZE_BYTES = 4
_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_LARGE_SIZE = 1  # a 64-bit size follows the type (4.2)


def padding(at_least_bytes: int) -> bytes:
    """A ``free`` box of so many bytes; the smallest there is where that is fewer."""
    return free_box(max(at_least_bytes, MIN_BOX_BYTES))


class BoxTracker:
    """Follows the top level of an MP4 as it is written, in pieces of any size."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._left_bytes = 0  # of the box whose header is known
        self._kind = b""
        self._endless = False

    @property
    def may_pad(self) -> bool:
        """Whether a box of its own may stand here."""
        return not self._header and not self._left_bytes and self._kind != b"moof" and not self._endless

    def feed(self, data: bytes) -> None:
        """``data`` follows. What is not MP4 is taken for a box without an end: no padding from there on."""
        at = 0
        while at < len(data) and not self._endless:
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - at)
                self._left_bytes -= step
            else:
                step = min(self._missing_header_bytes(), len(data) - at)
                self._header += data[at : at + step]
                self._take_header()
            at += step

    def _missing_header_bytes(self) -> int:
        is_large = len(self._header) >= _HEADER_BYTES  # only a large one is kept beyond its first eight bytes
        return (_LARGE_HEADER_BYTES if is_large else _HEADER_BYTES) - len(self._header)

    def _take_header(self) -> None:
        if len(self._header) < _HEADER_BYTES:
            return
        size_bytes, header_bytes = int.from_bytes(self._header[:_SIZE_BYTES], "big"), _HEADER_BYTES
        if size_bytes == _LARGE_SIZE:
            if len(self._header) < _LARGE_HEADER_BYTES:
                return
            size_bytes, header_bytes = int.from_bytes(self._header[_HEADER_BYTES:], "big"), _LARGE_HEADER_BYTES
        self._kind = bytes(self._header[_SIZE_BYTES:_HEADER_BYTES])
        self._header.clear()
        self._left_bytes = size_bytes - header_bytes
        self._endless = self._left_bytes < 0  # size 0 runs to the end of the file (4.2); others below are nonsense
