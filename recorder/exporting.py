"""``export``: held journeys into a folder, in a process of its own, with the recorder told so that its lamps know.

Rules: copying never goes through the recorder, so that it can neither slow nor stop recording; however the copy ends,
short of being killed, the recorder is told (:mod:`recorder.telling`).
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from recorder.assembly import open_store, recipients_of
from recorder.config import Config
from recorder.errors import NothingHeldError, RecorderError
from recorder.export.bundle import ExportReport
from recorder.export.bundle import export as export_bundle
from recorder.export.tally import Progress
from recorder.export.target import Target
from recorder.runtime import Runtime
from recorder.telling import Teller

Show = Callable[[Progress], None]


def export(
    config: Config, folder: Path, journeys: Sequence[str], show: Show, *, tells_end: bool = True
) -> ExportReport:
    """Copy ``journeys``, or all held ones, into ``folder`` (made if only its last part is missing).

    ``tells_end``: see :class:`recorder.telling.Teller`. Raises NothingHeldError, ExportError where the folder fails,
    NoSuchJourneyError, StoreError.
    """
    teller = Teller(Runtime(config.store.runtime).control_socket, folder, tells_end=tells_end)
    try:
        report = _copy(config, folder, journeys, show, teller)
    except NothingHeldError:
        teller.nothing()
        raise
    except RecorderError as error:
        teller.failed(str(error))
        raise
    except BaseException:
        teller.failed("The copy was broken off.")
        raise
    if report.problems:
        teller.failed(report.problems[0])
    else:
        teller.done()
    return report


def _copy(config: Config, folder: Path, journeys: Sequence[str], show: Show, teller: Teller) -> ExportReport:
    store = open_store(config)
    chosen = tuple(journeys) or tuple(record.id for record in store.journeys() if record.held)
    if not chosen:
        raise NothingHeldError("No journey is held, so there is nothing to export; hold one first.")
    with contextlib.suppress(OSError):  # Target says what is wrong with it
        folder.mkdir(exist_ok=True)
    teller.began()

    def tell(progress: Progress) -> None:
        show(progress)
        teller.progress(progress)

    return export_bundle(
        store,
        Target(folder),
        vehicle=config.vehicle,
        recipients=recipients_of(config),
        journeys=chosen,
        progress=tell,
    )
