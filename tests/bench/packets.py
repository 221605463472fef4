"""A minute that is encoded already: devices that deliver its packets in real time, so that no encoder is measured.

``PacketCamera`` and ``PacketSound`` stand where a Pi's camera chip and an AAC encoder would; what they hand on is what
``ffmpeg -c copy`` copies out of the same file.
"""

import subprocess
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from recorder.capture.boxes import AAC_FRAME
from recorder.capture.clocks import RATE_HZ
from recorder.capture.muxer import SoundPacket
from recorder.capture.ports import AudioBlock, DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.sound import SoundEncoder
from recorder.timekeeping import NS_PER_S, boottime_ns

WIDTH, HEIGHT, FPS, BITRATE_BPS = 1920, 1080, 30, 4_000_000


def encode(path: Path, seconds: int) -> None:
    """Make the minute: noise enough to need the bitrate, a keyframe a second, no B-frames, AAC mono 64 kb/s."""
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS},noise=alls=12:allf=t"
    rate = f"{BITRATE_BPS // 1000}k"
    subprocess.run(
        [
            *("ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", f"anoisesrc=sample_rate={RATE_HZ}:amplitude=0.1", "-t", str(seconds)),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", str(FPS)),
            *("-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-x264-params", "nal-hrd=cbr"),
            *("-c:a", "aac", "-ac", "1", "-b:a", "64k", path),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )


class Packets:
    """What lies in such a file, in memory: ``video`` as Annex B with whether it is a keyframe, ``audio`` as it is."""

    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            extradata = stream.codec_context.extradata or b""
            annexb: Any = av.BitStreamFilterContext("h264_mp4toannexb", stream)
            found: list[Any] = []
            for packet in container.demux(stream):
                found += annexb.filter(packet if packet.size else None)
        self.video = [(bytes(packet), bool(packet.is_keyframe)) for packet in found]
        with av.open(str(path)) as container:
            self.audio = [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
        self.format = VideoFormat(WIDTH, HEIGHT, Fraction(FPS), _annexb(extradata))


def _annexb(avcc: bytes) -> bytes:
    """SPS and PPS of an ``avcC`` with one each (ISO/IEC 14496-15, 5.3.3.1)."""
    sps_bytes = int.from_bytes(avcc[6:8], "big")
    sps, rest = avcc[8 : 8 + sps_bytes], avcc[8 + sps_bytes :]
    return b"\0\0\0\1" + sps + b"\0\0\0\1" + rest[3 : 3 + int.from_bytes(rest[1:3], "big")]


class _Player:
    """Calls ``deliver(n, captured_ns)`` when the n-th of ``per_s`` is due, on a thread of its own.

    As cheaply as ffmpeg's ``-re`` does it: a sleep for each, for it is not the source that is measured.
    """

    def __init__(self, per_s: int, deliver: Callable[[int, int], None]) -> None:
        self._per_s, self._deliver = per_s, deliver
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ending = True
        self._thread.join()

    def _run(self) -> None:
        began_ns, number, captured_ns = boottime_ns(), 0, boottime_ns()
        while not self._ending:
            due_ns = began_ns + (number + 1) * NS_PER_S // self._per_s
            time.sleep(max(0, due_ns - boottime_ns()) / NS_PER_S)
            self._deliver(number, captured_ns)
            number, captured_ns = number + 1, due_ns


class PacketCamera:
    """Delivers the pictures; after the last the first again."""

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self._player: _Player | None = None

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        video, duration_ns = self._packets.video, NS_PER_S // FPS

        def deliver(number: int, captured_ns: int) -> None:
            data, is_keyframe = video[number % len(video)]
            on_packet(VideoPacket(data, captured_ns, duration_ns, is_keyframe))

        self._player = _Player(FPS, deliver)
        return self._packets.format

    def close(self) -> None:
        if self._player is not None:
            self._player.end()
            self._player = None


class PacketMicrophone:
    """Delivers silence, 100 ms at once as ``PortAudioMicrophone`` does; the sound is in the packets."""

    def __init__(self) -> None:
        self._player: _Player | None = None

    def open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        block = np.zeros(RATE_HZ // 10, np.int16)

        def deliver(_: int, captured_ns: int) -> None:
            on_block(AudioBlock(block, captured_ns, RATE_HZ))

        self._player = _Player(10, deliver)

    def close(self) -> None:
        if self._player is not None:
            self._player.end()
            self._player = None


class PacketSound(SoundEncoder):
    """The recorder's own, but for the AAC encoder: for every 1024 samples it takes the next packet of the file."""

    def __init__(self, packets: Packets, position: int) -> None:
        super().__init__(position)
        self._audio, self._number = packets.audio, 0

    def _encode(self, samples: np.ndarray | None) -> list[SoundPacket]:
        if samples is None:
            return []
        packet = SoundPacket(self._audio[self._number % len(self._audio)], self._next)
        self._number, self._next = self._number + 1, self._next + AAC_FRAME
        return [packet]
