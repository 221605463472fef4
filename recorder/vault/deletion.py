"""How something goes: a tombstone before, a tombstone after, and every step between them repeatable.

Rules: what is held or live at the moment of deletion stays, whatever was planned a moment ago; the key of an epoch is
erased before its bodies are unlinked, for from then on they open to nobody, and only where nobody else needs it; one
failed step stops neither the other segments nor their tombstone. The numbered procedures are in the README.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recorder.errors import NoSuchJourneyError, StoreError
from recorder.timekeeping import iso_utc
from recorder.vault import diskio, words
from recorder.vault.headers import sealed_headers
from recorder.vault.journal import Entry
from recorder.vault.keyring import Erasure
from recorder.vault.records import (
    LOG_NAME,
    JourneyRecord,
    SegmentRecord,
    body_path,
    head_path,
    header_path,
    is_journey,
)
from recorder.vault.retention import Verdict
from recorder.vault.store import Store

BATCH_SEGMENTS = 64  # at a time, so that nobody waits long for the lock
UNLINK: Final = "unlink"  # the weakest class of erasure: blocks are freed, not erased
_BY_STRENGTH: tuple[Erasure, ...] = ("slot", "file", UNLINK)

Segment = tuple[str, int]
"""A journey's id, and the number of a segment in it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of segments. ``failed``: for each that did not go, what stopped it. ``alarms``: what is wrong too."""

    gone: tuple[Segment, ...] = ()
    kept: tuple[Segment, ...] = ()
    failed: Mapping[Segment, str] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Doomed:
    """What goes from one journey, and the tombstone that announced it.

    ``kept``: announced, and wanted by now. ``gone``: announced, and gone before a crash; how well, nobody noted.
    """

    journey: JourneyRecord
    segments: tuple[SegmentRecord, ...]
    intent: Entry
    kept: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()


def delete_segments(store: Store, verdicts: Sequence[Verdict]) -> Outcome:
    """Delete what a plan gave up: whole epochs, and segments without one. StoreError where no tombstone can be written.

    An epoch in which anything is wanted by now stays whole.
    """
    with store.lock():
        planned = {(verdict.footage.journey, verdict.footage.number): verdict for verdict in verdicts}
        journeys = _journeys(store, {journey_id for journey_id, _ in planned})
        going = {
            (journey.id, segment.number): segment
            for journey in journeys
            for segment in journey.segments
            if (journey.id, segment.number) in planned and not journey.held and not segment.live
        }
        free, alarms = _free_epochs(store, going)
        going = {name: segment for name, segment in going.items() if segment.epoch is None or segment.epoch in free}
        doomed = _announce_all(store, journeys, going, planned)
        done = _carry_out(store, doomed, free)
        return Outcome(done.gone, tuple(set(planned) - set(going)), done.failed, (*alarms, *done.alarms))


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
        intent = store.ledger.append(words.TOMBSTONE_INTENT, {"journey": journey_id, "segments": [], "log": log})
        _remove_directory(journey.path)
        store.ledger.append(words.TOMBSTONE_DONE, _conclusion(intent, UNLINK, (), {}))
        return True


def finish_deletions(store: Store, intents: Iterable[Entry]) -> Outcome:
    """Carry on after ``intents``, which a crash left without their ends. What is held by now and whole stays."""
    with store.lock():
        doomed: list[_Doomed] = []
        gone: list[Segment] = []
        for intent in intents:
            journey_id = str(intent.data.get("journey"))
            numbers = _announced(intent)
            for journey in _journeys(store, {journey_id}):
                kept = _wanted(store, journey, numbers)
                segments = tuple(s for s in journey.segments if s.number in numbers and s.number not in kept)
                left = {segment.number for segment in journey.segments}
                before = tuple(number for number in numbers if number not in left)
                doomed.append(_Doomed(journey, segments, intent, kept, before))
                break
            else:
                gone += [(journey_id, number) for number in numbers]
                store.ledger.append(words.TOMBSTONE_DONE, _conclusion(intent, UNLINK, numbers, {}))
        going = {(one.journey.id, segment.number): segment for one in doomed for segment in one.segments}
        free, alarms = _free_epochs(store, going)
        done = _carry_out(store, doomed, free)
        kept_too = tuple((one.journey.id, number) for one in doomed for number in one.kept)
        return Outcome((*gone, *done.gone), kept_too, done.failed, (*alarms, *done.alarms))


