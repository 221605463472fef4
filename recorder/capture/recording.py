"""Joins picture and sound into segments. One thread owns it; it has none of its own and never waits.

It keeps the rules of the room's README: nothing older than a segment's beginning goes into it; the old segment stays
open until sound has reached the split; neither medium waits for the other; every loss is a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from recorder.capture import annexb
from recorder.capture.clocks import NS_PER_S, SoundClock
from recorder.capture.memory import SoundMemory
from recorder.capture.open_segment import Card, OpenSegment, Reach
from recorder.capture.rotation import PICTURE_LATE_NS, Rotation
from recorder.errors import CaptureError, MediaError

if TYPE_CHECKING:
    from recorder.capture.faults import Faults
    from recorder.capture.muxer import SoundPacket
    from recorder.capture.ports import AudioBlock, Durable, VideoFormat, VideoPacket
    from recorder.capture.sound import SoundEncoder

SOUND_LATE_NS = NS_PER_S  # a microphone may be so late before silence takes its place
SILENCE_LAG_NS = NS_PER_S // 4  # silence then keeps this far behind now, for the microphone's return
EARLY_PICTURES_NS = 10 * NS_PER_S  # a camera whose opening takes longer than this has failed
_ROUND_NS = NS_PER_S * 3 // 5  # a round that took longer was ours to wait for, not the microphone's


class Recording:
    """The journey's two tracks, from packets and blocks to segments on the card. Times are boottime ns."""

    def __init__(
        self,
        card: Card,
        faults: Faults,
        *,
        origin_ns: int,
        first_segment_number: int,
        segment_length_s: float,
        with_sound: bool,
        sound_encoder: Callable[[int], SoundEncoder],
        sound_before_s: float = 0.0,
    ) -> None:
        """``with_sound``: whether segments declare a sound track; ``sound_encoder`` begins one at a position.

        ``sound_before_s``: of how long before sound is wanted it is kept in memory.
        """
        self._card, self._faults = card, faults
        self._new_encoder = sound_encoder
        self._origin_ns, self._with_sound = origin_ns, with_sound
        self._next_number = first_segment_number
        self._rotation = Rotation(round(segment_length_s * NS_PER_S))
        self._clock = SoundClock(origin_ns)
        self._reach = Reach()
        self._current: OpenSegment | None = None
        self._previous: OpenSegment | None = None  # waits for its sound
        self._now_ns = 0
        self._resume_ns = 0  # no segment begins before, for the card has failed
        self._draining = False  # no segment begins, for too much waits for the card
        self._slow = False  # and whether that, or a stall, was told
        self._format: VideoFormat | None = None
        self._unusable = False  # no MP4 can declare the camera's format
        self._early_pictures: list[VideoPacket] = []  # of a camera whose format is not known yet
        self._picture_ns: int | None = None  # the newest frame seen, recorded or not
        self._keyframe_needed = True
        self._sound_wanted = False
        self._sound_since_ns = 0
        self._memory = SoundMemory(round(sound_before_s * NS_PER_S))
        self._reaching_back = False  # the next keyframe begins a segment, for sound that is older than this one
        self._encoder: SoundEncoder | None = None
        self._early_sound: deque[SoundPacket] = deque()  # no segment is open
        self._quiet_ns = 0  # for so long we have waited for the microphone

    # --- picture ---------------------------------------------------------------------------------------------------

    def camera_opening(self) -> None:
        """What comes from now on is from a camera opened anew, in a format not known yet."""
        self._format, self._unusable = None, False
        self._early_pictures.clear()
        self._keyframe_needed = True

    def camera_opened(self, video: VideoFormat) -> None:
        """The camera's format is known. One that no MP4 can declare is a fault, and its frames are not recorded."""
        try:
            annexb.parameter_sets(video.extradata)
        except MediaError as error:
            self._faults.begin("mux", str(error))
            self._unusable = True
            return
        self._faults.end("mux")
        self._format = video
        early, self._early_pictures = self._early_pictures, []
        for packet in early:
            self.picture(packet)

    def picture(self, packet: VideoPacket) -> None:
        """Record a frame. One that is not newer than the last, or needs a frame that is lost, is not recorded."""
        if packet.video is not None and packet.video != self._format:
            self.camera_opened(packet.video)
        if self._format is None:
            self._keep_early_picture(packet)
            return
        if packet.captured_ns < self._oldest_wanted_ns() or packet.captured_ns <= (self._picture_ns or 0):
            self._keyframe_needed = True  # what follows cannot be shown without it
            return
        self._picture_ns = packet.captured_ns
        if packet.is_keyframe and self._is_due(packet):
            self._begin(packet.captured_ns, self._format)
        self._keyframe_needed = self._keyframe_needed and not packet.is_keyframe
        segment = self._current
        if self._keyframe_needed or segment is None or segment.video != self._format:
            self._keyframe_needed = True
        else:
            segment.picture(packet)
            self._check_room()

    def _keep_early_picture(self, packet: VideoPacket) -> None:
        """The camera's opening has not returned yet. Where it never does, a GOP now and then is forgotten."""
        early = self._early_pictures
        if packet.is_keyframe and early and packet.captured_ns - early[0].captured_ns > EARLY_PICTURES_NS:
            early.clear()
        if not self._unusable:
            early.append(packet)

    def _oldest_wanted_ns(self) -> int:
        """Nothing older goes into a segment: it would be older than its beginning says."""
        return self._origin_ns if self._current is None else self._current.began_ns

    def _is_due(self, keyframe: VideoPacket) -> bool:
        """Whether this keyframe begins a segment: none is open, the old one is full, or declares another picture."""
        segment = self._current
        return (
            segment is None
            or self._reaching_back
            or segment.video != self._format
            or self._rotation.at_picture(segment.began_ns, keyframe.captured_ns, keyframe.duration_ns, is_keyframe=True)
        )

    # --- sound -----------------------------------------------------------------------------------------------------

    def want_sound(self, wanted: bool) -> None:
        """Whether sound is to be recorded from now on; with it what is kept of the time before."""
        before = self._memory.take()
        if self._sound_wanted and not wanted:
            self._end_track()
        self._sound_wanted = wanted
        self._sound_since_ns = self._now_ns
        self._quiet_ns = 0
        if wanted and before:
            segment = self._current
            self._reaching_back = segment is not None and before[0].captured_ns < segment.began_ns
            for block in before:
                self.sound(block)

    def sound(self, block: AudioBlock) -> None:
        """Record a block where it belongs; silence takes the place of what is missing before it."""
        if not self._sound_wanted:
            self._memory.keep(block)
            return
        self._quiet_ns = 0
        placement = self._clock.place(block.captured_ns, len(block.samples), block.rate_hz)
        if placement.silence and not self._silence(placement.silence):
            return  # the track has ended, and with it the place of this block
        stretch = placement.stretch
        if stretch is not None:
            samples = block.samples[placement.skip :]
            self._encode(lambda encoder: encoder.samples(samples, stretch, block.rate_hz, restart=placement.restart))

    def _silence(self, count: int) -> bool:
        return self._encode(lambda encoder: encoder.silence(count))

    def _fill(self) -> None:
        """Let silence take the place of a microphone that has been waited for long enough."""
        if self._current is None and self._clock.position is None:
            return  # nothing to be silent in
        missing = self._clock.fill(self._silent_since_ns(), self._now_ns - SILENCE_LAG_NS)
        if missing:
            self._silence(missing)

    def _silent_since_ns(self) -> int:
        """Where silence begins if there is no track to continue: not before what is recorded, or wanted."""
        recorded_ns = 0 if self._reach.sound is None else self._clock.moment_ns(self._reach.sound)
        began_ns = self._now_ns if self._current is None else self._current.began_ns
        return max(began_ns, recorded_ns, self._sound_since_ns)

    def _encode(self, produce: Callable[[SoundEncoder], list[SoundPacket]]) -> bool:
        """Have the track's encoder produce packets. One that fails ends its track (False); another begins the next."""
        if self._encoder is None:
            self._encoder = self._new_encoder(self._clock.begin)
        try:
            packets = produce(self._encoder)
        except CaptureError as error:
            self._faults.begin("encoder", str(error))
            self._drop_track()
            return False
        if packets:
            self._faults.end("encoder")
            self._route(packets)
        return True

    def _end_track(self) -> None:
        """Sound ends here; what begins later is another track."""
        if self._encoder is not None:
            self._encode(lambda encoder: encoder.finish())
        self._drop_track()
        if self._current is not None:
            self._current.cut()  # counted before it is forgotten how far the track reached
        self._reach.sound = None

    def _drop_track(self) -> None:
        self._encoder = None
        self._clock.pause()
        self._seal_previous()

    def _route(self, packets: list[SoundPacket]) -> None:
        for packet in packets:
            moment_ns, current = self._clock.moment_ns(packet.position), self._current
            if self._previous is not None:
                if current is not None and moment_ns < current.began_ns:
                    self._previous.sound(packet)
                    continue
                self._seal_previous()
            if current is None or self._reaching_back:
                self._keep_early(packet, moment_ns)
                continue
            if self._rotation.at_sound(current.began_ns, moment_ns, self._picture_ns):
                self._begin(moment_ns, None)
                current = self._current
            if current is not None and moment_ns >= current.began_ns:
                current.sound(packet)
        self._check_room()

    def _keep_early(self, packet: SoundPacket, moment_ns: int) -> None:
        """Keep the newest sound for the picture that will begin a segment, but not for ever."""
        early = self._early_sound
        early.append(packet)
        oldest_ns = self._clock.moment_ns(early[0].position)
        if moment_ns - max(oldest_ns, self._picture_ns or 0) >= PICTURE_LATE_NS:
            self._begin(oldest_ns, None)
        if early and moment_ns - oldest_ns > PICTURE_LATE_NS + self._memory.keep_ns:
            early.popleft()

    # --- segments --------------------------------------------------------------------------------------------------

    def round(self, now_ns: int) -> None:
        """What depends on time, then let the card have all there is: it is synced together, so none waits for more.

        Call twice a second or more often, after what has arrived was handed in.
        """
        if self._now_ns:
            self._quiet_ns += min(now_ns - self._now_ns, _ROUND_NS)
        self._now_ns = now_ns
        self._watch_card()
        if self._sound_wanted and self._quiet_ns >= SOUND_LATE_NS:
            self._fill()
        if self._current is not None:
            self._current.cut()
            self._check_room()
        self._card.go()

    def segment_lost(self, number: int, retry_after_s: float, durable: Durable) -> None:
        """The card failed in segment ``number``. What is not ``durable`` counts as lost."""
        self._resume_ns = self._now_ns + round(retry_after_s * NS_PER_S)
        if self._previous is not None and self._previous.number == number:
            self._previous = None
        if self._current is not None and self._current.number == number:
            self._current = None
        if durable.video_ns is not None:
            self._reach.picture_ns = durable.video_ns
        if durable.audio_ns is not None and self._reach.sound is not None:
            self._reach.sound = self._clock.index(durable.audio_ns)

    def end(self, reason: str) -> None:
        """Nothing follows: seal what is open."""
        self._end_track()
        if self._current is not None:
            self._current.missing_until(self._now_ns, PICTURE_LATE_NS)
            self._current.seal(reason)
            self._current = None

    def _begin(self, began_ns: int, video: VideoFormat | None) -> None:
        """End the current segment at this moment and begin the next one there; not before the card is ready for it."""
        if not self._card_ready():
            return
        early, self._early_sound = self._early_sound, deque()
        self._reaching_back = False
        if early:
            began_ns = min(began_ns, self._clock.moment_ns(early[0].position))
        segment = OpenSegment(
            self._next_number,
            began_ns,
            video,
            with_sound=self._with_sound,
            clock=self._clock,
            origin_ns=self._origin_ns,
            reach=self._reach,
            card=self._card,
        )
        self._next_number += 1
        self._seal_previous()
        if self._current is not None:
            self._current.cut()
            self._previous = self._current
        self._current = segment
        if video is None or self._clock.position is None:
            self._seal_previous()  # no sound is on its way to it
        if self._reach.sound is not None:
            self._clock.forget(self._reach.sound)
        for packet in early:
            segment.sound(packet)
        self._check_room()

    def _card_ready(self) -> bool:
        return not self._draining and self._now_ns >= self._resume_ns

    def _check_room(self) -> None:
        """Where the card was too slow for a fragment, its segment ends before it."""
        previous, current = self._previous, self._current
        if (current is not None and current.refused) or (previous is not None and previous.refused):
            for segment in (previous, current):
                if segment is not None:
                    segment.seal("fault")
            self._previous = self._current = None
            self._draining = True

    def _watch_card(self) -> None:
        """Tell when the card begins to be too slow, and when that is over."""
        self._draining = self._draining and not self._card.half_drained
        slow = self._draining or self._card.stalled
        if slow and not self._slow:
            self._faults.begin("card-slow", "The queue is full." if self._draining else "The card does not answer.")
        elif self._slow and not slow:
            self._faults.end("card-slow")
        self._slow = slow

    def _seal_previous(self) -> None:
        previous, self._previous = self._previous, None
        if previous is not None:
            previous.seal("rotation")
