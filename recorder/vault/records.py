"""What is known of a journey: read from its directory, afresh each time.

Rules: files say what is there, the log says what it is (its signatures are for the office to check, not for each
sweep). Damage is a problem with a sentence, never an empty answer: what a lost line of the log may have said is asked
of the ledger, and where ``HOLD``, log and ledger do not agree, the journey is held.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorder.errors import LockTimeoutError, StoreError
from recorder.timekeeping import Instant, iso_utc
from recorder.vault import diskio, sealing
from recorder.vault.holds import HoldError, read_hold
from recorder.vault.journal import Entry, read_readable
from recorder.vault.ledger import read_ledger
from recorder.vault.logbook import HoldInfo, Logbook
from recorder.vault.retention import Footage

JOURNEYS_NAME = "journeys"
LEDGER_NAME = "ledger.jsonl"
LOG_NAME = "log.jsonl"
HOLD_NAME = "HOLD"
Lock = Callable[[], AbstractContextManager[None]]
_SEGMENT_FILE = re.compile(r"([0-9]{5,})\.(body|head|header)")


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """One segment on the card. ``began``, ``ended``: ISO 8601 UTC of its oldest and newest frame, None where unknown.

    ``size_bytes``: what it takes on the card. ``first``: its oldest frame by both clocks. ``epoch``: whose key seals
    its header; None where none does. ``torn``: it was never sealed, and nobody writes it. ``signed``: the log knows the
    hash of its body. ``live``: a process is writing it. ``has_header``: there is one, clear or sealed. ``was_clear``:
    its header has been on the card in the clear, so that erasing a key no longer makes it go.
    """

    number: int
    size_bytes: int
    began: str | None
    ended: str | None
    first: Instant | None
    epoch: int | None
    torn: bool
    signed: bool
    live: bool
    has_header: bool
    was_clear: bool
    has_body: bool


@dataclass(frozen=True, slots=True)
class JourneyRecord:
    """One journey on the card. ``began``, ``ended``: ISO 8601 UTC, None where unknown or not yet.

    ``first``, ``last``: its beginning and its last living moment, by both clocks. ``consented``: nobody withdrew since
    the last consent, and ``agreement``: what its entry says. ``next_segment``: a number never used in it.
    ``problems``: what is wrong with it, a sentence each.
    """

    id: str
    path: Path
    began: str | None
    ended: str | None
    first: Instant | None
    last: Instant | None
    consented: bool
    agreement: Mapping[str, Any]
    held: bool
    hold: HoldInfo | None
    segments: tuple[SegmentRecord, ...]
    next_segment: int
    problems: tuple[str, ...]

    @property
    def footage(self) -> tuple[Footage, ...]:
        """Its segments, as retention sees them."""
        return tuple(Footage(self.id, s.number, s.size_bytes, s.first, s.live, s.epoch) for s in self.segments)

    @property
    def size_bytes(self) -> int:
        """What its segments take on the card."""
        return sum(segment.size_bytes for segment in self.segments)


Recall = Callable[[Path, Callable[[Path], JourneyRecord]], JourneyRecord]
"""Answers with what is known of a journey, or reads it by the function it is given."""


@dataclass(frozen=True, slots=True)
class _Witness:
    """What the ledger says of a journey whose own log is damaged, and what is wrong with the ledger."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def head_path(journey: Path, number: int) -> Path:
    """Where the age header of a segment lies sealed."""
    return journey / f"{number:05d}.head"


def header_path(journey: Path, number: int) -> Path:
    """Where the age header of a segment lies in the clear: of one that was held, or opened while its journey was."""
    return journey / f"{number:05d}.header"


