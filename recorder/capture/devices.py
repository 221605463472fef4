"""The configuration's camera and microphone, made but not opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from recorder.capture.clip import Clip
from recorder.capture.file import FileCamera, FileMicrophone
from recorder.capture.pace import Pace, steady
from recorder.capture.picamera import PiCamera
from recorder.capture.picamera_settings import PiCameraSettings
from recorder.capture.portaudio import PortAudioMicrophone
from recorder.capture.ports import Camera, Microphone
from recorder.capture.senses import Peephole
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from recorder.capture.webcam import Webcam, WebcamSettings
from recorder.capture.webcam_source import ENCODINGS, v4l2
from recorder.config import CameraConfig, Config
from recorder.events import Event
from recorder.timekeeping import NS_PER_S


@dataclass(frozen=True, slots=True)
class Devices:
    """What is captured with; ``microphone`` is None where sound is never recorded. They can be opened again and again.

    ``peephole``: where the camera shows what it sees.

    Keep them as long as the recorder runs: a clip goes on in real time between two journeys, and its camera and its
    microphone agree on what happens when only because they were made together.
    """

    camera: Camera
    microphone: Microphone | None
    peephole: Peephole = field(default_factory=Peephole)


def make_devices(config: Config, tell: Callable[[Event], None] | None = None) -> Devices:
    """Camera and microphone as configured. Opens neither, and asks no vendor's library for devices.

    ``tell`` hears, on threads of the devices, when the picture is made smaller because the computer cannot keep up.
    """
    clips: dict[Path, Clip] = {}

    def clip(path: Path | None) -> Clip:
        if path is None:  # config.py refuses this; a person never meets it
            raise ValueError("a file device without a path")
        return clips.setdefault(path, Clip(path))

    pace = Pace(tell) if tell is not None and config.camera.step_down else steady()
    peephole = Peephole()
    return Devices(_camera(config, clip, pace, peephole), _microphone(config, clip), peephole)


def frame_rate(config: Config) -> Fraction:
    """The configured rate, exactly as it was written."""
    return _exact(config.camera.fps)


def _camera(config: Config, clip: Callable[[Path | None], Clip], pace: Pace, peephole: Peephole) -> Camera:
    camera, vehicle, fps = config.camera, config.vehicle, frame_rate(config)
    width, height, bitrate_bps, gop_ns = camera.width, camera.height, camera.bitrate_bps, round(camera.gop_s * NS_PER_S)
    match camera.kind:
        case "file":
            seen = clip(camera.path)
            return FileCamera(seen, width, height, bitrate_bps, vehicle, gop_ns=gop_ns, pace=pace, peephole=peephole)
        case "synthetic":
            return SyntheticCamera(
                width, height, fps, bitrate_bps, vehicle, gop_ns=gop_ns, pace=pace, peephole=peephole
            )
        case "picamera":
            return PiCamera(_pi_settings(camera, fps), vehicle, pace=pace, peephole=peephole)
        case "webcam":
            encodings = tuple(one for one in ENCODINGS if one != "h264" or not camera.always_stamp)
            settings = WebcamSettings(width, height, fps, bitrate_bps, encodings, gop_ns)
            return Webcam(v4l2(str(camera.device), width, height, fps), settings, vehicle, pace=pace, peephole=peephole)


def _pi_settings(camera: CameraConfig, fps: Fraction) -> PiCameraSettings:
    return PiCameraSettings(
        width=camera.width,
        height=camera.height,
        fps=fps,
        bitrate_bps=camera.bitrate_bps,
        slowest_fps=None if camera.slowest_fps is None else _exact(camera.slowest_fps),
        exposure=camera.exposure,
        exposure_ev=camera.exposure_ev,
        upside_down=camera.upside_down,
        tuning=camera.tuning,
        number=camera.number,
        gop_s=camera.gop_s,
    )


def _microphone(config: Config, clip: Callable[[Path | None], Clip]) -> Microphone | None:
    microphone = config.microphone
    if config.audio.mode == "off":
        return None
    match microphone.kind:
        case "file":
            return FileMicrophone(clip(microphone.path or config.camera.path))
        case "synthetic":
            return SyntheticMicrophone(microphone.rate_hz)
        case "portaudio":
            return PortAudioMicrophone(microphone.device, microphone.rate_hz, microphone.channels)


def _exact(fps: float) -> Fraction:
    return Fraction(fps).limit_denominator(1000)
