"""The thread that looks at what is recorded, and tells what it finds.

Rules: it takes what the devices' threads left (``senses.py``), measures it, asks the sentinel, and posts; it never
makes anyone wait, and nothing it does or fails to do ends a recording. Where it fails itself, that is a fault of its
own, for then nobody looks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from recorder.capture.senses import Ear, Peephole
from recorder.capture.sentinel import FROZEN, Finding, Patience, Sentinel
from recorder.timekeeping import NS_PER_S

if TYPE_CHECKING:
    from recorder.capture.faults import Faults

_ROUND_S = 0.25

_log = logging.getLogger(__name__)


class Watch:
    """Watches the camera behind ``peephole``, and the microphone whose blocks go to ``ear``."""

    def __init__(
        self, peephole: Peephole, faults: Faults, patience: Patience, on_frozen: Callable[[str], None]
    ) -> None:
        """``on_frozen``: called with the reason, on this thread, each time a picture is found to be frozen."""
        self.ear = Ear()
        self._peephole, self._faults, self._on_frozen = peephole, faults, on_frozen
        self._sentinel = Sentinel(patience)
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name="capture-sentinel", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self.thread.start()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - whatever it is, the recording is worth more
            _log.exception("nobody looks at the picture any more")
            self._faults.begin("sentinel", f"Nobody looks at the picture any more: {error!r}.")

    def _watch(self) -> None:
        from recorder.capture.look import measure  # noqa: PLC0415 - numpy is heavy; the panel comes first

        while not self._stop.is_set():
            glimpse = self._peephole.take(_ROUND_S)
            if glimpse is not None:
                self._tell(self._sentinel.look(measure(glimpse.plane, glimpse.captured_ns)))
            for sound in self.ear.take():
                self._tell(self._sentinel.listen(sound.until_ns / NS_PER_S, sound.span_steps))

    def _tell(self, findings: tuple[Finding, ...]) -> None:
        for finding in findings:
            if not finding.begins:
                self._faults.end(finding.kind)
                continue
            self._faults.begin(finding.kind, finding.reason)
            if finding.kind == FROZEN:
                self._on_frozen(finding.reason)
