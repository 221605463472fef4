"""Reads back from what the office opened what the virtual vehicle put into it: frames, a tone, what was done."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Log:
    """A journey's log. ``clocks``: what the recorder knew of its clock at each entry."""

    events: list[str]
    clocks: list[str]
    sealed: list[int]
    frames: int


@dataclass(frozen=True, slots=True)
class Packets:
    """What a recording consists of, as it was encoded: each frame, and each stretch of sound, in order."""

    video: tuple[bytes, ...]
    audio: tuple[bytes, ...]


def read_log(path: Path) -> Log:
    """The log as ``cabin-recorder open`` writes it, one entry a line; its frames are those of sealed segments."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    sealed = [entry["data"] for entry in entries if entry["event"] == "segment-sealed"]
    return Log(
        events=[entry["event"] for entry in entries],
        clocks=[entry["clock"] for entry in entries],
        sealed=[facts["number"] for facts in sealed],
        frames=sum(facts["video_frames"] for facts in sealed),
    )


def frame_numbers(film: Path | BinaryIO, container: str = "mp4") -> list[int]:
    """The number that the virtual camera wrote into each picture (image/vimc.patch), in the order of showing."""
    numbers = []
    with av.open(film, "r", format=container) as opened:
        for frame in opened.decode(video=0):
            grey = frame.to_ndarray(format="gray")
            squares = grey[-6:-2, :256].reshape(4, 32, 8)[:, :, 2:6].mean(axis=(0, 2))
            numbers.append(sum(int(square > 127) << bit for bit, square in enumerate(squares)))
    return numbers


def packets(recording: Path | BinaryIO) -> Packets:
    """The packets of an MP4, byte for byte; those that a player skips as run-in, too."""
    found: dict[str, list[bytes]] = {"video": [], "audio": []}
    with av.open(recording, "r", format="mp4", options={"ignore_editlist": "1"}) as opened:
        for packet in opened.demux():
            if packet.size:  # the last of each stream only says that nothing follows
                found[packet.stream.type].append(bytes(packet))
    return Packets(tuple(found["video"]), tuple(found["audio"]))


def count_frames(film: Path) -> int:
    """How many frames are shown."""
    with av.open(film, "r") as opened:
        return sum(1 for _ in opened.decode(video=0))


def sound(film: Path) -> tuple["npt.NDArray[np.int16]", int]:
    """All samples of a recording, and how many a second has."""
    with av.open(film, "r") as opened:
        stream = opened.streams.audio[0]
        resampler = av.AudioResampler("s16", "mono", stream.rate)
        frames = [made for frame in opened.decode(stream) for made in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]), stream.rate


def loudest_hz(samples: "npt.NDArray[np.int16]", rate_hz: int) -> float:
    """The frequency that dominates."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate_hz / len(samples))
