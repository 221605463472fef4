"""A film to redact, as `open` makes one: stamped pictures of a person in a car, at uneven times, a gap, a voice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from recorder.capture.stamp import Stamp
from recorder.office.redaction.boxes import Box, Key
from tests.capture.clips import CARPHONE
from tests.office.moving_faces import labels

VIDEO_HZ, SOUND_HZ = 90_000, 48_000
GAP_AFTER, GAP_S = 80, 1.5  # frames; nothing was filmed for so long
VOICE_HZ = 205.0
WIDTH, HEIGHT = 176, 144


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a film, decoded: its time in units of 1/90000 s, and its planes."""

    pts: int
    y: npt.NDArray[np.uint8]
    chroma: npt.NDArray[np.uint8]


def times() -> list[int]:
    """When each of the 120 frames was taken: about 30 a second, never quite, and a gap."""
    return [
        number * 3003 + 400 * (number % 3) + (round(GAP_S * VIDEO_HZ) if number >= GAP_AFTER else 0)
        for number in range(120)
    ]


def film(path: Path, *, with_sound: bool = True) -> Path:
    """Write it to ``path``."""
    with av.open(str(path), "w") as container:
        picture: Any = container.add_stream("libx264", rate=30, options={"crf": "12", "bf": "0", "preset": "veryfast"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.codec_context.time_base = picture.time_base = Fraction(1, VIDEO_HZ)
        sound: Any = container.add_stream("aac", rate=SOUND_HZ) if with_sound else None
        if with_sound:
            sound.layout = "mono"
            container.mux([packet for frame in sound_frames(5.4) for packet in sound.encode(frame)])
            container.mux(sound.encode(None))
        for frame, pts in zip(_pictures(), times(), strict=True):
            frame.pts, frame.time_base = pts, Fraction(1, VIDEO_HZ)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
    return path


def face_at(number: int) -> Box:
    """Where the face is in a frame: as labelled, and between labels in a straight line."""
    keys = [Key(float(at), boxes[0]) for at, boxes in sorted(labels("carphone_pristine.mp4").items())]
    before = [key for key in keys if key.at_s <= number][-1]
    after = next((key for key in keys if key.at_s > number), None)
    if after is None:
        return before.box
    return before.box.between(after.box, (number - before.at_s) / (after.at_s - before.at_s))


def voice(seconds: float, pitch_hz: float = VOICE_HZ) -> npt.NDArray[np.float32]:
    """A vowel that comes and goes four times a second: a throat's pulses through three resonances."""
    count = round(seconds * SOUND_HZ)
    moments = np.arange(count) / SOUND_HZ
    throat = np.diff(np.floor(moments * pitch_hz), prepend=0.0)
    sound = np.zeros(count)
    for formant_hz, width_hz in ((700, 90), (1200, 110), (2600, 160)):
        decay = math.exp(-math.pi * width_hz / SOUND_HZ)
        ringing = decay ** np.arange(4000) * np.sin(2 * np.pi * formant_hz * np.arange(4000) / SOUND_HZ)
        sound += np.convolve(throat, ringing)[:count]
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * moments)
    return (0.3 * loudness * sound / np.abs(sound).max()).astype(np.float32)


def frames(path: Path) -> list[Frame]:
    """Every frame of a film."""
    told = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray()
            assert frame.pts is not None
            assert frame.time_base is not None
            pts = round(frame.pts * frame.time_base * VIDEO_HZ)
            told.append(Frame(pts, planes[: frame.height], planes[frame.height :]))
    return told


def packets(path: Path, kind: str) -> list[tuple[float, float, bytes]]:
    """Time, duration (seconds) and content of each packet of the picture or the sound."""
    told = []
    with av.open(str(path)) as container:
        for packet in container.demux([stream for stream in container.streams if stream.type == kind]):
            if packet.size:
                assert packet.pts is not None
                base = float(packet.time_base)
                told.append((packet.pts * base, packet.duration * base, bytes(packet)))
    return told


def _pictures() -> Iterator[Any]:
    stamp = Stamp("Van 3", WIDTH, HEIGHT, wall_ns=lambda at_ns: 1_795_000_000_000_000_000 + at_ns)
    with av.open(str(CARPHONE)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            planes = np.array(frame.reformat(format="yuv420p").to_ndarray(), copy=True)
            stamp.apply(planes[:HEIGHT], number * 33_000_000, number + 1)
            yield av.VideoFrame.from_ndarray(planes, format="yuv420p")


def sound_frames(seconds: float) -> Iterator[Any]:
    samples = voice(seconds)
    for start in range(0, len(samples) - 1024, 1024):
        frame: Any = av.AudioFrame.from_ndarray(samples[np.newaxis, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
        yield frame
