"""The threads of a capture: devices open when they may and close when they must; nothing waits for what is broken."""

import subprocess
import sys
import threading
import time

import pytest

from recorder.capture import pipeline
from recorder.capture.pipeline import Capture
from recorder.capture.ports import DeviceFailure, Durable
from recorder.errors import StoreError
from recorder.events import FaultCleared, FaultRaised, Sealed
from recorder.mp4 import iter_boxes, read_tracks
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.scripted import FRAME_NS, Inbox, S, ScriptedCamera, ScriptedMicrophone, block, picture


class Bench:
    """A capture with scripted devices, fed by a thread that plays what is captured in real time."""

    def __init__(
        self,
        *,
        camera: ScriptedCamera | None = None,
        microphone: ScriptedMicrophone | None = None,
        card: MemoryCard | None = None,
        **arguments: object,
    ) -> None:
        self.camera = camera or ScriptedCamera()
        self.microphone = microphone or ScriptedMicrophone()
        self.card = card or MemoryCard()
        self.inbox = Inbox()
        self.origin_ns = boottime_ns()
        self.capture = Capture(
            camera=self.camera,
            microphone=self.microphone,
            open_segment=self.card,
            post=self.inbox.post,
            origin_ns=self.origin_ns,
            fps=25,
            **arguments,
        )
        self._stop = threading.Event()
        self._player = threading.Thread(target=self._play, daemon=True)
        self._player.start()

    def _play(self) -> None:
        frame = 0
        began_ns = boottime_ns()
        while not self._stop.wait(max(0.0, (began_ns + (frame + 1) * FRAME_NS - boottime_ns()) / S)):
            now_ns = began_ns + frame * FRAME_NS
            if self.camera.is_open:
                self.camera.deliver(picture(now_ns, key=frame % 5 == 0))
            if self.microphone.is_open:
                self.microphone.deliver(block(now_ns, 1920))
            frame += 1

    def end(self, reason: str = "stop") -> None:
        self.capture.stop(reason)
        assert self.inbox.wait(Sealed())
        self._stop.set()
        self._player.join(5)
        assert self.capture.join(5)
        assert self.capture.heartbeats() == {}
        assert self.inbox.events.count(Sealed()) == 1
        assert (self.camera.is_open, self.microphone.is_open, self.capture.devices_open) == (False, False, False)

    def durable(self, medium: str) -> bool:
        """Wait until the medium is durable."""
        return self.card.wait(lambda: getattr(self.capture.durable(), f"{medium}_ns") is not None)

    def newer(self, medium: str) -> bool:
        """Wait until something that is captured from now on is durable."""
        now_ns = boottime_ns()
        return self.card.wait(lambda: (getattr(self.capture.durable(), f"{medium}_ns") or 0) > now_ns)


def test_nothing_is_opened_before_the_start_and_nothing_is_open_after_the_stop() -> None:
    bench = Bench()
    assert (bench.camera.attempts, bench.microphone.attempts, bench.capture.devices_open) == (0, 0, False)
    bench.capture.start()
    assert bench.durable("video")
    assert bench.durable("audio")
    assert bench.capture.devices_open
    assert bench.capture.heartbeats().keys() == {"camera", "microphone", "mux", "card"}
    bench.end("withdrawn")
    assert (bench.camera.attempts, bench.microphone.attempts) == (1, 1)
    assert [segment.reason for segment in bench.card.segments.values()] == ["withdrawn"]
    assert bench.inbox.events == [Sealed()]
    assert bench.card.threads == {"capture-card"}, "nobody else calls the card"


def test_a_capture_that_is_stopped_before_it_starts_is_sealed() -> None:
    bench = Bench()
    bench.end()
    bench.capture.start()
    assert bench.capture.join(5)
    assert bench.inbox.events == [Sealed()]
    assert (bench.camera.attempts, bench.card.segments) == (0, {})


def test_a_capture_that_never_gets_anything_is_sealed() -> None:
    bench = Bench(camera=ScriptedCamera(absent=99), microphone=ScriptedMicrophone(absent=99))
    bench.capture.start()
    assert bench.inbox.wait(FaultRaised("camera"))
    assert bench.inbox.wait(FaultRaised("microphone"))
    bench.end()
    assert bench.card.segments == {}
    assert bench.capture.durable() == Durable()


def test_withdrawal_closes_the_devices_within_a_second_and_the_first_reason_counts() -> None:
    bench = Bench()
    bench.capture.start()
    assert bench.durable("video")
    began_s = time.monotonic()
    bench.capture.stop("withdrawn")
    assert time.monotonic() - began_s < 0.05, "it returns at once"
    assert bench.camera.closed.get(timeout=1)
    assert bench.microphone.closed.get(timeout=1)
    assert time.monotonic() - began_s < 0.5
    bench.end("ignition-off")
    assert bench.card.segments[1].reason == "withdrawn"


