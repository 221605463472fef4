"""A card that stops answering, again and again, and for too long: real threads, real queues, simulated time.

What is captured is pushed into the real Recording as fast as this machine can, while the card's own
thread stands in the card; time is what the test says it is. Nothing is scaled: queue, bitrate and stalls are those of a
vehicle. ``tests/daemon/test_card_faults.py`` has the same in real time, on a filesystem that is frozen.
"""

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from recorder.capture import card as card_module
from recorder.capture.card import QUEUE_BYTES, STALLED_AFTER_S, CardWriter
from recorder.capture.faults import Faults
from recorder.capture.muxer import SoundPacket
from recorder.capture.recording import Recording
from recorder.capture.sound import SoundEncoder
from recorder.events import FaultCleared, FaultRaised
from tests.capture.cards import MemoryCard
from tests.capture.scripted import FORMAT, FRAME_NS, Inbox, S, block, picture

FPS = S // FRAME_NS
BITRATE_BPS = 4_000_000
SEGMENT_S = 60
ORIGIN_NS = 1000 * S


class QuickEncoder(SoundEncoder):
    """Packets as long and as large as those of 64 kb/s, without the work, which has no part in this."""

    def _encode(self, samples: np.ndarray | None) -> list[SoundPacket]:
        if samples is None:
            return []
        self._next += len(samples)
        return [SoundPacket(bytes(170), self._next - len(samples))]


class Journey:
    """A recording at its nominal bitrate, on a card that stands still when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = ORIGIN_NS
        monkeypatch.setattr(card_module, "time", SimpleNamespace(monotonic=lambda: self.now_ns / S))
        self.free = threading.Event()
        self.free.set()
        self.standing = threading.Event()
        self.card, self.inbox = MemoryCard(self._stand, keeps=False), Inbox()
        self.ended = threading.Event()
        faults = Faults(self.inbox.post)
        self.writer = CardWriter(
            self.card, faults, on_lost=lambda *_: None, on_end=self.ended.set, now_ns=lambda: self.now_ns
        )
        self.recording = Recording(
            self.writer,
            faults,
            origin_ns=ORIGIN_NS,
            first_segment_number=1,
            segment_length_s=SEGMENT_S,
            with_sound=True,
            sound_encoder=QuickEncoder,
        )
        self.recording.round(self.now_ns)
        self.recording.want_sound(wanted=True)
        self.recording.camera_opened(FORMAT)
        self.writer.start()
        self.frames = 0
        self.most_waiting_bytes = 0

    def _stand(self, _what: str, _number: int) -> None:
        if not self.free.is_set():
            self.standing.set()
            self.free.wait()

    def captures(self, seconds: float) -> None:
        """Picture and sound of so many seconds, as they come."""
        for _ in range(round(seconds * FPS)):
            self.now_ns += FRAME_NS
            at_ns = self.now_ns - FRAME_NS
            size_bytes = BITRATE_BPS // 8 // FPS
            self.recording.picture(picture(at_ns, key=self.frames % FPS == 0, size_bytes=size_bytes))
            self.recording.sound(block(at_ns, 48_000 // FPS))
            self.recording.round(self.now_ns)
            self.frames += 1
            self.most_waiting_bytes = max(self.most_waiting_bytes, self.writer._queue.waiting_bytes)
            if self.frames % FPS == 0 and self.free.is_set():
                self._let_the_card_keep_up()

    def _let_the_card_keep_up(self) -> None:
        """Time here is faster than the clock: a thread that the machine lets wait for milliseconds is no slow card."""
        until_s = time.monotonic() + 10
        while self.writer._queue.waiting_bytes or self.writer._waiting_since_s is not None:
            assert time.monotonic() < until_s
            time.sleep(0.0002)

    def stalls(self, seconds: float) -> None:
        """The card does not answer for so long."""
        self.standing.clear()
        self.free.clear()
        self.captures(1 / FPS)
        assert self.standing.wait(10)
        self.captures(seconds - 1 / FPS)
        self.free.set()

    def catches_up(self) -> None:
        """The card has taken all that waited for it; a card is faster than a camera."""
        assert self.card.wait(lambda: self.writer._queue.waiting_bytes == 0)
        self.captures(1)
        assert self.card.wait(lambda: self.writer._queue.waiting_bytes == 0)

    def end(self) -> None:
        self.recording.end("stop")
        self.writer.end()
        assert self.ended.wait(30)

    def gaps(self, medium: str) -> list[tuple[float, float]]:
        """What is missing, in seconds of the journey."""
        facts = [segment.facts for segment in self.card.segments.values() if segment.facts]
        gaps = [gap for one in facts for gap in one.gaps if gap["medium"] == medium]
        return [((gap["from_ns"] - ORIGIN_NS) / S, (gap["until_ns"] - ORIGIN_NS) / S) for gap in gaps]

    @property
    def faults(self) -> list[object]:
        return self.inbox.events


SLOW = [FaultRaised("card-slow"), FaultCleared("card-slow")]


def test_an_open_segment_is_looked_after_whether_or_not_anything_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that stands still is noticed although nothing is written."""
    journey = Journey(monkeypatch)
    journey.captures(1)
    journey.standing.clear()
    journey.free.clear()
    assert journey.standing.wait(10)
    journey.free.set()
    journey.end()


