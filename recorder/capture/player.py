"""The thread on which a device without hardware plays its scene, in real time, from open to close.

A producer that is late catches up, up to five seconds: then it drops what it has missed and goes on from now, as a
device would whose buffer has overflowed. After :meth:`stop` no callback runs.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from recorder.capture.ports import DeviceFailure
from recorder.errors import CaptureError, DeviceAbsentError
from recorder.timekeeping import NS_PER_S, boottime_ns

LATE_NS = 5 * NS_PER_S
_JOIN_S = 0.9  # a device closes within a second

Value = TypeVar("Value")


class Player:
    """Plays one scene at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stop = threading.Event()
        self._delivering = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self, play: Callable[[], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        """Run ``play`` on the thread; a CaptureError in it goes to ``on_failure``. DeviceAbsentError: already open."""
        if self._thread is not None:
            raise DeviceAbsentError(f"The {self._name} is open already; close it first.")
        self._stop = threading.Event()

        def run() -> None:
            try:
                play()
            except CaptureError as error:
                self.deliver(on_failure, DeviceFailure(str(error)))

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()

    def wait_until(self, due_ns: int) -> bool:
        """Wait for this moment of boottime; False where :meth:`stop` came first."""
        while (ahead_ns := due_ns - boottime_ns()) > 0:
            if self._stop.wait(ahead_ns / NS_PER_S):
                return False
        return not self._stop.is_set()

    @staticmethod
    def missed(due_ns: int) -> bool:
        """Whether what was due then can no longer be caught up with."""
        return boottime_ns() - due_ns > LATE_NS

    def deliver(self, callback: Callable[[Value], None], value: Value) -> None:
        """Hand ``value`` over, unless :meth:`stop` came first."""
        with self._delivering:
            if not self._stop.is_set():
                callback(value)

    def stop(self) -> None:
        """End the scene; no callback runs once this returns. At any time, twice too."""
        with self._delivering:
            self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_JOIN_S)