def _announced(intent: Entry) -> list[int]:
    """The segments an intent names; what damage has made of others is left to the next sweep."""
    segments = intent.data.get("segments")
    rows = segments if isinstance(segments, list) else []
    said = [row.get("number") for row in rows if isinstance(row, dict)]
    return sorted({number for number in said if isinstance(number, int)})


def erase_unused_keys(store: Store, seen: Collection[int]) -> tuple[str, ...]:
    """Erase the keys under which no header lies any more, as after a step that failed; what is wrong with the keyring.

    ``seen``: epochs of which headers were seen a moment ago; the card is asked only about the others. StoreError.
    """
    with store.lock():
        keyring = store.headers.keyring
        unused = set(keyring.keys()).difference(seen)
        alarms = keyring.alarms
        if unused:
            unused -= {epoch for epoch, _, _ in sealed_headers(_paths(store))}
        if unused:
            keyring.erase(unused)
            alarms = (*alarms, *(alarm for alarm in keyring.alarms if alarm not in alarms))
        return alarms


def remove_temp(path: Path) -> None:
    """Remove a temp file, or a temp directory of a journey. StoreError; also where it holds footage, as none should."""
    with diskio.disk_errors(f"{path} cannot be removed"):
        if path.is_dir():
            _empty(path)
            path.rmdir()
        else:
            diskio.remove_file(path)
        diskio.sync_directory(path.parent)


def _paths(store: Store) -> list[Path]:
    with diskio.disk_errors(f"{store.journeys_path} cannot be read"):
        return sorted(filter(is_journey, store.journeys_path.iterdir()))


def _journeys(store: Store, ids: Collection[str]) -> list[JourneyRecord]:
    """Those that are still there."""
    journeys = []
    for journey_id in sorted(ids):
        try:
            journeys.append(store.journey(journey_id))
        except NoSuchJourneyError:
            continue  # another sweep was quicker
    return journeys


def _free_epochs(store: Store, going: Mapping[Segment, SegmentRecord]) -> tuple[frozenset[int], tuple[str, ...]]:
    """The epochs of ``going`` whose keys nobody needs when it is gone; what is held in them lies in the clear by then.

    And a sentence for each held header that nobody can have, and for each that cannot be written.
    """
    free = {segment.epoch for segment in going.values() if segment.epoch is not None}
    others: dict[Path, list[tuple[int, int]]] = {}
    for epoch, path, number in sealed_headers(_paths(store)) if free else ():
        if epoch in free and (path.name, number) not in going:
            others.setdefault(path, []).append((epoch, number))
    alarms: list[str] = []
    for path, sealed in others.items():
        if store.journey(path.name).held:
            try:
                alarms += store.headers.make_clear(path, [number for _, number in sealed])
                continue
            except StoreError as error:
                alarms.append(str(error))
        free -= {epoch for epoch, _ in sealed}
    return frozenset(free), tuple(alarms)


def _wanted(store: Store, journey: JourneyRecord, numbers: Collection[int]) -> tuple[int, ...]:
    """Of the segments of a held journey those that can still be opened."""
    if not journey.held:
        return ()
    there = [segment.number for segment in journey.segments if segment.number in numbers and segment.has_header]
    headers, _ = store.headers.get_all(journey.path, there)
    return tuple(sorted(headers))


def _is_spent(journey: JourneyRecord) -> bool:
    return not journey.held and not journey.segments and journey.ended is not None


