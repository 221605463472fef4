"""Is a log what the recorder wrote: all of it, in its order, unaltered? If not: from which byte on, and what is wrong.

A log proves itself line by line: each is signed, and each names the hash of the one before. What it cannot prove is
that its end is there; that takes somebody who knows a later line. The ledger knows those of each journey's log, a
journey's log knows one of the ledger, and the office keeps what it was brought.

Rules: nothing here touches a file; nothing behind the first wrong line is believed; a sentence says what can be known
and no more, for a line that was altered does not show which of its bytes.
"""

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from recorder.errors import JournalError
from recorder.vault import words
from recorder.vault.entries import (
    CONTEXT,
    GENESIS,
    SIGNATURE_MARK,
    Entry,
    complete_lines,
    line_hash,
    parse_line,
    readable,
)
from recorder.vault.excerpt import skipped
from recorder.vault.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Known:
    """A line that somebody else knows to be in a log. ``head``: its hash. ``seq``: its number, None where not said."""

    head: str
    by: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """The first wrong thing in a log: a line, from 1, and the byte where it begins. Nothing from there on is proven."""

    line: int
    offset_bytes: int
    what: str

    @property
    def sentence(self) -> str:
        """For a person; it goes on from the name of the log."""
        return f"line {self.line} (from byte {self.offset_bytes} on) {self.what}."


@dataclass(frozen=True, slots=True)
class Chain:
    """The hashes of a log's lines, one behind the other; ``first_seq``: the number of the first."""

    first_seq: int
    hashes: tuple[str, ...]

    @property
    def last_seq(self) -> int:
        """The number of the last line; one less than the first where there is none."""
        return self.first_seq + len(self.hashes) - 1

    def hash_of(self, seq: int) -> str | None:
        """The hash of line ``seq``; None where the chain has none of that number."""
        return self.hashes[seq - self.first_seq] if self.first_seq <= seq <= self.last_seq else None

    def parts_from(self, other: "Chain") -> int | None:
        """The first number under which two copies of one log have different lines; None where they agree.

        They agree where one goes on behind the end of the other, whatever old part is gone from either.
        """
        both = range(max(self.first_seq, other.first_seq), min(self.last_seq, other.last_seq) + 1)
        return next((seq for seq in both if self.hash_of(seq) != other.hash_of(seq)), None)


@dataclass(frozen=True, slots=True)
class LogCheck:
    """What was proven of a log: its entries up to the first wrong line, and what is wrong there.

    ``hashes``: of its lines; in an excerpt also of those that are skipped.
    """

    entries: tuple[Entry, ...]
    hashes: tuple[str, ...]
    wrong: Wrong | None

    @property
    def chain(self) -> Chain:
        """The hashes with their numbers."""
        return Chain(self.entries[0].seq if self.entries else 1, self.hashes)


def verify_log(
    data: bytes, public_key: PublicKey, known: Iterable[Known] = (), *, is_excerpt: bool = False
) -> LogCheck:
    """Check a log, byte for byte as it lies in its file or in several files one behind the other.

    ``known``: lines that it must have, in the order in which they were written. ``is_excerpt``: lines may be skipped
    (:mod:`recorder.vault.excerpt`), which is to be taken for the log's own word only between two that are not.
    """
    lines, rest_bytes = complete_lines(data)
    check, numbers = _verify_lines(lines, public_key, is_excerpt=is_excerpt)
    if check.wrong is not None:
        return check
    wrong = _missing_beginning(check.entries) or _missing_known(lines, check.chain, numbers, tuple(known))
    if wrong is None and rest_bytes:
        what = f"is {rest_bytes} bytes without an end; it was cut off, or is just being written"
        wrong = Wrong(len(lines) + 1, len(data) - rest_bytes, what)
    return LogCheck(check.entries, check.hashes, wrong)


def verify_chain(lines: Iterable[bytes], public_key: PublicKey) -> tuple[Entry, ...]:
    """The entries of a whole log, proven. ``lines`` come without their newlines.

    JournalError names the first wrong line. Whether the end is missing takes :func:`verify_log` and who knows it.
    """
    check = verify_log(b"".join(line + b"\n" for line in lines), public_key)
    if check.wrong is not None:
        raise JournalError(f"line {check.wrong.line} {check.wrong.what}", check.wrong.line)
    return check.entries


@dataclass(frozen=True, slots=True)
class _Place:
    """What the next entry must be: its number, and the hash of the line before."""

    seq: int
    head: str


def _verify_lines(
    lines: Sequence[bytes], public_key: PublicKey, *, is_excerpt: bool
) -> tuple[LogCheck, dict[str, int]]:
    """What is proven, and in which line each hash stands: that is how a line is known that stands here twice."""
    entries: list[Entry] = []
    numbers: dict[str, int] = {}
    place, offset_bytes = _Place(1, GENESIS), 0
    wrong = None
    for number, line in enumerate(lines, start=1):
        hashes = skipped(line) if is_excerpt else None
        try:
            if hashes is None:
                entry = _authentic(line, public_key)
                _require_next(entry, place, number, lines, numbers)
                hashes, place = (line_hash(line),), _Place(entry.seq + 1, line_hash(line))
                entries.append(entry)
            else:
                place = _Place(place.seq + len(hashes), hashes[-1])
                _require_between(number, lines, {*hashes} - numbers.keys(), len(hashes))
                _require_led_to(place, lines[number])
        except JournalError as error:
            wrong = Wrong(number, offset_bytes, str(error))
            break
        numbers.update(dict.fromkeys(hashes, number))
        offset_bytes += len(line) + 1
    return LogCheck(tuple(entries), tuple(numbers), wrong), numbers


