"""Carries the office's orders out: judge, hold or release, ledger, answer. The numbered procedure is in the README.

Rules: nothing of an order is believed before its signature is proven; an order whose number is in the ledger is never
carried out again; a cut anywhere is mended by doing it all once more; one order's failure stops no other, and none the
copy. What is said goes onto a stick or into the system's log: no names but journeys' and orders', no reasons.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal

from recorder.errors import NoSuchJourneyError, OrderError, RecorderError
from recorder.export.orders import (
    CARRIED_OUT,
    NOT_ON_BOARD,
    NOTHING_MEANT,
    Copy,
    HoldThese,
    LetGo,
    OnBoard,
    Refusal,
    Situation,
    Verdict,
    judge,
)
from recorder.export.segments import choose
from recorder.export.target import Target
from recorder.manifest import EXPORTED, opaque_name
from recorder.order import (
    ANSWER_FORMAT,
    ANSWER_SUFFIX,
    HoldOrder,
    Order,
    OrderAnswer,
    Place,
    ReleaseOrder,
    orders_folder,
    read_answer,
    read_order,
    render_answer,
)
from recorder.order_files import Found, OrderFile
from recorder.timekeeping import parse_iso_utc
from recorder.vault import words
from recorder.vault.diskio import disk_errors
from recorder.vault.journal import Entry, line_hash, read_readable
from recorder.vault.ledger import order_entry
from recorder.vault.logbook import Logbook
from recorder.vault.mending import mend_hold
from recorder.vault.records import HOLD_NAME, LOG_NAME, JourneyRecord
from recorder.vault.signing import PublicKey
from recorder.vault.store import Store, hold_hash

_NO_AUTHORITY = "No authority key is configured ([keys] authority), so no order counts."
_REPEATED = "It was carried out before; nothing was done again."


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the order with this ``number``, as a file."""

    number: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What came of the orders on a stick.

    ``held``, ``released``: ids of journeys. ``refused``: how many orders were. ``problems``: a sentence for each that
    the card refused; the next insertion tries again. ``lines``: for people.
    """

    answers: tuple[Answer, ...] = ()
    held: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    refused: int = 0
    problems: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """An order's file, and what it says; ``order`` is None where that is not proven, and ``why`` says why."""

    file: OrderFile
    order: Order | None
    why: str


@dataclass(frozen=True, slots=True)
class _Done:
    """What was done about one order. ``entry``: of the ledger, None where there is nothing new to say.

    ``problem``: what the card refused, so that it is done once more at the next insertion; empty where nothing.
    """

    outcome: Literal["applied", "refused"]
    said: str
    entry: Entry | None
    journeys: tuple[str, ...] = ()
    kind: str = ""
    problem: str = ""


