"""Sound packets in, sound packets out, changed only where a range asks for it.

Rules: where nothing is asked, AAC packets are the source's own, byte for byte. Where a range reaches into AAC of the
recorder's kind, packets it touches are encoded anew and put in their places: an encoder that goes along from the
beginning of a stretch makes packets on the same grid, for both know the same samples. All other sound is encoded
anew as a whole. A packet that cannot be decoded becomes silence where it is to be encoded anew.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from av.codec.context import Flags, Flags2

from recorder.office.redaction.blocks import Blocks, Timed
from recorder.office.redaction.film import Film
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.voice import BLOCK, Alteration, Samples

COPIED, SPLICED, ENCODED = "copied", "spliced", "encoded anew"
_BIT_RATE = 128_000
_HZ_OF_AAC = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))


@dataclass(slots=True)
class SoundCount:
    """What became of the packets, counted while they pass. ``way``: COPIED, SPLICED or ENCODED."""

    way: str
    kept: int = 0
    replaced: int = 0


@dataclass(slots=True)
class _Waiting:
    """A packet's place in the copy, until the encoder has come that far."""

    packet: Any  # the source's, or an empty one with its times
    at_s: float
    lasts_s: float
    is_touched: bool


class SoundTrack:
    """The sound of ``film`` on its way into a copy, whose stream is made by :meth:`add_to`."""

    def __init__(self, film: Film, ranges: SoundRanges) -> None:
        self._film = film
        self._ranges = ranges
        self._stream: Any = film.sound
        self.count = SoundCount(_way(film, ranges))
        self._target: Any = None
        codec = self._stream.codec_context
        self._hz: int = codec.sample_rate
        self._layout = codec.layout.name
        if self.count.way == ENCODED:
            self._hz = self._hz if self._hz in _HZ_OF_AAC else 48_000
            self._layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
        if self.count.way == SPLICED:
            codec.flags2 |= Flags2.skip_manual  # priming too: every packet gives its block
        self._resampler: Any = None
        self._blocks = Blocks(self._hz)
        self._stretch: _Stretch | None = None
        self._next_s: float | None = None

    def add_to(self, container: Any) -> None:
        """Declare the sound in the copy."""
        if self.count.way == ENCODED:
            self._target = container.add_stream("aac", rate=self._hz)
            self._target.layout = self._layout
            self._target.bit_rate = _BIT_RATE
        else:
            self._target = container.add_stream_from_template(self._stream, opaque=True)

    def push(self, packet: Any) -> Iterator[Any]:
        """What goes into the copy when ``packet`` (an empty one at the end) has come."""
        if self.count.way == COPIED:
            if packet.size:
                self.count.kept += 1
                yield self._addressed(packet)
        elif self.count.way == SPLICED:
            yield from self._push_spliced(packet) if packet.size else self._finish()
        else:
            yield from self._push_encoded(packet)

    def _push_spliced(self, packet: Any) -> Iterator[Any]:
        at_s = self._film.seconds(packet.pts, packet.time_base)
        yield from self._into_stretch(self._block(packet), packet, at_s)

    def _push_encoded(self, packet: Any) -> Iterator[Any]:
        for frame in self._frames(packet):
            for part in self._resampled(frame):
                yield from self._timed(
                    self._blocks.push(self._film.seconds(part.pts, part.time_base), part.to_ndarray())
                )
        if not packet.size:
            yield from self._timed(self._blocks.finish())
            yield from self._finish()

    def _timed(self, blocks: Iterator[Timed]) -> Iterator[Any]:
        for at_s, block in blocks:
            yield from self._into_stretch(block, self._empty(at_s), at_s)

    def _into_stretch(self, block: Samples, packet: Any, at_s: float) -> Iterator[Any]:
        lasts_s = BLOCK / self._hz
        if self._next_s is None or abs(at_s - self._next_s) > lasts_s / 2:
            if self._stretch is not None:
                yield from self._sent(self._stretch.finish(following_s=at_s))
            self._stretch = None
        if self._stretch is None:
            self._stretch = _Stretch(self._ranges, self._hz, self._layout, self._bit_rate, at_s)
        is_touched = self.count.way == ENCODED or self._ranges.touch(at_s, at_s + 2 * lasts_s)
        self._next_s = at_s + lasts_s
        yield from self._sent(self._stretch.push(block, _Waiting(packet, at_s, lasts_s, is_touched)))

    def _finish(self) -> Iterator[Any]:
        if self._stretch is not None:
            yield from self._sent(self._stretch.finish(following_s=None))
            self._stretch = None

    def _sent(self, pairs: Iterator[tuple[_Waiting, bytes]]) -> Iterator[Any]:
        for waiting, encoded in pairs:
            packet = waiting.packet
            if waiting.is_touched:
                self.count.replaced += 1
                made = av.Packet(encoded)
                made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
                made.time_base, made.is_keyframe = packet.time_base, True
                packet = made
            else:
                self.count.kept += 1
            yield self._addressed(packet)

    def _addressed(self, packet: Any) -> Any:
        packet.stream = self._target
        return packet

    @property
    def _bit_rate(self) -> int:
        return self._stream.codec_context.bit_rate or _BIT_RATE if self.count.way == SPLICED else _BIT_RATE

    def _empty(self, at_s: float) -> Any:
        packet = av.Packet()
        packet.time_base = Fraction(1, self._hz)
        packet.pts = packet.dts = round(at_s * self._hz)
        packet.duration = BLOCK
        return packet

    def _block(self, packet: Any) -> Samples:
        """The 1024 samples of one packet; silence where it gives others or none."""
        frames = [frame.to_ndarray() for frame in self._frames(packet)]
        channels = self._stream.codec_context.layout.nb_channels
        if len(frames) == 1 and frames[0].shape == (channels, BLOCK):
            block: Samples = frames[0]
            return block
        self._film.losses.count(packets=1, at_s=self._film.seconds(packet.pts, packet.time_base))
        return np.zeros((channels, BLOCK), np.float32)

    def _frames(self, packet: Any) -> list[Any]:
        try:
            return list(packet.decode())
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            at_s = None if packet.pts is None else self._film.seconds(packet.pts, packet.time_base)
            self._film.losses.count(packets=1, at_s=at_s)
            return []

    def _resampled(self, frame: Any) -> list[Any]:
        if self._resampler is None:
            self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=self._hz)
        return [part for part in self._resampler.resample(frame) if part.pts is not None]


