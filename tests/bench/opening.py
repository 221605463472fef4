"""How fast footage opens, beside `age -d` on the same files: whole processes by turns, their start included.

A file alone, to nowhere and onto the disk; then a bundle of twenty segments, which our side also verifies, joins into
one film and syncs. An empty file shows what the start of Python costs. What is opened lies in the page cache; what was
written before is synced before each run. Processor time is printed beside the clock's, for disks and neighbours are
moody. Memory is the most that any process of a side held. The kernel counts a process's parent in until it runs its
program, so this one stays small: what needs much is made in a process of its own, and ``rich`` is imported at the end.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
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
    """Both ways to open one thing."""

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


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """The median over pairs of neighbouring runs."""
    return statistics.median(their_s / our_s for their_s, our_s in zip(theirs, ours, strict=True))


def races(folder: Path) -> list[Race]:
    """All of them, over what ``sealing.py`` made in ``folder``."""
    identity, out = folder / "identity.txt", folder / "out"
    theirs, ours = ("age", "-d", "-i", identity), (sys.executable, "-m", "tests.bench.decrypting", identity)
    nothing = folder / "0.age"
    found = [
        Race(
            "0 MB: the start alone",
            Side([(*theirs, "-o", NOWHERE, nothing)], None),
            Side([(*ours, nothing, NOWHERE)], None),
        )
    ]
    for size in ("64", "1000"):
        file, plain = folder / f"{size}.age", out / "plain"
        found += [
            Race(
                f"{size} MB, to nowhere",
                Side([(*theirs, "-o", NOWHERE, file)], None),
                Side([(*ours, file, NOWHERE)], None),
            ),
            Race(f"{size} MB, to a file", Side([(*theirs, "-o", plain, file)], out), Side([(*ours, file, plain)], out)),
        ]
    segments = sorted((folder / "stick").glob("CABIN-EXPORT/*/*/*.mp4.age"))
    opening = (sys.executable, "-m", "recorder", "open", folder / "stick", "-i", identity, "-o", out)
    each = [(*theirs, "-o", out / segment.stem, segment) for segment in segments]
    found.append(Race(f"bundle of {len(segments)} x 50 MB: open", Side(each, out), Side([opening], out)))
    return found


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "tests.bench.sealing", name], check=True)
        done = races(folder)
        for race in done:
            race.run()
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    version = subprocess.run(["age", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    title = f"open, {RUNS} runs by turns, medians, processor in brackets; ratio above 1: faster than age {version}"
    table = Table("what", "age -d", "ours", "ratio", "its peak", "our peak", title=title)
    for race in done:
        table.add_row(*race.row)
    Console(file=sys.stdout, width=110).print(table)


if __name__ == "__main__":
    main()
