"""Decoded sound in pieces of any length → blocks of 1024 samples, each with its time."""

from collections.abc import Iterator

import numpy as np

from recorder.office.redaction.voice import BLOCK, Samples

Timed = tuple[float, Samples]
"""When a block begins, in seconds, and its samples."""


class Blocks:
    """Takes pieces in their order. Where one does not follow the last to within half a block, the last is filled up."""

    def __init__(self, hz: int) -> None:
        self._hz = hz
        self._begins_s = 0.0
        self._rest: Samples | None = None

    def push(self, at_s: float, samples: Samples) -> Iterator[Timed]:
        """The blocks that are full now."""
        if (
            self._rest is not None
            and abs(self._begins_s + self._rest.shape[1] / self._hz - at_s) > BLOCK / 2 / self._hz
        ):
            yield from self.finish()
        if self._rest is None:
            self._begins_s, self._rest = at_s, samples[:, :0]
        joined = np.concatenate([self._rest, samples], axis=1)
        while joined.shape[1] >= BLOCK:
            yield self._begins_s, joined[:, :BLOCK]
            self._begins_s += BLOCK / self._hz
            joined = joined[:, BLOCK:]
        self._rest = joined

    def finish(self) -> Iterator[Timed]:
        """What does not fill a block, with silence behind it."""
        if self._rest is not None and self._rest.shape[1]:
            block = np.zeros((self._rest.shape[0], BLOCK), np.float32)
            block[:, : self._rest.shape[1]] = self._rest
            yield self._begins_s, block
        self._rest = None
