"""H.264 by picamera2's encoders, and where their packets go. Imports picamera2: import it where a camera is opened.

Rules: nothing is left to the vendor's defaults; the hardware encoder is used where there is one (Raspberry Pi 4 and
older), else libx264; what leaves the encoder is handed over and never waited for, and no exception of ours reaches its
thread; keyframes come by count alone, for ``LibavH264Encoder.force_key_frame`` fails with PyAV from 14.2 on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from picamera2.encoders import Encoder, H264Encoder, LibavH264Encoder
from picamera2.outputs import Output

from recorder.capture.picamera_settings import PiCameraSettings

HARDWARE = Path("/dev/video11")  # bcm2835-codec, encoder; picamera2 opens it by this name
_PROFILE = "high"
_PRESET = "superfast"  # as in encoder.py, and for the same reason
_THREADS = 2  # x264 by frames: each more delays a packet by a frame


def make_encoder(settings: PiCameraSettings) -> Encoder:
    """An encoder with everything set, not started."""
    common = {
        "bitrate": settings.bitrate_bps,
        "repeat": True,  # parameter sets with each keyframe: the format is read from the first one
        "iperiod": settings.keyframe_every,
        "profile": _PROFILE,
    }
    if H264Encoder is not LibavH264Encoder and HARDWARE.exists():
        return H264Encoder(framerate=float(settings.fps), **common)
    encoder = LibavH264Encoder(framerate=settings.fps, **common)
    encoder.preset, encoder.threads = _PRESET, _THREADS
    return encoder


class PacketOutput(Output):  # type: ignore[misc]  # picamera2 has no types
    """Hands each packet to ``take``: its bytes, whether a keyframe, and its sensor timestamp in µs of boottime."""

    def __init__(
        self, encoder: Encoder, take: Callable[[bytes, bool, int], None], failed: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._encoder, self._take, self._failed = encoder, take, failed

    def outputframe(
        self,
        frame: Any,
        keyframe: bool = True,
        timestamp: int | None = None,
        packet: Any = None,
        audio: bool = False,
    ) -> None:
        """Called by the encoder, on its thread; ``timestamp`` is in µs since its first frame."""
        if audio or timestamp is None:
            return
        try:
            self._take(bytes(frame), bool(keyframe), self._encoder.firsttimestamp + timestamp)
        except Exception as error:  # noqa: BLE001 - it would end the encoder's thread, and the camera would just stop
            self._failed(f"The camera's packet could not be taken: {error!r}.")
