"""What a start does before anything else: finish what was begun, sign what was torn, and say so in the ledger.

Rules: it works on every prefix of every write, and after a cut of itself; twice is as good as once; it runs beside a
daemon and touches nothing that a living process writes; a journey that cannot be mended is an alarm and does not keep
the others from it. The numbered procedure is in the README.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorder.errors import RecorderError
from recorder.timekeeping import Instant
from recorder.vault import deletion, diskio, mending, words
from recorder.vault.journal import GENESIS, Journal, complete_lines, line_hash
from recorder.vault.ledger import WayBack
from recorder.vault.mending import TornSegment
from recorder.vault.records import JourneyRecord, body_path, is_journey
from recorder.vault.rotation import look_after_ledger
from recorder.vault.store import Store

FOUND_OPEN = "found-open"  # why recovery ends a journey: it was neither ended nor the last
_LONG_WAY_BACK = 256  # entries: beyond these a `recovered` is written though there is nothing to tell


@dataclass(frozen=True, slots=True)
class UnendedJourney:
    """The last journey, where nobody ended it: what a daemon needs to decide whether it goes on.

    ``last``: its last living moment in the log. ``last_written_utc_ns``: when its last body was written to, by the wall
    clock of then, whatever that was worth; None without a body. ``consented``: nobody has withdrawn.
    """

    id: str
    began: Instant | None
    last: Instant | None
    last_written_utc_ns: int | None
    consented: bool
    held: bool
    next_segment: int


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found and mended; everything empty where all was right.

    ``torn_logs``: file and bytes cut. ``dropped``: temp files. ``deletions``: journeys in which one was finished or
    withdrawn. ``holds``: journey, and which of hold and release was finished. ``sealed``: journey, and how many of its
    headers an older recorder had left in the clear. ``ended``: journeys that were found open.
    ``seen``: journeys of whose log the ledger did not know the head. ``alarms``: what is still wrong, a sentence each.
    """

    torn_logs: tuple[tuple[str, int], ...]
    dropped: tuple[str, ...]
    deletions: tuple[str, ...]
    torn_segments: tuple[TornSegment, ...]
    holds: tuple[tuple[str, str], ...]
    sealed: tuple[tuple[str, int], ...]
    ended: tuple[str, ...]
    seen: tuple[str, ...]
    alarms: tuple[str, ...]
    unended: UnendedJourney | None

    @property
    def found(self) -> dict[str, Any]:
        """What was found, for the ledger: only what is not empty."""
        everything = {
            "torn_logs": [list(torn) for torn in self.torn_logs],
            "dropped": list(self.dropped),
            "deletions": list(self.deletions),
            "torn_segments": [torn.sentence for torn in self.torn_segments],
            "holds": [list(hold) for hold in self.holds],
            "sealed": [list(sealed) for sealed in self.sealed],
            "ended": list(self.ended),
            "seen": list(self.seen),
            "alarms": list(self.alarms),
        }
        return {name: found for name, found in everything.items() if found}


def recover(store: Store) -> RecoveryReport:
    """Mend the store after whatever happened. StoreError only where the ledger or the list of journeys is unusable."""
    return _Recovery(store).run()


