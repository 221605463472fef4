"""A disk's write cache that forgets: what makes pulling the plug of a virtual machine honest.

Killing a machine on a file is no power cut: what it wrote and never flushed survives in the host. Here a write stays
in the cache until the machine flushes; when the power goes, each write since the last flush is lost, kept or torn, by
a seeded choice, in whatever combination: later ones may be kept where earlier ones are lost, as on a card. What was
flushed, or written with "force unit access", is always kept.
"""

import random
from dataclasses import dataclass

from tests.rig.layers import BLOCK_BYTES, Durable

SECTOR_BYTES = 512
_LOST, _TORN = 0.4, 0.2  # of the writes that were never flushed; the rest is kept


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes
    forced: bool


@dataclass(frozen=True, slots=True)
class PowerCut:
    """What became of the writes that were never flushed."""

    lost: int
    torn: int
    kept: int


class WriteCache:
    """Blocks over ``durable`` that the next power cut may take."""

    def __init__(self, durable: Durable) -> None:
        self.durable = durable
        self._blocks: dict[int, bytes] = {}
        self._writes: list[_Write] = []

    @property
    def in_flight(self) -> int:
        """Writes since the last flush: what a power cut now could take."""
        return len(self._writes)

    def read(self, offset: int, size: int) -> bytes:
        """The disk as the machine sees it."""
        first, last = offset // BLOCK_BYTES, -(-(offset + size) // BLOCK_BYTES)
        content = bytearray(self.durable.read(first, last - first))
        if self._blocks:
            for number in range(first, last):
                if (block := self._blocks.get(number)) is not None:
                    at = (number - first) * BLOCK_BYTES
                    content[at : at + BLOCK_BYTES] = block
        start = offset - first * BLOCK_BYTES
        return bytes(content[start : start + size])

    def write(self, offset: int, data: bytes, forced: bool = False) -> None:
        """Take a write; a ``forced`` one survives a power cut."""
        self._writes.append(_Write(offset, data, forced))
        self._blocks.update(self._changed(offset, data))

    def flush(self) -> None:
        """Make everything durable."""
        for number, block in self._blocks.items():
            self.durable.put(number, block)
        self._blocks.clear()
        self._writes.clear()

    def lose_power(self, chance: random.Random) -> PowerCut:
        """Forget: afterwards the disk holds what it will hold when the power is back."""
        writes = self._writes.copy()
        self._blocks.clear()
        self._writes.clear()
        lost = torn = kept = 0
        for write in writes:
            fate = 1.0 if write.forced else chance.random()
            sectors = len(write.data) // SECTOR_BYTES
            if fate < _LOST:
                lost += 1
            elif fate < _LOST + _TORN and sectors > 1:
                torn += 1
                self._keep(write.offset, write.data[: chance.randrange(1, sectors) * SECTOR_BYTES])
            else:
                kept += 1
                self._keep(write.offset, write.data)
        return PowerCut(lost, torn, kept)

    def _keep(self, offset: int, data: bytes) -> None:
        for number, block in self._changed(offset, data):
            self.durable.put(number, block)

    def _changed(self, offset: int, data: bytes) -> list[tuple[int, bytes]]:
        """The blocks that writing ``data`` at ``offset`` makes."""
        first, last = offset // BLOCK_BYTES, -(-(offset + len(data)) // BLOCK_BYTES)
        if offset % BLOCK_BYTES or len(data) % BLOCK_BYTES:
            whole = bytearray(self.read(first * BLOCK_BYTES, (last - first) * BLOCK_BYTES))
            at = offset - first * BLOCK_BYTES
            whole[at : at + len(data)] = data
            data = bytes(whole)
        return [(first + i, data[i * BLOCK_BYTES : (i + 1) * BLOCK_BYTES]) for i in range(last - first)]