def clear_headers(journey: Path) -> dict[int, bytes]:
    """The age headers that a hold has put in the clear, by number. StoreError.

    What a damaged ``HOLD`` carried is not among them; that it is damaged is one of the journey's problems.
    """
    headers: dict[int, bytes] = {}
    with diskio.disk_errors(f"{journey} cannot be read"), suppress(FileNotFoundError, HoldError):
        headers |= read_hold(journey / HOLD_NAME).headers
    with diskio.disk_errors(f"the headers of {journey} cannot be read"):
        headers |= {int(path.stem): path.read_bytes() for path in journey.glob("*.header") if path.stem.isdecimal()}
    return headers


def body_path(journey: Path, number: int) -> Path:
    """Where the nonce and the chunks of a segment lie."""
    return journey / f"{number:05d}.body"


def read_journeys(root: Path, lock: Lock | None = None, recall: Recall | None = None) -> tuple[JourneyRecord, ...]:
    """Every journey in the store ``root``, by name; none where there is no store yet. StoreError where unreadable.

    ``lock`` locks the store, for a second look where the first met a problem: it may have fallen into the middle of
    somebody's mutation. ``recall`` is asked before a journey is read.
    """
    journeys, ledger = root / JOURNEYS_NAME, root / LEDGER_NAME
    if not journeys.exists() and not ledger.exists():
        return ()
    with diskio.disk_errors(f"{journeys} cannot be read"):
        paths = sorted(path for path in journeys.iterdir() if is_journey(path))

    def read(path: Path) -> JourneyRecord:
        return read_journey_twice(path, ledger, lock or (lambda: diskio.locked(root)))

    records = (read(path) if recall is None else recall(path, read) for path in paths)
    # What a sweep beside us removed after the list was read is no problem; its tombstone tells.
    return tuple(record for record in records if not record.problems or is_journey(record.path))


def read_journey_twice(path: Path, ledger: Path, lock: Lock) -> JourneyRecord:
    """As :func:`read_journey`, but a problem counts only if it is there under the store's lock too.

    What the ledger says is read outside of it: that can take a second, and is needed only where a log is damaged.
    """
    record = _read(path, _nobody)
    if not record.problems:
        return record
    try:
        with lock():
            record = _read(path, _nobody)
        if not record.problems or not is_journey(path):
            return record
        witness = _ask_ledger(path.name, ledger)
        with lock():
            return _read(path, lambda: witness)
    except LockTimeoutError as error:
        record = read_journey(path, ledger)
        return replace(record, problems=(*record.problems, str(error)))


def is_journey(path: Path) -> bool:
    """Whether a path in the journeys' directory is one, and not half of one."""
    return not diskio.is_temp(path.name) and path.is_dir()


def read_journey(path: Path, ledger: Path) -> JourneyRecord:
    """The journey in the directory ``path``; ``ledger`` is asked only where its log is damaged.

    Never raises for damage: a journey of which nothing can be read is still a record, and its problems say so.
    """
    return _read(path, lambda: _ask_ledger(path.name, ledger))


def _read(path: Path, ask_witness: Callable[[], _Witness]) -> JourneyRecord:
    problems: list[str] = []
    names = _names(path, problems)
    log = Logbook(_entries(path / LOG_NAME, problems))
    if problems:
        witness = ask_witness()
        problems += witness.problems
        log = Logbook(log.entries, witness.entries)
    numbers = sorted({int(match[1]) for match in map(_SEGMENT_FILE.fullmatch, names) if match})
    held, hold = _held(path, HOLD_NAME in names, log, problems)
    segments = tuple(_segment(path, number, log, problems) for number in numbers)
    return JourneyRecord(
        id=path.name,
        path=path,
        began=_iso(log.first),
        ended=_iso(log.ended),
        first=log.first,
        last=log.last,
        consented=log.consented,
        agreement=log.agreement,
        held=held,
        hold=hold,
        segments=segments,
        next_segment=max([0, *numbers, *log.opened]) + 1,
        problems=tuple(problems),
    )


