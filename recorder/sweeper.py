"""The sweeper runs the pruner beside everything else: at start, every ``sweep_s``, and when asked.

On a thread of its own, for a sweep over a full card must delay neither a button nor a hold. What a sweep could not do
becomes fault ``pruner`` and is tried again at the next; it never stops recording.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recorder import events as on
from recorder.errors import RecorderError
from recorder.vault.pruner import Pruner, SweepReport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep has ended."""

    report: SweepReport


class Sweeper:
    """One thread that sweeps."""

    def __init__(self, pruner: Pruner, interval_s: float, post: Callable[[Any], None]) -> None:
        self._pruner = pruner
        self._interval_s = interval_s
        self._post = post
        self._wake = threading.Event()
        self._ending = False
        self._failing = False
        self._busy_since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._thread.start()

    def sweep_soon(self) -> None:
        """Sweep as soon as the sweep that runs, if one does, has ended."""
        self._wake.set()

    @property
    def busy(self) -> bool:
        """Whether a sweep runs or is about to."""
        return self._wake.is_set() or self._busy_since_s is not None

    def stop(self, timeout_s: float) -> bool:
        """End after the sweep that runs; whether it ended in time."""
        self._ending = True
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ending:
            self._wake.clear()
            self._busy_since_s = time.monotonic()
            self._sweep()
            self._busy_since_s = None
            self._wake.wait(self._interval_s)

    def _sweep(self) -> None:
        try:
            report = self._pruner.sweep()
        except (RecorderError, OSError) as error:
            log.error("the sweep failed: %s", error)
            self._fault(failing=True)
            return
        for alarm in report.alarms:
            log.error("the sweep met: %s", alarm)
        self._fault(failing=bool(report.alarms))
        self._post(Swept(report))

    def _fault(self, *, failing: bool) -> None:
        if failing != self._failing:
            self._failing = failing
            self._post(on.FaultRaised("pruner") if failing else on.FaultCleared("pruner"))
