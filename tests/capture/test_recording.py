"""Picture and sound become segments: nothing lost at a split, neither medium held back, every loss a gap."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

import pytest

from recorder.capture.boxes import SOUND_TRACK, VIDEO_TRACK
from recorder.capture.faults import Faults
from recorder.capture.ports import AudioBlock, Durable, SegmentFacts, VideoFormat, VideoPacket
from recorder.capture.recording import Recording
from recorder.capture.sound import SoundEncoder
from recorder.errors import CaptureError
from recorder.events import Event, FaultCleared, FaultRaised
from recorder.mp4 import iter_boxes, read_tracks
from tests.capture.scripted import FORMAT, FRAME_NS, PPS, SPS, START, S, block, picture
from tests.mp4.times import fragment_times

ORIGIN = 100 * S
BLOCK_NS = S // 50


@dataclass
class Written:
    """One segment as the card was given it."""

    number: int
    first_ns: int
    data: bytes = b""
    marks: list[Durable] = field(default_factory=list)
    reason: str | None = None
    facts: SegmentFacts | None = None

    def tracks(self) -> set[str]:
        return {
            track.handler
            for track in read_tracks(next(b for b in iter_boxes(self.data) if b.kind == "moov").data).values()
        }

    def times(self, track: int) -> list[tuple[int, int]]:
        """From and to of each fragment of a track, in its units."""
        moofs = [fragment_times(b.data) for b in iter_boxes(self.data) if b.kind == "moof"]
        return [(t[track].base_decode_time, t[track].base_decode_time + t[track].duration) for t in moofs if track in t]


class FakeCard:
    """A card that takes everything, until ``room`` is gone."""

    def __init__(self) -> None:
        self.segments: dict[int, Written] = {}
        self.room = True
        self.half_drained = True
        self.told = 0
        self.stalled = False

    def begin(self, number: int, first_ns: int) -> None:
        self.segments[number] = Written(number, first_ns)

    def write(self, number: int, data: bytes, mark: Durable) -> bool:
        if self.room:
            assert self.segments[number].reason is None, "nothing comes after the seal"
            self.segments[number].data += data
            self.segments[number].marks.append(mark)
        return self.room

    def go(self) -> None:
        self.told += 1

    def finish(self, number: int, reason: str, facts: SegmentFacts) -> None:
        self.segments[number].reason, self.segments[number].facts = reason, facts


class Bench:
    """A recording with a camera at 25 frames a second and a microphone, both fed in steps of 20 ms."""

    def __init__(
        self,
        *,
        length_s: float = 4,
        with_sound: bool = True,
        sound_encoder: Callable[[int], SoundEncoder] = SoundEncoder,
        sound_before_s: float = 0.0,
    ) -> None:
        self.card = FakeCard()
        self.events: list[Event] = []
        self.recording = Recording(
            self.card,
            Faults(self.events.append),
            origin_ns=ORIGIN,
            first_segment_number=1,
            segment_length_s=length_s,
            with_sound=with_sound,
            sound_encoder=sound_encoder,
            sound_before_s=sound_before_s,
        )
        self.now_ns = ORIGIN
        self.recording.round(self.now_ns)
        self.recording.want_sound(with_sound)

    def open_camera(self, video: VideoFormat = FORMAT) -> None:
        self.recording.camera_opening()
        self.recording.camera_opened(video)

    def run(self, seconds: float, *, camera: bool = True, microphone: bool = True, frame_bytes: int = 200) -> None:
        """Time passes; the devices named deliver what they captured."""
        for _ in range(round(seconds * 50)):
            self.now_ns += BLOCK_NS
            n, rest = divmod(self.now_ns - ORIGIN, FRAME_NS)
            if camera and not rest:
                self.recording.picture(picture(self.now_ns - FRAME_NS, key=(n - 1) % 25 == 0, size_bytes=frame_bytes))
            if microphone:
                self.recording.sound(block(self.now_ns - BLOCK_NS))
            self.recording.round(self.now_ns)

    def end(self) -> list[Written]:
        self.recording.end("ignition-off")
        return list(self.card.segments.values())


def joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches without what only separates fragments."""
    whole: list[tuple[int, int]] = []
    for begin, end in spans:
        if whole and whole[-1][1] == begin:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((begin, end))
    return whole