def _names(path: Path, problems: list[str]) -> frozenset[str]:
    try:
        with diskio.disk_errors(f"{path} cannot be read"):
            return frozenset(child.name for child in path.iterdir())
    except StoreError as error:
        problems.append(str(error))
        return frozenset()


def _entries(path: Path, problems: list[str]) -> tuple[Entry, ...]:
    try:
        entries, damaged = read_readable(path)
    except StoreError as error:
        problems.append(str(error))
        return ()
    problems += [f"{path}, line {number} cannot be read; it is damaged." for number in damaged]
    if not entries and not damaged:
        problems.append(f"{path} is empty.")
    return entries


def _nobody() -> _Witness:
    return _Witness((), ())


def _ask_ledger(journey: str, ledger: Path) -> _Witness:
    try:
        entries, damaged = read_ledger(ledger)
    except StoreError as error:
        return _Witness((), (str(error),))
    problems = tuple(f"{ledger}, line {number} cannot be read; it is damaged." for number in damaged)
    return _Witness(tuple(entry for entry in entries if entry.data.get("journey") == journey), problems)


def _held(path: Path, has_file: bool, log: Logbook, problems: list[str]) -> tuple[bool, HoldInfo | None]:
    hold = log.hold
    if has_file:
        try:
            with diskio.disk_errors(f"{path / HOLD_NAME} cannot be read"):
                hold = read_hold(path / HOLD_NAME).info
        except StoreError as error:
            problems.append(str(error))
        if not log.held:
            problems.append(f"{path.name} has a HOLD that its log does not; it is kept. Hold it again, or release it.")
    elif log.held:
        problems.append(f"{path.name} is held by its log, but HOLD is gone; it is kept. Hold it again, or release it.")
    return has_file or log.held, hold if has_file or log.held else None


def _segment(path: Path, number: int, log: Logbook, problems: list[str]) -> SegmentRecord:
    head_bytes, header_bytes, body_bytes = (
        _size(file_of(path, number), problems) for file_of in (head_path, header_path, body_path)
    )
    is_sealed = number in log.sealed
    body = body_path(path, number)
    is_live = not is_sealed and body_bytes is not None and _is_live(body, problems)
    has_header = head_bytes is not None or header_bytes is not None
    if not has_header and body_bytes is not None:
        problems.append(f"{body} has no header: nobody can open it.")
    first = log.first_of(number)
    epoch = log.epoch_of(number)
    if epoch is None and head_bytes is not None:
        epoch = _epoch_on(head_path(path, number), problems)
    return SegmentRecord(
        number=number,
        size_bytes=sum(size or 0 for size in (head_bytes, header_bytes, body_bytes)),
        began=_iso(first),
        ended=_iso(log.last_of(number)),
        first=first,
        epoch=None if head_bytes is None else epoch,
        torn=not is_sealed and not is_live,
        signed=is_sealed or number in log.torn,
        live=is_live,
        has_header=has_header,
        was_clear=log.was_clear(number) or head_bytes is None,
        has_body=body_bytes is not None,
    )


def _epoch_on(head: Path, problems: list[str]) -> int | None:
    """Asked of the sealed header itself, where the log does not say. None where it is damaged."""
    try:
        with diskio.disk_errors(f"{head} cannot be read"), head.open("rb") as file:
            return sealing.epoch_of(file.read(sealing.EPOCH_BYTES))
    except StoreError as error:
        problems.append(str(error))
        return None


def _is_live(body: Path, problems: list[str]) -> bool:
    try:
        with diskio.disk_errors(f"{body} cannot be read"):
            return diskio.is_locked(body)
    except StoreError as error:
        problems.append(str(error))
        return False


def _size(path: Path, problems: list[str]) -> int | None:
    """None where there is no such file, any more. One that is there and cannot be looked at counts as empty."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(f"{path} cannot be read: {error.strerror or error}.")
        return 0


def _iso(instant: Instant | None) -> str | None:
    return None if instant is None else iso_utc(instant.utc_ns)
