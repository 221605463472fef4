"""What the devices' threads leave for the sentinel's thread: the newest small picture, and how much sound moves.

Rules: whoever leaves something never waits for whoever takes it; a picture that nobody has taken is replaced by the
next; a camera is looked at before its frames are stamped, for the stamp is never frozen, covered or blurred.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.timekeeping import NS_PER_S

if TYPE_CHECKING:
    from recorder.capture.ports import AudioBlock, Plane

LOOK_EVERY_NS = NS_PER_S // 2
LARGEST = (320, 240)  # dots, width and height, of what is looked at
_LISTEN_NS = NS_PER_S // 2
_SOUNDS_KEPT = 8  # more than wait while the sentinel's thread goes round


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A small Y plane, and its boottime."""

    plane: Plane
    captured_ns: int


class Peephole:
    """Between a camera's thread and the sentinel's; a camera has one for as long as it exists."""

    def __init__(self, every_ns: int = LOOK_EVERY_NS) -> None:
        self._every_ns = every_ns
        self._due_ns = 0
        self._left: tuple[Callable[[], Plane | None], int] | None = None  # how to get at a picture, and its time
        self._changed = threading.Condition()

    def is_due(self, captured_ns: int) -> bool:
        """Whether a frame captured then is wanted; for cameras that have to do something to get at it."""
        return captured_ns >= self._due_ns

    def show(self, y: Plane, captured_ns: int) -> None:
        """Show a frame's brightness, as large as it is; a copy of some of its dots is taken, twice a second."""
        if self.is_due(captured_ns):
            small = _thinned(y)
            self.leave(lambda: small, captured_ns)

    def leave(self, brightness: Callable[[], Plane | None], captured_ns: int) -> None:
        """Leave it to whoever looks to get at the frame's brightness, on the thread that looks."""
        if not self.is_due(captured_ns):
            return
        self._due_ns = captured_ns + self._every_ns
        with self._changed:
            self._left = brightness, captured_ns
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Glimpse | None:
        """The newest frame that was not taken yet; None where none comes in time, or it cannot be got at."""
        with self._changed:
            self._changed.wait_for(lambda: self._left is not None, timeout_s)
            left, self._left = self._left, None
        if left is None:
            return None
        brightness, captured_ns = left
        y = brightness()
        return None if y is None else Glimpse(_thinned(y), captured_ns)


def _thinned(y: Plane) -> Plane:
    """A copy of every so many of the dots; of a plane that is small, of all."""
    step = max(1, -(-y.shape[1] // LARGEST[0]), -(-y.shape[0] // LARGEST[1]))
    small: Plane = y[::step, ::step].copy()
    return small


@dataclass(frozen=True, slots=True)
class Sound:
    """So many steps of 16 bits from trough to peak, in the half second that ended at ``until_ns`` (boottime)."""

    until_ns: int
    span_steps: int


class Ear:
    """Between a microphone's thread and the sentinel's."""

    def __init__(self) -> None:
        self._lowest = self._highest = 0
        self._since_ns: int | None = None
        self._sounds: deque[Sound] = deque(maxlen=_SOUNDS_KEPT)

    def hear(self, block: AudioBlock) -> None:
        """Take a block; the blocks of half a second are one sound."""
        if not len(block.samples):
            return
        lowest, highest = int(block.samples.min()), int(block.samples.max())
        if self._since_ns is None:
            self._since_ns, self._lowest, self._highest = block.captured_ns, lowest, highest
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)
        until_ns = block.captured_ns + len(block.samples) * NS_PER_S // block.rate_hz
        if until_ns - self._since_ns >= _LISTEN_NS:
            self._sounds.append(Sound(until_ns, self._highest - self._lowest))
            self._since_ns = None

    def take(self) -> list[Sound]:
        """What was heard since the last time, as far as it was kept."""
        heard = []
        while self._sounds:
            heard.append(self._sounds.popleft())
        return heard
