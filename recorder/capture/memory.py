"""Sound from before the press of hold, where the configuration asks for any: in memory, never on the card. PURE.

Rules: no more is kept than was asked for, by time and by count; what is taken is forgotten here; with nothing asked
for, nothing is ever kept.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recorder.capture.ports import AudioBlock


class SoundMemory:
    """The blocks of the last ``keep_ns``."""

    def __init__(self, keep_ns: int) -> None:
        self.keep_ns = keep_ns
        self._blocks: deque[AudioBlock] = deque()
        self._lasting_ns = 0

    def keep(self, block: AudioBlock) -> None:
        """Remember ``block``; forget what is older than may be kept."""
        self._blocks.append(block)
        self._lasting_ns += _lasts_ns(block)
        end_ns = block.captured_ns + _lasts_ns(block)
        while self._blocks and (self._lasting_ns > self.keep_ns or end_ns - self._blocks[0].captured_ns > self.keep_ns):
            self._lasting_ns -= _lasts_ns(self._blocks.popleft())

    def take(self) -> list[AudioBlock]:
        """All of it, oldest first; nothing stays."""
        blocks = list(self._blocks)
        self._blocks.clear()
        self._lasting_ns = 0
        return blocks


def _lasts_ns(block: AudioBlock) -> int:
    return len(block.samples) * 1_000_000_000 // block.rate_hz