class Obeying:
    """Carries out what one stick brings. ``authority``: whose orders count, None where nobody's do."""

    def __init__(self, store: Store, vehicle: str, authority: PublicKey | None) -> None:
        self._store = store
        self._vehicle = vehicle
        self._authority = authority

    def obey(self, found: Found) -> Obeyed:
        """Carry out what can be; whatever happens to one, the others are looked at."""
        answers, dones = list[Answer](), list[_Done]()
        problems, lines = list[str](), list[str]()
        if found.strange is not None:
            lines.append(f"{found.strange_count} files were refused as orders: {found.strange}")
            with _collected(problems, "The ledger was not told of refused files"):
                self._note(None, found.strange, {"count": found.strange_count})
        for read in sorted(map(self._read, found.files), key=_issued):
            number = read.file.number
            with _collected(problems, f"Order {number[:8]} could not be carried out"):
                done = self._carry_out(read)
                dones.append(done)
                if done.problem:
                    problems.append(f"Order {number[:8]} could not be carried out: {done.problem}")
                elif done.entry is not None:
                    answers.append(Answer(number, self._answer(read, done, done.entry)))
                    lines.append(f"Order {number[:8]} was {done.outcome}: {done.said}")
        new = [done for done in dones if done.entry is not None]
        return Obeyed(
            answers=tuple(answers),
            held=tuple(journey for done in dones if done.kind == "hold" for journey in done.journeys),
            released=tuple(journey for done in dones if done.kind == "release" for journey in done.journeys),
            refused=sum(done.outcome == "refused" for done in new) + found.strange_count,
            problems=tuple(problems),
            lines=(*lines, *problems),
        )

    def _read(self, file: OrderFile) -> _Read:
        if file.problem is not None:
            return _Read(file, None, file.problem)
        if self._authority is None:
            return _Read(file, None, _NO_AUTHORITY)
        try:
            order = read_order(file.data, self._authority)
        except OrderError as error:
            return _Read(file, None, f"It {error}")
        if order.number != file.number:
            return _Read(file, None, "It is in a file of another number.")
        return _Read(file, order, "")

    def _carry_out(self, read: _Read) -> _Done:
        order = read.order
        if order is None:
            return self._refused(read, read.why)
        entry = order_entry(self._store.ledger.path, order.number)
        if entry is not None and entry.data.get("order_sha256", read.file.sha256) == read.file.sha256:
            return self._repeated(read, entry)
        now = self._store.clock.now()
        situation = Situation(self._vehicle, now.utc_ns, now.trusted, is_carried_out=entry is not None)
        if isinstance(order, HoldOrder):
            return self._hold(read, order, judge(order, situation, tuple(map(self._facts, self._store.journeys()))))
        return self._release(read, order, situation)

    # --- hold and release ----------------------------------------------------------------------------------------

    def _hold(self, read: _Read, order: HoldOrder, verdict: Verdict) -> _Done:
        if not isinstance(verdict, HoldThese):
            return self._refused(read, _why(verdict))
        held: list[str] = []
        problems: list[str] = []
        for journey in verdict.journeys:
            with _collected(problems, journey.journey), suppress(NoSuchJourneyError):  # deleted since it was listed
                self._hold_one(order, journey.journey)
                held.append(journey.journey)
        if problems:
            return _Done("refused", "", None, tuple(held), "hold", problems[0])
        return self._applied(read, order, held) if held else self._refused(read, NOTHING_MEANT)

    def _hold_one(self, order: HoldOrder, journey: str) -> None:
        """Hold one journey, unless this order has done so before a cut."""
        with self._store.lock():
            if not self._logbook(journey).is_about_order(words.HOLD, order.number):
                self._store.hold(journey, _by(order), order.reason, order.number)

    def _release(self, read: _Read, order: ReleaseOrder, situation: Situation) -> _Done:
        """Let go; also what was cut in half: then the log has the release already."""
        named = [record.id for record in self._store.journeys() if order.journey in self._names(record.id)]
        with self._store.lock(), suppress(NoSuchJourneyError):  # from judging on nobody may hold it again
            for journey in named:
                if self._logbook(journey).is_about_order(words.RELEASE, order.number):
                    mend_hold(self._store, journey)
                    return self._applied(read, order, named)
            verdict = judge(order, situation, [self._facts_of_held(self._store.journey(one)) for one in named])
            if isinstance(verdict, LetGo):
                self._store.release(verdict.journey.journey, _by(order), order.reason, order.number)
                return self._applied(read, order, named)
            return self._refused(read, _why(verdict))
        return self._refused(read, NOT_ON_BOARD)

    # --- what is known of journeys -------------------------------------------------------------------------------

    def _names(self, journey: str) -> tuple[str, str]:
        return journey, opaque_name(journey, self._store.key.sign)

    def _facts(self, record: JourneyRecord) -> OnBoard:
        """What a hold must know."""
        goes_on = record.ended is None or any(segment.live for segment in record.segments)
        return OnBoard(
            *self._names(record.id),
            began_ns=None if record.first is None else record.first.utc_ns,
            ended_ns=None if goes_on or record.last is None else record.last.utc_ns,
            is_time_known=all(moment is not None and moment.trusted for moment in (record.first, record.last)),
            goes_on=goes_on,
            segments=sum(segment.has_body for segment in record.segments),
        )

    def _facts_of_held(self, record: JourneyRecord) -> OnBoard:
        """And what a release must."""
        facts, hold = self._facts(record), record.path / HOLD_NAME
        if not record.held or not hold.exists():
            return facts
        with disk_errors(f"{hold} cannot be read"):
            hold_sha256 = hold_hash(hold)
        copies = tuple(_copies(self._logbook(record.id)))
        return replace(facts, segments=len(choose(record)[0]), hold=hold_sha256, copies=copies)

    def _logbook(self, journey: str) -> Logbook:
        return Logbook(read_readable(self._store.journey(journey).path / LOG_NAME)[0])

    # --- what is said --------------------------------------------------------------------------------------------

    def _applied(self, read: _Read, order: Order, journeys: Sequence[str]) -> _Done:
        kind = "hold" if isinstance(order, HoldOrder) else "release"
        said = f"{_counted(len(journeys))} held." if kind == "hold" else "The hold has ended."
        data = {name: getattr(order, name) for name in ("number", "who", "reason", "issued", "expires")}
        data |= {"order_sha256": read.file.sha256, "kind": kind, "journeys": list(journeys)}
        with self._store.lock():  # two sticks may have brought the same order at the same time
            entry = order_entry(self._store.ledger.path, order.number)
            entry = entry or self._store.ledger.append(words.ORDER_APPLIED, data)
        return _Done("applied", said, entry, tuple(journeys), kind)

    def _repeated(self, read: _Read, entry: Entry) -> _Done:
        if self._is_answered(read, "applied"):
            return _Done("applied", _REPEATED, None)
        self._note_refusal(read, CARRIED_OUT)
        return _Done("applied", _REPEATED, entry)

    def _refused(self, read: _Read, why: str) -> _Done:
        if self._is_answered(read, "refused", why):
            return _Done("refused", why, None)
        return _Done("refused", why, self._note_refusal(read, why))

    def _note_refusal(self, read: _Read, why: str) -> Entry:
        proven = {} if read.order is None else {"number": read.order.number}
        return self._note(read.file.number, why, {"order_sha256": read.file.sha256, **proven})

    def _note(self, file: str | None, why: str, about: Mapping[str, object]) -> Entry:
        return self._store.ledger.append(words.ORDER_REFUSED, {"file": file, "why": why, **about})

    def _is_answered(self, read: _Read, outcome: str, said: str | None = None) -> bool:
        """Whether the stick has this answer to these bytes already, from this recorder."""
        try:
            answer, key = read_answer(read.file.answer)
        except OrderError:
            return False
        return (
            key == self._store.key.public
            and (answer.order_sha256, answer.outcome) == (read.file.sha256, outcome)
            and said in (None, answer.said)
        )

    def _answer(self, read: _Read, done: _Done, entry: Entry) -> bytes:
        sign = self._store.key.sign
        answer = OrderAnswer(
            format=ANSWER_FORMAT,
            recorder=self._store.key.public_text,
            vehicle=self._vehicle,
            number=read.file.number,
            order_sha256=read.file.sha256,
            outcome=done.outcome,
            said=done.said,
            journeys=tuple(opaque_name(journey, sign) for journey in done.journeys),
            ledger=Place(entry.seq, line_hash(entry.line)),
        )
        return render_answer(answer, sign)


