"""A queue with a limit in bytes whose producer never waits.

A camera that blocks stalls its own driver, and a mux thread that waits for the card stalls the camera: so whoever puts
is told at once whether there was room, and decides what to give up. Words of command (size 0) always find room.

Waking a thread costs more than most of what it is woken for. So whoever puts also says whether the other side is to be
woken for it, or may find it there when it next looks.
"""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BoundedQueue(Generic[Item]):
    """First in, first out, between threads; one of them takes."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._bell = threading.Lock()  # locked while nobody rings: a fifth of what a Condition costs
        self._bell.acquire()
        self._rung = False

    @property
    def waiting_bytes(self) -> int:
        """What has been put and not yet taken."""
        return self._waiting_bytes

    def put(self, item: Item, size_bytes: int = 0, *, ring: bool = True) -> bool:
        """Put without waiting; False, and nothing put, where ``size_bytes`` more would exceed the limit.

        ``ring``: whether to wake whoever waits.
        """
        with self._lock:
            if size_bytes and self._waiting_bytes + size_bytes > self.limit_bytes:
                return False
            self._items.append((item, size_bytes))
            self._waiting_bytes += size_bytes
            if ring and not self._rung:
                self._rung = True
                self._bell.release()
            return True

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody rings, or has rung since the last time; so long at most."""
        if self._bell.acquire(timeout=timeout_s):
            self._rung = False  # what is put from here on rings anew; what was put before is there to be taken

    def take(self) -> Item | None:
        """The oldest item; None where there is none. Does not wait."""
        with self._lock:
            if not self._items:
                return None
            item, size_bytes = self._items.popleft()
            self._waiting_bytes -= size_bytes
            return item