def test_segments_follow_each_other_without_a_gap_in_either_medium() -> None:
    bench = Bench(length_s=4)
    bench.open_camera()
    bench.run(10)
    segments = bench.end()
    assert [(s.number, s.first_ns - ORIGIN, s.reason) for s in segments] == [
        (1, 0, "rotation"),
        (2, 4 * S, "rotation"),
        (3, 8 * S, "ignition-off"),
    ]
    assert [joined(s.times(VIDEO_TRACK)) for s in segments] == [
        [(0, 360_000)],
        [(360_000, 720_000)],
        [(720_000, 900_000)],
    ]
    assert joined([span for s in segments for span in s.times(SOUND_TRACK)]) == [(0, 469 * 1024)]
    assert [s.facts.video_frames for s in segments if s.facts] == [100, 100, 50]
    assert [s.facts.gaps for s in segments if s.facts] == [(), (), ()]
    assert sum(s.facts.audio_samples for s in segments if s.facts) == 469 * 1024
    assert bench.events == []


def test_sound_that_begins_before_the_split_is_in_the_old_segment() -> None:
    """Nothing older than a segment's beginning goes into it, for its age is the age of its beginning."""
    bench = Bench(length_s=2)
    bench.open_camera()
    bench.run(5)
    for segment in bench.end():
        begin = segment.first_ns - ORIGIN
        assert segment.times(VIDEO_TRACK)[0][0] * S // 90_000 >= begin
        assert segment.times(SOUND_TRACK)[0][0] * S // 48_000 >= begin
        assert segment.facts
        assert segment.facts.first_ns == segment.first_ns <= segment.facts.last_ns


def test_marks_name_the_newest_moment_that_is_whole() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(2)
    (segment,) = bench.card.segments.values()
    marks = segment.marks[1:]
    assert [m.video_ns for m in marks if m.video_ns] == sorted(m.video_ns for m in marks if m.video_ns)
    moved_on = [mark for before, mark in pairwise([Durable(), *marks]) if mark.video_ns != before.video_ns]
    for (_, end), mark in zip(segment.times(VIDEO_TRACK), moved_on, strict=True):
        assert mark.video_ns == ORIGIN + end * S // 90_000 - FRAME_NS
    assert marks[-1].audio_ns == ORIGIN + segment.times(SOUND_TRACK)[-1][1] * S // 48_000


def test_with_each_round_the_card_has_all_there_is() -> None:
    """It is synced together, so a fragment that fills for the next time would be lost for nothing."""
    bench = Bench(length_s=60)
    bench.open_camera()
    for n in range(10):
        bench.recording.picture(picture(ORIGIN + n * FRAME_NS, key=n == 0))
        if n in {4, 5, 9}:
            bench.recording.round(ORIGIN + (n + 1) * FRAME_NS)
            (segment,) = bench.card.segments.values()
            assert segment.marks[-1].video_ns == ORIGIN + n * FRAME_NS


def test_sound_first_waits_for_the_picture_that_begins_the_segment() -> None:
    bench = Bench()
    bench.open_camera()
    bench.run(0.5, camera=False)
    assert bench.card.segments == {}
    bench.run(1.5)
    (segment,) = bench.end()
    assert segment.tracks() == {"vide", "soun"}
    assert segment.first_ns == ORIGIN, "the sound before the first frame is in it"


def test_without_a_camera_sound_is_recorded_and_rotates_by_the_clock() -> None:
    bench = Bench(length_s=4)
    bench.run(11, camera=False)
    segments = bench.end()
    assert [s.tracks() for s in segments] == [{"soun"}] * 3
    assert [round((s.first_ns - ORIGIN) / S, 1) for s in segments] == [0.0, 4.0, 8.0]
    assert joined([span for s in segments for span in s.times(SOUND_TRACK)]) == [(0, 516 * 1024)]


def test_a_camera_that_comes_later_begins_a_segment_with_a_picture() -> None:
    bench = Bench(length_s=60)
    bench.run(5, camera=False)
    bench.open_camera()
    bench.run(3)
    first, second = bench.end()
    assert (first.tracks(), second.tracks()) == ({"soun"}, {"vide", "soun"})
    assert joined(first.times(SOUND_TRACK) + second.times(SOUND_TRACK)) == [(0, 375 * 1024)]


