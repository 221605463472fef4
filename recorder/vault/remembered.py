"""Journeys that were read before, for who looks again and again: a sweep reads what has changed, not what is stored.

Rules: the directory is the truth. A journey is remembered only while its directory, its log and its ``HOLD`` are the
very files with the very sizes and times that they had before it was read. Never remembered is what changed within the
last seconds, for a filesystem's clock ticks coarsely and another change could fall into the same tick; what has a
problem, which is to be met anew each time; and what somebody may be writing, for a lock leaves no trace on the disk.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from recorder.timekeeping import NS_PER_S
from recorder.vault.records import HOLD_NAME, LOG_NAME, JourneyRecord

SETTLE_S = 2.0  # a tick of ext4 is a few milliseconds, of the coarsest filesystem (FAT) two seconds

Mark = tuple[int, int, int, int] | None
"""Of one file inode, size, and when its content and its inode changed; None where there is none."""
Stamp = tuple[Mark, ...]


class Remembered:
    """What one reader has read. Owned by one thread."""

    def __init__(self, settle_s: float = SETTLE_S) -> None:
        self._settle_ns = round(settle_s * NS_PER_S)
        self._known: dict[str, tuple[Stamp, JourneyRecord]] = {}

    def recall(self, path: Path, read: Callable[[Path], JourneyRecord]) -> JourneyRecord:
        """The journey in the directory ``path``: as it was read before, or read now."""
        stamp = _stamp(path)  # before it is read: what changes meanwhile is read again the next time
        stamped, record = self._known.get(path.name, (None, None))
        if record is None or stamp is None or stamp != stamped:
            record = read(path)
            self._known.pop(path.name, None)
            if stamp is not None and self._is_settled(stamp) and _is_closed(record):
                self._known[path.name] = stamp, record
        return record

    def keep_only(self, records: tuple[JourneyRecord, ...]) -> tuple[JourneyRecord, ...]:
        """``records``; what is not among them is forgotten."""
        there = {record.id for record in records}
        self._known = {name: known for name, known in self._known.items() if name in there}
        return records

    def _is_settled(self, stamp: Stamp) -> bool:
        latest_ns = time.time_ns() - self._settle_ns  # a file's times are of the same clock
        return all(mark is None or max(mark[2:]) < latest_ns for mark in stamp)


def _stamp(path: Path) -> Stamp | None:
    """None where something cannot be looked at."""
    try:
        return tuple(map(_mark, (path, path / LOG_NAME, path / HOLD_NAME)))
    except OSError:
        return None


def _mark(path: Path) -> Mark:
    try:
        status = os.stat(path)  # noqa: PTH116 - this is most of what a sweep does
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_closed(record: JourneyRecord) -> bool:
    """Nobody writes any of its segments, and nobody will."""
    return not record.problems and all(segment.signed for segment in record.segments)
