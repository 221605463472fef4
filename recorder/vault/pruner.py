"""One sweep: read the store, plan, delete, report.

Rules: what goes and why is :mod:`recorder.vault.retention`'s, how it goes is :mod:`recorder.vault.deletion`'s; a step
that fails is an alarm in the report, and the others go on; what cannot be read is an alarm, never "nothing to do". A
sweep works beside a running daemon and beside another sweep, and reads again only what has changed since its last one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from recorder.errors import NoSuchJourneyError, RecorderError, StoreError
from recorder.timekeeping import NS_PER_S, Clock, Instant
from recorder.vault.clockledger import ClockLedger, LedgerFollower
from recorder.vault.deletion import BATCH_SEGMENTS, delete_log, delete_segments, erase_unused_keys
from recorder.vault.eras import ClockHistory
from recorder.vault.records import JourneyRecord
from recorder.vault.remembered import Remembered
from recorder.vault.retention import Footage, Policy, Reason, Verdict, plan
from recorder.vault.store import Store


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did. ``deleted``, ``kept``: a verdict with its reason for each segment.

    ``spared``: planned to go, and held, live or already gone when its turn came. ``logs_deleted``: ids of journeys of
    which nothing is left. ``alarms``: what went wrong, a sentence each. ``next_due_s``: seconds from ``at`` until the
    next segment is due by time; None where none will be.
    """

    at: Instant
    deleted: tuple[Verdict, ...]
    kept: tuple[Verdict, ...]
    spared: tuple[Verdict, ...]
    logs_deleted: tuple[str, ...]
    alarms: tuple[str, ...]
    next_due_s: float | None

    @property
    def deleted_bytes(self) -> int:
        """How much footage went."""
        return sum(verdict.footage.size_bytes for verdict in self.deleted)

    @property
    def kept_bytes(self) -> int:
        """How much footage stays."""
        return sum(verdict.footage.size_bytes for verdict in self.kept)

    @property
    def held_bytes(self) -> int:
        """How much of it is held."""
        return sum(verdict.footage.size_bytes for verdict in self.kept if verdict.reason is Reason.HELD)

    @property
    def kept_counts(self) -> dict[Reason, int]:
        """How many segments stay, by reason."""
        return dict(Counter(verdict.reason for verdict in self.kept))

    @property
    def next_due_utc_ns(self) -> int | None:
        """When the next segment is due, by the wall clock of :attr:`at`."""
        return None if self.next_due_s is None else self.at.utc_ns + round(self.next_due_s * NS_PER_S)