class _Stretch:
    """Unbroken sound: an alteration, and an encoder that goes along with it."""

    def __init__(self, ranges: SoundRanges, hz: int, layout: str, bit_rate: int, begins_s: float) -> None:
        self._alteration = Alteration(ranges, hz, begins_s)
        self._ranges = ranges
        self._hz, self._layout = hz, layout
        self._encoder: Any = av.CodecContext.create("aac", "w")
        self._encoder.sample_rate, self._encoder.layout, self._encoder.format = hz, layout, "fltp"
        self._encoder.bit_rate = bit_rate
        self._encoder.time_base = Fraction(1, hz)
        self._encoder.flags |= Flags.global_header
        self._waiting: deque[_Waiting] = deque()
        self._fed = 0

    def push(self, block: Samples, waiting: _Waiting) -> Iterator[tuple[_Waiting, bytes]]:
        """Places for which the encoder has come far enough, and what it made for them."""
        self._waiting.append(waiting)
        for altered in self._alteration.push(block):
            yield from self._encoded(altered)

    def finish(self, following_s: float | None) -> Iterator[tuple[_Waiting, bytes]]:
        """The rest. ``following_s``: when the next stretch begins, into which the last packet reaches."""
        if following_s is not None and self._waiting:
            last = self._waiting[-1]
            last.is_touched |= self._ranges.touch(following_s, following_s + last.lasts_s)
        for altered in self._alteration.finish():
            yield from self._encoded(altered)
        yield from self._placed(self._encoder.encode(None))

    def _encoded(self, block: Samples) -> Iterator[tuple[_Waiting, bytes]]:
        frame: Any = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._hz, Fraction(1, self._hz), self._fed
        self._fed += BLOCK
        yield from self._placed(self._encoder.encode(frame))

    def _placed(self, packets: list[Any]) -> Iterator[tuple[_Waiting, bytes]]:
        """What an encoder makes at first, before the stretch begins, has no place."""
        for packet in packets:
            if packet.pts >= 0 and self._waiting:
                yield self._waiting.popleft(), bytes(packet)


def _way(film: Film, ranges: SoundRanges) -> str:
    codec = film.sound.codec_context
    if codec.name != "aac":
        return ENCODED
    if ranges.is_empty:
        return COPIED
    return SPLICED if _is_plain_aac(codec) else ENCODED


def _is_plain_aac(codec: Any) -> bool:
    """Low complexity, 1024 samples a packet, one or two channels (ISO/IEC 14496-3, 1.6.2.1: the first five bits)."""
    description = codec.extradata or b""
    if len(description) < 2 or codec.layout.nb_channels > 2:
        return False
    kind, has_960_samples = description[0] >> 3, bool(description[1] & 0b100)
    return kind == 2 and not has_960_samples and codec.sample_rate in _HZ_OF_AAC
