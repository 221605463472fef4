"""How a camera is asked for its picture: streams, frame times, exposure. Nothing here imports a vendor's library.

Rules: YUV420 where the camera has it, for its first plane is what is stamped and looked at; a second, small stream only
where the camera is a Raspberry Pi's, because libcamera ends the process of whoever asks another one for two; nothing is
asked for that the camera does not advertise, for that raises.

Controls and their numbers: libcamera, ``control_ids_core.yaml``. Formats have picamera2's names.
"""

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

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
    infrared filter. ``number``: which of several cameras.
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

    @property
    def frame_durations_us(self) -> tuple[int, int]:
        """The shortest and the longest time from frame to frame."""
        return round(_US_PER_S / self.fps), round(_US_PER_S / (self.slowest_fps or self.fps))

    @property
    def keyframe_every(self) -> int:
        """Frames of a GOP: it lasts a second at most, also where the camera is at its slowest."""
        return max(1, int(self.slowest_fps or self.fps))


@dataclass(frozen=True, slots=True)
class Picture:
    """What the camera agreed to. ``planar``: brightness is a plane of its own; ``has_look``: with a small stream."""

    width: int
    height: int
    fps: Fraction
    planar: bool
    has_look: bool


def configure(camera: Any, settings: PiCameraSettings) -> Picture:
    """Configure an open Picamera2. Raises DeviceAbsentError where it has no format that can be stamped and encoded."""
    is_pi_camera = "ColorFilterArrangement" in camera.camera_properties  # picamera2 tells them apart by it, too
    wanted = {"size": (settings.width, settings.height)}
    for preferred in ("YUV420", "BGR888"):
        configuration = camera.create_video_configuration(
            main=wanted | {"format": preferred},
            lores={"size": LOOK_SIZE, "format": "YUV420"} if is_pi_camera else None,
            controls=_controls(camera, settings),
            buffer_count=_BUFFERS,
            display=None,
            queue=False,  # a frame goes to the encoder and back to the camera; nobody else will ask for it
        )
        if settings.upside_down:
            transform = type(configuration["transform"])  # libcamera's
            configuration["transform"] = transform(hflip=1, vflip=1)
        camera.configure(configuration)
        main = camera.stream_configuration("main")  # what libcamera made of it
        if main["format"] in _PLANAR + _PACKED:
            width, height = main["size"]
            return Picture(width, height, _rate(camera, settings), main["format"] in _PLANAR, is_pi_camera)
    raise DeviceAbsentError(f"The camera gives {main['format']} only, which cannot be stamped; use another one.")


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