class _Recovery:
    """One run of the procedure; the numbers are the README's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._torn_logs: list[tuple[str, int]] = []
        self._dropped: list[str] = []
        self._deletions: list[str] = []
        self._torn_segments: list[TornSegment] = []
        self._holds: list[tuple[str, str]] = []
        self._sealed: list[tuple[str, int]] = []
        self._ended: list[str] = []
        self._seen: list[str] = []
        self._alarms: list[str] = []

    def run(self) -> RecoveryReport:
        """The steps of the README's procedure, in its order. StoreError."""
        store = self._store
        self._mend_log(store.ledger)  # 1
        self._drop_temps()  # 2
        way_back_length = self._finish_deletions()  # 3, 4
        with self._alarming():
            self._alarms += deletion.erase_unused_keys(store, ())
        for journey in store.journeys():  # 5
            self._mend_journey(journey)
        journeys = self._in_order(store.journeys())
        for journey in journeys[:-1]:  # 6
            self._end(journey)
        with store.lock():  # a sweep beside us must not take a journey between the look and the entry
            self._finish_deletions()  # nor leave one behind it that it could not conclude
            heads = self._compare_heads()  # 7
            report = self._report(journeys)
            is_due = bool(report.found) or way_back_length > _LONG_WAY_BACK
            if is_due and not WayBack(store.ledger.path).intents:  # 8
                store.ledger.append(words.RECOVERED, {"found": report.found, "heads": heads})
        with self._alarming():  # 9
            look_after_ledger(store)
        return replace(report, alarms=tuple(self._alarms))

    @contextmanager
    def _alarming(self, journey: JourneyRecord | None = None) -> Iterator[None]:
        """What fails in here is an alarm, and the rest goes on.

        Not so where ``journey`` is gone: a sweep beside us was quicker. Whether it left a tombstone, step 7 sees.
        """
        try:
            yield
        except RecorderError as error:
            if journey is None or is_journey(journey.path):
                self._alarms.append(str(error))

    def _mend_log(self, log: Journal) -> None:
        bytes_cut = log.mend()
        if bytes_cut:
            self._torn_logs.append((str(log.path.relative_to(self._store.root)), bytes_cut))

    def _drop_temps(self) -> None:
        with self._store.lock():  # whoever makes a temp file holds the lock meanwhile: these have no maker any more
            journeys = [journey.path for journey in self._store.journeys()]
            for directory in (self._store.root, self._store.journeys_path, *journeys):
                with self._alarming(), diskio.disk_errors(f"{directory} cannot be read"):
                    for path in sorted(filter(_is_temp, directory.iterdir())):
                        self._drop(path)

    def _drop(self, path: Path) -> None:
        with self._alarming():
            deletion.remove_temp(path)
            self._dropped.append(str(path.relative_to(self._store.root)))

    def _finish_deletions(self) -> int:
        """Finish what the ledger has announced and not concluded; how many entries that took to find out."""
        with self._store.lock():  # a deletion that still runs holds it from beginning to end: these have stopped
            way_back = WayBack(self._store.ledger.path)
            intents = way_back.intents.values()
            if intents:
                with self._alarming(), diskio.disk_errors("deletions that were begun cannot be finished"):
                    outcome = deletion.finish_deletions(self._store, intents)
                    self._alarms += [*outcome.failed.values(), *outcome.alarms]
                    self._deletions += [str(intent.data.get("journey")) for intent in intents]
        return way_back.length

    def _mend_journey(self, journey: JourneyRecord) -> None:
        with self._alarming(journey):
            self._mend_log(self._store.log(journey.id))
        if any(not segment.has_body for segment in journey.segments):
            with self._alarming(journey):
                self._torn_segments += mending.drop_headers_without_body(self._store, journey.id)
        if any(segment.torn and not segment.signed for segment in journey.segments):
            with self._alarming(journey):
                self._torn_segments += mending.sign_torn_segments(self._store, journey.id)
        if journey.problems:
            with self._alarming(journey):
                mended = mending.mend_hold(self._store, journey.id)
                if mended is not None:
                    self._holds.append((journey.id, mended))
        if any(segment.was_clear for segment in journey.segments):
            with self._alarming(journey):
                count = mending.seal_older_headers(self._store, journey.id)
                if count:
                    self._sealed.append((journey.id, count))

    def _in_order(self, journeys: Iterable[JourneyRecord]) -> list[JourneyRecord]:
        """As they began, by the ledger: names come from a wall clock. What the ledger does not know yet is newest."""
        known = {journey_id: rank for rank, journey_id in enumerate(WayBack(self._store.ledger.path).heads)}
        return sorted(journeys, key=lambda journey: (known.get(journey.id, len(known)), journey.id))

    def _end(self, journey: JourneyRecord) -> None:
        if journey.ended is None and journey.first is not None:
            with self._alarming(journey):
                self._store.end_journey(journey.id, FOUND_OPEN)
                self._ended.append(journey.id)

    def _compare_heads(self) -> list[list[str]]:
        """The ledger's record of each log against the log: what is new is noted, what is missing is an alarm.

        The heads, in the order in which the journeys began; of a log that cannot be read the one the ledger knew.
        """
        with self._store.lock():
            heads = WayBack(self._store.ledger.path).heads
            journeys = {journey.id: journey for journey in self._in_order(self._store.journeys())}
            gone = [journey_id for journey_id in heads if journey_id not in journeys]
            self._alarms += [f"{journey_id} is gone without a tombstone; somebody removed it." for journey_id in gone]
            for journey in journeys.values():
                with self._alarming():
                    heads[journey.id] = self._compare_head(journey, heads.get(journey.id))
        return [[journey_id, heads[journey_id]] for journey_id in journeys if journey_id in heads]

    def _compare_head(self, journey: JourneyRecord, known: str | None) -> str:
        log = self._store.log(journey.id)
        head = log.head
        if known == head:
            return head
        with diskio.disk_errors(f"{log.path} cannot be read"):
            lines, _ = complete_lines(log.path.read_bytes())
        if known is not None and known not in {GENESIS, *map(line_hash, lines)}:
            self._alarms.append(f"{log.path} lacks an entry that the ledger knows: it was altered.")
        if known is None or journey.ended is not None:
            self._store.note_in_ledger(words.JOURNEY_SEEN, journey.id)
            self._seen.append(journey.id)
        return head

    def _report(self, journeys: Sequence[JourneyRecord]) -> RecoveryReport:
        self._alarms += [problem for journey in journeys for problem in journey.problems]
        last = journeys[-1] if journeys else None
        return RecoveryReport(
            torn_logs=tuple(self._torn_logs),
            dropped=tuple(self._dropped),
            deletions=tuple(self._deletions),
            torn_segments=tuple(self._torn_segments),
            holds=tuple(self._holds),
            sealed=tuple(self._sealed),
            ended=tuple(self._ended),
            seen=tuple(self._seen),
            alarms=tuple(self._alarms),
            unended=None if last is None or last.ended is not None else _unended(last),
        )


def _written_ns(body: Path) -> int | None:
    """When a body was last written to; None where a sweep beside us was quicker, or it cannot be read."""
    try:
        return body.stat().st_mtime_ns
    except OSError:
        return None


def _is_temp(path: Path) -> bool:
    return diskio.is_temp(path.name)


def _unended(journey: JourneyRecord) -> UnendedJourney:
    bodies = [body_path(journey.path, segment.number) for segment in journey.segments if segment.has_body]
    written_ns = [at_ns for at_ns in map(_written_ns, bodies) if at_ns is not None]
    return UnendedJourney(
        id=journey.id,
        began=journey.first,
        last=journey.last,
        last_written_utc_ns=max(written_ns, default=None),
        consented=journey.consented,
        held=journey.held,
        next_segment=journey.next_segment,
    )