class Pruner:
    """Deletes what is due, whenever it is told to."""

    def __init__(self, store: Store, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._remembered = Remembered()
        self._clocks = ClockLedger(store.ledger.append, LedgerFollower(store.ledger.path))

    def sweep(self) -> SweepReport:
        """Delete what is due now. Never raises for the store: what went wrong is among the alarms."""
        now = self._clock.now()
        alarms: list[str] = []
        journeys = self._journeys(alarms)
        footage = [segment for journey in journeys for segment in journey.footage]
        held = {journey.id for journey in journeys if journey.held}
        clocks = self._look_at_clocks(now, alarms)
        free_bytes, card_bytes = self._room(alarms)
        decided = plan(footage, held, now, self._policy, free_bytes, clocks=clocks, card_bytes=card_bytes)
        deleted, spared = self._delete(decided.delete, alarms)
        self._look_after_keys(footage, alarms)
        if decided.short_bytes:
            alarms.append(
                f"{decided.short_bytes} bytes are missing of the {self._policy.min_free_bytes} to be kept free, "
                "and all that is left is held or being written; export and release what is held."
            )
        if decided.held_over_bytes:
            alarms.append(
                f"{decided.held_over_bytes} bytes more are held than {self._policy.hold_quota:.0%} of the card; "
                "export and release what is held."
            )
        if any(verdict.reason is Reason.GRACE for verdict in decided.keep):
            self._note_power(now, alarms)
        return SweepReport(
            at=now,
            deleted=tuple(deleted),
            kept=decided.keep,
            spared=tuple(spared),
            logs_deleted=tuple(
                journey.id for journey in _spent(journeys, deleted) if self._delete_log(journey, alarms)
            ),
            alarms=tuple(alarms),
            next_due_s=decided.next_due_s,
        )

    def _journeys(self, alarms: list[str]) -> tuple[JourneyRecord, ...]:
        try:
            journeys = self._store.journeys(self._remembered)
        except StoreError as error:
            alarms.append(str(error))
            return ()
        alarms += [problem for journey in journeys for problem in journey.problems]
        return journeys

    def _look_at_clocks(self, now: Instant, alarms: list[str]) -> ClockHistory:
        """What is known of time, written before anything is deleted by it."""
        try:
            self._clocks.look(now)
            self._clocks.note()
        except RecorderError as error:
            alarms.append(str(error))
        return self._clocks.history

    def _note_power(self, now: Instant, alarms: list[str]) -> None:
        try:
            self._clocks.note_power(now, self._policy.clock_grace_s)
        except RecorderError as error:
            alarms.append(str(error))

    def _room(self, alarms: list[str]) -> tuple[int | None, int | None]:
        """Free bytes and the size of the card; None where they cannot be read."""
        try:
            return self._store.free_bytes(), self._store.card_bytes()
        except StoreError as error:
            alarms.append(str(error))
            return None, None

    def _delete(self, verdicts: Sequence[Verdict], alarms: list[str]) -> tuple[list[Verdict], list[Verdict]]:
        deleted: list[Verdict] = []
        spared: list[Verdict] = []
        for batch in _batches(verdicts):
            try:
                outcome = delete_segments(self._store, batch)
            except RecorderError as error:
                alarms.append(str(error))
                continue
            alarms += [*outcome.failed.values(), *outcome.alarms]
            deleted += [verdict for verdict in batch if _name(verdict) in outcome.gone]
            spared += [verdict for verdict in batch if _name(verdict) in outcome.kept]
        return deleted, spared

    def _look_after_keys(self, footage: Iterable[Footage], alarms: list[str]) -> None:
        seen = {segment.epoch for segment in footage if segment.epoch is not None}
        try:
            alarms += [alarm for alarm in erase_unused_keys(self._store, seen) if alarm not in alarms]
        except RecorderError as error:
            alarms.append(str(error))

    def _delete_log(self, journey: JourneyRecord, alarms: list[str]) -> bool:
        try:
            return delete_log(self._store, journey.id)
        except NoSuchJourneyError:
            return False  # another sweep was quicker
        except RecorderError as error:
            alarms.append(str(error))
            return False


def _name(verdict: Verdict) -> tuple[str, int]:
    return verdict.footage.journey, verdict.footage.number


def _spent(journeys: Iterable[JourneyRecord], deleted: Iterable[Verdict]) -> Iterator[JourneyRecord]:
    """Those that have ended and of which nothing is wanted or left; under the lock each is looked at again."""
    gone = set(map(_name, deleted))
    for journey in journeys:
        is_wanted = journey.held or journey.ended is None
        if not is_wanted and all((journey.id, segment.number) in gone for segment in journey.segments):
            yield journey


def _batches(verdicts: Iterable[Verdict]) -> Iterator[list[Verdict]]:
    """Whole epochs, so many segments at a time that nobody waits long for the lock; the order of the oldest stays."""
    units: dict[object, list[Verdict]] = {}
    for verdict in verdicts:
        units.setdefault(verdict.footage.epoch or _name(verdict), []).append(verdict)
    batch: list[Verdict] = []
    for unit in units.values():
        if batch and len(batch) + len(unit) > BATCH_SEGMENTS:
            yield batch
            batch = []
        batch = batch + unit
    if batch:
        yield batch
