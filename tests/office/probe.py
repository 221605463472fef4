"""What ffmpeg, which is not ours, says about a film."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a film, as ffprobe sees it."""

    codec: str
    start_s: float
    duration_s: float
    frames: int


def probe(film: Path) -> tuple[Stream, ...]:
    """The streams of ``film``; fails where ffprobe finds anything to complain about."""
    fields = "stream=codec_name,start_time,duration,nb_read_packets"
    answer = _run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", fields, "-of", "json", str(film)])
    streams: list[dict[str, Any]] = json.loads(answer)["streams"]
    return tuple(
        Stream(s["codec_name"], float(s["start_time"]), float(s["duration"]), int(s["nb_read_packets"]))
        for s in streams
    )


def picture_hashes(film: Path) -> list[str]:
    """MD5 of each decoded frame."""
    answer = _run(
        ["ffmpeg", "-v", "error", "-i", str(film), "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    )
    return [line.rsplit(",", 1)[1].strip() for line in answer.splitlines() if not line.startswith("#")]


def picture_times_s(film: Path) -> list[float]:
    """When each frame is shown, from the first frame on."""
    with av.open(str(film)) as container:
        times = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.pts is not None]
    return [time - times[0] for time in times]


def sound(film: Path) -> npt.NDArray[np.int16]:
    """The decoded sound, 48 kHz mono."""
    arguments = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(film),
        "-map",
        "0:a",
        "-f",
        "s16le",
        "-ac",
        "1",
        "-ar",
        "48000",
        "-",
    ]
    answer = subprocess.run(arguments, check=True, capture_output=True)
    assert answer.stderr == b""
    return np.frombuffer(answer.stdout, np.int16)


def _run(arguments: Sequence[str]) -> str:
    answer = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert answer.stderr == ""
    return answer.stdout
