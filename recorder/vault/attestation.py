"""Is a whole store what the recorder wrote? Its ledger, each journey's log, each body, and how they know one another.

Logs witness for each other: the ledger names the heads of each journey's log, a journey's log the end of the ledger
when it began. So none of them can be put back to an older state alone. A store that was put back as a whole can only
be told from outside: by what the office was brought.

Rules: nothing is changed, and no key is needed but the recorder's public one; one fault a file, its first; what cannot
be read is a fault. What is just being written is not looked at.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recorder.errors import StoreError
from recorder.vault import diskio, words
from recorder.vault.entries import Entry, readable
from recorder.vault.entries import complete_lines as lines_of
from recorder.vault.ledger import read_ledger, summed_up, whole_ledger
from recorder.vault.logbook import Logbook
from recorder.vault.records import JOURNEYS_NAME, LEDGER_NAME, LOG_NAME, body_path, clear_headers, is_journey
from recorder.vault.signing import PublicKey
from recorder.vault.verification import Known, Wrong, verify_log

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """The first wrong thing in a file. ``place``: its path in the store. ``text``: goes on from there."""

    place: str
    text: str

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"{self.place}: {self.text}"


def attest(root: Path, public_key: PublicKey, *, bodies: bool = True) -> tuple[Fault, ...]:
    """Everything that is wrong in the store ``root``; empty where all is as the recorder with this key wrote it.

    ``bodies``: also read all footage, which takes as long as the card does. StoreError where there is no store.
    """
    return tuple(_Attestation(root, public_key).faults(bodies=bodies))


def first_wrong_byte(file: BinaryIO, size_bytes: int, sha256: str) -> tuple[int, str] | None:
    """From which byte on a file is not what was signed for, and what is wrong; None where it is."""
    digest, read_bytes = hashlib.sha256(), 0
    while read_bytes < size_bytes and (block := file.read(min(_BLOCK_BYTES, size_bytes - read_bytes))):
        digest.update(block)
        read_bytes += len(block)
    if read_bytes < size_bytes:
        return read_bytes, f"ends at byte {read_bytes} instead of {size_bytes}; it was cut off"
    if digest.hexdigest() != sha256:
        return 0, f"was altered, somewhere in its {size_bytes} bytes; with the office's key one can see in which chunk"
    if file.read(1):
        return size_bytes, f"goes on behind byte {size_bytes}; something was added"
    return None


class _Attestation:
    def __init__(self, root: Path, public_key: PublicKey) -> None:
        self._root = root
        self._key = public_key

    def faults(self, *, bodies: bool) -> Iterator[Fault]:
        """Everything that is wrong, the ledger's first; ``bodies``: whether they are hashed, too."""
        journeys = self._journeys()
        known = [place for path in journeys for place in self._known_of_ledger(path)]
        # The ledger before the logs: so they hold each line of theirs that it names, whatever is written meanwhile.
        ledger = verify_log(whole_ledger(self._root / LEDGER_NAME), self._key, sorted(known, key=lambda k: k.seq or 0))
        yield from self._of_log(LEDGER_NAME, ledger.wrong)
        for path in journeys:
            try:
                yield from self._of_journey(path, _heads(ledger.entries, path.name), bodies=bodies)
            except StoreError as error:
                if path.exists():  # or it was deleted while we looked
                    yield Fault(self._place(path), str(error))
        yield from self._vanished()

    def _journeys(self) -> list[Path]:
        journeys = self._root / JOURNEYS_NAME
        with diskio.disk_errors(f"{journeys} cannot be read"):
            return sorted(filter(is_journey, journeys.iterdir()))

    def _known_of_ledger(self, journey: Path) -> Iterator[Known]:
        try:
            first, _ = readable(lines_of(_read(journey / LOG_NAME))[0][:1])
        except StoreError:
            return  # it is said where the journey is looked at
        said = first[0].data.get("ledger") if first else None
        if isinstance(said, dict) and isinstance(seq := said.get("seq"), int):
            yield Known(str(said.get("head")), f"the log of {journey.name}", seq)

    def _of_log(self, place: str, wrong: Wrong | None) -> Iterator[Fault]:
        if wrong is not None:
            yield Fault(place, wrong.sentence)

    def _of_journey(self, path: Path, heads: Iterable[str], *, bodies: bool) -> Iterator[Fault]:
        data = _read(path / LOG_NAME)
        whole = data[: data.rfind(b"\n") + 1]  # behind it somebody may be writing
        check = verify_log(whole, self._key, [Known(head, "the ledger") for head in heads])
        place = self._place(path / LOG_NAME)
        first = check.entries[0] if check.entries else None
        if first is not None and first.data.get("journey") != path.name:
            yield Fault(place, f"line 1 (from byte 0 on) begins the log of {str(first.data.get('journey'))[:40]!r}.")
            return
        yield from self._of_log(place, check.wrong)
        log = Logbook(check.entries)
        yield from self._of_headers(path, log)
        for number, end in sorted({**log.torn, **log.sealed}.items()) if bodies else ():
            yield from self._of_body(path, number, end)

    def _of_headers(self, path: Path, log: Logbook) -> Iterator[Fault]:
        """Those in the clear; a sealed one opens for no other segment."""
        for number, header in clear_headers(path).items():
            opened = log.opened.get(number)
            said = None if opened is None else opened.data.get("header_sha256")
            if said is not None and said != hashlib.sha256(header).hexdigest():
                yield Fault(self._place(path), f"the clear header of segment {number} is another segment's.")

    def _of_body(self, path: Path, number: int, end: Entry) -> Iterator[Fault]:
        body = body_path(path, number)
        size_bytes, sha256 = end.data.get("size_bytes"), end.data.get("body_sha256")
        if not isinstance(size_bytes, int) or not isinstance(sha256, str):
            return
        try:
            with diskio.disk_errors(f"{body} cannot be read"), body.open("rb") as file:
                wrong = first_wrong_byte(file, size_bytes, sha256)
        except StoreError as error:
            if body.exists():
                yield Fault(self._place(body), str(error))
            elif size_bytes and not self._has_tombstone(path.name, number) and path.exists():
                yield Fault(self._place(body), "is missing, and no tombstone says why.")
            return
        if wrong is not None:
            yield Fault(self._place(body), f"{wrong[1]}.")

    def _vanished(self) -> Iterator[Fault]:
        gone = self._gone()
        if gone:  # or one is being deleted: then its tombstone is there when nobody changes anything
            with diskio.locked(self._root):
                gone = self._gone()
        for journey in sorted(gone):
            yield Fault(f"{JOURNEYS_NAME}/{journey}", "is gone, and no tombstone says why.")

    def _gone(self) -> set[str]:
        """Journeys without a tombstone that are not there; what begins meanwhile is."""
        there = {path.name for path in self._journeys()}
        missing = _living(self._ledger()) - there
        return {journey for journey in missing if not is_journey(self._root / JOURNEYS_NAME / journey)}

    def _ledger(self) -> tuple[Entry, ...]:
        return read_ledger(self._root / LEDGER_NAME)[0]

    def _has_tombstone(self, journey: str, number: int) -> bool:
        if (journey, number) in _deleted(self._ledger()):
            return True
        with diskio.locked(self._root):  # no deletion is under way now: each has its tombstone
            return (journey, number) in _deleted(self._ledger())

    def _place(self, path: Path) -> str:
        return str(path.relative_to(self._root))


