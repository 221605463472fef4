"""The configuration's camera and microphone, made but not opened."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from recorder.capture.clip import Clip
from recorder.capture.file import FileCamera, FileMicrophone
from recorder.capture.ports import Camera, Microphone
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from recorder.config import Config


@dataclass(frozen=True, slots=True)
class Devices:
    """What is captured with; ``microphone`` is None where sound is never recorded. They can be opened again and again.

    Keep them as long as the recorder runs: a clip goes on in real time between two journeys, and its camera and its
    microphone agree on what happens when only because they were made together.
    """

    camera: Camera
    microphone: Microphone | None


def make_devices(config: Config) -> Devices:
    """Camera and microphone as configured. Opens neither."""
    clips: dict[Path, Clip] = {}

    def clip(path: Path | None) -> Clip:
        if path is None:  # config.py refuses this; a person never meets it
            raise ValueError("a file device without a path")
        return clips.setdefault(path, Clip(path))

    camera, microphone = config.camera, config.microphone
    return Devices(
        camera=FileCamera(clip(camera.path), camera.width, camera.height, camera.bitrate_bps, config.vehicle)
        if camera.kind == "file"
        else SyntheticCamera(camera.width, camera.height, frame_rate(config), camera.bitrate_bps, config.vehicle),
        microphone=None
        if config.audio.mode == "off"
        else FileMicrophone(clip(microphone.path or camera.path))
        if microphone.kind == "file"
        else SyntheticMicrophone(microphone.rate_hz),
    )


def frame_rate(config: Config) -> Fraction:
    """The configured rate, exactly as it was written."""
    return Fraction(config.camera.fps).limit_denominator(1000)