def test_a_dead_microphone_does_not_hold_back_the_picture() -> None:
    """The picture leaves in fragments as ever; silence takes the place of the sound, and is never durable sound."""
    bench = Bench(length_s=4)
    bench.open_camera()
    bench.run(1, microphone=False)
    (segment,) = bench.card.segments.values()
    assert bench.now_ns - (segment.marks[-1].video_ns or 0) < S // 3
    bench.run(8, microphone=False)
    segments = bench.end()
    assert [s.reason for s in segments] == ["rotation", "rotation", "ignition-off"]
    assert sum(s.facts.video_frames for s in segments if s.facts) == 225
    sound = joined([span for s in segments for span in s.times(SOUND_TRACK)])
    assert len(sound) == 1, "the track has no hole"
    assert all(mark.audio_ns is None for s in segments for mark in s.marks)
    gaps = [gap for s in segments if s.facts for gap in s.facts.gaps]
    assert {(gap["medium"], gap["filled"]) for gap in gaps} == {("audio", True)}


def test_a_microphone_that_drops_out_leaves_silence_of_the_same_length() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(2)
    bench.run(3, microphone=False)
    stale = bench.card.segments[1].marks[-1]
    bench.run(2)
    (segment,) = bench.end()
    assert joined(segment.times(SOUND_TRACK)) == [(0, 329 * 1024)]
    assert segment.facts
    (gap,) = segment.facts.gaps
    assert (gap["medium"], gap["filled"]) == ("audio", True)
    assert abs(gap["from_ns"] - (ORIGIN + 2 * S)) < S // 1000
    assert abs(gap["until_ns"] - (ORIGIN + 5 * S)) < S // 1000
    assert stale.audio_ns == gap["from_ns"], "silence filled in is no durable sound"


def test_a_late_microphone_catches_up_within_a_second() -> None:
    """What arrives up to a second late is where it belongs, and not cut off."""
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(1)
    late = [block(bench.now_ns + n * BLOCK_NS) for n in range(40)]
    bench.run(0.8, microphone=False)
    for sound in late:
        bench.recording.sound(sound)
    bench.run(1)
    (segment,) = bench.end()
    assert segment.facts
    assert segment.facts.gaps == ()


def test_a_camera_that_drops_out_leaves_a_gap_and_frames_keep_their_time() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(2)
    bench.run(1.5, camera=False)
    bench.open_camera()
    bench.run(2.5)  # its first keyframe comes half a second later
    (segment,) = bench.end()
    assert joined(segment.times(VIDEO_TRACK)) == [(0, 180_000), (360_000, 540_000)]
    assert segment.facts
    assert segment.facts.gaps == ({"medium": "video", "from_ns": ORIGIN + 2 * S, "until_ns": ORIGIN + 4 * S},)


def test_a_camera_that_never_comes_back_is_a_gap_to_the_end() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(2)
    bench.run(5, camera=False)
    (segment,) = bench.end()
    assert segment.facts
    assert segment.facts.gaps == ({"medium": "video", "from_ns": ORIGIN + 2 * S, "until_ns": ORIGIN + 7 * S},)


def test_other_parameters_begin_a_new_segment() -> None:
    """A camera that comes back with another picture cannot go on in an MP4 that declares the old one."""
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(2)
    bench.open_camera(replace(FORMAT, width=128, fps=Fraction(25)))
    bench.run(2)
    first, second = bench.end()
    assert (first.reason, second.first_ns) == ("rotation", ORIGIN + 2 * S)
    assert joined(first.times(SOUND_TRACK) + second.times(SOUND_TRACK)) == [(0, 188 * 1024)]


def test_the_same_parameters_go_on_in_the_same_segment() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(2)
    bench.open_camera()
    bench.run(2)
    assert len(bench.end()) == 1


