"""``export``: held journeys into a folder, in a process of its own, with the recorder told so that its lamps know.

Rules: copying never goes through the recorder, so that it can neither slow nor stop recording; a recorder that does not
run, or does not answer, changes nothing about the copy.
"""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from recorder.assembly import open_store, recipients_of
from recorder.config import Config
from recorder.control import ask
from recorder.errors import ExportError, NotRunningError, RecorderError
from recorder.export.bundle import ExportReport
from recorder.export.bundle import export as export_bundle
from recorder.export.target import Target
from recorder.progress import Show
from recorder.runtime import Runtime

TELL_EVERY_S = 1.0


def export(config: Config, folder: Path, journeys: Sequence[str], show: Show) -> ExportReport:
    """Copy ``journeys``, or all held ones, into ``folder`` (made if only its last part is missing).

    Raises ExportError where the folder fails or nothing is held, NoSuchJourneyError, StoreError.
    """
    store = open_store(config)
    chosen = tuple(journeys) or tuple(record.id for record in store.journeys() if record.held)
    if not chosen:
        raise ExportError("No journey is held, so there is nothing to export; hold one, or name one with --journey.")
    with contextlib.suppress(OSError):  # Target says what is wrong with it
        folder.mkdir(exist_ok=True)
    teller = _Teller(config, show)
    teller.tell("export-began", target=str(folder))
    try:
        report = export_bundle(
            store,
            Target(folder),
            vehicle=config.vehicle,
            recipients=recipients_of(config),
            journeys=chosen,
            progress=teller.progress,
        )
    except RecorderError as error:
        teller.tell("export-failed", reason=str(error))
        raise
    if report.problems:
        teller.tell("export-failed", reason=report.problems[0])
    else:
        teller.tell("export-done")
    return report


class _Teller:
    """Keeps the recorder that runs, if one does, up to date."""

    def __init__(self, config: Config, show: Show) -> None:
        self._socket = Runtime(config.store.runtime).control_socket
        self._show = show
        self._next_s = 0.0

    def tell(self, command: str, **arguments: object) -> None:
        """Tell it; nobody there is fine."""
        with contextlib.suppress(NotRunningError):
            ask(self._socket, command, **arguments)

    def progress(self, done_bytes: int, total_bytes: int) -> None:
        """Show on the terminal each time, tell the recorder now and then."""
        self._show(done_bytes, total_bytes)
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + TELL_EVERY_S
            self.tell("export-progress", done_bytes=done_bytes, total_bytes=total_bytes)