def _read(path: Path) -> bytes:
    with diskio.disk_errors(f"{path} cannot be read"):
        return path.read_bytes()


def _heads(ledger: Iterable[Entry], journey: str) -> Iterator[str]:
    """What the ledger knows of a journey's log, in order."""
    for entry in ledger:
        yield from (head for name, head in summed_up(entry) if name == journey)
        if entry.data.get("journey") == journey and isinstance(head := entry.data.get("log_head"), str):
            yield head


def _deleted(ledger: Iterable[Entry]) -> frozenset[tuple[str, int]]:
    return frozenset(
        (str(entry.data.get("journey")), number)
        for entry in ledger
        if entry.event in (words.TOMBSTONE_DONE, words.TOMBSTONE_WITHDRAWN)
        for number in entry.data.get("deleted", ())
    )


def _living(ledger: Iterable[Entry]) -> set[str]:
    """The journeys that the ledger knows and has no tombstone for."""
    living: set[str] = set()
    logs_going: dict[int, str] = {}
    for entry in ledger:
        journey = str(entry.data.get("journey"))
        living.update(name for name, _ in summed_up(entry))
        if entry.event in (words.JOURNEY_BEGAN, words.JOURNEY_SEEN):
            living.add(journey)
        elif entry.event == words.TOMBSTONE_INTENT and "log" in entry.data:
            logs_going[entry.seq] = journey
        elif entry.event == words.TOMBSTONE_DONE and entry.data.get("intent") in logs_going:
            living.discard(journey)
    return living
