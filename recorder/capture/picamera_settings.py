"""How a camera is asked for its picture: streams, frame times, exposure. Nothing here imports a vendor's library.

Rules: YUV420 where the camera has it, for its first plane is what is stamped and looked at; a second, small stream only
where the camera is a Raspberry Pi's, because libcamera ends the process of whoever asks another one for two; nothing is
asked for that the camera does not advertise, for that raises; the widest view that is fast enough (picamera_view.py).

Controls and their numbers: libcamera, ``control_ids_core.yaml``. Formats have picamera2's names.
"""

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from recorder.capture.picamera_view import SensorMode, is_narrow, tell_view, widest
from recorder.capture.stepping import Step
from recorder.errors import DeviceAbsentError

LOOK_SIZE = (320, 240)
Exposure = Literal["normal", "short", "long"]

_EXPOSURE_MODES: dict[Exposure, int] = {"normal": 0, "short": 1, "long": 2}  # AeExposureMode
_US_PER_S = 1_000_000
_PLANAR = ("YUV420", "NV12")  # the first plane is brightness
_PACKED = ("BGR888", "RGB888", "XBGR8888", "XRGB8888")
_BUFFERS = 6  # the encoder holds two; the others are what a busy processor may cost without a frame lost

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PiCameraSettings:
    """What the picture is to be.

    ``slowest_fps``: in the dark the camera may slow down so far, to expose each frame longer. ``exposure``: whether the
    automatic prefers long exposures to noise. ``exposure_ev``: so many stops brighter than it would choose.
    ``upside_down``: the camera hangs from the ceiling. ``tuning``: a tuning file by name, for cameras without an
    infrared filter. ``number``: which of several cameras. ``mode``: of the sensor; None: the one that shows most.
    ``gop_s``: a second at most.
    """

    width: int
    height: int
    fps: Fraction
    bitrate_bps: int
    slowest_fps: Fraction | None = None
    exposure: Exposure = "normal"
    exposure_ev: float = 0.0
    upside_down: bool = False
    tuning: str | None = None
    number: int = 0
    mode: SensorMode | None = None
    gop_s: float = 1.0

    def at(self, step: Step) -> "PiCameraSettings":
        """The same camera at a step of its pace: fewer frames, smaller."""
        fps = self.fps / step.every
        return replace(
            self,
            width=step.side(self.width),
            height=step.side(self.height),
            fps=fps,
            bitrate_bps=int(self.bitrate_bps * step.bitrate),
            slowest_fps=self.slowest_fps and min(fps, self.slowest_fps),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def frame_durations_us(self) -> tuple[int, int]:
        """The shortest and the longest time from frame to frame."""
        return round(_US_PER_S / self.fps), round(_US_PER_S / (self.slowest_fps or self.fps))

    @property
    def keyframe_every(self) -> int:
        """Frames of a GOP: it lasts ``gop_s`` at most, also where the camera is at its slowest."""
        return max(1, int((self.slowest_fps or self.fps) * Fraction(self.gop_s)))


@dataclass(frozen=True, slots=True)
class Picture:
    """What the camera agreed to.

    ``planar``: brightness is a plane of its own; ``has_look``: with a small stream; ``mode``: of the sensor, None where
    picamera2's own choice shows all.
    """

    width: int
    height: int
    fps: Fraction
    planar: bool
    has_look: bool
    mode: SensorMode | None


def configure(camera: Any, settings: PiCameraSettings) -> Picture:
    """Configure an open Picamera2. Raises DeviceAbsentError where no format of it can be stamped and encoded."""
    is_pi_camera, mode = _is_pi(camera), settings.mode
    for preferred in ("YUV420", "BGR888"):
        _ask(camera, settings, preferred, mode)
        if is_pi_camera and mode is None and is_narrow(camera, settings.size):
            mode = widest(camera.sensor_modes, settings.size, settings.fps)  # and now it is configured otherwise
            _ask(camera, settings, preferred, mode)
        main = camera.stream_configuration("main")  # what libcamera made of it
        if main["format"] in _PLANAR + _PACKED:
            tell_view(camera, settings.size)
            width, height = main["size"]
            planar = main["format"] in _PLANAR
            return Picture(width, height, _rate(camera, settings), planar, is_pi_camera, mode)
    raise DeviceAbsentError(f"The camera gives {main['format']} only, which cannot be stamped; use another one.")


def _is_pi(camera: Any) -> bool:
    """A camera of the Raspberry Pi's own; picamera2 tells them by it, too."""
    return "ColorFilterArrangement" in camera.camera_properties


def _ask(camera: Any, settings: PiCameraSettings, preferred: str, mode: SensorMode | None) -> None:
    configuration = camera.create_video_configuration(
        main={"size": settings.size, "format": preferred},
        lores={"size": LOOK_SIZE, "format": "YUV420"} if _is_pi(camera) else None,
        controls=_controls(camera, settings),
        sensor={} if mode is None else {"output_size": mode.size, "bit_depth": mode.bit_depth},
        buffer_count=_BUFFERS,
        display=None,
        queue=False,  # a frame goes to the encoder and back to the camera; nobody else will ask for it
    )
    if settings.upside_down:
        transform = type(configuration["transform"])  # libcamera's
        configuration["transform"] = transform(hflip=1, vflip=1)
    camera.configure(configuration)


def _controls(camera: Any, settings: PiCameraSettings) -> dict[str, Any]:
    """What is asked of the automatic, as far as the camera knows it."""
    asked = {
        "FrameDurationLimits": settings.frame_durations_us,
        "AeExposureMode": _EXPOSURE_MODES[settings.exposure],
        "ExposureValue": settings.exposure_ev,
    }
    unknown = [name for name in asked if name not in camera.camera_controls]
    if unknown:
        _log.warning("the camera has no %s; it does as it likes", ", ".join(unknown))
    return {name: value for name, value in asked.items() if name not in unknown}


def _rate(camera: Any, settings: PiCameraSettings) -> Fraction:
    """The configured rate, or the camera's own where that is lower."""
    limits = camera.camera_controls.get("FrameDurationLimits")
    if limits is None:
        return settings.fps
    return min(settings.fps, Fraction(_US_PER_S, max(1, int(limits[0]))))
