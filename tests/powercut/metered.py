"""A command of the recorder, with its locks measured: how long each was held, and how long it was waited for.

``python -m tests.powercut.metered REPORT.json [--every SECONDS] -- COMMAND...`` runs ``cabin-recorder COMMAND``, once
or again and again until SIGTERM, and leaves a report. The locks are those of the store and of logs; a body is locked as
long as its segment lasts, which is meant.
"""

import argparse
import contextlib
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from recorder import cli
from recorder.vault import diskio

_FRAMES = 4


@dataclass(slots=True)
class Report:
    """``longest_held_s``, ``longest_waited_s``: by kind of lock (``store``, ``log``). ``held_by``: who held longest.

    ``longest_own_s``: the same without the syncs in it, which are the disk's; ``longest_sync_s``: one of them.
    ``ended``: how often each exit code came. ``said``: what was said of what failed, each sentence once.
    """

    locks: int = 0
    longest_held_s: dict[str, float] = field(default_factory=lambda: {"store": 0.0, "log": 0.0})
    longest_own_s: dict[str, float] = field(default_factory=lambda: {"store": 0.0, "log": 0.0})
    longest_sync_s: float = 0.0
    longest_waited_s: dict[str, float] = field(default_factory=lambda: {"store": 0.0, "log": 0.0})
    held_by: dict[str, str] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


class LockMeter:
    """Stands between the vault and its locks, in this process."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._mutex = threading.Lock()
        self._held: dict[int, tuple[str, float, float]] = {}
        self._synced = threading.local()  # seconds that this thread has spent in syncs
        self._lock_fd, self._close = diskio.lock_fd, os.close
        self._fsync, self._fdatasync = os.fsync, os.fdatasync

    def install(self) -> None:
        """Measure from now on, until the process ends."""
        diskio.lock_fd = self._locking
        os.close = self._closing
        os.fsync = lambda fd: self._syncing(self._fsync, fd)
        os.fdatasync = lambda fd: self._syncing(self._fdatasync, fd)

    def _syncing(self, sync: Callable[[int], None], fd: int) -> None:
        began_s = time.monotonic()
        sync(fd)
        took_s = time.monotonic() - began_s
        self._synced.seconds = self._synced_s + took_s
        with self._mutex:
            self._report.longest_sync_s = max(self._report.longest_sync_s, took_s)

    @property
    def _synced_s(self) -> float:
        return getattr(self._synced, "seconds", 0.0)

    def _locking(self, fd: int, path: Path, timeout_s: float = diskio.LOCK_TIMEOUT_S) -> None:
        began_s = time.monotonic()
        self._lock_fd(fd, path, timeout_s)
        if path.suffix == ".body":
            return
        kind, now_s = "store" if path.is_dir() else "log", time.monotonic()
        with self._mutex:
            self._report.locks += 1
            longest_s = self._report.longest_waited_s
            longest_s[kind] = max(longest_s[kind], now_s - began_s)
            self._held[fd] = kind, now_s, self._synced_s

    def _closing(self, fd: int) -> None:
        with self._mutex:
            held = self._held.pop(fd, None)
        self._close(fd)
        if held is None:
            return
        kind, since_s, synced_s = held
        with self._mutex:
            held_s = time.monotonic() - since_s
            own_s = held_s - (self._synced_s - synced_s)
            self._report.longest_own_s[kind] = max(self._report.longest_own_s[kind], own_s)
            if held_s > self._report.longest_held_s[kind]:
                self._report.longest_held_s[kind] = held_s
                self._report.held_by[kind] = _callers()


def _callers() -> str:
    """The functions of the recorder that are running, innermost first."""
    frame: FrameType | None = sys._getframe(2)
    names: list[str] = []
    while frame is not None and len(names) < _FRAMES:
        if "/recorder/" in frame.f_code.co_filename and "/diskio.py" not in frame.f_code.co_filename:
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return " < ".join(names)


def main() -> None:
    """Run the command; see the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("report", type=Path)
    parser.add_argument("--every", type=float)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    report = Report()
    LockMeter(report).install()
    try:
        if arguments.every is None:
            _count(report, _run(arguments.command))
        else:
            _repeat(arguments.command, arguments.every, report)
    finally:
        arguments.report.write_text(json.dumps(asdict(report)))


def _repeat(command: list[str], every_s: float, report: Report) -> None:
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: over.set())
    while not over.is_set():
        said, printed = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
            _count(report, _run(command))
        failures = [line for line in printed.getvalue().splitlines() if line.startswith("FAIL")]
        report.said += sorted({*said.getvalue().splitlines(), *failures} - set(report.said))
        over.wait(every_s)


def _count(report: Report, code: Any) -> None:
    report.ended[str(code)] = report.ended.get(str(code), 0) + 1


def _run(command: list[str]) -> Any:
    """Its exit code."""
    try:
        cli.main(command)
    except SystemExit as end:
        return end.code


if __name__ == "__main__":
    main()
