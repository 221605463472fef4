"""How fast held footage reaches a stick, beside `cp -r` and `sync` of the same files, by turns, each onto a fresh one.

A stick is ext4 on a loop device past the host's page cache, mounted as the recorder mounts it; the files are read from
the disk each time, for a card's footage is in nobody's memory. Ours writes, syncs and names file by file and hashes
what it writes; theirs has one sync for all. Reading back is a pass of its own, which `cp` has not, and is printed
beside. Needs root.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from recorder.export.mounting import Mounter
from tests.export.disks import MIB, make_image, mounted, plugged
from tests.export.van import Van

RUNS = 5
GOAL = 0.9
SEGMENTS, SEGMENT_BYTES = 16, 30 * 1_000_000  # a minute at 4 Mb/s


class Bench:
    """One van, and a stick that is formatted anew for each turn."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mounter = Mounter(folder / "place", "root")
        self._mounter.place.mkdir()
        self.van = Van.build(folder / "van")
        self.journey = self.van.held_journey(*(os.urandom(SEGMENT_BYTES) for _ in range(SEGMENTS)))
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        self.van.export(self.bundle, self.journey)

    @contextmanager
    def stick(self) -> Iterator[Path]:
        """A fresh one; what is copied is no longer in memory."""
        size_bytes = 2 * SEGMENTS * SEGMENT_BYTES
        image = make_image(self._folder / "stick.img", "ext4", "CABINEXPORT", size_bytes - size_bytes % MIB)
        with image.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, image.stat().st_size)
        _forget(self.bundle)
        _forget(self.van.store.root)
        with plugged(image) as disk, mounted(self._mounter, disk) as at:
            yield at

    def theirs(self) -> float:
        """Seconds."""
        with self.stick() as at:
            began_s = time.monotonic()
            subprocess.run(["cp", "-r", f"{self.bundle}/.", at], check=True)
            subprocess.run(["sync", "--file-system", at], check=True)
            return time.monotonic() - began_s

    def ours(self) -> tuple[float, float]:
        """Seconds of copying, and of reading back."""
        with self.stick() as at:
            [done] = self.van.export(at, self.journey).journeys
            return done.copy_s, done.check_s


def _forget(folder: Path) -> None:
    """Take what is below ``folder`` out of the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # only what is clean can be forgotten
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Print the table."""
    if os.geteuid() != 0:
        sys.exit("scripts/bench export mounts loop devices, and needs root.")
    folder = Path(tempfile.mkdtemp(prefix="cabin-bench-"))
    try:
        bench = Bench(folder)
        theirs, copies, checks = [], [], []
        for _ in range(1 + RUNS):
            theirs.append(bench.theirs())
            copy_s, check_s = bench.ours()
            copies.append(copy_s)
            checks.append(check_s)
    finally:
        shutil.rmtree(folder)
    size_mb = SEGMENTS * SEGMENT_BYTES / 1e6
    table = Table(title=f"{SEGMENTS} segments, {size_mb:.0f} MB, onto ext4; {RUNS} turns after one that does not count")
    for column in ("pass", "median", "each", "speed"):
        table.add_column(column)
    for name, figures in (("cp -r, sync", theirs), ("ours: copy", copies), ("ours: read back", checks)):
        median_s = statistics.median(figures[1:])
        each = " ".join(f"{figure:.2f}" for figure in figures[1:])
        table.add_row(name, f"{median_s:.2f} s", each, f"{size_mb / median_s:.0f} MB/s")
    console = Console(width=120)
    console.print(table)
    ratio = statistics.median(theirs[1:]) / statistics.median(copies[1:])
    console.print(f"The copy phase has {ratio:.2f} of the speed of cp and sync; the goal is at least {GOAL}.")
    console.print(f"Load while it ran: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