def test_frames_of_another_format_begin_a_segment_at_their_keyframe() -> None:
    """A camera may change its picture without being closed; what is lost with the first keyframe comes with the next.

    Each frame says what it is in, so none is recorded under the parameter sets of another.
    """
    other = replace(FORMAT, width=48)
    bench = Bench(length_s=60, with_sound=False)
    bench.open_camera()
    bench.run(2, microphone=False)
    for n in range(1, 50):  # the frame that began it was lost on the way
        frame = picture(bench.now_ns + n * FRAME_NS, key=n % 25 == 0)
        bench.recording.picture(frame._replace(video=other))
    first, second = bench.end()
    assert (first.reason, second.first_ns) == ("rotation", ORIGIN + 2 * S + 25 * FRAME_NS)
    assert first.facts is not None
    assert second.facts is not None
    assert (first.facts.video_frames, second.facts.video_frames) == (50, 25)
    assert [gap["until_ns"] - gap["from_ns"] for gap in second.facts.gaps] == [25 * FRAME_NS]


def test_frames_before_a_keyframe_and_out_of_order_are_not_recorded() -> None:
    """A frame that cannot be decoded, or that time has passed, would only disturb the ones that can."""
    bench = Bench(with_sound=False)
    bench.open_camera()
    times = [(0, False), (1, False), (2, True), (3, False), (3, False), (4, False), (5, True), (6, False)]
    for n, key in times:
        bench.recording.picture(picture(ORIGIN + n * FRAME_NS, key=key))
    bench.recording.picture(picture(ORIGIN - FRAME_NS, key=True))
    (segment,) = bench.end()
    assert joined(segment.times(VIDEO_TRACK)) == [(2 * 3600, 4 * 3600), (5 * 3600, 7 * 3600)]


def test_frames_that_come_before_their_format_wait_for_it() -> None:
    """A camera may deliver while its opening has not returned yet."""
    bench = Bench(with_sound=False)
    bench.recording.camera_opening()
    for n in range(5):
        bench.recording.picture(picture(ORIGIN + n * FRAME_NS, key=n == 0))
    bench.recording.camera_opened(FORMAT)
    (segment,) = bench.end()
    assert segment.facts
    assert segment.facts.video_frames == 5


def test_a_camera_whose_opening_never_returns_does_not_fill_the_memory() -> None:
    """Frames wait for their format, but not for ever; those kept begin with a keyframe."""
    bench = Bench(with_sound=False)
    bench.recording.camera_opening()
    for n in range(25 * 60):
        bench.recording.picture(picture(ORIGIN + n * FRAME_NS, key=n % 25 == 0))
    bench.recording.camera_opened(FORMAT)
    segments = bench.end()
    assert sum(s.facts.video_frames for s in segments if s.facts) <= 11 * 25
    assert segments[0].first_ns >= ORIGIN + 48 * S


def test_a_format_that_no_mp4_can_declare_is_a_fault_and_sound_goes_on() -> None:
    bench = Bench(length_s=60)
    bench.open_camera(replace(FORMAT, extradata=START + SPS))
    bench.run(4)
    assert bench.events == [FaultRaised("mux")]
    bench.open_camera(replace(FORMAT, extradata=START + SPS + START + PPS))
    bench.run(2)
    assert bench.events == [FaultRaised("mux"), FaultCleared("mux")]
    assert [s.tracks() for s in bench.end()] == [{"soun"}, {"vide", "soun"}]


def test_sound_on_hold_begins_when_it_is_wanted_and_not_before() -> None:
    """Both tracks are declared from the start, so that sound needs no new segment when it comes."""
    bench = Bench(length_s=60)
    bench.recording.want_sound(False)
    bench.open_camera()
    bench.run(3)
    bench.recording.want_sound(True)
    bench.run(2)
    bench.recording.want_sound(False)
    bench.run(2)
    (segment,) = bench.end()
    assert segment.tracks() == {"vide", "soun"}
    ((begin, end),) = joined(segment.times(SOUND_TRACK))
    assert (begin, end) == (144_000 - 1024, 144_000 - 1024 + 95 * 1024)
    assert segment.facts
    assert segment.facts.gaps == ()


def sound_of(segments: list[Written]) -> list[tuple[float, float]]:
    """From and to of each stretch of sound, in seconds of the journey."""
    whole = joined([span for segment in segments for span in segment.times(SOUND_TRACK)])
    return [(round(begin / 48_000, 1), round(end / 48_000, 1)) for begin, end in whole]


