"""The clerk writes what the journey wants written, in the order it was asked, on a thread of its own.

A card can stall for seconds; lamps and buttons must not. So the loop never touches the store: it hands the clerk a
job and hears the result as an event. Rules: jobs run one after the other; a job that fails is tried again until it
succeeds (a consent, a hold, an entry of the log is never dropped), shown meanwhile as fault ``log``; no job waits for a
journey that is gone from the card, for all later ones would wait behind it; capture can begin only behind the first
job, which is the recovery.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from recorder import events as on
from recorder.control import ControlRequest
from recorder.errors import NoSuchJourneyError, RecorderError
from recorder.timekeeping import Clock, Instant
from recorder.vault.journal import Journal
from recorder.vault.mending import sign_torn_segments
from recorder.vault.recovery import RecoveryReport, recover
from recorder.vault.store import JourneyRecord, Store

RETRY_S = 1.0
SLOW_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The store is in order; ``report`` says what was mended."""

    report: RecoveryReport


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """Where capture goes on in ``journey``. ``origin_ns``: boottime of the timeline's zero."""

    journey: str
    origin_ns: int
    next_segment: int


Post = Callable[[Any], None]


class Clerk:
    """Owns the writing side of the store on behalf of the loop."""

    def __init__(self, store: Store, clock: Clock, post: Post) -> None:
        self._store = store
        self._clock = clock
        self._post = post
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._journey: str | None = None
        self._busy_since_s: float | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Begin; what was asked before waits in order."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Finish what was asked for; whether all of it was done in time."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        self._ending.set()
        return not self._thread.is_alive()

    @property
    def slow(self) -> bool:
        """Whether one job has taken so long that people should know."""
        since = self._busy_since_s
        return since is not None and time.monotonic() - since > SLOW_S

    @property
    def idle(self) -> bool:
        """Whether everything asked for is done."""
        return self._jobs.empty() and self._busy_since_s is None

    # --- what the loop asks for ----------------------------------------------------------------------------------

    def recover(self, entry: dict[str, Any], resumed: str | None) -> None:
        """Put the store in order after whatever happened, and log this start; answered by Recovered."""

        def job() -> None:
            report = recover(self._store)
            self._store.ledger.append("start", entry)
            self._journey = resumed
            self._post(Recovered(report))

        self._jobs.put(job)

    def record_consent(self, data: dict[str, Any]) -> None:
        """Begin a journey with this consent, or add it to the one that runs; answered by ConsentRecorded."""

        def job() -> None:
            log_of_journey = self._log()
            if self._journey is None or log_of_journey is None:
                self._journey = self._store.begin_journey(data)
            else:
                log_of_journey.append("consent", data)
            self._post(on.ConsentRecorded(self._journey))

        self._jobs.put(job)

    def plan_capture(self, journey: str) -> None:
        """Find where capture goes on in ``journey``; answered by CapturePlan."""

        def job() -> None:
            self._journey = journey
            record = self._store.journey(journey)
            origin_ns = timeline_origin_ns(record, self._clock.now())
            self._post(CapturePlan(journey, origin_ns, record.next_segment))

        self._jobs.put(job)

    def end_journey(self, journey: str, reason: str) -> None:
        """Close the log of ``journey``."""

        def job() -> None:
            with suppress(NoSuchJourneyError):  # ended by the try before this one, and deleted by a sweep since
                sign_torn_segments(self._store, journey)  # a writer that failed midway left its segment unsigned
                self._store.end_journey(journey, reason)
            if self._journey == journey:
                self._journey = None

        self._jobs.put(job)

    def note(self, event: str, data: dict[str, Any]) -> None:
        """Write an entry into the log of the journey that runs, else into the ledger."""

        def job() -> None:
            (self._log() or self._store.ledger).append(event, data)

        self._jobs.put(job)

    def hold(self, scope: on.HoldScope) -> None:
        """Hold what a press of the button means; answered by HoldDurable."""

        def job() -> None:
            journeys = self._meant_by(scope)
            for journey in journeys:
                self._store.hold(journey, who="panel", reason="hold button")
            self._post(on.HoldDurable(scope, journeys))

        self._jobs.put(job)

    def hold_asked(self, request: ControlRequest, journey: str, reason: str) -> None:
        """Hold one journey for the command line; answers ``request``."""

        def job() -> None:
            self._store.hold(journey, who=f"uid {request.peer_uid}", reason=reason)
            self._post(on.HoldDurable("journey", (journey,)))
            request.answer(journey=journey, held=True)

        self._jobs.put(self._answering(request, job))

    def release_asked(self, request: ControlRequest, journey: str, reason: str) -> None:
        """Release one journey for the command line; answers ``request``."""

        def job() -> None:
            self._store.release(journey, who=f"local uid {request.peer_uid}", reason=reason)
            self._post(on.HoldReleased(journey))
            request.answer(journey=journey, held=False)

        self._jobs.put(self._answering(request, job))

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._until_done(job)

    def _until_done(self, job: Callable[[], None]) -> None:
        refused: str | None = None
        self._busy_since_s = time.monotonic()
        while not self._ending.is_set():
            try:
                job()
            except NoSuchJourneyError as error:
                log.error("given up: %s", error)
                self._post(on.FaultRaised("log"))
                refused = str(error)
                break
            except (RecorderError, OSError) as error:
                if refused is None:
                    self._post(on.FaultRaised("log"))
                if refused != str(error):  # not each second the same
                    log.error("the card refused: %s", error)
                refused = str(error)
                self._ending.wait(RETRY_S)
            else:
                break
        self._busy_since_s = None
        if refused is not None:
            self._post(on.FaultCleared("log"))

    def _answering(self, request: ControlRequest, job: Callable[[], None]) -> Callable[[], None]:
        """A person waits for this one: they are told of a refusal instead of waiting for a retry."""

        def answering() -> None:
            try:
                job()
            except RecorderError as error:
                request.refuse(error)

        return answering

    def _log(self) -> Journal | None:
        """The log of the journey that runs; None where none runs, or somebody has removed it."""
        with suppress(NoSuchJourneyError):
            return None if self._journey is None else self._store.log(self._journey)
        return None

    def _meant_by(self, scope: on.HoldScope) -> tuple[str, ...]:
        if scope == "journey" and self._journey is not None:
            return (self._journey,)
        on_board = tuple(
            record.id for record in self._store.journeys() if record.segments or record.id == self._journey
        )
        return on_board if scope == "all" else on_board[-1:]


def timeline_origin_ns(record: JourneyRecord, now: Instant) -> int:
    """Boottime at which the journey's timeline is zero: its beginning, also as seen from a later boot.

    Raises NoSuchJourneyError where the journey's log does not say when it began.
    """
    began = record.first
    if began is None:
        raise NoSuchJourneyError(f"Journey {record.id} has no readable beginning; end it and ask for consent again.")
    if began.boot_id == now.boot_id:
        return began.boottime_ns
    return now.boottime_ns - (now.utc_ns - began.utc_ns)
