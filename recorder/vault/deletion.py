"""How something goes: a tombstone before, a tombstone after, and every step between them repeatable.

Rules: what is held or live at the moment of deletion stays, whatever was planned a moment ago; headers go before
bodies, for a body without its header opens to nobody (this is the place where keys will be erased); one failed step
stops neither the other segments nor their tombstone. The numbered procedures are in the README.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recorder.errors import NoSuchJourneyError, StoreError
from recorder.timekeeping import iso_utc
from recorder.vault import diskio, words
from recorder.vault.journal import Entry
from recorder.vault.records import LOG_NAME, JourneyRecord, body_path, header_path
from recorder.vault.retention import Verdict
from recorder.vault.store import Store

BATCH_SEGMENTS = 64  # at a time, so that nobody waits long for the lock
ERASURE: Final = "unlink"  # the class of erasure: blocks are freed, not erased


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of segments of one journey. ``failed``: for each that did not go, what stopped it."""

    gone: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    failed: dict[int, str] = field(default_factory=dict)


def delete_segments(store: Store, journey_id: str, verdicts: Sequence[Verdict]) -> Erasure:
    """Delete the segments of one journey that a plan gave up. StoreError where no tombstone can be written."""
    with store.lock():
        journey = store.journey(journey_id)
        doomed = [verdict for verdict in verdicts if _may_go(journey, verdict.footage.number)]
        kept = tuple(v.footage.number for v in verdicts if v not in doomed)
        if not doomed:
            return Erasure(kept=kept)
        numbers = [verdict.footage.number for verdict in doomed]
        try:
            intent = _announce(store, journey_id, doomed)
        except StoreError as error:
            if not diskio.is_full(error):
                raise
            _erase(journey.path, numbers[:1])  # makes the room for its own tombstone
            intent = _announce(store, journey_id, doomed)
        gone, failed = _erase(journey.path, numbers)
        store.ledger.append(words.TOMBSTONE_DONE, _outcome(intent, gone, failed))
        return Erasure(gone, kept, failed)


def delete_log(store: Store, journey_id: str) -> bool:
    """Delete what is left of a journey that has ended and has no segments; False where it has not. StoreError."""
    with store.lock(), diskio.disk_errors(f"what is left of {journey_id} cannot be deleted"):
        journey = store.journey(journey_id)
        if not _is_spent(journey):
            return False
        strangers = sorted(child.name for child in journey.path.iterdir() if child.name != LOG_NAME)
        if strangers:
            raise StoreError(f"{journey.path} has strange files: {', '.join(strangers)}; remove them.")
        log = {"head": store.log(journey_id).head, "began": journey.began, "ended": journey.ended}
        intent = store.ledger.append(
            words.TOMBSTONE_INTENT, {"journey": journey_id, "erasure": ERASURE, "segments": [], "log": log}
        )
        _remove_directory(journey.path)
        store.ledger.append(words.TOMBSTONE_DONE, _outcome(intent, (), {}))
        return True


def finish_deletion(store: Store, intent: Entry) -> Erasure:
    """Carry on after ``intent``, which a crash left without its end. What is held by now and whole stays."""
    journey_id = str(intent.data.get("journey"))
    numbers = [segment["number"] for segment in intent.data.get("segments", ())]
    with store.lock(), diskio.disk_errors(f"the deletion in {journey_id} cannot be finished"):
        try:
            journey = store.journey(journey_id)
        except NoSuchJourneyError:
            store.ledger.append(words.TOMBSTONE_DONE, _outcome(intent, numbers, {}))
            return Erasure(tuple(numbers))
        whole = {segment.number for segment in journey.segments if segment.has_header}
        kept = tuple(number for number in numbers if journey.held and number in whole)
        gone, failed = _erase(journey.path, [number for number in numbers if number not in kept])
        stays = "log" in intent.data and not _is_spent(journey)
        if "log" in intent.data and not stays:
            _remove_directory(journey.path)
        event = words.TOMBSTONE_WITHDRAWN if kept or stays else words.TOMBSTONE_DONE
        store.ledger.append(event, {**_outcome(intent, gone, failed), "kept": list(kept)})
        return Erasure(gone, kept, failed)


def remove_temp(path: Path) -> None:
    """Remove a temp file, or a temp directory of a journey. StoreError; also where it holds footage, as none should."""
    with diskio.disk_errors(f"{path} cannot be removed"):
        if path.is_dir():
            _empty(path)
            path.rmdir()
        else:
            diskio.remove_file(path)
        diskio.sync_directory(path.parent)


def _may_go(journey: JourneyRecord, number: int) -> bool:
    return not journey.held and any(s.number == number and not s.live for s in journey.segments)


def _is_spent(journey: JourneyRecord) -> bool:
    return not journey.held and not journey.segments and journey.ended is not None


def _announce(store: Store, journey_id: str, doomed: Iterable[Verdict]) -> Entry:
    segments = [
        {
            "number": verdict.footage.number,
            "recorded": None if verdict.footage.first is None else iso_utc(verdict.footage.first.utc_ns),
            "size_bytes": verdict.footage.size_bytes,
            "reason": verdict.reason.value,
            "why": verdict.sentence,
        }
        for verdict in doomed
    ]
    data = {"journey": journey_id, "erasure": ERASURE, "segments": segments}
    return store.ledger.append(words.TOMBSTONE_INTENT, data)


def _outcome(intent: Entry, gone: Sequence[int], failed: dict[int, str]) -> dict[str, Any]:
    return {
        "journey": intent.data.get("journey"),
        "intent": intent.seq,
        "erasure": ERASURE,
        "deleted": list(gone),
        "failed": [{"number": number, "error": error} for number, error in failed.items()],
    }


def _erase(path: Path, numbers: Sequence[int]) -> tuple[tuple[int, ...], dict[int, str]]:
    """Headers, bodies, directory: the numbers that are gone, and what stopped the others."""
    failed: dict[int, str] = {}
    for file_of in (header_path, body_path):
        for number in numbers:
            if number in failed:
                continue  # a header that stays keeps its body
            try:
                diskio.remove_file(file_of(path, number))
            except OSError as error:
                failed[number] = f"{file_of(path, number)} cannot be deleted: {error.strerror or error}."
    with diskio.disk_errors(f"{path} cannot be synced"):
        diskio.sync_directory(path)
    return tuple(number for number in numbers if number not in failed), failed


def _remove_directory(path: Path) -> None:
    """In one step for everyone else; a crash in between leaves a temp directory."""
    temp = diskio.temp_path(path)
    path.rename(temp)
    diskio.sync_directory(path.parent)
    remove_temp(temp)


def _empty(directory: Path) -> None:
    children = sorted(directory.iterdir())
    footage = [child.name for child in children if child.suffix == ".body"]
    if footage:
        raise StoreError(f"{directory} holds footage ({', '.join(footage)}) and is kept; rename it to see what it is.")
    for child in children:
        diskio.remove_file(child)
