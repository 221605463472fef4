"""What recording costs: processor time beside ``ffmpeg -c copy | age``, memory, bytes written for each byte of footage.

The race is over a minute of 1080p30 at 4 Mb/s that is encoded already (:mod:`tests.bench.packets`), by turns, in real
time; ours also signs, pads and syncs four times a second, which theirs does not. Memory and bytes are those of a whole
recorder, encoder included, on an ext4 card of its own (root): what its device was given to write, journal and all,
beside the film that the office opens.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import packets
from tests.daemon.vehicle import CLI, Vehicle
from tests.powercut.card import card, why_not

RUNS, SECONDS = 3, 60
_SECTOR_BYTES = 512  # of /sys/block/*/stat, whatever the device's own are
_WRITTEN = 6  # the field of it (Documentation/block/stat.rst)
SIZES = {"1280x720": (1280, 720, 120), "1920x1080": (1920, 1080, 150)}  # and the goal in MB


def ours(minute: Path, folder: Path) -> float:
    """Processor seconds of one minute through the recorder's own threads."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        command = [sys.executable, "-m", "tests.bench.capturing", str(minute), name, str(SECONDS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(json.loads(done.stdout)["cpu_s"])


def theirs(minute: Path, folder: Path, recipient: str) -> float:
    """Processor seconds of ``ffmpeg`` and ``age`` for the same minute."""
    out = folder / "theirs.age"
    flags = "frag_keyframe+empty_moov+default_base_moof"
    copy = ["ffmpeg", "-loglevel", "error", "-re", "-i", str(minute), "-c", "copy", "-f", "mp4"]
    copy += ["-movflags", flags, "-frag_duration", "250000", "pipe:1"]
    copier = subprocess.Popen(copy, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    sealer = subprocess.Popen(["age", "-r", recipient, "-o", str(out)], stdin=copier.stdout)
    assert copier.stdout is not None
    copier.stdout.close()
    seconds = 0.0
    for process in (copier, sealer):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        seconds += usage.ru_utime + usage.ru_stime
    out.unlink()
    return seconds


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole recorder for a minute. ``written_ratio``: bytes written for each of the opened film."""

    peak_mb: float
    cpu_s: float
    written_ratio: float


def whole(width: int, height: int) -> Whole:
    """Run one, on a card of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = stack.enter_context(card(folder)).root
        vehicle = Vehicle(root / "vehicle", width=width, height=height, fps=30, length_s=60)
        stack.callback(vehicle.end)
        os.sync()
        before_bytes = _written_bytes(root)
        vehicle.record()
        assert vehicle.process is not None
        threading.Event().wait(SECONDS)
        vehicle.panel("press hold", "ignition off")
        vehicle.until_state("Parked")
        os.sync()
        written_bytes = _written_bytes(root) - before_bytes
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{vehicle.process.pid}/status").read_text().splitlines()
        )
        ticks = Path(f"/proc/{vehicle.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu_s = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        vehicle.stop()
        export, films = folder / "stick", folder / "films"
        export.mkdir()
        assert vehicle.run("export", export).returncode == 0
        opening = [*CLI, "open", str(export), "-i", str(vehicle.identity_path), "-o", str(films)]
        subprocess.run(opening, check=True, capture_output=True)
        film_bytes = sum(film.stat().st_size for film in films.glob("*.mp4"))
        return Whole(int(status["VmHWM"].split()[0]) / 1000, cpu_s, written_bytes / film_bytes)


def _written_bytes(root: Path) -> int:
    """What the device under ``root`` was given to write since it is there."""
    device = root.stat().st_dev
    fields = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
    return int(fields[_WRITTEN]) * _SECTOR_BYTES


def main() -> None:
    """Measure and print."""
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    table = Table("figure", "goal", "found", title=f"a minute each, {load}")
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        key = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
        recipient = key.split("public key: ")[1].split()[0]
        minute = folder / "minute.mp4"
        packets.encode(minute, SECONDS)
        pairs = [(theirs(minute, folder, recipient), ours(minute, folder)) for _ in range(RUNS)]
    their_s, our_s = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(our / their for their, our in pairs)
    found = f"{ratio:.2f} x ({our_s:.2f} s, theirs {their_s:.2f} s; medians of {RUNS})"
    table.add_row("1080p30 at 4 Mb/s but the encoders, processor time beside ffmpeg -c copy | age", "1.0 x", found)
    reason = why_not()
    for size, (width, height, goal_mb) in SIZES.items():
        if reason is not None:
            table.add_row(f"whole recorder, {size}", f"{goal_mb} MB · 1.10", f"not measured: {reason}")
            continue
        one = whole(width, height)
        table.add_row(f"peak memory of a whole recorder, {size}", f"{goal_mb} MB", f"{one.peak_mb:.0f} MB")
        table.add_row(f"its processor time, {size}, H.264 by software", "", f"{one.cpu_s:.1f} s")
        table.add_row(f"bytes written for each byte of film, {size}", "1.10", f"{one.written_ratio:.3f}")
    Console(file=sys.stdout, width=118).print(table)


if __name__ == "__main__":
    main()