def test_sound_from_before_the_press_comes_with_it_where_that_is_asked_for() -> None:
    """Of the last two seconds, and no more; into the segment that runs, for it began before."""
    bench = Bench(length_s=60, sound_before_s=2)
    bench.recording.want_sound(False)
    bench.open_camera()
    bench.run(5)
    assert bench.card.segments[1].times(SOUND_TRACK) == [], "in memory, not on the card"
    bench.recording.want_sound(True)
    bench.run(2)
    (segment,) = bench.end()
    assert sound_of([segment]) == [(3.0, 7.0)]
    assert segment.facts
    assert (segment.facts.first_ns, segment.facts.gaps) == (ORIGIN, ())


def test_sound_older_than_the_segment_that_runs_begins_another() -> None:
    """Nothing older than a segment's beginning goes into it: the next keyframe begins one that is as old as the sound.

    No frame and no sample is lost by that, and durable sound is not held back for longer than a GOP.
    """
    bench = Bench(length_s=10, sound_before_s=4)
    bench.recording.want_sound(False)
    bench.open_camera()
    bench.run(12.5)
    bench.recording.want_sound(True)
    bench.run(4.5)
    assert (bench.card.segments[3].marks[-1].audio_ns or 0) > bench.now_ns - S
    segments = bench.end()
    assert [round((s.first_ns - ORIGIN) / S, 1) for s in segments] == [0.0, 10.0, 8.5]
    assert all(segment.facts and segment.facts.gaps == () for segment in segments)
    assert [joined(s.times(VIDEO_TRACK)) for s in segments] == [
        [(0, 900_000)],
        [(900_000, 13 * 90_000)],
        [(13 * 90_000, 17 * 90_000)],
    ]
    assert [sound_of([s]) for s in segments] == [[], [], [(8.5, 17.0)]]


def test_sound_from_before_the_press_needs_no_camera() -> None:
    """Where none delivers, the sound begins a segment by itself."""
    bench = Bench(length_s=60, sound_before_s=4)
    bench.recording.want_sound(False)
    bench.open_camera()
    bench.run(2)
    bench.run(7, camera=False)
    bench.recording.want_sound(True)
    bench.run(3, camera=False)
    assert sound_of(bench.end()) == [(5.0, 12.0)]


def test_before_anything_is_recorded_the_memory_is_no_longer_than_it_may_be() -> None:
    """A press before the camera has delivered: the sound waits for its picture, as old as was asked for."""
    bench = Bench(length_s=60, sound_before_s=4)
    bench.recording.want_sound(False)
    bench.run(10, camera=False)
    bench.recording.want_sound(True)
    bench.run(1, camera=False)
    bench.open_camera()
    bench.run(2)
    segments = bench.end()
    assert sound_of(segments) == [(6.0, 13.0)]
    assert segments[0].first_ns - ORIGIN <= 6 * S


def test_after_the_release_of_a_hold_sound_is_in_memory_again() -> None:
    """What was heard between two holds is gone but for the last seconds; nothing is recorded twice."""
    bench = Bench(length_s=60, sound_before_s=1)
    bench.open_camera()
    bench.run(3)
    bench.recording.want_sound(False)
    bench.run(4)
    bench.recording.want_sound(True)
    bench.run(2)
    bench.recording.want_sound(False)
    bench.recording.want_sound(True)
    bench.run(1)
    (segment,) = bench.end()
    assert sound_of([segment])[:2] == [(-0.0, 3.0), (6.0, 9.0)]
    assert segment.facts
    assert segment.facts.gaps == (), "what nobody wanted is not missing"


def test_without_sound_the_old_segment_is_sealed_at_the_split() -> None:
    bench = Bench(length_s=2, with_sound=False)
    bench.open_camera()
    bench.run(2.2)
    assert [s.reason for s in bench.card.segments.values()] == ["rotation", None]


