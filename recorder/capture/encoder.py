"""H.264 for cameras that have no encoder of their own: libx264, through PyAV.

Rules: a frame in is a packet out (zerolatency, no B-frames); a GOP lasts one second at most, whatever the camera's rate
does; SPS and PPS are known before the first frame. ``superfast`` is the slowest preset that leaves half of a slow
core free at 720p30 (README, "What it costs").
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, VideoReformatter

from recorder.capture.annexb import parameter_sets
from recorder.capture.ports import VideoFormat, VideoPacket
from recorder.errors import CaptureError, DeviceAbsentError

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

GOP_NS = 1_000_000_000
_JITTER_NS = 500_000  # a keyframe due at the second must not come a frame early for a microsecond's jitter
_START_CODE = b"\x00\x00\x00\x01"


class Canvas:
    """A frame to draw on, used again and again: ``planes`` Y, U and V (8-bit 4:2:0, limited range) as arrays."""

    def __init__(self, width: int, height: int) -> None:
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.planes = planes_of(self.frame)
        self.y = self.planes[0]
        self._reformatter = VideoReformatter()

    def paint(self, picture: av.VideoFrame) -> None:
        """Copy a frame of any size and format; never draw on a decoder's own, which it still refers to.

        Full range (JPEG, telephones) becomes limited range; what does not say which it has is taken for limited.
        """
        # Said only where it matters: PyAV converts whatever it is told a range for, 0.7 ms a frame at 720p.
        limited = {"dst_color_range": ColorRange.MPEG} if picture.color_range == ColorRange.JPEG else {}
        same = self._reformatter.reformat(picture, self.frame.width, self.frame.height, "yuv420p", **limited)
        for mine, theirs in zip(self.planes, planes_of(same), strict=True):
            mine[:] = theirs


def planes_of(frame: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """The planes of a yuv420p frame as arrays that share its memory, without the padding of their lines."""

    def lines(plane: Any) -> Plane:
        return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]

    y, u, v = map(lines, frame.planes)
    return y, u, v


class PictureEncoder:
    """One run of libx264. Raises DeviceAbsentError where it cannot be opened with these settings."""

    def __init__(
        self,
        width: int,
        height: int,
        fps: Fraction,
        bitrate_bps: int,
        *,
        dot_shape: Fraction = Fraction(1),
        gop_ns: int = GOP_NS,
    ) -> None:
        """``dot_shape``: width of a dot by its height (sample aspect ratio). ``gop_ns``: the longest a GOP may last."""
        context: Any = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate, context.time_base = fps, 1 / fps
        context.bit_rate, context.sample_aspect_ratio = bitrate_bps, dot_shape
        context.thread_count = 2  # sliced: two slow cores share each frame
        context.flags |= av.codec.context.Flags.global_header
        context.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "maxrate": str(bitrate_bps),
            "bufsize": str(bitrate_bps),
            "x264-params": "keyint=infinite:scenecut=0",  # keyframes are placed below, by time
        }
        try:
            context.open()
        except (av.error.FFmpegError, ValueError) as error:
            raise DeviceAbsentError(
                f"The H.264 encoder does not open at {width}x{height}, {float(fps):g} frames a second: {error}."
            ) from error
        self._context, self._gop_ns = context, gop_ns
        self._keyframe_ns: int | None = None
        sps, pps = parameter_sets(bytes(context.extradata))
        self.format = VideoFormat(width, height, fps, _START_CODE + sps + _START_CODE + pps)

    def encode(self, frame: av.VideoFrame, captured_ns: int, duration_ns: int) -> VideoPacket:
        """Encode one frame; ``frame`` may be drawn on again at once. Raises CaptureError."""
        frame.pts = None  # x264 counts frames; the times that matter travel beside them
        frame.pict_type = PictureType.I if self._keyframe_is_due(captured_ns, duration_ns) else PictureType.NONE
        try:
            (packet,) = self._context.encode(frame)
        except (av.error.FFmpegError, ValueError) as error:
            raise CaptureError(f"The H.264 encoder failed: {error}.") from error
        if packet.is_keyframe:
            self._keyframe_ns = captured_ns
        return VideoPacket(bytes(packet), captured_ns, duration_ns, packet.is_keyframe)

    def _keyframe_is_due(self, captured_ns: int, duration_ns: int) -> bool:
        """Whether a keyframe at the next frame would come more than a GOP after the last one."""
        return self._keyframe_ns is None or captured_ns + duration_ns > self._keyframe_ns + self._gop_ns + _JITTER_NS
