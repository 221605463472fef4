"""Packets in, fragmented MP4 out: one writer for each segment, no I/O.

Written here rather than left to libavformat, for three reasons that were measured (README, "Why not PyAV's muxer"):
both tracks can be declared before the first packet of either; a fragment leaves when it is complete, not when an
interleaver has seen the other medium; and what is whole in it is known exactly, which is what the card's mark says.

Times: ``captured - origin`` in 1/90000 s for pictures, samples at 48 kHz for sound, absolute in every fragment
(``tfdt``), so that segments can be joined by appending fragments, and a gap stays a gap.
"""

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from recorder.capture import annexb, boxes
from recorder.capture.boxes import AAC_FRAME, Run, Sample
from recorder.capture.ports import VideoFormat, VideoPacket
from recorder.timekeeping import NS_PER_S

_FRAGMENT_NS = 1_000_000_000  # at most, where nobody cuts it earlier: whoever lost time works off what came meanwhile
_CHUNK_BYTES = 1 << 16  # of the encryption
_SOUND_PER_FRAGMENT = 2 * boxes.SOUND_HZ // AAC_FRAME + 1  # packets; where there is picture, it decides


class SoundPacket(NamedTuple):
    """One AAC packet of 1024 samples, the first of them at ``position`` (48 kHz, since the journey's origin)."""

    data: bytes
    position: int

    @property
    def end(self) -> int:
        """The position after its last sample."""
        return self.position + AAC_FRAME


@dataclass(frozen=True, slots=True)
class Pictures:
    """Frames without a gap between them: when the first and the last were captured, and when the next one is due."""

    from_ns: int
    newest_ns: int
    until_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound without a gap: positions (48 kHz) of its first sample and of the one after its last."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """One ``moof`` and ``mdat``, and what of each medium is whole in it (None: nothing)."""

    data: bytes
    pictures: Pictures | None
    sound: Sound | None


class Mp4Writer:
    """Builds one segment. Packets of each medium come in order; the two need not wait for each other."""

    def __init__(self, video: VideoFormat | None, *, with_sound: bool, origin_ns: int) -> None:
        """Declare the tracks; ``video``: None where there is no picture. Raises MediaError: no parameter sets."""
        self.header = boxes.initialisation(video, with_sound=with_sound)
        self._origin_ns = origin_ns
        self._pictures: list[VideoPacket] = []
        self._sounds: list[SoundPacket] = []
        self._sequence = 0

    def picture(self, packet: VideoPacket) -> list[Fragment]:
        """Add a frame; the fragments that are complete with it. A keyframe, and what follows a gap, begin a new one."""
        complete: list[Fragment] = []
        if self._pictures and (packet.is_keyframe or is_gap(self._pictures[-1], packet)):
            complete += self._end()
        self._pictures.append(packet)
        if packet.captured_ns + packet.duration_ns - self._pictures[0].captured_ns >= _FRAGMENT_NS:
            complete += self._end()
        return complete

    def sound(self, packet: SoundPacket) -> list[Fragment]:
        """Add sound; the fragments that are complete with it. What follows a gap begins a new one."""
        complete: list[Fragment] = []
        if self._sounds and packet.position - self._sounds[-1].position != AAC_FRAME:
            complete += self._end()
        self._sounds.append(packet)
        if len(self._sounds) == _SOUND_PER_FRAGMENT:
            complete += self._end()
        return complete

    def cut(self) -> list[Fragment]:
        """End what waits now, the newest chunk of it as a fragment of its own; empty where nothing waits.

        The end of what is handed over lies in a chunk of the encryption that is not full, and counts only with the
        next: so it is a small fragment, and what lies before it a large one, for each costs whoever reads it as much
        as several frames.
        """
        older: list[Fragment] = []
        if at := _newest(self._pictures, _CHUNK_BYTES):
            position = (self._pictures[at].captured_ns - self._origin_ns) * boxes.SOUND_HZ // NS_PER_S
            whole = (position - self._sounds[0].position) // AAC_FRAME if self._sounds else 0
            older = self._fragment(at, max(0, whole))
        return older + self._end()

    def _end(self) -> list[Fragment]:
        """All that waits as one fragment; none where nothing does."""
        return self._fragment(len(self._pictures), len(self._sounds))

    def _fragment(self, picture_count: int, sound_count: int) -> list[Fragment]:
        """The oldest so many of each as one fragment."""
        pictures, self._pictures = self._pictures[:picture_count], self._pictures[picture_count:]
        sounds, self._sounds = self._sounds[:sound_count], self._sounds[sound_count:]
        if not pictures and not sounds:
            return []
        self._sequence += 1
        frames = [annexb.sample(packet.data) for packet in pictures]
        sizes = [sum(map(len, pieces)) for pieces in frames]
        data = boxes.fragment(
            self._sequence,
            Run(self._pts_90k(pictures[0].captured_ns) if pictures else 0, self._samples(pictures, sizes)),
            Run(sounds[0].position if sounds else 0, [len(packet.data) for packet in sounds]),
            [*chain.from_iterable(frames), *(packet.data for packet in sounds)],
        )
        return [Fragment(data, _pictures(pictures), _sound(sounds))]

    def _samples(self, pictures: list[VideoPacket], sizes: list[int]) -> list[Sample]:
        """How the fragment lists its frames; the last one lasts as long as its camera said."""
        times = [self._pts_90k(packet.captured_ns) for packet in pictures]
        times += [self._pts_90k(packet.captured_ns + packet.duration_ns) for packet in pictures[-1:]]
        return [Sample(times[i + 1] - times[i], sizes[i], packet.is_keyframe) for i, packet in enumerate(pictures)]

    def _pts_90k(self, captured_ns: int) -> int:
        return ((captured_ns - self._origin_ns) * 9 + 50_000) // 100_000


def _newest(packets: list[VideoPacket], size_bytes: int) -> int:
    """Where the newest that have ``size_bytes`` begin; 0 where all of them have no more."""
    found_bytes = 0
    for at in reversed(range(len(packets))):
        found_bytes += len(packets[at].data)
        if found_bytes >= size_bytes:
            return at
    return 0


def _pictures(packets: list[VideoPacket]) -> Pictures | None:
    if not packets:
        return None
    last = packets[-1]
    return Pictures(packets[0].captured_ns, last.captured_ns, last.captured_ns + last.duration_ns, len(packets))


def _sound(packets: list[SoundPacket]) -> Sound | None:
    return Sound(packets[0].position, packets[-1].end) if packets else None


def is_gap(before: VideoPacket, after: VideoPacket) -> bool:
    """Whether frames are missing between two: more than half a frame's time is unaccounted for."""
    return after.captured_ns - before.captured_ns - before.duration_ns > before.duration_ns // 2
