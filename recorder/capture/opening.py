"""A device is open once or not at all, and a driver that does not let go is told of.

Rules: closing is harmless at any time and never waits for ever; a device that was not let go of is neither opened nor
closed again in this process, and every call says so, for only the end of the process frees it (picamera2 issue 1264;
PortAudio on a frozen card).
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from recorder.errors import DeviceAbsentError, DeviceLostError

RELEASE_WITHIN_S = 2.5  # a camera needs a third of a second; the recorder ends itself 3 s after a stop

Opened = TypeVar("Opened")

_log = logging.getLogger(__name__)


class Opening(Generic[Opened]):
    """At most one opening of a device at a time: what is open now, and its end."""

    def __init__(self, device: str) -> None:
        """``device`` is how a sentence calls it: "camera", "microphone"."""
        self._device = device
        self._lock = threading.Lock()
        self._current: Opened | None = None
        self._stuck = False

    def begin(self, make: Callable[[], Opened]) -> Opened:
        """Open. Raises DeviceAbsentError: it is open already; and what ``make`` raises."""
        with self._lock:
            self._refuse_if_stuck()
            if self._current is not None:
                raise DeviceAbsentError(f"The {self._device} is open already; close it first.")
            with self._noticing():
                self._current = made = make()
            return made

    def end(self, close: Callable[[Opened], None]) -> None:
        """Close what is open, if anything is. Raises DeviceLostError, from then on, where it was not let go of."""
        with self._lock:
            self._refuse_if_stuck()
            current, self._current = self._current, None
            if current is not None:
                with self._noticing():
                    close(current)

    def _refuse_if_stuck(self) -> None:
        if self._stuck:
            raise DeviceLostError(f"The {self._device} was never let go of; restart the recorder.")

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except DeviceLostError:
            self._stuck = True
            raise


def release(device: str, let_go: Callable[[], None], within_s: float = RELEASE_WITHIN_S) -> None:
    """Let go of a driver on a thread of its own, for some never return.

    What it raises is logged and no more: the next opening will tell. Raises DeviceLostError where it takes longer than
    ``within_s``: the device then stays open until the process ends, which is what the caller has to bring about.
    """

    def run() -> None:
        try:
            let_go()
        except Exception:  # noqa: BLE001 - a vendor's, of any kind; the device is being given up
            _log.exception("the %s did not close as it should", device)

    thread = threading.Thread(target=run, name=f"release-{device}", daemon=True)
    thread.start()
    thread.join(within_s)
    if thread.is_alive():
        raise DeviceLostError(f"The {device} does not let go within {within_s:g} s; the recorder must be restarted.")
