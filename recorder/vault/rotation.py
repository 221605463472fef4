"""The ledger goes on in a new file each month, and files go when all in them is older than twelve months.

Rules: no line is changed and no link of the chain is cut; what is still wanted of what goes is carried on; twelve
months are what the ledger's own entries prove, so that no clock that was set wrong makes tombstones go early; an entry
says what goes before it goes. The README numbers the steps; each may be cut and repeated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recorder.timekeeping import NS_PER_S, Instant
from recorder.vault import diskio, words
from recorder.vault.entries import Entry, complete_lines, readable
from recorder.vault.ledger import WayBack, carried_by, older_files, older_path, orders_in, read_files
from recorder.vault.store import Store

A_MONTH_S = 30 * 86_400
TOMBSTONES_S = 366 * 86_400
_BELIEVED_GAP_NS = 28 * 86_400 * NS_PER_S  # the shortest month: a calendar chip that is wrong is off by at least this


def look_after_ledger(store: Store) -> tuple[str, ...]:
    """Go on in a new file if it is time, and remove what is old; the names of the files that went. StoreError.

    Nothing happens while nobody knows the time, and no file begins while a deletion has begun and not ended.
    """
    with store.lock():
        now, ledger = store.clock.now(), store.ledger.path
        if not now.trusted:
            return ()
        way_back = WayBack(ledger)
        entries, _ = readable(complete_lines(read_files(ledger, 1)[0])[0])
        if not way_back.intents and _is_a_month_old(entries, now):
            carried = still_wanted((*carried_by(entries), *entries), way_back.heads)
            data = {
                "heads": [list(head) for head in way_back.heads.items()],
                "carried": [entry.line.decode("ascii") for entry in carried],
                "era": _era(entries),
                "orders": sorted(orders_in(entries)),
            }
            store.ledger.go_on_in_new_file(older_path(ledger, entries[0].seq), words.LEDGER_CONTINUED, data)
        return _remove_old_files(store, now)


def still_wanted(entries: Iterable[Entry], journeys: Iterable[str]) -> list[Entry]:
    """What witnesses for journeys that are still on the card: beginning, newest hold and release, what was deleted."""
    on_card = set(journeys)
    wanted: dict[tuple[str, str, int], Entry] = {}
    for entry in entries:
        journey = entry.data.get("journey")
        if isinstance(journey, str) and journey in on_card:
            if entry.event == words.JOURNEY_BEGAN:
                wanted.setdefault((entry.event, journey, 0), entry)
            elif entry.event in (words.HOLD, words.RELEASE):
                wanted[entry.event, journey, 0] = entry
            elif entry.event in (words.TOMBSTONE_DONE, words.TOMBSTONE_WITHDRAWN):
                wanted[entry.event, journey, entry.seq] = entry
    return sorted(wanted.values(), key=lambda entry: entry.seq)


def _era(entries: Iterable[Entry]) -> int:
    """The era of the clock that was last named; the first is 1."""
    named = [entry.data.get("era") for entry in entries if entry.event in (words.CLOCK_ERA, words.LEDGER_CONTINUED)]
    return next((era for era in reversed(named) if isinstance(era, int)), 1)


class ProvenAge:
    """How much time must have passed between the first entry that was taken and the last: at least this.

    Within a boot, what CLOCK_BOOTTIME says. From one boot to the next, what trusted clocks say, where that is no more
    than a month either way; else the gap counts as nothing. So a clock that jumps for years adds none.
    """

    def __init__(self) -> None:
        self.ns = 0
        self._last: Instant | None = None
        self._trusted: tuple[Instant, int] | None = None  # the newest, and the age by then

    def take(self, moment: Instant) -> None:
        """Go on to the next entry."""
        if self._last is not None and self._last.boot_id == moment.boot_id:
            self.ns += max(0, moment.boottime_ns - self._last.boottime_ns)
        self._last = moment
        if not moment.trusted:
            return
        if self._trusted is not None and self._trusted[0].boot_id != moment.boot_id:
            then, age_then_ns = self._trusted
            gap_ns = moment.utc_ns - then.utc_ns - (self.ns - age_then_ns)
            self.ns += gap_ns if abs(gap_ns) <= _BELIEVED_GAP_NS else 0
        self._trusted = (moment, self.ns)


@dataclass(frozen=True, slots=True)
class _File:
    """An older file, and the entry with which the next one begins."""

    path: Path
    first_seq: int
    following: Entry


def _is_a_month_old(entries: Iterable[Entry], now: Instant) -> bool:
    """By the first clock that is trusted. It may be wrong: a file that begins too early or too late harms nobody."""
    first = next((entry.instant for entry in entries if entry.instant.trusted), None)
    return first is not None and now.utc_ns - first.utc_ns >= A_MONTH_S * NS_PER_S


def _remove_old_files(store: Store, now: Instant) -> tuple[str, ...]:
    removed = []
    for file in _old_files(store.ledger.path, now):
        last = {"last": file.following.seq - 1, "head": file.following.prev}
        store.ledger.append(words.LEDGER_DROPPED, {"file": file.path.name, "first": file.first_seq, **last})
        with diskio.disk_errors(f"{file.path} cannot be removed"):
            diskio.remove_file(file.path)
            diskio.sync_directory(file.path.parent)
        removed.append(file.path.name)
    return tuple(removed)


def _old_files(ledger: Path, now: Instant) -> list[_File]:
    """Those behind which twelve months have passed, the oldest first."""
    older = older_files(ledger)
    if not older or _is_young(older[1][1] if len(older) > 1 else ledger, now):
        return []
    age = ProvenAge()
    files: list[tuple[_File, int]] = []
    for number, block in enumerate(read_files(ledger)):
        entries, _ = readable(complete_lines(block)[0])
        for entry in entries:
            age.take(entry.instant)
            if entry is entries[0] and 0 < number <= len(older) and len(files) == number - 1:
                first_seq, path = older[number - 1]
                files.append((_File(path, first_seq, entry), age.ns))
    return [file for file, then_ns in files if age.ns - then_ns >= TOMBSTONES_S * NS_PER_S]


def _is_young(second: Path, now: Instant) -> bool:
    """A glance at where the second file begins: to prove an age, all of the ledger must be read."""
    with diskio.disk_errors(f"{second} cannot be read"), second.open("rb") as file:
        entries, _ = readable([file.readline().removesuffix(b"\n")])
    began = entries[0].instant if entries else None
    return began is not None and began.trusted and 0 <= now.utc_ns - began.utc_ns < TOMBSTONES_S * NS_PER_S
