"""The source: what it is, its frames in one form, its sound packets.

Rules: it is only read; times are seconds since the film's beginning, as a player shows them; what cannot be decoded is
counted and left out, never guessed; a film that would be shown wrongly afterwards is refused.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition

from recorder.errors import MediaError

_PIECE_BYTES = 1 << 20
# A file may be anything; lists of other files and addresses (HLS, concat) are not followed.
_OPENING = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a film before it is decoded. ``length_s``: 0 where it does not say."""

    width: int
    height: int
    rate: Fraction
    length_s: float
    has_sound: bool
    left_out: tuple[str, ...]


@dataclass(slots=True)
class Losses:
    """What could not be read, counted while it is."""

    packets: int = 0
    frames: int = 0
    first_s: float | None = None

    def count(self, *, packets: int = 0, frames: int = 0, at_s: float | None = None) -> None:
        """Add to it."""
        self.packets += packets
        self.frames += frames
        self.first_s = at_s if self.first_s is None else self.first_s

    @property
    def sentences(self) -> tuple[str, ...]:
        """For people; none where nothing was lost."""
        said = []
        where = "" if self.first_s is None else f", the first near {self.first_s:.1f} s"
        if self.packets:
            said.append(f"{self.packets} packets of the film are damaged and were left out{where}.")
        if self.frames:
            said.append(f"{self.frames} frames come at no time of their own and were left out{where}.")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame, 8-bit YUV 4:2:0, all of one even size. ``pts``, ``duration``: in the stream's time base."""

    frame: av.VideoFrame
    at_s: float
    pts: int
    duration: int


@dataclass(slots=True)
class Film:
    """An open film. ``losses`` is what was lost up to now."""

    container: Any
    picture: Any
    sound: Any
    facts: Facts
    losses: Losses = field(default_factory=Losses)
    _last_pts: int | None = None
    _durations: dict[int, int] = field(default_factory=dict)

    @property
    def time_base(self) -> Fraction:
        """Of the picture."""
        base: Fraction = self.picture.time_base
        return base

    def seconds(self, pts: int, time_base: Fraction) -> float:
        """The time of the film at ``pts``."""
        begins = (self.container.start_time or 0) / av.time_base
        return float(pts * time_base) - begins

    def pictures(self) -> Iterator[Picture]:
        """Every frame that can be decoded, in the order in which they are shown."""
        for packet in self.packets(sound=False):
            yield from self.decoded(packet)

    def packets(self, *, sound: bool) -> Iterator[Any]:
        """Packets of the picture, and of the ``sound`` where asked; for each stream an empty one at its end."""
        streams = [self.picture, self.sound] if sound and self.sound is not None else [self.picture]
        try:
            yield from self.container.demux(streams)
        except av.error.FFmpegError:  # the rest of the file is no film
            self.losses.count(packets=1)
            for stream in streams:
                end = av.Packet()
                end.stream = stream
                yield end

    def decoded(self, packet: Any) -> Iterator[Picture]:
        """The frames that come out when ``packet`` of the picture goes in."""
        if packet.pts is not None and packet.duration:
            self._durations[packet.pts] = packet.duration
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            at_s = None if packet.pts is None else self.seconds(packet.pts, packet.time_base)
            self.losses.count(packets=1, at_s=at_s)
            return
        for frame in frames:
            picture = self._picture(frame)
            if picture is not None:
                yield picture

    def _picture(self, frame: av.VideoFrame) -> Picture | None:
        if frame.pts is None or (self._last_pts is not None and frame.pts <= self._last_pts):
            self.losses.count(frames=1)
            return None
        if frame.rotation:
            raise MediaError(
                "The film is stored turned, as telephones do; turn it first: ffmpeg -i FILM -crf 16 TURNED.mp4"
            )
        self._last_pts = frame.pts
        duration = self._durations.pop(frame.pts, 0)
        for pts in [pts for pts in self._durations if pts < frame.pts]:
            del self._durations[pts]
        plain = frame.reformat(width=self.facts.width, height=self.facts.height, format="yuv420p")
        return Picture(plain, self.seconds(frame.pts, self.time_base), frame.pts, duration)


@contextmanager
def opened(path: Path) -> Iterator[Film]:
    """The film at ``path``. MediaError where it is none, or would not be shown as it should afterwards."""
    try:
        container: Any = av.open(str(path.absolute()), "r", options=_OPENING, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path} is no film that can be read; name an MP4, as `open` makes it.") from error
    with container:
        pictures = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not pictures:
            raise MediaError(f"{path} has no picture; there is nothing in it to cover.")
        picture = pictures[0]
        sound = next(iter(container.streams.audio), None)
        picture.thread_type = "AUTO"
        film = Film(container, picture, sound, _facts(path, container, picture, sound))
        yield film


def sha256_of(path: Path, progress: Callable[[int], None] = lambda done_bytes: None) -> str:
    """Of the file at ``path``; ``progress`` is called with bytes read. OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            progress(file.tell())
    return digest.hexdigest()


def _facts(path: Path, container: Any, picture: Any, sound: Any) -> Facts:
    width, height = picture.codec_context.width, picture.codec_context.height
    if width < 16 or height < 16:
        raise MediaError(f"{path} does not say how large its picture is; it is damaged, or no film.")
    kept = [stream for stream in (picture, sound) if stream is not None]
    others = [stream.type for stream in container.streams if stream not in kept]
    left_out = tuple(f"A further stream ({kind}) was left out." for kind in others)
    return Facts(
        width - width % 2,
        height - height % 2,
        picture.average_rate or picture.base_rate or Fraction(25),
        max(0.0, (container.duration or 0) / av.time_base),
        sound is not None,
        left_out,
    )
