"""Two ways to do one thing, whole processes by turns, their start included.

What is read lies in the page cache; what was written before is synced before each run. Processor time is printed beside
the clock's, for disks and neighbours are moody. Memory is the most that any process of a side held. The kernel counts a
process's parent in until it runs its program, so who uses this stays small: what needs much is made in a process of its
own, and ``rich`` is imported at the end.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RUNS = 7
NOWHERE = "/dev/null"
Command = Sequence[str | Path]


@dataclass(slots=True)
class Side:
    """One way to do it. ``commands`` run one after the other; ``out``: what they leave, removed before each run."""

    commands: Sequence[Command]
    out: Path | None
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_kb: int = 0

    def run(self) -> None:
        """Once. CalledProcessError where a command fails."""
        if self.out is not None:
            shutil.rmtree(self.out, ignore_errors=True)
            self.out.mkdir()
            os.sync()
        began_s, cpu_s = time.monotonic(), 0.0
        for command in self.commands:
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=_environment())
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, process.args)
            self.peak_kb = max(self.peak_kb, usage.ru_maxrss)
            cpu_s += usage.ru_utime + usage.ru_stime
        self.seconds.append(time.monotonic() - began_s)
        self.cpu_seconds.append(cpu_s)

    @property
    def figures(self) -> str:
        return f"{statistics.median(self.seconds):.2f} s ({statistics.median(self.cpu_seconds):.2f} s)"


@dataclass(frozen=True, slots=True)
class Race:
    """Both ways to do one thing."""

    name: str
    theirs: Side
    ours: Side

    def run(self) -> None:
        """By turns. The first turn does not count: it is the one that makes the kernel find its memory."""
        for _ in range(1 + RUNS):
            self.theirs.run()
            self.ours.run()
        for side in (self.theirs, self.ours):
            del side.seconds[0], side.cpu_seconds[0]

    @property
    def row(self) -> tuple[str, ...]:
        theirs, ours = self.theirs, self.ours
        return (
            self.name,
            theirs.figures,
            ours.figures,
            f"{_ratio(theirs.seconds, ours.seconds):.2f} ({_ratio(theirs.cpu_seconds, ours.cpu_seconds):.2f})",
            f"{theirs.peak_kb / 1000:.0f} MB",
            f"{ours.peak_kb / 1000:.0f} MB",
        )


def run_and_print(title: str, races: Sequence[Race]) -> None:
    """All of them, and a table."""
    for race in races:
        race.run()
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    version = subprocess.run(["age", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    explained = (
        f"{title}; {RUNS} runs by turns, medians, processor in brackets; ratio above 1: faster than age {version}"
    )
    table = Table("what", "age", "ours", "ratio", "its peak", "our peak", title=explained)
    for race in races:
        table.add_row(*race.row)
    console = Console(file=sys.stdout, width=116)
    console.print(table)
    console.print(load())


def load() -> str:
    """How busy the machine was."""
    return f"Load while it ran: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors."


def _environment() -> Mapping[str, str]:
    """Ours, but for the wish that Python compile itself anew at each start: what is installed is compiled."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """The median over pairs of neighbouring runs."""
    return statistics.median(their_s / our_s for their_s, our_s in zip(theirs, ours, strict=True))
