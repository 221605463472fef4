"""The second pass: each frame decoded, covered, encoded at its own time; sound goes along.

Rules: a frame more or less is a fault, and counted; nothing of the source's but frames and sound reaches the copy, no
tags, no further streams. Source of the profile: ITU-T H.264, Annex A: what Baseline has, every player decodes.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from recorder.errors import OutputError
from recorder.office.redaction.boxes import Box, Course, boxes_at
from recorder.office.redaction.cover import Planes, Style
from recorder.office.redaction.detecting import Progress
from recorder.office.redaction.film import Film, Picture
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.sound import SoundCount, SoundTrack
from recorder.office.redaction.stampline import find_stamp

CRF = 18
_ENCODER = {"crf": str(CRF), "preset": "fast", "profile": "baseline", "bf": "0", "g": "60"}
_FILE = {"movflags": "+faststart"}
_TIMESCALE = 90_000
_PIXELS, _LIMITED = "yuv420p", 1  # AVColorRange: what film.py converts to


@dataclass(frozen=True, slots=True)
class Covers:
    """What is to be covered: ``faces`` anywhere but on the stamp, ``by_hand`` anywhere."""

    faces: tuple[Course, ...]
    by_hand: tuple[Course, ...]
    style: Style


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written. ``stamp``: where it was found, empty where the film has none."""

    frames: int
    stamp: tuple[Box, ...]
    sound: SoundCount | None


def render(film: Film, place: Path, covers: Covers, ranges: SoundRanges, progress: Progress) -> Rendered:
    """Write the copy of ``film`` to the file at ``place``. OutputError where it cannot be written."""
    try:
        with closing(_Copy(film, place, covers, ranges)) as copy:
            for packet in film.packets(sound=True):
                copy.take(packet, progress)
            return copy.finish()
    except (av.error.FFmpegError, OSError) as error:
        raise OutputError(f"The copy cannot be written: {error.strerror or error}; nothing was kept of it.") from error


class _Copy:
    """The copy while it is written."""

    def __init__(self, film: Film, place: Path, covers: Covers, ranges: SoundRanges) -> None:
        self._film = film
        self._paint = _Paint(covers)
        self._container: Any = av.open(str(place), "w", format="mp4", options=_FILE)
        facts = film.facts
        self._stream: Any = self._container.add_stream("libx264", rate=facts.rate, options=_ENCODER)
        self._stream.width, self._stream.height, self._stream.pix_fmt = facts.width, facts.height, _PIXELS
        context = self._stream.codec_context
        context.time_base = self._stream.time_base = Fraction(1, _TIMESCALE)
        _describe(context, film.picture.codec_context)
        self._sound = None if film.sound is None else SoundTrack(film, ranges)
        if self._sound is not None:
            self._sound.add_to(self._container)
        self._waiting: deque[tuple[int, int]] = deque()  # times and durations of frames that the encoder has
        self._frames = 0

    def take(self, packet: Any, progress: Progress) -> None:
        """Write what follows from a packet of the source."""
        if packet.stream is self._film.sound and self._sound is not None:
            for made in self._sound.push(packet):
                self._container.mux_one(made)
            return
        for picture in self._film.decoded(packet):
            self._frames += 1
            self._encode(picture)
            progress(picture.at_s)

    def finish(self) -> Rendered:
        """Write the rest, and the index."""
        self._mux(self._stream.encode(None))
        self._container.close()
        return Rendered(self._frames, self._paint.stamp, None if self._sound is None else self._sound.count)

    def close(self) -> None:
        """Let go of the file. What was not finished is not whole."""
        self._container.close()

    def _encode(self, picture: Picture) -> None:
        frame = self._paint.covered(picture)
        base = self._film.time_base
        frame.time_base = Fraction(1, _TIMESCALE)
        frame.pts = round(picture.pts * base * _TIMESCALE)
        self._waiting.append((frame.pts, round(picture.duration * base * _TIMESCALE)))
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: Iterable[Any]) -> None:
        """Frames come out in the order in which they went in, for none refers to a later one."""
        for packet in packets:
            packet.pts, duration = self._waiting.popleft()
            packet.dts, packet.duration = packet.pts, duration or packet.duration
            packet.stream, packet.time_base = self._stream, Fraction(1, _TIMESCALE)
            self._container.mux_one(packet)


class _Paint:
    """Covers frames, and knows where the stamp is."""

    def __init__(self, covers: Covers) -> None:
        self._covers = covers
        self.stamp: tuple[Box, ...] = ()

    def covered(self, picture: Picture) -> av.VideoFrame:
        """``picture`` with what is to be covered at its time covered."""
        faces = boxes_at(self._covers.faces, picture.at_s)
        by_hand = boxes_at(self._covers.by_hand, picture.at_s)
        source = Planes.of(picture.frame)
        self._look_for_stamp(find_stamp(source.y))
        if not faces and not by_hand:
            return _frame(source, picture)
        planes = Planes.of(picture.frame)
        planes.covered(faces, self._covers.style)
        planes.restored(self.stamp, source)
        planes.covered(by_hand, self._covers.style)
        return _frame(planes, picture)

    def _look_for_stamp(self, found: Sequence[Box]) -> None:
        """What was a stamp once stays one: every frame of a recorder's has it, and noise hides it in few."""
        lines = max(len(found), len(self.stamp))
        self.stamp = tuple(_longer(number, found, self.stamp) for number in range(lines))


def _describe(target: Any, source: Any) -> None:
    """Pixels and colours are to be shown as the source's are."""
    if source.sample_aspect_ratio:
        target.sample_aspect_ratio = source.sample_aspect_ratio
    target.colorspace, target.color_primaries = source.colorspace, source.color_primaries
    target.color_trc = source.color_trc
    target.color_range = source.color_range if source.pix_fmt == _PIXELS else _LIMITED


def _longer(number: int, *stamps: Sequence[Box]) -> Box:
    return max((stamp[number] for stamp in stamps if number < len(stamp)), key=lambda line: line.width)


def _frame(planes: Planes, picture: Picture) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(planes.whole, format=_PIXELS)
    frame.color_range, frame.colorspace = picture.frame.color_range, picture.frame.colorspace
    return frame
