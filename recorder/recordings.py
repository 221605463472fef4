"""At most one capture at a time: from the plan to the seal, for the loop.

Rules: nothing is opened for a journey whose capture is no longer wanted, however late its plan arrives; every
StopCapture is answered by exactly one Sealed; devices that stay open too long after a stop end the process.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from recorder.capture.ports import Durable
from recorder.clerk import CapturePlan
from recorder.events import Sealed
from recorder.watchdog import end_process

CLOSE_WITHIN_S = 3.0
SEAL_WITHIN_S = 60.0

log = logging.getLogger(__name__)


class Capturing(Protocol):
    """What the loop asks of a running capture (``capture.pipeline.Capture``)."""

    def start(self) -> None:
        """Begin to open the devices; returns at once."""
        ...

    def stop(self, reason: str) -> None:
        """Begin to close the devices; returns at once, posts Sealed once."""
        ...

    def record_sound(self, *, wanted: bool) -> None:
        """Record sound from now on, or no more."""
        ...

    def durable(self) -> Durable:
        """The newest durable moments."""
        ...

    def heartbeats(self) -> Mapping[str, float]:
        """When each thread last went round (monotonic seconds)."""
        ...

    @property
    def devices_open(self) -> bool:
        """Whether a device may be open."""
        ...


class Recordings:
    """Owns the capture that runs. Called by the loop only."""

    def __init__(self, begin: Callable[[CapturePlan, bool], Capturing], post: Callable[[Sealed], None]) -> None:
        self._begin = begin
        self._post = post
        self._capture: Capturing | None = None
        self._planned: str | None = None
        self._sound = False
        self._stopped_s: float | None = None

    def plan(self, journey: str, *, sound: bool) -> None:
        """Capture is wanted for ``journey``; it begins when its plan arrives."""
        self._planned, self._sound, self._stopped_s = journey, sound, None

    def begin(self, plan: CapturePlan) -> None:
        """The plan has arrived: begin, if it is still wanted."""
        if self._planned != plan.journey:
            return
        self._planned = None
        self._capture = self._begin(plan, self._sound)
        self._capture.start()

    def record_sound(self, *, wanted: bool) -> None:
        """Record sound, or no more, in the capture that runs or is planned."""
        self._sound = wanted
        if self._capture is not None:
            self._capture.record_sound(wanted=wanted)

    def stop(self, reason: str) -> None:
        """Close the devices; what never began is sealed already."""
        if self._capture is None:
            self._planned = None
            self._post(Sealed())
            return
        self._stopped_s = time.monotonic()
        self._capture.stop(reason)

    def sealed(self) -> None:
        """The capture has ended."""
        self._capture, self._stopped_s = None, None

    def durable(self) -> Durable:
        """What is durable of the capture that runs and was not asked to stop."""
        return Durable() if self._capture is None or self._stopped_s is not None else self._capture.durable()

    def heartbeats(self) -> Mapping[str, float]:
        """When each thread of the capture last went round."""
        return {} if self._capture is None else self._capture.heartbeats()

    def check(self) -> None:
        """Called often: ends the process where a stopped capture does not let go."""
        if self._capture is None or self._stopped_s is None:
            return
        waited_s = time.monotonic() - self._stopped_s
        if waited_s > CLOSE_WITHIN_S and self._capture.devices_open:
            end_process(f"a device is still open {waited_s:.0f} s after the stop")
        if waited_s > SEAL_WITHIN_S:
            end_process(f"the last segment is not sealed {waited_s:.0f} s after the stop")