def test_what_was_captured_before_the_stop_is_recorded_to_the_last_frame() -> None:
    bench = Bench()
    bench.capture.start()
    assert bench.durable("video")
    bench.end()
    facts = bench.card.segments[1].facts
    assert facts is not None
    assert facts.video_frames == bench.camera.delivered
    assert facts.gaps == ()


def test_a_dead_microphone_does_not_hold_back_the_picture() -> None:
    bench = Bench(microphone=ScriptedMicrophone(absent=99))
    bench.capture.start()
    assert bench.inbox.wait(FaultRaised("microphone"))
    assert bench.durable("video")
    assert bench.newer("video")
    now_ns = boottime_ns()
    assert now_ns - (bench.capture.durable().video_ns or 0) < S
    assert bench.capture.durable().audio_ns is None
    bench.end()


def test_a_dead_camera_does_not_hold_back_the_sound() -> None:
    bench = Bench(camera=ScriptedCamera(absent=99))
    bench.capture.start()
    assert bench.durable("audio")
    assert bench.newer("audio")
    bench.end()
    moov = next(b for b in iter_boxes(bench.card.segments[1].data) if b.kind == "moov")
    assert [track.handler for track in read_tracks(moov.data).values()] == ["soun"]


def test_a_camera_that_fails_is_opened_anew_and_frame_numbers_go_on() -> None:
    """They go on by the clock where that is further: a frame's number says how far into the journey it is."""
    bench = Bench(first_frame_number=500)
    bench.capture.start()
    assert bench.durable("video")
    bench.camera.on_failure(DeviceFailure("The camera is gone."))
    assert bench.inbox.wait(FaultRaised("camera"))
    assert bench.inbox.wait(FaultCleared("camera"))
    assert bench.newer("video")
    bench.end()
    first, second = bench.camera.first_frame_numbers
    assert first == 500
    assert second == 500 + bench.camera.delivered_at_opening[1]
    facts = bench.card.segments[1].facts
    assert facts is not None
    assert [gap["medium"] for gap in facts.gaps] == ["video"]
    assert 0.9 * S < facts.gaps[0]["until_ns"] - facts.gaps[0]["from_ns"] < 2 * S


def test_a_resumed_journey_numbers_its_frames_by_the_time_since_its_origin() -> None:
    bench = Bench()
    resumed = Capture(
        camera=bench.camera,
        microphone=None,
        open_segment=bench.card,
        post=bench.inbox.post,
        origin_ns=boottime_ns() - 60 * S,
        first_segment_number=7,
        fps=25,
    )
    resumed.start()
    assert bench.card.wait(lambda: resumed.durable().video_ns is not None)
    resumed.stop("stop")
    assert bench.inbox.wait(Sealed())
    assert resumed.join(5)
    assert 1500 < bench.camera.first_frame_numbers[0] < 1550
    assert list(bench.card.segments) == [7]
    assert set(resumed.heartbeats()) == set()


def test_sound_on_hold_opens_the_microphone_when_it_is_asked_for() -> None:
    bench = Bench(sound=False)
    bench.capture.start()
    assert bench.newer("video")
    assert (bench.microphone.attempts, bench.capture.durable().audio_ns) == (0, None)
    bench.capture.record_sound(wanted=True)
    assert bench.newer("audio")
    bench.capture.record_sound(wanted=False)
    assert bench.microphone.closed.get(timeout=5)
    assert bench.newer("video")
    bench.end()
    assert bench.microphone.attempts == 1
    assert bench.inbox.events == [Sealed()]


def test_a_card_that_stalls_for_seconds_loses_nothing() -> None:
    """The writer's thread hangs in the card; picture and sound wait in memory, and all of it arrives."""
    stalled, release = threading.Event(), threading.Event()

    def stall(what: str, number: int) -> None:
        if what == "write" and number == 2 and not release.is_set():
            stalled.set()
            release.wait(30)

    bench = Bench(card=MemoryCard(stall), segment_length_s=1)
    bench.capture.start()
    assert stalled.wait(10)
    before = bench.camera.delivered
    assert bench.camera.wait_for(before + 75), "three seconds of picture"
    assert bench.inbox.wait(FaultRaised("card-slow"))
    assert boottime_ns() - (bench.capture.durable().video_ns or 0) > 2 * S, "the lamp knows"
    now_s = time.monotonic()
    assert all(now_s - beat_s < 1 for beat_s in bench.capture.heartbeats().values()), "a declared fault is no stop"
    release.set()
    assert bench.inbox.wait(FaultCleared("card-slow"))
    assert bench.newer("video")
    bench.end()
    assert bench.card.frames == bench.camera.delivered
    assert [s.facts.gaps for s in bench.card.segments.values() if s.facts] == [()] * len(bench.card.segments)
    assert bench.inbox.events == [FaultRaised("card-slow"), FaultCleared("card-slow"), Sealed()]


