"""What a journey's log says, digested: segments, consent, hold, and what time it was.

Rules: entries are facts already read; a member that is missing or of the wrong type counts as not said. A trusted
clock anywhere in a boot tells the time of everything in that boot, before and after; a synchronised one before an RTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorder.timekeeping import NS_PER_S, Instant
from recorder.vault import words
from recorder.vault.journal import Entry

_FIRST_UTC_NS, _LAST_UTC_NS = -62_135_596_800 * NS_PER_S, 253_402_300_800 * NS_PER_S - 1  # years 1 to 9999


@dataclass(frozen=True, slots=True)
class HoldInfo:
    """Who holds a journey, since when (ISO 8601), and why."""

    who: str
    when: str
    reason: str


class Logbook:
    """The entries of a journey's log. ``witness``: the ledger's about the same journey, where the log is damaged."""

    def __init__(self, entries: Sequence[Entry], witness: Sequence[Entry] = ()) -> None:
        self.entries = tuple(entries)
        self._witness = tuple(witness)
        trusted = [entry for quality in ("rtc", "synchronised") for entry in entries if entry.clock == quality]
        newest_proof = {entry.boot_id: entry for entry in trusted}  # what comes later, and is better, wins
        self._proofs = {boot_id: entry.instant for boot_id, entry in newest_proof.items()}
        self.opened = self._by_number(words.SEGMENT_OPENED)
        self.sealed = self._by_number(words.SEGMENT_SEALED)
        self.torn = self._by_number(words.SEGMENT_TORN)
        self.header_sealed = self._by_number(words.HEADER_SEALED)

    @property
    def first(self) -> Instant | None:
        """When the journey began."""
        return self._when(words.JOURNEY_BEGAN)

    @property
    def ended(self) -> Instant | None:
        """When the journey ended; None where it has not."""
        return self._when(words.JOURNEY_ENDED)

    @property
    def last(self) -> Instant | None:
        """Its last living moment: the last entry that is not written afterwards, by a hold or a recovery."""
        living = [entry for entry in self.entries if entry.event not in words.WRITTEN_AFTERWARDS]
        return living[-1].instant if living else self.first

    @property
    def consented(self) -> bool:
        """Whether somebody agreed and nobody has withdrawn since."""
        return _last_of(self.entries, words.CONSENT, words.WITHDRAWN) == words.CONSENT

    @property
    def agreement(self) -> Mapping[str, Any]:
        """What the entry of the last consent says; empty where nobody agreed."""
        said = [entry.data for entry in self.entries if entry.event == words.CONSENT]
        return said[-1] if said else {}

    @property
    def held(self) -> bool:
        """Whether there is a hold without a release, in the log or in the ledger."""
        return any(_last_of(book, words.HOLD, words.RELEASE) == words.HOLD for book in (self.entries, self._witness))

    @property
    def hold(self) -> HoldInfo | None:
        """The newest hold of the log, released or not."""
        for entry in reversed(self.entries + self._witness):
            if entry.event == words.HOLD:
                return HoldInfo(str(entry.data.get("who")), entry.utc, str(entry.data.get("reason")))
        return None

    def about_hold(self, event: str, hold_sha256: str) -> Entry | None:
        """The newest entry ``event`` (hold or release) about the ``HOLD`` with this hash."""
        for entry in reversed(self.entries):
            if entry.event == event and entry.data.get("hold_sha256") == hold_sha256:
                return entry
        return None

    def is_about_order(self, event: str, order: str) -> bool:
        """Whether there is an entry ``event`` (hold or release) that the office's order with this number asked for."""
        return any(entry.event == event and entry.data.get("order") == order for entry in self.entries)

    def first_of(self, number: int) -> Instant | None:
        """The oldest frame of a segment; where its entry is lost, the beginning of the journey, which is older."""
        return self._frame(self.opened.get(number), "first_boottime_ns") or self.first

    def last_of(self, number: int) -> Instant | None:
        """The newest frame of a sealed segment; None for any other."""
        return self._frame(self.sealed.get(number), "last_boottime_ns")

    def epoch_of(self, number: int) -> int | None:
        """The epoch whose key seals the header of a segment; None where none does, or its entry is lost."""
        for book in (self.header_sealed, self.opened):
            epoch = book[number].data.get("epoch") if number in book else None
            if isinstance(epoch, int):
                return epoch
        return None

    def was_clear(self, number: int) -> bool:
        """Whether the header of a segment may ever have been on the card in the clear."""
        opened = self.opened.get(number)
        return opened is None or not isinstance(opened.data.get("epoch"), int) or self._was_held

    @property
    def _was_held(self) -> bool:
        return any(entry.event == words.HOLD for entry in self.entries + self._witness)

    def _frame(self, entry: Entry | None, member: str) -> Instant | None:
        boottime_ns = None if entry is None else entry.data.get(member)
        if entry is None or not isinstance(boottime_ns, int):
            return None
        return self._moment(entry, boottime_ns)

    def _when(self, event: str) -> Instant | None:
        for entry in self.entries + self._witness:
            if entry.event == event and (moment := self._moment(entry, entry.boottime_ns)) is not None:
                return moment
        return None

    def _moment(self, entry: Entry, boottime_ns: int) -> Instant | None:
        """``boottime_ns`` of the boot of ``entry`` by both clocks; None for a time that no calendar has."""
        known = self._proofs.get(entry.boot_id, entry.instant)
        utc_ns = known.utc_ns - known.boottime_ns + boottime_ns
        is_a_time = _FIRST_UTC_NS <= utc_ns <= _LAST_UTC_NS
        return Instant(utc_ns, boottime_ns, known.boot_id, known.quality) if is_a_time else None

    def _by_number(self, event: str) -> dict[int, Entry]:
        return {
            number: entry
            for entry in self.entries
            if entry.event == event and isinstance(number := entry.data.get("number"), int)
        }


def _last_of(entries: Iterable[Entry], *events: str) -> str | None:
    """The last event among ``events`` that occurs."""
    found = None
    for entry in entries:
        if entry.event in events:
            found = entry.event
    return found
