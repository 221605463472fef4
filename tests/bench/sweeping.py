"""How long a sweep takes, by how much is stored and by how much expires: ``python -m tests.bench.sweeping [FOLDER]``.

A store of so many segments, as a recorder leaves it, in journeys of sixty; the ten oldest fall due. The first sweep of
a process reads every log, as a one-shot `prune` does; the daemon's later ones read what has changed. The files are
small, for no sweep reads a body, and the headers lie in the clear: erasing keys is the same work however much is
stored. Logs are signed by a key like the recorder's, with all entries that a segment has.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from recorder.timekeeping import NS_PER_S, Instant
from recorder.vault import words
from recorder.vault.entries import GENESIS, line_hash, signed_line
from recorder.vault.journal import DeviceKey
from recorder.vault.pruner import Pruner, SweepReport
from recorder.vault.records import LOG_NAME, body_path, header_path
from recorder.vault.remembered import SETTLE_S
from recorder.vault.retention import Policy
from tests.bench.racing import load
from tests.export.van import Van
from tests.vault.kit import CONSENT

SIZES = (10, 1_000, 100_000)
DUE, A_JOURNEY = 10, 60
POLICY = Policy(max_age_s=24 * 3600, sweep_s=60, clock_grace_s=900, min_free_bytes=0)
BODY = bytes(100)


class Log:
    """Writes a log at once, without a sync for each entry."""

    def __init__(self, key: DeviceKey) -> None:
        self._key = key
        self._lines: list[bytes] = []

    def add(self, at: Instant, event: str, **data: Any) -> None:
        place = len(self._lines) + 1, line_hash(self._lines[-1]) if self._lines else GENESIS
        self._lines.append(signed_line(place, at, event, data, self._key.sign))

    @property
    def text(self) -> bytes:
        return b"\n".join([*self._lines, b""])


def journey(van: Van, name: str, count: int, first: Instant) -> None:
    """A journey of ``count`` segments of a second, the oldest frame at ``first``; it has ended."""
    path = van.store.journeys_path / name
    path.mkdir(mode=0o700)
    log = Log(van.store.key)
    log.add(first, words.JOURNEY_BEGAN, journey=name, recorder=van.store.key.public_text, recipients=[])
    log.add(first, words.CONSENT, **CONSENT)
    for number in range(1, count + 1):
        at = Instant(first.utc_ns + number * NS_PER_S, first.boottime_ns + number * NS_PER_S, first.boot_id, "rtc")
        opening = {"header_sha256": "0" * 64, "epoch": None, "first_boottime_ns": at.boottime_ns}
        log.add(at, words.SEGMENT_OPENED, number=number, **opening)
        log.add(at, words.SEGMENT_SEALED, number=number, reason="rotation", sha256="0" * 64, size_bytes=len(BODY))
        for file in (header_path(path, number), body_path(path, number)):
            file.write_bytes(BODY)
    log.add(first, words.JOURNEY_ENDED, reason="ignition-off")
    (path / LOG_NAME).write_bytes(log.text)


def store_of(folder: Path, count: int) -> Van:
    """One with ``count`` segments: ten that are due at the clock's time, and the others half an hour younger."""
    van = Van.build(folder)
    journey(van, "20261122T131143Z-0000", DUE, van.clock.now())
    van.clock.advance(1800)
    for number, rest in enumerate(range(count - DUE, 0, -A_JOURNEY), 1):
        journey(van, f"20261122T134143Z-{number:04x}", min(A_JOURNEY, rest), van.clock.now())
    return van


def timed(sweep: Callable[[], SweepReport]) -> tuple[float, SweepReport]:
    """Seconds, and what it did. RuntimeError where it met anything."""
    began_s = time.perf_counter()
    report = sweep()
    took_s = time.perf_counter() - began_s
    if report.alarms:
        raise RuntimeError(report.alarms[0])
    return took_s, report


def measured(folder: Path, count: int) -> tuple[float, float, float]:
    """Seconds of the first sweep of a process, of one later with nothing due, and of one with ten due."""
    van = store_of(folder, count)
    os.sync()
    time.sleep(2 * SETTLE_S)  # as long as any journey rests before the daemon's second sweep
    pruner = Pruner(van.store, POLICY, van.clock)
    first_s, _ = timed(pruner.sweep)
    later_s, _ = timed(pruner.sweep)
    van.clock.advance(POLICY.due_age_s - 1800 + 60)
    due_s, report = timed(pruner.sweep)
    if len(report.deleted) != DUE:
        raise RuntimeError(f"{len(report.deleted)} segments were deleted, {DUE} were due")
    return first_s, later_s, due_s


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="cabin-bench-", dir=sys.argv[1] if len(sys.argv) > 1 else None))
    table = Table("segments", "first of a process", "later, nothing due", f"later, {DUE} due", title="one sweep, ms")
    try:
        for count in SIZES:
            row = [f"{took_s * 1000:.1f}" for took_s in measured(folder / str(count), count)]
            table.add_row(f"{count}", *row)
    finally:
        shutil.rmtree(folder)
    console = Console(file=sys.stdout, width=116)
    console.print(table)
    console.print(f"The first is what `prune` does. {load()}")


if __name__ == "__main__":
    main()
