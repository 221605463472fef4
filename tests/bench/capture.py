"""What recording costs, beside ``ffmpeg | age``: processor time, memory, bytes written for each byte of footage.

Processor time is a race over a minute of 1080p30 at 4 Mb/s that is encoded already (:mod:`tests.bench.packets`), in
real time and both in the same minute: each needs a fiftieth of a processor, and what a wake costs changes by half from
one minute to the next. Ours also signs, hashes, pads, syncs and places sound, which theirs does not. Memory and bytes
are those of a whole recorder, encoder included, on an ext4 card of its own (root); theirs does the same with libx264.
Bytes are what the card's device was given to write, journal and all, in a minute in the middle of a journey, with a
change of segments in it; its beginning and end are told apart, for they cost the same however long a journey lasts.
Our environment is that of the unit.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import packets
from tests.daemon.vehicle import CLI, Vehicle, unit_environment
from tests.powercut.card import card, why_not

RUNS, SECONDS = 5, 60
_CARD_BYTES = 1 << 30  # more than a recorder keeps free
_SECTOR_BYTES = 512  # of /sys/block/*/stat, whatever the device's own are
_WRITTEN = 6  # the field of it (Documentation/block/stat.rst)
SIZES = {"1280x720": (1280, 720, 120), "1920x1080": (1920, 1080, 150)}  # and the goal in MB
_FRAGMENTS = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "250000"]


def race(minute: Path, folder: Path, recipient: str) -> tuple[float, float]:
    """Processor seconds of theirs and of ours."""
    with ThreadPoolExecutor(2) as both:
        their_s, our_s = both.submit(theirs, minute, folder, recipient), both.submit(ours, minute, folder)
        return their_s.result(), our_s.result()


def ours(minute: Path, folder: Path) -> float:
    """Processor seconds of one minute through the recorder's own threads."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        command = [sys.executable, "-m", "tests.bench.capturing", str(minute), name, str(SECONDS)]
        environment = {**os.environ, **unit_environment()}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return float(json.loads(done.stdout)["cpu_s"])


def theirs(minute: Path, folder: Path, recipient: str) -> float:
    """Processor seconds of ``ffmpeg`` and ``age`` for the same minute."""
    out = folder / "theirs.age"
    copy = ["ffmpeg", "-loglevel", "error", "-re", "-i", str(minute), "-c", "copy", "-f", "mp4", *_FRAGMENTS, "pipe:1"]
    seconds, _ = _piped(copy, ["age", "-r", recipient, "-o", str(out)])
    out.unlink()
    return seconds


def _piped(source: list[str], sink: list[str]) -> tuple[float, float]:
    """Run both to their end: their processor seconds, and the largest memory of each, added up, in MB."""
    first = subprocess.Popen(source, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    second = subprocess.Popen(sink, stdin=first.stdout)
    assert first.stdout is not None
    first.stdout.close()
    seconds = peak_mb = 0.0
    for process in (first, second):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        seconds += usage.ru_utime + usage.ru_stime
        peak_mb += usage.ru_maxrss * 1024 / 1e6
    return seconds, peak_mb


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole recorder for a minute. ``written_ratio``: bytes written for each of the film that was recorded in it.

    ``around_mb``: written besides, from the start of the process to the power's end; ``mbit_s`` of film.
    """

    peak_mb: float
    cpu_s: float
    written_ratio: float
    mbit_s: float
    around_mb: float = 0.0


def whole(width: int, height: int) -> Whole:
    """Run one, on a card of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = stack.enter_context(card(folder, _CARD_BYTES)).root
        vehicle = Vehicle(root / "vehicle", width=width, height=height, fps=30, length_s=60)
        stack.callback(vehicle.end)
        os.sync()
        at_first_bytes = _written_bytes(root)
        _record(vehicle)
        threading.Event().wait(5)
        os.sync()
        before_bytes, body_before_bytes = _written_bytes(root), _body_bytes(vehicle)
        threading.Event().wait(SECONDS)
        os.sync()
        written_bytes = _written_bytes(root) - before_bytes
        body_bytes = _body_bytes(vehicle) - body_before_bytes
        vehicle.panel("press hold", "ignition off")
        vehicle.until_state("Parked")
        assert vehicle.process is not None
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{vehicle.process.pid}/status").read_text().splitlines()
        )
        ticks = Path(f"/proc/{vehicle.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu_s = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        vehicle.stop()
        os.sync()
        all_written_bytes = _written_bytes(root) - at_first_bytes
        film_bytes, film_s = _opened(vehicle, folder)
        footage_share = film_bytes / _body_bytes(vehicle)  # the rest is encryption, and padding where there is any
        return Whole(
            peak_mb=int(status["VmHWM"].split()[0]) * 1024 / 1e6,
            cpu_s=cpu_s * SECONDS / film_s,
            written_ratio=written_bytes / (body_bytes * footage_share),
            mbit_s=film_bytes * 8 / film_s / 1e6,
            around_mb=(all_written_bytes - written_bytes * _body_bytes(vehicle) / body_bytes) / 1e6,
        )


def _record(vehicle: Vehicle) -> None:
    vehicle.start(unit_environment())
    vehicle.panel("ignition on", "press consent")
    vehicle.until_state("Recording")


def _body_bytes(vehicle: Vehicle) -> int:
    return sum(body.stat().st_size for body in vehicle.store.glob("journeys/*/*.body"))


def _opened(vehicle: Vehicle, folder: Path) -> tuple[int, float]:
    """Bytes and seconds of the film that the office makes of it."""
    export, films = folder / "stick", folder / "films"
    export.mkdir()
    exported = vehicle.run("export", export)
    assert exported.returncode == 0, exported.stderr
    opening = [*CLI, "open", str(export), "-i", str(vehicle.identity_path), "-o", str(films)]
    subprocess.run(opening, check=True, capture_output=True)
    (film,) = films.glob("*.mp4")
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(film)]
    seconds = subprocess.run(probe, check=True, capture_output=True, text=True).stdout
    return film.stat().st_size, float(seconds)


