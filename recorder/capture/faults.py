"""Faults of capture: each is told once when it begins and once when it is over, whichever thread sees it."""

import logging
import threading
from collections.abc import Callable

from recorder.events import Event, FaultCleared, FaultRaised

_log = logging.getLogger(__name__)
BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 10.0)


class Faults:
    """The faults that stand; posts FaultRaised and FaultCleared, in the order in which they became true."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._standing: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, kind: str, reason: str) -> None:
        """``kind`` is wrong, and ``reason`` says how; posted where it did not stand already."""
        with self._lock:
            _log.warning("fault=%s reason=%s", kind, reason)
            if kind not in self._standing:
                self._standing.add(kind)
                self._post(FaultRaised(kind))

    def end(self, kind: str) -> None:
        """``kind`` is over; posted where it stood."""
        with self._lock:
            if kind in self._standing:
                self._standing.discard(kind)
                _log.info("fault=%s over", kind)
                self._post(FaultCleared(kind))


def back_off_s(failures: int) -> float:
    """How long to wait after the ``failures``-th failure in a row (1-based) before trying again."""
    return BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1]