def test_a_card_that_is_too_slow_ends_the_segment_and_the_loss_is_counted() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(3)
    accepted = bench.card.segments[1].marks[-1]
    bench.card.room = bench.card.half_drained = False
    bench.run(3)
    assert bench.events == [FaultRaised("card-slow")]
    assert bench.card.segments[1].reason == "fault"
    bench.card.room = True
    bench.run(1.5)
    assert len(bench.card.segments) == 1, "not before half has drained"
    bench.card.half_drained = True
    bench.run(2)
    assert bench.events == [FaultRaised("card-slow"), FaultCleared("card-slow")]
    first, second = bench.end()
    assert first.facts
    assert second.facts
    assert first.facts.video_frames * FRAME_NS == (accepted.video_ns or 0) + FRAME_NS - ORIGIN
    assert second.times(VIDEO_TRACK)[0][0] == 8 * 90_000
    audio, video = second.facts.gaps
    assert video == {"medium": "video", "from_ns": (accepted.video_ns or 0) + FRAME_NS, "until_ns": ORIGIN + 8 * S}
    assert (audio["medium"], audio["filled"], audio["from_ns"]) == ("audio", False, accepted.audio_ns)
    assert audio["until_ns"] == second.first_ns, "two seconds of sound have waited for the picture"
    assert round((video["until_ns"] - audio["until_ns"]) / S, 1) == 2.0


def test_a_card_that_does_not_answer_is_a_fault_before_anything_is_lost() -> None:
    """And one fault, not two, where the queue fills up meanwhile."""
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(1)
    bench.card.stalled = True
    bench.run(1)
    assert bench.events == [FaultRaised("card-slow")]
    bench.card.room = bench.card.half_drained = False
    bench.run(1)
    bench.card.stalled, bench.card.room = False, True
    bench.run(1)
    assert bench.events == [FaultRaised("card-slow")]
    bench.card.half_drained = True
    bench.run(1)
    assert bench.events == [FaultRaised("card-slow"), FaultCleared("card-slow")]


def test_a_segment_that_the_card_lost_is_followed_by_the_next_after_the_back_off() -> None:
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(3)
    durable = Durable(ORIGIN + 2 * S, ORIGIN + 2 * S)
    bench.recording.segment_lost(1, 1.5, durable)
    bench.run(4)
    first, second = bench.end()
    assert first.reason is None, "the vault finds what reached the card"
    assert second.number == 2
    assert second.times(VIDEO_TRACK)[0][0] == 5 * 90_000, "the first keyframe after the back-off"
    assert second.facts
    audio, video = second.facts.gaps
    assert (video["from_ns"], video["until_ns"]) == (ORIGIN + 2 * S, ORIGIN + 5 * S)
    assert (audio["from_ns"], audio["until_ns"], audio["filled"]) == (ORIGIN + 2 * S, second.first_ns, False)


def test_a_lost_old_segment_does_not_end_the_new_one() -> None:
    bench = Bench(length_s=2)
    bench.open_camera()
    bench.run(2.06, microphone=True)
    assert [s.reason for s in bench.card.segments.values()] == [None, None]
    bench.recording.segment_lost(1, 1.0, Durable())
    bench.run(1)
    first, second = bench.end()
    assert (first.reason, second.reason) == (None, "ignition-off")


def test_ending_what_never_began_is_nothing() -> None:
    assert Bench().end() == []


def test_a_still_scene_and_a_lively_one_are_cut_at_the_same_times() -> None:
    """Fragments are cut by time: how much is in them makes no difference to what a power cut costs."""
    spans = []
    for frame_bytes in (5, 50_000):
        bench = Bench(length_s=60)
        bench.open_camera()
        bench.run(2, frame_bytes=frame_bytes)
        spans.append(bench.end()[0].times(VIDEO_TRACK))
    assert spans[0] == spans[1]


def test_another_rate_of_the_microphone_keeps_the_track_whole() -> None:
    """A microphone replaced by one at 44.1 kHz."""
    bench = Bench(length_s=60)
    bench.open_camera()
    bench.run(1)
    for n in range(50):
        bench.recording.sound(AudioBlock(block(0, 882).samples, bench.now_ns + n * BLOCK_NS, 44_100))
    (segment,) = bench.end()
    ((begin, end),) = joined(segment.times(SOUND_TRACK))
    assert begin == 0
    assert 2 * 48_000 <= end < 2 * 48_000 + 2048


