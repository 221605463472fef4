"""``export``: held journeys into a folder, in a process of its own, with the recorder told so that its lamps know.

Rules: the office's orders that lie in the folder are carried out first, so that what they hold is copied too; copying
never goes through the recorder, so that it can neither slow nor stop recording; however the copy ends, short of being
killed, the recorder is told (:mod:`recorder.telling`).
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.assembly import open_store, recipients_of
from recorder.config import Config
from recorder.errors import ExportError, NothingHeldError, RecorderError, StoreError
from recorder.export.bundle import ExportReport
from recorder.export.bundle import export as export_bundle
from recorder.export.obeying import Answer, Obeyed, Obeying, write_answers
from recorder.export.tally import Progress
from recorder.export.target import Target
from recorder.order import authority_key
from recorder.order_files import read_orders
from recorder.ownership import acting_as_owner
from recorder.runtime import Runtime
from recorder.telling import Teller
from recorder.vault.store import Store

Show = Callable[[Progress], None]
Say = Callable[[str], None]


def export(
    config: Config, folder: Path, journeys: Sequence[str], show: Show, say: Say, *, tells_end: bool = True
) -> ExportReport:
    """Copy ``journeys``, or all held ones, into ``folder`` (made if only its last part is missing).

    ``say`` is told of each order that was found there. ``tells_end``: see :class:`recorder.telling.Teller`. Raises
    NothingHeldError, ExportError where the folder fails, NoSuchJourneyError, StoreError.
    """
    teller = Teller(Runtime(config.store.runtime).control_socket, folder, tells_end=tells_end)
    try:
        stick = _Stick(config, open_store(config), folder, teller)
        obeyed = stick.obey()
        for line in (*obeyed.lines, *stick.answer(obeyed.answers)):
            say(line)
        report = stick.copy(journeys, show, obeyed.problems)
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


@dataclass(frozen=True, slots=True)
class _Stick:
    """What is done with one folder, in its order: :meth:`obey`, :meth:`answer`, :meth:`copy`."""

    config: Config
    store: Store
    folder: Path
    teller: Teller

    def obey(self) -> Obeyed:
        """Carry out the orders that lie there, as the owner of the store."""
        found = read_orders(self.folder, self.config.vehicle)
        authority = self.config.keys.authority
        with acting_as_owner(self.config.store.path):
            key = None if authority is None else authority_key(authority)
            obeyed = Obeying(self.store, self.config.vehicle, key).obey(found)
        self.teller.orders(obeyed.held, obeyed.released, obeyed.refused)
        return obeyed

    def answer(self, answers: Sequence[Answer]) -> tuple[str, ...]:
        """Write the answers; what could not be, as sentences."""
        try:
            return write_answers(Target(self.folder), self.config.vehicle, answers) if answers else ()
        except ExportError as error:  # the copy says what is wrong with the folder, if there is anything to copy
            return (f"No order could be answered: {error}",)

    def copy(self, journeys: Sequence[str], show: Show, problems: Sequence[str]) -> ExportReport:
        """Copy what is held by now. ``problems``: what the card refused of the orders; that stops no copy."""
        chosen = tuple(journeys) or tuple(record.id for record in self.store.journeys() if record.held)
        if not chosen and problems:
            raise StoreError(problems[0])
        if not chosen:
            raise NothingHeldError("No journey is held, so there is nothing to export; hold one first.")
        with contextlib.suppress(OSError):  # Target says what is wrong with it
            self.folder.mkdir(exist_ok=True)
        self.teller.began()

        def tell(progress: Progress) -> None:
            show(progress)
            self.teller.progress(progress)

        report = export_bundle(
            self.store,
            Target(self.folder),
            vehicle=self.config.vehicle,
            recipients=recipients_of(self.config),
            journeys=chosen,
            progress=tell,
        )
        return replace(report, problems=(*problems, *report.problems))
