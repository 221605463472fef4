"""Real H.264 and AAC in fragmented MP4, as a recorder makes it: one encoder, many segments, one timeline."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

VIDEO_HZ, SOUND_HZ = 90_000, 48_000
_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont",
    "use_editlist": "1",
    "frag_duration": "250000",
    "max_interleave_delta": "200000",
    "flush_packets": "1",
}


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded packet; ``time_s`` on the journey's timeline, ``pts`` in its own time base."""

    data: bytes
    pts: int
    duration: int
    is_keyframe: bool
    is_video: bool

    @property
    def time_s(self) -> float:
        return self.pts / (VIDEO_HZ if self.is_video else SOUND_HZ)


class Recording:
    """``seconds`` of moving picture and a rising tone, encoded once, cut into segments at will."""

    def __init__(self, seconds: int, size: tuple[int, int] = (160, 120), fps: int = 30) -> None:
        self.size = size
        self.fps = fps
        self._template = av.open(_Sink(), "w", format="mp4")
        self._sound = self._template.add_stream("aac", rate=SOUND_HZ)
        self._sound.layout = "mono"
        self.packets = [*self._pictures(seconds), *self._tone(seconds)]

    def segment(self, from_s: float, to_s: float, *, shift_s: float = 0.0) -> bytes:
        """The packets that begin in ``[from_s, to_s)``; written as if they had been captured ``shift_s`` later."""
        sink = _Sink()
        output = av.open(sink, "w", format="mp4", options=_OPTIONS)
        width, height = self.size
        video: Any = output.add_mux_stream(
            "h264", rate=self.fps, width=width, height=height, time_base=Fraction(1, VIDEO_HZ)
        )
        sound: Any = output.add_stream_from_template(self._sound, opaque=True)
        chosen = [packet for packet in self.packets if from_s <= max(packet.time_s, 0.0) < to_s]
        for packet in sorted(chosen, key=lambda packet: packet.time_s):
            hz = VIDEO_HZ if packet.is_video else SOUND_HZ
            muxed = av.Packet(packet.data)
            muxed.pts = muxed.dts = packet.pts + round(shift_s * hz)
            muxed.duration = packet.duration
            muxed.time_base = Fraction(1, hz)
            muxed.is_keyframe = packet.is_keyframe
            muxed.stream = video if packet.is_video else sound
            output.mux_one(muxed)
        output.close()
        return bytes(sink.data)

    def segments(self, length_s: float, count: int) -> list[bytes]:
        """``count`` segments of ``length_s`` that follow each other without a gap."""
        return [self.segment(number * length_s, (number + 1) * length_s) for number in range(count)]

    def _pictures(self, seconds: int) -> list[Packet]:
        width, height = self.size
        encoder: Any = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, VIDEO_HZ), Fraction(self.fps)
        encoder.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x264-params": f"keyint={self.fps}:scenecut=0:repeat-headers=1",
        }
        noise = np.random.default_rng(1).integers(0, 256, (height * 3 // 2, width), dtype=np.uint8)
        packets = []
        for number in range(seconds * self.fps):
            frame: Any = av.VideoFrame.from_ndarray(np.roll(noise, number, axis=1), format="yuv420p")
            frame.pts, frame.time_base = number * VIDEO_HZ // self.fps, Fraction(1, VIDEO_HZ)
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        return [Packet(bytes(p), p.pts, VIDEO_HZ // self.fps, bool(p.is_keyframe), is_video=True) for p in packets]

    def _tone(self, seconds: int) -> list[Packet]:
        encoder: Any = self._sound.codec_context
        packets = []
        for start in range(0, seconds * SOUND_HZ - 1024, 1024):
            moments = np.arange(start, start + 1024) / SOUND_HZ
            samples = (0.3 * np.sin(2 * np.pi * (200 + 100 * moments) * moments)).astype(np.float32)
            frame: Any = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        return [Packet(bytes(p), p.pts, 1024, is_keyframe=True, is_video=False) for p in packets]


class _Sink:
    """Only ``write``: libavformat takes it for a pipe."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)
