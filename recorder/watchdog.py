"""Is every thread going round? Feeds systemd's watchdog, and ends a recorder that cannot end itself.

Rules: a heartbeat says only that a thread goes round: working, waiting, or in a declared fault. Whether a device
delivers is for the lamps, never for the watchdog: a dead microphone must not kill the picture. A thread that will not
let go of a device ends the process; systemd starts it again and the journey resumes.
"""

import logging
import os
import time
from collections.abc import Mapping

from recorder.systemd import Notifier

STALE_S = 8.0
EXIT_STUCK = 70  # EX_SOFTWARE, sysexits.h

log = logging.getLogger(__name__)


class Watchdog:
    """Speaks to systemd while every thread is alive."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._next_s = 0.0
        self._complained: frozenset[str] = frozenset()

    def feed(self, heartbeats: Mapping[str, float]) -> None:
        """``heartbeats``: thread name to the monotonic second of its last round; called often, speaks when due."""
        now_s = time.monotonic()
        stale = frozenset(name for name, beat_s in heartbeats.items() if now_s - beat_s > STALE_S)
        for name in stale - self._complained:
            log.error("thread %s has stopped going round; the watchdog is no longer fed", name)
        self._complained = stale
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is not None and not stale and now_s >= self._next_s:
            self._notifier.watchdog()
            self._next_s = now_s + interval_s / 2


def end_process(reason: str) -> None:
    """End at once, leaving everything to recovery: something holds on to what it must let go of.

    Does so even where there is no memory left to say why.
    """
    try:
        log.critical("%s; ending the process, so that it is let go of", reason)
        logging.shutdown()
    finally:
        os._exit(EXIT_STUCK)
