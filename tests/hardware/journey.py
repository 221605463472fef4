"""One journey of the whole recorder on given devices, and what it cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.cabin.simulated import panel_client
from recorder.control import ask
from recorder.runtime import Runtime
from tests.contract.harness import pause
from tests.daemon.vehicle import Vehicle
from tests.hardware.machine import usage

WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a journey left in its signed log, and what the recorder used for it. ``pictures``: its frames."""

    pictures: int
    lasted_s: float
    samples: int
    gaps: list
    faults: list
    consent_to_durable_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Camera and microphone as the configuration names them (the lines of their tables)."""

    camera: str
    microphone: str


def record(folder: Path, parts: Parts, size: tuple[int, int], seconds: float) -> Recorded:
    """Start the recorder, consent, record for so long, switch off. Footage lies in ``folder``, encrypted as ever."""
    vehicle = Vehicle(folder, width=size[0], height=size[1], fps=30, length_s=10, run_on_s=0)
    text = vehicle.config.read_text()
    for table, lines in (("camera", parts.camera), ("microphone", parts.microphone)):
        text = text.replace(f'[{table}]\nkind = "synthetic"', f"[{table}]\n{lines}")
    vehicle.config.write_text(text)
    vehicle.start()
    runtime = Runtime(folder / "runtime")

    def until(true: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Asked through the socket: a process for each question would be what is measured."""
        give_up_s = time.monotonic() + WITHIN_S
        while not true(status := ask(runtime.control_socket, "status")):
            assert time.monotonic() < give_up_s, f"last status {status}; log:\n{vehicle.log_path.read_text()[-3000:]}"
            pause(0.01)
        return status

    try:
        vehicle.panel("ignition on")
        until(lambda status: status["capture_ready"])
        list(panel_client(runtime.panel_socket, ["press consent"]))
        pressed_s = time.monotonic()
        journey = until(lambda status: status["durable_video_age_s"] is not None)["journey"]
        durable_s = time.monotonic() - pressed_s
        pause(seconds)
        status = ask(runtime.control_socket, "status")
        used = usage(vehicle.process.pid)
        vehicle.panel("ignition off")
        vehicle.until_state("Parked")
        vehicle.stop()
    finally:
        vehicle.end()
    sealed = [entry["data"] for entry in vehicle.log(journey) if entry["event"] == "segment-sealed"]
    return Recorded(
        pictures=sum(segment["video_frames"] for segment in sealed),
        lasted_s=(sealed[-1]["last_boottime_ns"] - sealed[0]["first_boottime_ns"]) / 1e9,
        samples=sum(segment["audio_samples"] for segment in sealed),
        gaps=[gap for segment in sealed for gap in segment["gaps"]],
        faults=status["faults"],
        consent_to_durable_s=durable_s,
        cpu_s=used.cpu_s,
        peak_mb=used.peak_mb,
    )
