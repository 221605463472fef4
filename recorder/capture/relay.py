"""Between a vendor's threads and ours: what a callback hands over waits here, and a thread of our own passes it on.

Rules: a vendor's thread never waits, never meets an exception of ours and never runs our code past :meth:`Relay.put`;
after a failure nothing is passed on; once :meth:`Relay.stop` has returned, no callback runs.
"""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from recorder.capture.ports import DeviceFailure

_JOIN_S = 0.4  # what was put is handed over in far less; with the closing of the device it stays within a second

Value = TypeVar("Value")


class Relay(Generic[Value]):
    """Passes on what one opened device delivers; made anew for each opening."""

    def __init__(
        self, name: str, on_value: Callable[[Value], None], on_failure: Callable[[DeviceFailure], None]
    ) -> None:
        """``name`` names the thread. Both callbacks run on it, one at a time."""
        self._on_value, self._on_failure = on_value, on_failure
        self._waiting: queue.SimpleQueue[Value | DeviceFailure | None] = queue.SimpleQueue()
        self._delivering = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, value: Value) -> None:
        """Pass ``value`` on, after what was put before; returns at once. From any thread."""
        self._waiting.put(value)

    def fail(self, reason: str) -> None:
        """Tell that the device has failed, after what was put before; the first time counts. From any thread."""
        self._waiting.put(DeviceFailure(reason))

    def stop(self) -> None:
        """Pass on what was put, and end; nothing runs once this returns. At any time, twice too."""
        self._waiting.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_S)
            with self._delivering:
                self._stopped = True

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            with self._delivering:
                if self._stopped:
                    return
                if isinstance(item, DeviceFailure):
                    self._on_failure(item)
                    return
                self._on_value(item)
