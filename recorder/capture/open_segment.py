"""One segment while it is being made: its MP4, what of it was handed to the card, and its facts for the signed log.

Everything is counted when the card's queue has taken it, so that counts are exact and a loss is a gap wherever it
happened: in the device, on the way, or in front of a card that was too slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from recorder.capture.muxer import Mp4Writer
from recorder.capture.ports import Durable, SegmentFacts

if TYPE_CHECKING:
    from recorder.capture.clocks import SoundClock
    from recorder.capture.muxer import Fragment, SoundPacket
    from recorder.capture.ports import VideoFormat, VideoPacket


class Card(Protocol):
    """What takes finished fragments; :class:`recorder.capture.card.CardWriter` is the one."""

    def begin(self, number: int, first_ns: int) -> None:
        """The next segment begins."""
        ...

    def write(self, number: int, data: bytes, mark: Durable) -> bool:
        """Append to it; False where too much waits already."""
        ...

    def go(self) -> None:
        """What was written may be taken now."""
        ...

    def finish(self, number: int, reason: str, facts: SegmentFacts) -> None:
        """Seal it."""
        ...

    @property
    def half_drained(self) -> bool:
        """Whether at least half of what can wait is free."""
        ...

    @property
    def stalled(self) -> bool:
        """Whether it has kept its thread waiting for longer than it may."""
        ...


@dataclass(slots=True)
class Reach:
    """How far the journey's tracks reach on their way to the card: what comes next and is later, follows a gap.

    ``picture_ns``: boottime at which the next frame is due; ``sound``: position (48 kHz) of the next sample; None:
    the track has not begun, or was not wanted.
    """

    picture_ns: int | None = None
    sound: int | None = None


class OpenSegment:
    """Segment ``number``, whose oldest frame or sample was captured at ``began_ns``."""

    def __init__(
        self,
        number: int,
        began_ns: int,
        video: VideoFormat | None,
        *,
        with_sound: bool,
        clock: SoundClock,
        origin_ns: int,
        reach: Reach,
        card: Card,
    ) -> None:
        """Begin it on the card. Raises MediaError where ``video`` cannot be declared; then nothing has begun."""
        self._mp4 = Mp4Writer(video, with_sound=with_sound, origin_ns=origin_ns)
        self.number, self.began_ns, self.video = number, began_ns, video
        self._clock, self._reach, self._card = clock, reach, card
        self._newest_ns = began_ns
        self._mark = Durable()
        self._frames = self._samples = 0
        self._gaps: list[dict[str, Any]] = []
        card.begin(number, began_ns)
        self.refused = not card.write(number, self._mp4.header, Durable())  # once refused, nothing more is taken

    def picture(self, packet: VideoPacket) -> None:
        """Add a frame."""
        if complete := self._mp4.picture(packet):
            self._hand_over(complete)

    def sound(self, packet: SoundPacket) -> None:
        """Add sound."""
        if complete := self._mp4.sound(packet):
            self._hand_over(complete)

    def cut(self) -> None:
        """Hand over what waits for its fragment to fill."""
        self._hand_over(self._mp4.cut())

    def missing_until(self, now_ns: int, late_ns: int) -> None:
        """The journey ends at ``now_ns``: where the picture stopped more than ``late_ns`` before, that is a gap too."""
        due_ns = self._reach.picture_ns
        if due_ns is not None and now_ns - due_ns > late_ns:
            self._gaps.append(_gap("video", due_ns, now_ns))

    def seal(self, reason: str) -> None:
        """Hand over what waits, then have it sealed."""
        self.cut()
        facts = SegmentFacts(self.began_ns, self._newest_ns, self._frames, self._samples, tuple(self._gaps))
        self._card.finish(self.number, reason, facts)

    def _hand_over(self, fragments: list[Fragment]) -> None:
        for fragment in fragments:
            mark = self._mark_with(fragment)
            if self.refused or not self._card.write(self.number, fragment.data, mark):
                self.refused = True
                return
            self._mark = mark
            self._count(fragment)

    def _mark_with(self, fragment: Fragment) -> Durable:
        """The newest moment of each medium that is whole in this segment once ``fragment`` is in it."""
        sound = None if fragment.sound is None else self._clock.newest_sound(fragment.sound.end)
        return Durable(
            self._mark.video_ns if fragment.pictures is None else fragment.pictures.newest_ns,
            self._mark.audio_ns if sound is None else self._clock.moment_ns(sound),
        )

    def _count(self, fragment: Fragment) -> None:
        pictures, sound, reach = fragment.pictures, fragment.sound, self._reach
        if pictures is not None:
            frame_ns = pictures.until_ns - pictures.newest_ns
            if reach.picture_ns is not None and pictures.from_ns - reach.picture_ns > frame_ns // 2:
                self._gaps.append(_gap("video", reach.picture_ns, pictures.from_ns))
            reach.picture_ns = pictures.until_ns
            self._frames += pictures.count
            self._newest_ns = max(self._newest_ns, pictures.newest_ns)
        if sound is not None:
            if reach.sound is not None and sound.begin > reach.sound:
                self._note_sound(reach.sound, sound.begin, filled=False)
            for begin, end in self._clock.silences(sound.begin, sound.end):
                self._note_sound(begin, end, filled=True)
            reach.sound = sound.end
            self._samples += sound.end - sound.begin
            self._newest_ns = max(self._newest_ns, self._clock.moment_ns(sound.end))

    def _note_sound(self, begin: int, end: int, *, filled: bool) -> None:
        """Sound is missing from ``begin`` to ``end``; one entry for a stretch that spans several fragments."""
        gap = _gap("audio", self._clock.moment_ns(begin), self._clock.moment_ns(end)) | {"filled": filled}
        last = self._gaps[-1] if self._gaps else {}
        if last.get("until_ns") == gap["from_ns"] and last.get("filled") == filled:
            gap["from_ns"] = self._gaps.pop()["from_ns"]
        self._gaps.append(gap)


def _gap(medium: str, from_ns: int, until_ns: int) -> dict[str, Any]:
    return {"medium": medium, "from_ns": from_ns, "until_ns": until_ns}
