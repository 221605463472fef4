"""Keeps one device open while it is wanted: opens it, watches that it delivers, closes it, tries again.

A dead camera raises nothing and a frozen microphone stays "active": whoever delivers nothing for three seconds is taken
for dead. Only this thread opens and closes the device, so a driver that hangs, hangs here and shows in the heartbeat.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

from recorder.capture.faults import Faults, back_off_s
from recorder.capture.ports import DeviceFailure
from recorder.errors import CaptureError

SILENT_AFTER_S = 3.0
_ROUND_S = 0.1  # until a device has delivered, and between tries
_WATCHING_ROUND_S = 1.0  # a device that has failed, or is not wanted any more, does not wait for it


class Keeper:
    """One device and the thread that keeps it. Closed, and not wanted, until :meth:`want`."""

    def __init__(
        self,
        kind: Literal["camera", "microphone"],
        open_device: Callable[[Callable[[DeviceFailure], None]], None],
        close_device: Callable[[], None],
        faults: Faults,
    ) -> None:
        """``open_device`` gets the function to call when the device fails, and may raise CaptureError."""
        self.kind = kind
        self._open_device, self._close_device = open_device, close_device
        self._faults = faults
        self._wanted = self._ending = False
        self._failure: DeviceFailure | None = None
        self._delivered_s: float | None = None
        self._changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, name=f"capture-{kind}", daemon=True)
        self.is_open = False
        self.working = False  # the thread was started and has not done its work
        self.beat_s = time.monotonic()

    def start(self) -> None:
        """Start the thread; the device opens once it is wanted."""
        self.working = True
        self.thread.start()

    def want(self, wanted: bool) -> None:
        """Have the device open, or closed; returns at once."""
        with self._changed:
            self._wanted = wanted
            self._changed.notify_all()
        if not wanted:
            self._faults.end(self.kind)

    def end(self) -> None:
        """Close the device for good and end the thread; returns at once."""
        with self._changed:
            self._wanted, self._ending = False, True
            self._changed.notify_all()

    def delivered(self) -> None:
        """The device has delivered something; called on its own thread."""
        self._delivered_s = time.monotonic()

    def failed(self, failure: DeviceFailure) -> None:
        """The device must be opened anew; from any thread."""
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _run(self) -> None:
        failures = 0
        while self._wait(lambda: self._wanted):
            failure, delivered = self._use()
            if failure is None or failure.reopen:  # closed because it was no longer wanted, or wants to be
                failures = 0
                continue
            failures = 1 if delivered else failures + 1
            self._pause(back_off_s(failures))
        self.working = False

    def _use(self) -> tuple[DeviceFailure | None, bool]:
        """Open, watch, close. Why the device must be opened anew (None: it need not be), and whether it delivered."""
        with self._changed:
            if not self._wanted:
                return None, False
            self.is_open = True  # from before the attempt: the light must not come on after the lens
            self._failure, self._delivered_s = None, None
        try:
            failure = self._open_and_watch()
            self._tell(failure)  # before the closing, which may never end
        finally:
            self._close_device()  # what it raises ends this thread: the device may be open still, and the watchdog
            self.is_open = False  # that misses our beat ends the process, which is what lets go of it
        return failure, self._delivered_s is not None

    def _open_and_watch(self) -> DeviceFailure | None:
        try:
            self._open_device(self.failed)
            return self._watch()
        except CaptureError as error:
            return DeviceFailure(str(error))

    def _tell(self, failure: DeviceFailure | None) -> None:
        with self._changed:  # lest a device that is no longer wanted stays in fault
            if failure is not None and not failure.reopen and self._wanted:
                self._faults.begin(self.kind, failure.reason)

    def _watch(self) -> DeviceFailure | None:
        """Wait until the device is no longer wanted (None), has failed, or delivers nothing."""
        opened_s = time.monotonic()
        while self._wanted:
            self.beat_s = time.monotonic()
            if self._failure is not None:
                return self._failure
            if self._delivered_s is not None:
                self._faults.end(self.kind)
            left_s = (self._delivered_s or opened_s) + SILENT_AFTER_S - self.beat_s
            if left_s < 0:
                return DeviceFailure(f"The {self.kind} has delivered nothing for {SILENT_AFTER_S:g} s.")
            round_s = _ROUND_S if self._delivered_s is None else _WATCHING_ROUND_S
            with self._changed:
                self._changed.wait_for(lambda: not self._wanted or self._failure, min(round_s, left_s))
        return None

    def _pause(self, seconds: float) -> None:
        """Wait so long, or until the device is no longer wanted."""
        until_s = time.monotonic() + seconds
        self._wait(lambda: not self._wanted or time.monotonic() >= until_s)

    def _wait(self, ready: Callable[[], bool]) -> bool:
        """Wait until ``ready``, beating; False once the end has come."""
        while not self._ending:
            self.beat_s = time.monotonic()
            with self._changed:
                if self._changed.wait_for(lambda: self._ending or ready(), _ROUND_S):
                    return not self._ending
        return False
