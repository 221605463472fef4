"""A recorded clip as a scene: it begins when first watched, repeats itself, and runs on whether or not it is watched.

Camera and microphone of the same clip watch the same scene, so they agree on what happens when. The clip's own
timestamps are kept to the nanosecond; its length is that of its picture, and its sound is cut or filled with silence to
fit. Never more than a frame or two is in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np

from recorder.errors import DeviceAbsentError, DeviceLostError
from recorder.timekeeping import NS_PER_S

if TYPE_CHECKING:
    from recorder.capture.ports import Samples

SILENT_RATE_HZ = 48_000  # of a clip without sound
_BLOCKS_PER_S = 50
_SAME_S = Fraction(1, 100)  # timestamps of sound that differ less than this are rounded, not gaps
_RUN_UP_S = Fraction(1, 4)  # decoders of sound need a moment before they are right


class Picture(NamedTuple):
    """One frame of the scene, and when it is to be seen (boottime ns)."""

    due_ns: int
    duration_ns: int
    frame: av.VideoFrame


class Block(NamedTuple):
    """Some mono samples of the scene, and when the first and the one after the last are to be heard (boottime ns)."""

    due_ns: int
    end_ns: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Facts:
    """What a clip is. ``fps`` is None where it has no picture; ``rate_hz``: of its sound, or of silence."""

    fps: Fraction | None
    width: int
    height: int
    dot_shape: Fraction
    rate_hz: int
    zero_s: Fraction
    length_s: Fraction


class Clip:
    """One clip, shared by the devices that show it. Each ``pictures`` and ``sounds`` reads the file for itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun_ns: int | None = None
        self._lock = threading.Lock()

    def watch(self, now_ns: int) -> Facts:
        """Begin the scene, unless it has begun. Raises DeviceAbsentError where the file is no clip."""
        with self._open() as container:
            facts = self._facts(container)
        with self._lock:
            if self._begun_ns is None:
                self._begun_ns = now_ns
        return facts

    def pictures(self, facts: Facts, from_ns: int) -> Generator[Picture, None, None]:
        """The frames from ``from_ns`` on, without end. Raises DeviceLostError."""
        lap, offset_s = self._place(facts, from_ns)
        with self._open() as container:
            stream: Any = container.streams.video[0]
            while True:
                container.seek(int((facts.zero_s + offset_s) / stream.time_base), stream=stream)
                shown = False
                for frame in container.decode(stream):
                    if frame.pts is None:
                        raise DeviceLostError(f"{self._path} has frames without a time; convert it to MP4.")
                    at_s = frame.pts * stream.time_base - facts.zero_s
                    if at_s >= facts.length_s:
                        break
                    if at_s >= offset_s:
                        shown = True
                        lasts_s = frame.duration * stream.time_base if frame.duration else 1 / (facts.fps or 1)
                        due_ns = self._moment_ns(lap * facts.length_s + at_s)
                        yield Picture(due_ns, round(lasts_s * NS_PER_S), frame)
                if not shown and not offset_s:
                    raise DeviceLostError(f"{self._path} has no frame that can be shown.")
                lap, offset_s = lap + 1, Fraction(0)

    def sounds(self, facts: Facts, from_ns: int) -> Generator[Block, None, None]:
        """The sound from ``from_ns`` on, without a hole and without end; silence where the clip has none."""
        rate_hz = facts.rate_hz
        lap, offset_s = self._place(facts, from_ns)
        offset = int(offset_s * rate_hz)
        while True:
            first = round(lap * facts.length_s * rate_hz)
            last = round((lap + 1) * facts.length_s * rate_hz)
            with self._open() as container:  # anew each time: a seek to the beginning skips what decoders start with
                for index, samples in self._one_lap(container, facts, offset, last - first):
                    begin = first + index
                    due_ns = self._moment_ns(Fraction(begin, rate_hz))
                    yield Block(due_ns, self._moment_ns(Fraction(begin + len(samples), rate_hz)), samples)
            lap, offset = lap + 1, 0

    def _one_lap(self, container: Any, facts: Facts, offset: int, length: int) -> Iterator[tuple[int, Samples]]:
        """The sound of the clip from sample ``offset`` to ``length``, each once and in order, in short blocks."""
        at = offset
        for begin, samples in self._decoded(container, facts, offset):
            missing = begin - at
            same = 0 if at == offset else _SAME_S * facts.rate_hz
            if missing > same:
                yield from _blocks(at, np.zeros(min(begin, length) - at, np.int16), facts.rate_hz)
                at = begin
            skip = -missing if -missing > same else 0
            kept = samples[skip : skip + max(0, length - at)]
            yield from _blocks(at, kept, facts.rate_hz)
            at += len(kept)
            if at >= length:
                return
        yield from _blocks(at, np.zeros(max(0, length - at), np.int16), facts.rate_hz)

    @staticmethod
    def _decoded(container: Any, facts: Facts, offset: int) -> Iterator[tuple[int, Samples]]:
        """What the clip holds from a little before ``offset``: place in the clip, samples."""
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        from_s = Fraction(offset, facts.rate_hz) - _RUN_UP_S
        if from_s > 0:
            container.seek(int((facts.zero_s + from_s) / stream.time_base), stream=stream)
        mono: Any = av.AudioResampler("s16", "mono", facts.rate_hz)
        for frame in container.decode(stream):
            for part in mono.resample(frame):
                yield round((part.pts * part.time_base - facts.zero_s) * facts.rate_hz), part.to_ndarray()[0]

    def _place(self, facts: Facts, moment_ns: int) -> tuple[int, Fraction]:
        """How often the clip has been through at this moment, and how far into it we are."""
        since_s = Fraction(moment_ns - (self._begun_ns or 0), NS_PER_S)
        lap = since_s // facts.length_s
        return lap, since_s - lap * facts.length_s

    def _moment_ns(self, since_s: Fraction) -> int:
        return (self._begun_ns or 0) + int(since_s * NS_PER_S)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The file, read for as long as the block lasts. A failure to open is absence, one while reading is loss."""
        try:
            container = av.open(str(self._path))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise DeviceAbsentError(f"{self._path} cannot be opened as a clip: {error}.") from error
        with container:
            try:
                yield container
            except (av.error.FFmpegError, ValueError) as error:
                raise DeviceLostError(f"{self._path} cannot be read on: {error}.") from error

    def _facts(self, container: Any) -> Facts:
        video = next(iter(container.streams.video), None)
        sound = next(iter(container.streams.audio), None)
        leading = video or sound
        if leading is None:
            raise DeviceAbsentError(f"{self._path} has neither picture nor sound; name another clip.")
        zero_s = min(_start_s(stream) for stream in (video, sound) if stream is not None)
        if leading.duration is not None:
            length_s = _start_s(leading) + leading.duration * leading.time_base - zero_s
        else:
            length_s = Fraction(container.duration or 0, av.time_base)
        if length_s <= 0:
            raise DeviceAbsentError(f"{self._path} does not say how long it is; convert it to MP4.")
        return Facts(
            fps=video and (video.average_rate or video.guessed_rate),
            width=video.width if video else 0,
            height=video.height if video else 0,
            dot_shape=(video and video.sample_aspect_ratio) or Fraction(1),
            rate_hz=sound.rate if sound else SILENT_RATE_HZ,
            zero_s=zero_s,
            length_s=length_s,
        )


def _start_s(stream: Any) -> Fraction:
    return Fraction((stream.start_time or 0) * stream.time_base)


def _blocks(at: int, samples: Samples, rate_hz: int) -> Iterator[tuple[int, Samples]]:
    """The same samples in blocks short enough to be timely."""
    step = max(1, rate_hz // _BLOCKS_PER_S)
    for begin in range(0, len(samples), step):
        yield at + begin, samples[begin : begin + step]
