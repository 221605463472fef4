"""How long people wait: for the panel, for readiness, for the first durable frame, after a crash, after a withdrawal.

Whole processes, begun as systemd begins them and driven from outside through panel and control socket; each figure over
several starts. "Panel answers": a turn of the key was taken. "Encoders ready": every library of capture is loaded and
both encoders have been opened; camera and microphone are closed. "Durable": on the card after an fdatasync. How busy
the machine was stands above the table, for it is measured, too.
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
from recorder.runtime import Runtime
from tests.daemon.vehicle import Vehicle

RUNS = 7
PATIENCE_S = 30.0
GOALS_S = {
    "start -> panel answers": 0.5,
    "start -> imports done, encoders ready": 2.0,
    "consent -> first durable frame": 1.0,
    "kill -9 -> durable again": 2.0,
    "withdrawal -> devices closed": 1.0,
}


class Bench:
    """One vehicle, asked through its sockets directly: a process a question would be what is measured."""

    def __init__(self, folder: Path) -> None:
        self.vehicle = Vehicle(folder, width=1280, height=720, fps=30, length_s=10)
        self.runtime = Runtime(folder / "runtime")
        self.figures: dict[str, list[float]] = {name: [] for name in GOALS_S}

    def until(self, true: Callable[[dict[str, Any]], object]) -> None:
        """Ask until it is so."""
        give_up_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_s:
            try:
                if true(ask(self.runtime.control_socket, "status")):
                    return
            except NotRunningError:
                pass  # not yet
            time.sleep(0.005)
        raise TimeoutError(f"not within {PATIENCE_S:g} s; see {self.vehicle.log_path}")

    def press(self, line: str) -> None:
        """One line on the panel."""
        for _ in panel_client(self.runtime.panel_socket, [line]):
            pass

    def note(self, name: str, began_s: float) -> None:
        """One figure."""
        self.figures[name].append(time.monotonic() - began_s)

    def run(self) -> None:
        """One start, one journey, one crash, one withdrawal."""
        began_s = time.monotonic()
        self.vehicle.start()
        self.press("ignition on")
        self.note("start -> panel answers", began_s)
        self.until(lambda status: status["capture_ready"])
        self.note("start -> imports done, encoders ready", began_s)
        self.press("press consent")
        pressed_s = time.monotonic()
        self.until(lambda status: status["durable_video_age_s"] is not None)
        self.note("consent -> first durable frame", pressed_s)
        self.until(lambda status: status["state"] == "Recording")
        killed_s = time.monotonic()
        self.vehicle.kill()
        self.vehicle.start()
        self.until(lambda status: status["durable_video_age_s"] is not None)
        self.note("kill -9 -> durable again", killed_s)
        self.press("hold consent 3")
        released_s = time.monotonic()
        self.until(lambda status: status["state"] == "Withdrawn" and not status["devices_open"])
        self.note("withdrawal -> devices closed", released_s)
        self.press("ignition off")
        self.vehicle.stop()


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "vehicle")
        try:
            for _ in range(RUNS):
                bench.run()
        finally:
            bench.vehicle.end()
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    table = Table("figure", "goal", "best", "median", "worst", title=f"{RUNS} runs, 1280x720 at 30 fps, {load}")
    for name, figures in bench.figures.items():
        seconds = [GOALS_S[name], min(figures), statistics.median(figures), max(figures)]
        table.add_row(name, f"{seconds[0]:g} s", *(f"{one:.2f} s" for one in seconds[1:]))
    Console(file=sys.stdout, width=100).print(table)


if __name__ == "__main__":
    main()