def their_whole(width: int, height: int, recipient: str) -> Whole:
    """The same by ``ffmpeg``, which draws, encodes and stamps nothing, and ``age``; without a sync until its end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = stack.enter_context(card(folder, _CARD_BYTES)).root
        os.sync()
        before_bytes, out = _written_bytes(root), root / "theirs.age"
        picture = f"testsrc2=size={width}x{height}:rate=30,noise=alls=12:allf=t"
        encode = ["ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", picture]
        encode += ["-re", "-f", "lavfi", "-i", "anoisesrc=sample_rate=48000:amplitude=0.1", "-t", str(SECONDS)]
        encode += ["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30"]
        encode += ["-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M", "-threads", "2", "-c:a", "aac", "-b:a", "64k"]
        cpu_s, peak_mb = _piped([*encode, "-f", "mp4", *_FRAGMENTS, "pipe:1"], ["age", "-r", recipient, "-o", str(out)])
        os.sync()
        size_bytes = out.stat().st_size
        written_ratio = (_written_bytes(root) - before_bytes) / size_bytes
        return Whole(peak_mb, cpu_s, written_ratio, size_bytes * 8 / SECONDS / 1e6)


def _written_bytes(root: Path) -> int:
    """What the device under ``root`` was given to write since it is there."""
    device = root.stat().st_dev
    fields = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
    return int(fields[_WRITTEN]) * _SECTOR_BYTES


def main() -> None:
    """Measure and print."""
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    title = f"a minute each, {load}; theirs neither syncs nor signs nor hashes"
    table = Table("figure", "goal", "found", "ffmpeg | age", title=title)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        key = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
        recipient = key.split("public key: ")[1].split()[0]
        minute = folder / "minute.mp4"
        packets.encode(minute, SECONDS)
        pairs = [race(minute, folder, recipient) for _ in range(RUNS)]
    their_s, our_s = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratios = sorted(our / their for their, our in pairs)
    table.add_row(
        f"processor time of all but the encoders, 1080p30 at 4 Mb/s (medians of {RUNS}; theirs: -c copy)",
        "1.0 x",
        f"{our_s:.2f} s: {statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{their_s:.2f} s",
    )
    try:
        _add_whole(table, recipient)
    finally:  # what was measured until then is worth telling
        Console(file=sys.stdout, width=150).print(table)


def _add_whole(table: Table, recipient: str) -> None:
    """The rows of whole recorders, and which commands measure the rest."""
    reason = why_not()
    for size, (width, height, goal_mb) in SIZES.items():
        if reason is not None:
            table.add_row(f"memory and bytes written, {size}", f"{goal_mb} MB · 1.10", f"not measured: {reason}")
            continue
        mine, peer = whole(width, height), their_whole(width, height, recipient)
        table.add_row(
            f"peak memory, all of it, {size}", f"{goal_mb} MB", f"{mine.peak_mb:.0f} MB", f"{peer.peak_mb:.0f} MB"
        )
        table.add_row(f"processor time, H.264 by libx264, {size}", "", f"{mine.cpu_s:.1f} s", f"{peer.cpu_s:.1f} s")
        table.add_row(
            f"written for each byte of film, {size}, at {mine.mbit_s:.2f} Mb/s (theirs {peer.mbit_s:.2f})",
            "1.10",
            f"{mine.written_ratio:.3f}; {mine.around_mb:.1f} MB to start and end a journey",
            f"{peer.written_ratio:.3f}",
        )
    table.add_row("frames lost in an hour on a card that stalls", "0", "pytest -m hour -s tests/daemon -k eleven", "")
    table.add_row(
        "seconds lost per power cut, median · worst; without syncs, as theirs, beside it",
        "0.35 · 0.8",
        "scripts/powercut 100",
        "",
    )


if __name__ == "__main__":
    main()