def _require_led_to(place: _Place, line: bytes) -> None:
    """JournalError, a clause, where skipped lines are not what the one behind them says was before it."""
    behind, _ = readable([line])
    if behind and (behind[0].seq, behind[0].prev) != (place.seq, place.head):
        raise JournalError("skips other entries than those before the next line; something was altered or removed")


def _require_between(number: int, lines: Sequence[bytes], new: Collection[str], count: int) -> None:
    """JournalError, a clause, where ``count`` skipped lines, ``new`` ones, are not between two that are there."""
    if number in (1, len(lines)) or len(new) != count or skipped(lines[number - 2]) is not None:
        raise JournalError("skips entries where none may be skipped; it was altered")


def _authentic(line: bytes, public_key: PublicKey) -> Entry:
    """The entry in a line that the recorder wrote, wherever it belongs. JournalError, a clause."""
    try:
        entry = parse_line(line)
    except JournalError as error:
        # In what way it is none, its reader says in a library's words, which no other reader of logs shares.
        raise JournalError("is not an entry of a log; it was altered or damaged") from error
    if entry.line != line:
        raise JournalError("is not written as the recorder writes; it was altered")
    unsigned, _, _ = line.rpartition(SIGNATURE_MARK)
    try:
        signature = base64.b64decode(entry.sig, validate=True)
    except (binascii.Error, ValueError) as error:
        raise JournalError("has a signature that is none; it was altered") from error
    if base64.b64encode(signature) != entry.sig.encode("ascii"):
        raise JournalError("has a signature that the recorder would write otherwise; it was altered")
    if not public_key.verify(CONTEXT + unsigned + b"}", signature):
        raise JournalError(
            f"is not signed by the recorder {public_key.fingerprint}; it was altered, or another wrote it"
        )
    return entry


def _require_next(entry: Entry, place: _Place, number: int, lines: Sequence[bytes], numbers: Mapping[str, int]) -> None:
    """JournalError, a clause, where an authentic entry does not follow those before it."""
    if number == 1 and entry.event == words.LEDGER_CONTINUED:
        return  # the beginning was removed when it was old: see _missing_beginning
    next_seq = place.seq
    if (entry.seq, entry.prev) == (next_seq, place.head):
        return
    twice = numbers.get(line_hash(entry.line))
    if twice is not None:
        raise JournalError(f"is entry {entry.seq} again, which is line {twice}; it was repeated")
    moved = _line_after(place.head, lines[number:])
    if moved is not None:
        at = number + 1 + moved
        raise JournalError(f"is entry {entry.seq}, and entry {next_seq} is line {at}; lines were moved or put in")
    if entry.seq > next_seq:
        last = entry.seq - 1
        missing = f"entry {last} is" if last == next_seq else f"entries {next_seq} to {last} are"
        raise JournalError(f"is entry {entry.seq}, and {missing} missing; something was removed")
    raise JournalError(
        f"is an entry {entry.seq} of this recorder that does not follow the line before; it is from another log, "
        "or the log was rolled back to an older state and written on"
    )


def _line_after(head: str, lines: Iterable[bytes]) -> int | None:
    """Which of ``lines`` names ``head`` as the one before it."""
    prev = f'"prev":"{head}"'.encode("ascii")
    return next((index for index, line in enumerate(lines) if prev in line), None)


def _missing_beginning(entries: Sequence[Entry]) -> Wrong | None:
    """A log that does not begin with its first entry must say itself that what was before was old and removed."""
    if not entries or entries[0].seq == 1:
        return None
    last_missing = entries[0].seq - 1
    for entry in entries:
        last = entry.data.get("last") if entry.event == words.LEDGER_DROPPED else None
        if isinstance(last, int) and last >= last_missing:
            return None
    return Wrong(1, 0, f"is entry {last_missing + 1}, and no entry says that those before were old and removed")


def _missing_known(
    lines: Sequence[bytes], chain: Chain, numbers: Mapping[str, int], known: Sequence[Known]
) -> Wrong | None:
    """The first line that somebody else knows and that is not there, at or before the place where it should be."""
    witnessed = 0  # the line up to which all is as the others know it
    for one in known:
        if one.head == GENESIS or (one.seq is not None and one.seq < chain.first_seq):
            continue
        if one.head in numbers:
            witnessed = max(witnessed, numbers[one.head])
            continue
        number = witnessed + 1 if one.seq is None else numbers.get(chain.hash_of(one.seq) or "", len(lines) + 1)
        what = f"is missing or is not what it was: {one.by} knows an entry that is not there; "
        offset_bytes = sum(len(line) + 1 for line in lines[: number - 1])
        return Wrong(number, offset_bytes, what + "the end was cut off, or the log was rolled back to an older state")
    return None
