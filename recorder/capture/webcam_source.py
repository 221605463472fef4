"""A V4L2 device as PyAV opens it, and the moment each of its frames was captured.

Rules: reading never waits in the driver, for there nothing could end it (libavdevice waits in VIDIOC_DQBUF unless it
was told not to when it opened the device); packets come as the driver gave them, for libavformat's parser loses the
time of the first; the clock of V4L2 is CLOCK_MONOTONIC (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, in
µs), which stands still while the machine sleeps and is brought to boottime here.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import av

from recorder.errors import DeviceAbsentError
from recorder.timekeeping import NS_PER_S, suspended_ns

Encoding = Literal["h264", "mjpeg", "raw"]
ENCODINGS: tuple[Encoding, ...] = ("h264", "mjpeg", "raw")  # the least work first

_OPEN_WITHIN_S = 4.0
_PLAUSIBLE_NS = 5 * NS_PER_S  # a frame that claims to be older, or of the future, has a clock of its own
_FLAGS = av.container.Flags.non_block | av.container.Flags.no_parse | av.container.Flags.no_fillin
_ANALYSE_US = 1  # the driver has said what it gives; else libavformat watches H.264 for a second and a half

Open = Callable[[Encoding], Any]  # gives an av.container.InputContainer


def v4l2(device: str, width: int, height: int, fps: Fraction) -> Open:
    """Opens ``device`` (a path; ``/dev/v4l/by-id/...`` stays the same whatever else is plugged in).

    The result raises av's FFmpegError; FileNotFoundError among them where there is no such device. What the camera does
    not offer of size and rate, the driver replaces by what is nearest.
    """

    def open_as(encoding: Encoding) -> Any:
        """The device, open."""
        options = {
            "video_size": f"{width}x{height}",
            "framerate": f"{float(fps):g}",
            "fflags": str(_FLAGS.value),
            "analyzeduration": str(_ANALYSE_US),
        }
        if encoding != "raw":
            options["input_format"] = encoding
        return av.open(device, format="v4l2", options=options, timeout=(_OPEN_WITHIN_S, None))

    return open_as


def first_offered(open_as: Open, wanted: tuple[Encoding, ...]) -> tuple[Any, Encoding]:
    """The camera opened with the first of these encodings that it offers. Raises DeviceAbsentError."""
    reasons = []
    for encoding in wanted:
        try:
            return open_as(encoding), encoding
        except FileNotFoundError as error:
            raise DeviceAbsentError(f"There is no camera {error.filename}; see camera.device.") from error
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reasons.append(f"{encoding}: {error}")
    raise DeviceAbsentError(f"The camera does not open ({'; '.join(reasons)}).")


def captured_ns(pts_us: int | None, now_ns: int) -> int:
    """The boottime of a frame that V4L2 stamped ``pts_us`` and that is here at ``now_ns``, which it is if in doubt."""
    if pts_us is None:
        return now_ns
    at_ns = pts_us * 1_000 + suspended_ns()
    return at_ns if 0 <= now_ns - at_ns < _PLAUSIBLE_NS else now_ns
