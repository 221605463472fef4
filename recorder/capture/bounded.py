"""A queue with a limit in bytes whose producer never waits.

A camera that blocks stalls its own driver, and a mux thread that waits for the card stalls the camera: so whoever puts
is told at once whether there was room, and decides what to give up. Words of command (size 0) always find room.
"""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BoundedQueue(Generic[Item]):
    """First in, first out, between threads."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()

    @property
    def waiting_bytes(self) -> int:
        """What has been put and not yet taken."""
        return self._waiting_bytes

    def put(self, item: Item, size_bytes: int = 0) -> bool:
        """Put without waiting; False, and nothing put, where ``size_bytes`` more would exceed the limit."""
        with self._changed:
            if size_bytes and self._waiting_bytes + size_bytes > self.limit_bytes:
                return False
            self._items.append((item, size_bytes))
            self._waiting_bytes += size_bytes
            self._changed.notify()
            return True

    def get(self, timeout_s: float) -> Item | None:
        """The oldest item; None where none came in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout_s):
                return None
            item, size_bytes = self._items.popleft()
            self._waiting_bytes -= size_bytes
            return item
