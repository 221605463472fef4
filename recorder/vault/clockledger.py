"""What the ledger knows of time, kept up to date, and what it must be told so that a next process knows it too.

Rules: the history is made of the ledger's entries and of the present moment, of nothing else; what changes it is
written before anything is deleted by it; entries that only pass on how long there was power are few, and only while
footage waits for a clock. A line that cannot be read says nothing; others report it.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from recorder.errors import JournalError, StoreError
from recorder.timekeeping import NS_PER_S, Instant, iso_utc
from recorder.vault import diskio, words
from recorder.vault.entries import complete_lines, parse_line
from recorder.vault.eras import ClockHistory
from recorder.vault.ledger import lines_before

_NAMES_ERA = (words.CLOCK_ERA, words.LEDGER_CONTINUED)

POWER_NOTES_A_GRACE = 10
"""So many entries at most tell of one grace: each is a write; what lies between two is forgotten in a power cut."""


class Noted(Protocol):
    """An entry, as far as time cares."""

    @property
    def instant(self) -> Instant:
        """When it was written, by both clocks."""
        ...

    @property
    def event(self) -> str:
        """What happened."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """Its particulars."""
        ...


class LedgerFollower:
    """Reads what has been added to a log since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._read_bytes = 0

    def __call__(self) -> tuple[bool, tuple[Noted, ...]]:
        """Whether it is another log than before, and its new entries. StoreError where it cannot be read."""
        with diskio.disk_errors(f"{self._path} cannot be read"), self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            is_other = status.st_ino != self._inode or status.st_size < self._read_bytes
            begin = 0 if is_other else self._read_bytes
            file.seek(begin)
            block = file.read()
            lines, rest_bytes = complete_lines(block)
            if is_other:
                lines = (*lines_before(self._path, status), *lines)
        self._inode, self._read_bytes = status.st_ino, begin + len(block) - rest_bytes
        return is_other, tuple(_readable(lines))


class ClockLedger:
    """The clock's part of the ledger. Owned by one thread; any number of processes have one on the same ledger."""

    def __init__(
        self,
        append: Callable[[str, Mapping[str, Any]], object],
        follow: Callable[[], tuple[bool, Iterable[Noted]]],
    ) -> None:
        self._append = append
        self._follow = follow
        self.history = ClockHistory()

    def look(self, now: Instant) -> ClockHistory:
        """All that is known of time up to ``now``: :attr:`history`. StoreError: then without the ledger's news."""
        try:
            is_other, entries = self._follow()
        except StoreError:
            self.history.take(now, noted=False)
            raise
        self.history = ClockHistory() if is_other else self.history
        for entry in entries:
            era = entry.data.get("era") if entry.event in _NAMES_ERA else None
            self.history.take(entry.instant, announces=era if isinstance(era, int) else None)
        self.history.take(now, noted=False)
        return self.history

    def note(self) -> None:
        """Write what the ledger does not say yet: a new era, a boot or a clock that it does not know. StoreError."""
        history, change, mark = self.history, self.history.change, self.history.mark_utc_ns
        if history.era != history.announced:
            high_water = None if mark is None else iso_utc(mark)
            era = {"era": change.era, "why": change.why, "step_s": change.step_s, "high_water": high_water}
            self._append(words.CLOCK_ERA, era)
        elif history.noted_ns is None or history.quality != history.noted_quality:
            self._append(words.CLOCK_KNOWN, {"era": history.era, "quality": history.quality})

    def note_power(self, now: Instant, clock_grace_s: float) -> None:
        """While footage waits for a clock: write that there is power, if the last entry is old. StoreError."""
        noted_ns = self.history.noted_ns or 0
        if now.boottime_ns - noted_ns >= clock_grace_s * NS_PER_S / POWER_NOTES_A_GRACE:
            self._append(words.POWERED, {"boottime_s": now.boottime_ns // NS_PER_S})


def _readable(lines: Iterable[bytes]) -> Iterable[Noted]:
    for line in lines:
        try:
            yield parse_line(line)
        except JournalError:
            continue
