"""A recorder whose camera sees nothing says so: on its lamps, in its status, in the signed log; and records on."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from recorder.assembly import assemble
from recorder.capture.pipeline import Capture
from recorder.capture.sentinel import Patience
from recorder.clerk import CapturePlan
from recorder.config import MicrophoneConfig, SentinelConfig, load
from tests.capture.clips import ffmpeg
from tests.daemon.vehicle import Vehicle


def test_a_covered_lens_from_outside(make_vehicle: Callable[..., Vehicle], tmp_path: Path) -> None:
    """In the light, and from the journey's beginning: five seconds, and the driver knows."""
    clip = tmp_path / "gray.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=gray:size=320x240:rate=15:duration=5", "-c:v", "libx264", clip)
    vehicle = make_vehicle(camera="file", clip=f'path = "{clip}"')
    journey = vehicle.record()
    status = vehicle.until(lambda status: "camera-covered" in status["faults"], patience_s=60)
    assert status["state"] == "Impaired"
    vehicle.panel("ignition off")
    vehicle.until_state("Parked")
    assert vehicle.stop() == 0
    faults = [entry["data"] for entry in vehicle.log(journey) if entry["event"] == "fault"]
    assert faults == [{"kind": "camera-covered"}]
    assert all(journey["segments"] for journey in vehicle.journeys())


@pytest.mark.parametrize(
    ("microphone", "sentinel", "patience"),
    [
        ("synthetic", SentinelConfig(), Patience()),
        ("synthetic", SentinelConfig(silence_s=30.0), Patience(silent_s=30.0)),
        ("synthetic", SentinelConfig(enabled=False), None),
        ("file", SentinelConfig(), Patience(silent_s=math.inf)),
    ],
)
def test_the_configuration_says_what_is_watched(
    vehicle: Vehicle,
    monkeypatch: pytest.MonkeyPatch,
    microphone: str,
    sentinel: SentinelConfig,
    patience: Patience | None,
) -> None:
    """A clip's sound may be silent for as long as it likes; what the camera shows goes where the sentinel looks."""
    asked: list[object] = []
    begin = Capture.__init__

    def remember(capture: Capture, **arguments: object) -> None:
        asked.append(arguments["watched"])
        begin(capture, **arguments)

    monkeypatch.setattr(Capture, "__init__", remember)
    kind = MicrophoneConfig(kind=microphone, path=vehicle.config)
    parts = assemble(replace(load(vehicle.config), microphone=kind, sentinel=sentinel))
    parts.begin_capture(CapturePlan("20260101T000000Z-0000", 0, 1), True)
    assert asked == [patience and (parts._devices.peephole, patience)]
    assert parts._devices.camera._peephole is parts._devices.peephole
