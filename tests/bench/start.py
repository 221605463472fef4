"""How long people wait: for the panel, for readiness, for the first durable frame, after a crash, after a withdrawal.

Whole recorders, driven from outside through panel and control socket; each figure over several starts. First as a
process of this machine; then, where root can make containers, as the installed unit in real systemd and in its sandbox,
from the moment at which systemd begins with it. "Panel answers": a turn of the key was taken. "Encoders ready": every
library of capture is loaded and both encoders have been opened; camera and microphone are closed. "Durable": on the
card after an fdatasync. How busy the machine was stands above each table, for it is measured, too.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from recorder.cabin.simulated import panel_client
from recorder.control import ask
from recorder.errors import NotRunningError
from tests.bench.starting import AsProcess, AsUnit, Startable
from tests.systemd import rootfs

RUNS = 7
PATIENCE_S = 30.0
SUITE = "trixie"
GOALS_S = {
    "start -> panel answers": 0.5,
    "start -> imports done, encoders ready": 2.0,
    "consent -> first durable frame": 1.0,
    "kill -9 -> durable again": 2.0,
    "withdrawal -> devices closed": 1.0,
}


class Bench:
    """One recorder, asked through its sockets directly: a process a question would be what is measured."""

    def __init__(self, recorder: Startable) -> None:
        self.recorder = recorder
        self.figures: dict[str, list[float]] = {name: [] for name in GOALS_S}

    def until(self, true: Callable[[dict[str, Any]], object]) -> None:
        """Ask until it is so."""
        give_up_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_s:
            try:
                if true(ask(self.recorder.runtime.control_socket, "status")):
                    return
            except NotRunningError:
                pass  # not yet
            time.sleep(0.005)
        raise TimeoutError(f"not within {PATIENCE_S:g} s; the log:\n{self.recorder.log()}")

    def press(self, line: str) -> None:
        """One line on the panel."""
        for _ in panel_client(self.recorder.runtime.panel_socket, [line]):
            pass

    def note(self, name: str, began_s: float, ended_s: float) -> None:
        """One figure; both moments by time.monotonic()."""
        self.figures[name].append(ended_s - began_s)

    def run(self) -> None:
        """One start, one journey, one crash, one withdrawal."""
        self.recorder.start()
        self.press("ignition on")
        answered_s = time.monotonic()
        self.until(lambda status: status["capture_ready"])
        ready_s = time.monotonic()
        self.note("start -> panel answers", self.recorder.began_s(), answered_s)
        self.note("start -> imports done, encoders ready", self.recorder.began_s(), ready_s)
        self.press("press consent")
        pressed_s = time.monotonic()
        self.until(lambda status: status["durable_video_age_s"] is not None)
        self.note("consent -> first durable frame", pressed_s, time.monotonic())
        self.until(lambda status: status["state"] == "Recording")
        killed_s = time.monotonic()
        self.recorder.crash()
        self.until(lambda status: status["durable_video_age_s"] is not None)
        self.note("kill -9 -> durable again", killed_s, time.monotonic())
        self.press("hold consent 3")
        released_s = time.monotonic()
        self.until(lambda status: status["state"] == "Withdrawn" and not status["devices_open"])
        self.note("withdrawal -> devices closed", released_s, time.monotonic())
        self.press("ignition off")
        self.recorder.stop()


def measure(recorder: Startable, what: str) -> Table:
    """The figures of ``recorder``, which is ended."""
    bench = Bench(recorder)
    try:
        for _ in range(RUNS):
            bench.run()
    finally:
        recorder.end()
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    title = f"{what}: {RUNS} runs, 1280x720 at 30 fps, {load}"
    table = Table("figure", "goal", "best", "median", "worst", title=title)
    for name, figures in bench.figures.items():
        seconds = [GOALS_S[name], min(figures), statistics.median(figures), max(figures)]
        table.add_row(name, f"{seconds[0]:g} s", *(f"{one:.2f} s" for one in seconds[1:]))
    return table


def main() -> None:
    """Measure and print."""
    console = Console(file=sys.stdout, width=100)
    with tempfile.TemporaryDirectory() as folder:
        console.print(measure(AsProcess(Path(folder) / "vehicle"), "As a process"))
    if reason := rootfs.why_not():
        console.print(f"Not measured as the installed unit: {reason}.")
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, AsUnit.installed(SUITE, Path(folder)) as unit:
        console.print(measure(unit, f"As the installed unit, {SUITE}"))


if __name__ == "__main__":
    main()
