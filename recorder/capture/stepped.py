"""Canvas, stamp and encoder of one opening of a camera, made smaller or larger between two frames as its pace changes.

Rules: nothing is lost by a change: the frame after it is the first one of the new picture, a keyframe; frames left out
are left out evenly, and those recorded last as much longer; the frame's number counts the camera's frames, recorded or
not. For cameras that are encoded here; a Raspberry Pi's is opened anew instead (picamera.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from recorder.capture.encoder import GOP_NS, Canvas, PictureEncoder
from recorder.capture.stamp import Stamp
from recorder.timekeeping import boottime_ns

if TYPE_CHECKING:
    from recorder.capture.pace import Pace
    from recorder.capture.ports import VideoFormat, VideoPacket


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the picture is to be at the first step. ``dot_shape``: width of a dot by its height."""

    width: int
    height: int
    fps: Fraction
    bitrate_bps: int
    gop_ns: int = GOP_NS
    dot_shape: Fraction = Fraction(1)


class SteppedEncoder:
    """Encodes what is drawn on ``canvas``; look at ``canvas`` and ``format`` anew for each frame."""

    def __init__(self, drawn: Drawn, vehicle: str, pace: Pace) -> None:
        """Raises DeviceAbsentError where no encoder opens with these settings."""
        self._drawn, self._vehicle, self._pace = drawn, vehicle, pace
        self._next_number = 0
        pace.opened(drawn.width, drawn.height, drawn.fps)
        self._begin()

    @property
    def format(self) -> VideoFormat:
        """What comes out now. Its rate is the camera's, whose frames are numbered, also where some are left out."""
        return self._format

    def takes(self, number: int) -> bool:
        """Whether the camera's frame of this number is recorded; the others need not even be drawn."""
        return number >= self._next_number

    def encode(self, captured_ns: int, duration_ns: int, number: int) -> VideoPacket:
        """Stamp and encode what is on the canvas. Raises CaptureError. ``duration_ns``: of one of the camera's."""
        every = self._pace.step.every
        self._next_number = number + every
        self._stamp.apply(self.canvas.y, captured_ns, number)
        packet = self._encoder.encode(self.canvas.frame, captured_ns, duration_ns * every)
        packet = packet._replace(video=self._format)
        if self._pace.saw(captured_ns, boottime_ns()):
            self._begin()
        return packet

    def _begin(self) -> None:
        drawn, step = self._drawn, self._pace.step
        width, height = step.side(drawn.width), step.side(drawn.height)
        fps, bitrate_bps = drawn.fps / step.every, int(drawn.bitrate_bps * step.bitrate)
        self._encoder = PictureEncoder(width, height, fps, bitrate_bps, dot_shape=drawn.dot_shape, gop_ns=drawn.gop_ns)
        self._format = replace(self._encoder.format, fps=drawn.fps)
        self.canvas = Canvas(width, height)
        self._stamp = Stamp(self._vehicle, width, height)