def test_packets_keep_their_own_time() -> None:
    """A clip at 29.97 is recorded at 29.97: its frames are 3003 units of 1/90000 s apart, never re-timed."""
    bench = Bench(with_sound=False)
    bench.open_camera()
    for n in range(60):
        packet = VideoPacket(START + b"\x65aa", ORIGIN + n * 1001 * S // 30_000, 33_366_667, n % 29 == 0)
        bench.recording.picture(packet)
    (segment,) = bench.end()
    assert joined(segment.times(VIDEO_TRACK)) == [(0, 60 * 3003)]


class FailingEncoder(SoundEncoder):
    """An AAC encoder that fails after some packets; ``left`` is shared by all that are made."""

    left = 0

    def _encode(self, samples):
        if not FailingEncoder.left:
            raise CaptureError("The AAC encoder failed.")
        FailingEncoder.left -= 1
        return super()._encode(samples)


@pytest.mark.parametrize("microphone", [True, False])
def test_an_encoder_that_fails_costs_sound_and_never_the_picture(microphone: bool) -> None:
    """The fault stands while it fails; then another encoder goes on where the clock is."""
    bench = Bench(length_s=60, sound_encoder=FailingEncoder)
    FailingEncoder.left = 100
    bench.open_camera()
    bench.run(3)
    assert bench.events == [FaultRaised("encoder")]
    bench.run(1.5, microphone=microphone)
    FailingEncoder.left = 1000
    bench.run(1)
    assert bench.events == [FaultRaised("encoder"), FaultCleared("encoder")]
    (segment,) = bench.end()
    assert segment.facts
    assert segment.facts.video_frames == 137
    assert {gap["medium"] for gap in segment.facts.gaps} == {"audio"}
    spans = segment.times(SOUND_TRACK)
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), "no moment is recorded twice"


def test_an_encoder_that_fails_at_the_very_end_does_not_stop_the_seal() -> None:
    bench = Bench(length_s=60, sound_encoder=FailingEncoder)
    FailingEncoder.left = 46
    bench.open_camera()
    bench.run(1)
    (segment,) = bench.end()
    assert (segment.reason, bench.events) == ("ignition-off", [FaultRaised("encoder")])


def test_a_gap_in_sound_whose_silence_cannot_be_encoded_is_a_gap_all_the_same() -> None:
    """The encoder fails in the silence before a block: that block has no place, the next one begins a track."""
    bench = Bench(length_s=60, sound_encoder=FailingEncoder)
    FailingEncoder.left = 46
    bench.open_camera()
    bench.run(1)
    bench.run(0.5, microphone=False)
    bench.run(0.02)
    FailingEncoder.left = 1000
    bench.run(1)
    (segment,) = bench.end()
    assert bench.events == [FaultRaised("encoder"), FaultCleared("encoder")]
    (first, second) = joined(segment.times(SOUND_TRACK))
    assert first[1] <= 48_000
    assert second[0] == round(1.52 * 48_000) - 1024


def test_a_microphone_that_never_answers_when_sound_is_wanted_is_silence_from_then_on() -> None:
    bench = Bench(length_s=60)
    bench.recording.want_sound(False)
    bench.open_camera()
    bench.run(3, microphone=False)
    bench.recording.want_sound(True)
    bench.run(3, microphone=False)
    (segment,) = bench.end()
    assert segment.times(SOUND_TRACK)[0][0] == 3 * 48_000 - 1024
    assert {mark.audio_ns for mark in segment.marks} == {None}


def test_a_frame_older_than_its_segment_is_not_recorded() -> None:
    """Sound has rotated without the picture; a frame that was under way all the time is too old for the new segment."""
    bench = Bench(length_s=4)
    bench.open_camera()
    bench.run(3)
    bench.run(2.5, camera=False)
    bench.recording.picture(picture(ORIGIN + 3 * S, key=True))
    bench.run(2)
    first, second, third = bench.end()
    assert (second.tracks(), third.tracks()) == ({"soun"}, {"vide", "soun"})
    assert first.times(VIDEO_TRACK)[-1][1] == 3 * 90_000
    assert third.times(VIDEO_TRACK)[0][0] == 6 * 90_000


def test_sound_that_is_not_wanted_is_dropped() -> None:
    """A block may still be under way when sound is switched off."""
    bench = Bench(with_sound=False)
    bench.run(4)
    assert bench.end() == []
