"""Held journeys onto a stick, in an order that can be cut anywhere. The numbered procedure is in the README.

Rules: what the report calls exported was read back from the target and is in the signed log; nothing on the recorder
is removed; one journey's failure does not stop the others, the target's does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recorder import __version__, manifest
from recorder.errors import ExportError, RecorderError
from recorder.export.how_to_open import TEXT
from recorder.export.journey import JourneyExport, JourneyExporter
from recorder.export.segments import choose
from recorder.export.tally import Progress, Tally
from recorder.export.target import Target
from recorder.vault.age import X25519Recipient
from recorder.vault.store import Store

_SLACK_BYTES = 4 << 20  # logs, manifests and what a filesystem takes for itself


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did. ``problems``: a sentence for each journey that did not get through."""

    journeys: tuple[JourneyExport, ...]
    problems: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 1 where a journey did not get through."""
        return 1 if self.problems else 0

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        copied_bytes = sum(journey.copied_bytes for journey in self.journeys)
        copy_s, check_s = (sum(getattr(journey, name) for journey in self.journeys) for name in ("copy_s", "check_s"))
        return (
            *(line for journey in self.journeys for line in journey.lines),
            f"{len(self.journeys)} journeys exported: {copied_bytes / 1e6:.1f} MB copied in {copy_s:.1f} s, "
            f"all of it read back in {check_s:.1f} s.",
            *self.problems,
        )


def export(
    store: Store,
    target: Target,
    *,
    vehicle: str,
    recipients: Sequence[X25519Recipient],
    journeys: Sequence[str],
    progress: Callable[[Progress], None],
) -> ExportReport:
    """Copy ``journeys`` (ids) to ``target``, read them back, log it. Logs are encrypted to ``recipients``.

    ExportError where the target fails: what is whole on it stays valid, and the next export goes on from there.
    NoSuchJourneyError before anything is written; StoreError where the ledger cannot be written.
    """
    files, size_bytes = _require_room(store, target, vehicle, journeys)
    store.ledger.append(
        manifest.EXPORT_BEGAN, {"journeys": list(journeys), "vehicle": vehicle, "software": __version__}
    )
    tally = Tally(files, size_bytes, progress, time.monotonic)
    exporter = JourneyExporter(store, target, vehicle, tuple(recipients), tally)
    done, problems = [], []
    for journey_id in journeys:
        try:
            done.append(exporter.export(journey_id))
        except ExportError:
            raise
        except RecorderError as error:
            problems.append(f"{journey_id} was not exported: {error}")
    target.publish(target.write(target.root / manifest.HOW_TO_OPEN_NAME, [TEXT.encode("ascii")]))
    return ExportReport(tuple(done), tuple(problems))


def _require_room(store: Store, target: Target, vehicle: str, journeys: Sequence[str]) -> tuple[int, int]:
    """ExportError where what is missing on the stick does not fit; else how many files there are, and their bytes."""
    files = size_bytes = missing_bytes = 0
    for journey_id in journeys:
        sources, _ = choose(store.journey(journey_id))
        name = manifest.opaque_name(journey_id, store.key.sign)
        folder = target.root.joinpath(*manifest.folder_names(vehicle, name))
        for source in sources:
            files += 1
            size_bytes += source.size_bytes
            if target.size_of(folder / source.name) != source.size_bytes:
                missing_bytes += source.size_bytes
    free_bytes = target.free_bytes()
    if missing_bytes + _SLACK_BYTES > free_bytes:
        raise ExportError(
            f"{target.root} has {free_bytes / 1e6:.0f} MB free, and {(missing_bytes + _SLACK_BYTES) / 1e6:.0f} MB are "
            "needed; use a larger or an emptier stick, or export one journey at a time (--journey)."
        )
    return files, size_bytes