def _announce_all(
    store: Store,
    journeys: Iterable[JourneyRecord],
    going: Mapping[Segment, SegmentRecord],
    planned: Mapping[Segment, Verdict],
) -> list[_Doomed]:
    """A tombstone for each journey. StoreError."""
    doomed = []
    for journey in journeys:
        segments = tuple(s for s in journey.segments if (journey.id, s.number) in going)
        if not segments:
            continue
        verdicts = [planned[journey.id, segment.number] for segment in segments]
        try:
            intent = _announce(store, journey.id, verdicts)
        except StoreError as error:
            if not diskio.is_full(error):
                raise
            _unlink(journey.path, [segments[0].number])  # makes the room for its own tombstone
            intent = _announce(store, journey.id, verdicts)
        doomed.append(_Doomed(journey, segments, intent))
    return doomed


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
    return store.ledger.append(words.TOMBSTONE_INTENT, {"journey": journey_id, "segments": segments})


def _carry_out(store: Store, doomed: Sequence[_Doomed], free: Collection[int]) -> Outcome:
    """What was announced: keys, then files, then the tombstones' other halves."""
    epochs = {segment.epoch for one in doomed for segment in one.segments if segment.epoch in free}
    erased, alarms = _erase(store, {epoch for epoch in epochs if epoch is not None})
    gone: list[Segment] = []
    failed: dict[Segment, str] = {}
    for one in doomed:
        try:
            unlinked, stuck = _conclude(store, one, erased)
        except StoreError as error:
            alarms = (*alarms, str(error))
            continue
        gone += [(one.journey.id, number) for number in unlinked]
        failed |= {(one.journey.id, number): error for number, error in stuck.items()}
    return Outcome(tuple(gone), (), failed, alarms)


def _conclude(store: Store, one: _Doomed, erased: Mapping[int, Erasure]) -> tuple[tuple[int, ...], dict[int, str]]:
    """Unlink, and say so: what is gone, and what stopped the rest. StoreError."""
    unlinked, stuck = _unlink(one.journey.path, [segment.number for segment in one.segments])
    unlinked = tuple(sorted((*one.gone, *unlinked)))
    how = [UNLINK if s.was_clear or s.epoch is None else erased.get(s.epoch, UNLINK) for s in one.segments]
    how += [UNLINK for _ in one.gone]
    conclusion = _conclusion(one.intent, max(how, key=_BY_STRENGTH.index, default=UNLINK), unlinked, stuck)
    stays = "log" in one.intent.data and not _is_spent(one.journey)
    if "log" in one.intent.data and not stays:
        _remove_directory(one.journey.path)
    if one.kept or stays:
        store.ledger.append(words.TOMBSTONE_WITHDRAWN, {**conclusion, "kept": list(one.kept)})
    else:
        store.ledger.append(words.TOMBSTONE_DONE, conclusion)
    return unlinked, stuck


def _erase(store: Store, epochs: Collection[int]) -> tuple[Mapping[int, Erasure], tuple[str, ...]]:
    """How well each key was erased. Where the keyring fails, what is due goes all the same; the next sweep erases."""
    if not epochs:
        return {}, ()
    keyring = store.headers.keyring
    try:
        erased = keyring.erase(epochs)
    except StoreError as error:
        return {}, (str(error),)
    return erased, keyring.alarms


def _conclusion(intent: Entry, erasure: Erasure, gone: Sequence[int], failed: Mapping[int, str]) -> dict[str, Any]:
    return {
        "journey": intent.data.get("journey"),
        "intent": intent.seq,
        "erasure": erasure,
        "deleted": list(gone),
        "failed": [{"number": number, "error": error} for number, error in failed.items()],
    }


def _unlink(path: Path, numbers: Sequence[int]) -> tuple[tuple[int, ...], dict[int, str]]:
    """Headers, bodies, directory: the numbers that are gone, and what stopped the others."""
    failed: dict[int, str] = {}
    for file_of in (head_path, header_path, body_path):
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
