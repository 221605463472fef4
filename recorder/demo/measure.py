"""Reads a recording back: whether every frame and sample is there, and whether picture and sound are in step.

Of any recording: frames, samples and gaps, by their timestamps. Of the synthetic scene also what was recorded: the
counter in every frame, the pilot tone under every sample, and on every whole second a white frame and a beep, whose
distance is the offset of picture and sound. It decodes everything and believes only what it has decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import av
import numpy as np

from recorder.capture import testcard, testtone
from recorder.errors import MediaError

_EDGE_S = Fraction(3, 100)  # an AAC track begins with a packet of run-in and ends with a padded one
_SAME_SECOND_S = Fraction(1, 2)  # a flash and a beep further apart belong to different seconds


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the recording, in seconds of its own time."""

    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the frames say. The counters are those of the synthetic scene; None and 0 where it is another."""

    frames: int
    from_s: float
    until_s: float
    gaps: tuple[Stretch, ...]
    first_counter: int | None
    last_counter: int | None
    missing: int
    duplicated: int
    disordered: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What the samples say. ``expected``: as many as last from first to last. Silences, slips: synthetic scene only."""

    rate_hz: int
    from_s: float
    until_s: float
    samples: int
    expected: int
    gaps: tuple[Stretch, ...]
    silences: tuple[Stretch, ...]
    slips_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Offset:
    """How much later than the picture the sound of one whole second is, in milliseconds (earlier: negative)."""

    at_s: float
    sound_late_ms: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was found in one MP4. ``synthetic``: it shows the synthetic scene."""

    synthetic: bool
    picture: PictureFacts | None
    sound: SoundFacts | None
    offsets: tuple[Offset, ...]

    @property
    def worst_offset_ms(self) -> float | None:
        """The largest distance of picture and sound, whichever is later."""
        return max((abs(offset.sound_late_ms) for offset in self.offsets), default=None)

    @property
    def mean_offset_ms(self) -> float | None:
        """How much later the sound is on average."""
        return fmean(offset.sound_late_ms for offset in self.offsets) if self.offsets else None


def measure(mp4: Path) -> Measurement:
    """Decode all of ``mp4`` and say what is there. Raises MediaError where it cannot be decoded."""
    try:
        frames = _see(mp4)
        rate_hz, stretches = _hear(mp4)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{mp4} cannot be read as a recording: {error}.") from error
    heard = [testtone.read(stretch.samples, rate_hz) for stretch in stretches]
    seen_scene = sum(frame.card.counter is not None for frame in frames) * 2 > len(frames)
    synthetic = seen_scene or any(h.pilot for h in heard)
    flashes = [frame.at_s for frame in frames if frame.card.flash] if seen_scene else []
    beeps = [s.at_s(place) for s, h in zip(stretches, heard, strict=True) for place in h.beeps] if synthetic else []
    return Measurement(
        synthetic=synthetic,
        picture=_picture_facts(frames, scene=seen_scene) if frames else None,
        sound=_sound_facts(rate_hz, stretches, heard if synthetic else []) if stretches else None,
        offsets=tuple(_pair(flashes, beeps)),
    )


class _Frame(NamedTuple):
    at_s: Fraction
    lasts_s: Fraction
    card: testcard.Card


class _Stretch(NamedTuple):
    """Mono sound without a gap."""

    from_s: Fraction
    rate_hz: int
    samples: Any

    def at_s(self, place: int) -> Fraction:
        """When the sample at ``place`` is heard."""
        return self.from_s + Fraction(place, self.rate_hz)

    @property
    def until_s(self) -> Fraction:
        return self.at_s(len(self.samples))


def _see(mp4: Path) -> list[_Frame]:
    """When each frame is shown and for how long, and what it says."""
    frames: list[_Frame] = []
    with av.open(str(mp4)) as container:
        for frame in container.decode(video=0) if container.streams.video else ():
            plane: Any = frame.planes[0]
            lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
            time_base = Fraction(frame.time_base or 1)
            lasts_s = (frame.duration or 0) * time_base
            frames.append(_Frame((frame.pts or 0) * time_base, lasts_s, testcard.read(lines)))
    return frames


def _hear(mp4: Path) -> tuple[int, list[_Stretch]]:
    """The sample rate, and the stretches of sound."""
    stretches: list[tuple[Fraction, list[Any]]] = []
    rate_hz, due_s = 0, Fraction(0)
    with av.open(str(mp4)) as container:
        mono: Any = av.AudioResampler("s16", "mono")
        for frame in container.decode(audio=0) if container.streams.audio else ():
            rate_hz = frame.sample_rate
            at_s = (frame.pts or 0) * Fraction(frame.time_base or 1)
            if not stretches or abs(at_s - due_s) * rate_hz >= 1:
                stretches.append((at_s, []))
            due_s = at_s + Fraction(frame.samples, rate_hz)
            stretches[-1][1].extend(part.to_ndarray()[0] for part in mono.resample(frame))
    return rate_hz, [_Stretch(from_s, rate_hz, np.concatenate(parts)) for from_s, parts in stretches]


def _picture_facts(frames: list[_Frame], *, scene: bool) -> PictureFacts:
    counters = [frame.card.counter for frame in frames if frame.card.counter is not None] if scene else []
    first, last = (min(counters), max(counters)) if counters else (None, None)
    span = 0 if first is None or last is None else last - first + 1
    return PictureFacts(
        frames=len(frames),
        from_s=float(frames[0].at_s),
        until_s=float(frames[-1].at_s + frames[-1].lasts_s),
        gaps=tuple(_gaps(frames)),
        first_counter=first,
        last_counter=last,
        missing=span - len(set(counters)),
        duplicated=len(counters) - len(set(counters)),
        disordered=sum(after < before for before, after in pairwise(counters)),
        unreadable=len(frames) - len(counters) if scene else 0,
    )


def _gaps(frames: list[_Frame]) -> Iterator[Stretch]:
    """Where the next frame is more than half a frame late, by the rate of most frames."""
    steps = sorted(after.at_s - before.at_s for before, after in pairwise(frames))
    usual_s = steps[len(steps) // 2] if steps else Fraction(0)
    for before, after in pairwise(frames):
        if after.at_s - before.at_s > usual_s * 3 / 2:
            yield Stretch(float(before.at_s + usual_s), float(after.at_s))


def _sound_facts(rate_hz: int, stretches: list[_Stretch], heard: list[testtone.Heard]) -> SoundFacts:
    edge = _EDGE_S * rate_hz
    listened = list(zip(stretches, heard, strict=False))  # nothing was listened for in another scene
    return SoundFacts(
        rate_hz=rate_hz,
        from_s=float(stretches[0].from_s),
        until_s=float(stretches[-1].until_s),
        samples=sum(len(stretch.samples) for stretch in stretches),
        expected=round((stretches[-1].until_s - stretches[0].from_s) * rate_hz),
        gaps=tuple(Stretch(float(before.until_s), float(after.from_s)) for before, after in pairwise(stretches)),
        silences=tuple(
            Stretch(float(s.at_s(a)), float(s.at_s(b)))
            for s, h in listened
            for a, b in h.silences
            if b > edge and a < len(s.samples) - edge
        ),
        slips_s=tuple(
            float(s.at_s(place)) for s, h in listened for place in h.slips if edge < place < len(s.samples) - edge
        ),
    )


def _pair(flashes: list[Fraction], beeps: list[Fraction]) -> Iterator[Offset]:
    """Flash and beep of the same second."""
    for flash in flashes:
        late_s = min((beep - flash for beep in beeps), key=abs, default=None)
        if late_s is not None and abs(late_s) < _SAME_SECOND_S:
            yield Offset(float(flash), float(late_s * 1000))