def test_a_card_that_stalls_too_long_ends_in_a_counted_loss() -> None:
    """The queue is bounded: beyond it a fault, a sealed segment, and a gap in the facts of the next one."""
    stalled, release = threading.Event(), threading.Event()

    def stall(what: str, number: int) -> None:
        if what == "write" and not release.is_set():
            stalled.set()
            release.wait(30)

    bench = Bench(card=MemoryCard(stall), card_queue_bytes=20_000)
    bench.capture.start()
    assert bench.inbox.wait(FaultRaised("card-slow"))
    release.set()
    assert bench.inbox.wait(FaultCleared("card-slow"))
    assert bench.newer("video")
    bench.end()
    first, second = bench.card.segments.values()
    assert first.facts is not None
    assert second.facts is not None
    assert (first.reason, second.reason) == ("fault", "stop")
    (gap,) = [gap for gap in second.facts.gaps if gap["medium"] == "video"]
    lost = round((gap["until_ns"] - gap["from_ns"]) / FRAME_NS)
    assert first.facts.video_frames + lost + second.facts.video_frames == bench.camera.delivered


def test_a_card_that_fails_costs_its_segment_and_capture_goes_on_in_the_next() -> None:
    def fail(what: str, number: int) -> None:
        if what == "maintain" and number == 1:
            raise StoreError("The card is dead.")

    bench = Bench(card=MemoryCard(fail))
    bench.capture.start()
    assert bench.inbox.wait(FaultRaised("card"))
    assert bench.inbox.wait(FaultCleared("card"))
    bench.end()
    assert (bench.camera.attempts, bench.microphone.attempts) == (1, 1), "the devices are not to blame"
    assert [s.reason for s in bench.card.segments.values()] == [None, "stop"]


def test_what_the_mux_thread_cannot_take_is_a_gap_up_to_the_next_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device's callback never waits: what does not fit is lost, and with it what cannot be shown without it."""
    monkeypatch.setattr(pipeline, "_INBOX_BYTES", 8_000)
    camera, microphone, card, inbox = ScriptedCamera(), ScriptedMicrophone(), MemoryCard(), Inbox()
    origin_ns = boottime_ns()
    capture = Capture(
        camera=camera, microphone=microphone, open_segment=card, post=inbox.post, origin_ns=origin_ns, fps=25
    )
    capture.start()
    assert camera.opened.get(timeout=5)
    assert microphone.opened.get(timeout=5)
    microphone.deliver(block(origin_ns + S, 10_000))
    for n, (key, size_bytes) in enumerate([(True, 9), (False, 9), (False, 9_000), (False, 9), (True, 9), (False, 9)]):
        camera.deliver(picture(origin_ns + S + n * FRAME_NS, key=key, size_bytes=size_bytes))
    capture.stop("stop")
    assert inbox.wait(Sealed())
    assert capture.join(5)
    facts = card.segments[1].facts
    assert facts is not None
    assert (facts.video_frames, facts.audio_samples) == (4, 0)
    (gap,) = facts.gaps
    assert (gap["from_ns"], gap["until_ns"]) == (origin_ns + S + 2 * FRAME_NS, origin_ns + S + 4 * FRAME_NS)
    assert inbox.events == [Sealed()]


@pytest.mark.parametrize("device", ["camera", "microphone"])
def test_a_device_that_hangs_while_it_closes_does_not_hold_up_the_seal(device: str) -> None:
    """After a second the rest is sealed without it; the light stays on, and its heartbeat goes stale."""
    bench = Bench()
    hanging = getattr(bench, device)
    release = threading.Event()
    closes = hanging.close
    hanging.close = lambda: (release.wait(30), closes())
    bench = Bench(camera=bench.camera, microphone=bench.microphone)
    bench.capture.start()
    assert bench.durable("video")
    began_s = time.monotonic()
    bench.capture.stop("withdrawn")
    assert bench.inbox.wait(Sealed())
    assert 0.9 < time.monotonic() - began_s < 2
    assert bench.capture.devices_open
    assert set(bench.capture.heartbeats()) == {device}
    assert not bench.capture.join(0.01)
    release.set()
    bench.end()


def test_importing_the_pipeline_loads_no_vendor_library() -> None:
    """The panel must be up before the heavy libraries are."""
    script = "import sys, recorder.capture.pipeline; print({'av', 'cv2', 'numpy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "set()"