def test_ten_seconds_of_every_minute_for_ten_minutes_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a whole minute after them costs nothing either: two minutes of 4 Mb/s fit into the queue.

    Each stall is told once after two seconds, and once when it is over.
    """
    journey = Journey(monkeypatch)
    journey.captures(3)
    for _ in range(10):
        journey.stalls(10)
        journey.catches_up()
        journey.captures(49)
    journey.stalls(60)
    journey.catches_up()
    journey.end()
    assert (journey.card.frames, journey.gaps("video"), journey.gaps("audio")) == (journey.frames, [], [])
    assert journey.faults == SLOW * 11
    assert 60 * BITRATE_BPS / 8 < journey.most_waiting_bytes < QUEUE_BYTES
    sealed = [segment for segment in journey.card.segments.values() if segment.facts]
    assert [segment.reason for segment in sealed] == ["rotation"] * (len(sealed) - 1) + ["stop"]
    for before, after in pairwise(segment.facts for segment in sealed if segment.facts):
        assert (after.first_ns - before.first_ns) / S == SEGMENT_S


def test_a_stall_of_three_minutes_is_a_loss_that_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits is kept; the rest is one gap, to the frame, in the facts of the segment that follows it."""
    journey = Journey(monkeypatch)
    journey.captures(3)
    journey.stalls(180)
    journey.catches_up()
    journey.captures(3)
    journey.end()
    ((from_s, until_s),) = journey.gaps("video")
    queue_s = QUEUE_BYTES * 8 / BITRATE_BPS
    assert 3 + 0.95 * queue_s < from_s < 3 + queue_s, "the queue is filled before anything is lost"
    assert 183 <= until_s < 185, "and what follows the stall is recorded from its next keyframe on"
    assert journey.card.frames + round((until_s - from_s) * FPS) == journey.frames
    assert journey.most_waiting_bytes <= QUEUE_BYTES
    assert journey.faults == SLOW
    assert [segment.reason for segment in journey.card.segments.values()][-2:] == ["fault", "stop"]


def test_a_stall_is_told_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    journey = Journey(monkeypatch)
    journey.captures(3)
    journey.stalls(STALLED_AFTER_S - 0.1)
    journey.catches_up()
    assert journey.faults == []
    journey.stalls(STALLED_AFTER_S + 0.1)
    journey.catches_up()
    assert journey.faults == SLOW
    journey.end()


MEMORY = """
import json, os, threading
from fractions import Fraction
from recorder.capture.pipeline import Capture
from recorder.events import FaultCleared, FaultRaised, Sealed
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.scripted import FRAME_NS, Inbox, ScriptedCamera, ScriptedMicrophone, picture

free, camera, inbox = threading.Event(), ScriptedCamera(), Inbox()
card = MemoryCard(lambda what, number: free.wait() and None, keeps=False)

def resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

capture = Capture(camera=camera, microphone=None, open_segment=card, post=inbox.post, origin_ns=boottime_ns())
capture.start()
camera.opened.get(timeout=10)
began_ns, before = boottime_ns(), resident_bytes()
for n in range(6000):  # 300 MB: a third no faster than it is taken, to fill the card's queue; then as fast as can be
    camera.deliver(picture(began_ns + n * FRAME_NS, key=n % 25 == 0, size_bytes=50_000))
    while n * 50_000 < 100_000_000 and capture._inbox.waiting_bytes > 8_000_000:
        os.sched_yield()
assert inbox.wait(FaultRaised("card-slow"))
peak = resident_bytes()
free.set()
assert inbox.wait(FaultCleared("card-slow"))
camera.deliver(picture(began_ns + 6000 * FRAME_NS, key=True))
capture.stop("stop")
assert inbox.wait(Sealed(), timeout_s=60)
facts = [segment.facts for segment in card.segments.values() if segment.facts]
lost = [gap for one in facts for gap in one.gaps]
print(json.dumps({
    "grown": peak - before, "delivered": camera.delivered, "recorded": sum(one.video_frames for one in facts),
    "lost": round(sum(gap["until_ns"] - gap["from_ns"] for gap in lost) / FRAME_NS),
}))
"""


def test_a_card_that_never_answers_fills_its_queues_and_not_the_memory() -> None:
    """300 MB of picture come while it stands: no more is kept than the two queues hold, and every other frame is known.

    The fault is told, and over once it answers.
    """
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    print(f"grew by {told['grown'] / 1e6:.0f} MB, {told['recorded']} of {told['delivered']} frames recorded")
    assert told["grown"] < (64 + 32 + 16) * 1024 * 1024
    assert 60_000_000 < told["recorded"] * 50_000 < (64 + 32) * 1024 * 1024
    assert told["recorded"] + told["lost"] == told["delivered"] == 6001
