"""How far the recorder's clock was off while a journey was recorded, as far as anything ever told.

In one start of the recorder the time of day is the best and newest trusted clock's, before it and after (README,
"What proves an age"). What an entry says of the time, less that, is how far ahead the clock was that wrote it; the same
clock is on the picture. Rules: where no clock was ever trusted nothing is measured, and that is said, not guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from recorder.timekeeping import NS_PER_S, ClockQuality
from recorder.vault import words
from recorder.vault.entries import Entry, complete_lines, readable

_WORTH: dict[ClockQuality, int] = {"unproven": 0, "rtc": 1, "synchronised": 2}


@dataclass(frozen=True, slots=True)
class MeasuredClock:
    """One start of the recorder. ``by``: the best clock that it ever had.

    ``ahead_s``: by how many seconds the times of the log were ahead of that one, the least and the most; None where
    there was nothing to measure by.
    """

    boot_id: str
    by: ClockQuality
    ahead_s: tuple[float, float] | None

    @property
    def data(self) -> dict[str, Any]:
        """As it stands in a log."""
        return {"boot_id": self.boot_id, "by": self.by, "ahead_s": None if self.ahead_s is None else [*self.ahead_s]}


def measure(log: bytes, ledger: bytes) -> tuple[MeasuredClock, ...]:
    """For each start in which a journey was recorded, in their order; ``log`` is its log.

    Lines that cannot be read say nothing.
    """
    entries, _ = readable(complete_lines(log)[0])
    living = [entry for entry in entries if entry.event not in words.WRITTEN_AFTERWARDS]
    boots = list(dict.fromkeys(entry.boot_id for entry in living))
    needles = [boot_id.encode("utf-8") for boot_id in boots]
    told, _ = readable(line for line in complete_lines(ledger)[0] if any(needle in line for needle in needles))
    return tuple(_measured(boot_id, living, [*told, *living]) for boot_id in boots)


def _measured(boot_id: str, living: Iterable[Entry], witnesses: Iterable[Entry]) -> MeasuredClock:
    here = [entry for entry in witnesses if entry.boot_id == boot_id]
    best = max(here, key=lambda entry: (_WORTH[entry.clock], entry.boottime_ns))
    if not best.instant.trusted:
        return MeasuredClock(boot_id, best.clock, None)
    offsets_ns = [_offset_ns(entry) for entry in living if entry.boot_id == boot_id]
    least, most = (round((end(offsets_ns) - _offset_ns(best)) / NS_PER_S, 3) for end in (min, max))
    return MeasuredClock(boot_id, best.clock, (least, most))


def _offset_ns(entry: Entry) -> int:
    """What stays the same in one start while nobody sets the clock."""
    return entry.instant.utc_ns - entry.boottime_ns