def write_answers(target: Target, vehicle: str, answers: Iterable[Answer]) -> tuple[str, ...]:
    """Write ``answers`` beside their orders; a sentence for each that could not be, which stops no other."""
    problems = list[str]()
    for answer in answers:
        with _collected(problems, f"The answer to order {answer.number[:8]} is not on the stick"):
            folder = target.folder(*orders_folder(vehicle))
            target.publish(target.write(folder / f"{answer.number}{ANSWER_SUFFIX}", [answer.data]))
    return tuple(problems)


def _issued(read: _Read) -> tuple[int, str]:
    return (0 if read.order is None else parse_iso_utc(read.order.issued), read.file.number)


def _why(verdict: Verdict) -> str:
    return verdict.why if isinstance(verdict, Refusal) else ""


@contextmanager
def _collected(problems: list[str], what: str) -> Iterator[None]:
    """A failure becomes a sentence among ``problems``; what comes next is still done."""
    try:
        yield
    except RecorderError as error:
        problems.append(f"{what}: {error}")


def _by(order: Order) -> str:
    return f"office order by {order.who}"


def _counted(journeys: int) -> str:
    return "1 journey is" if journeys == 1 else f"{journeys} journeys are"


def _copies(log: Logbook) -> Iterator[Copy]:
    """The finished copies that a log knows, the oldest first."""
    last_hold = max((entry.seq for entry in log.entries if entry.event == words.HOLD), default=0)
    for entry in log.entries:
        sha256, segments = entry.data.get("manifest_sha256"), entry.data.get("segments")
        if entry.event == EXPORTED and isinstance(sha256, str) and isinstance(segments, int):
            yield Copy(sha256, segments, is_of_newest_hold=entry.seq > last_hold)
