"""A picture that is made smaller while it is recorded: the encoders are real, and nothing is lost between two steps."""

import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.capture import stepped, stepping
from recorder.capture.clip import Clip
from recorder.capture.encoder import PictureEncoder
from recorder.capture.file import FileCamera
from recorder.capture.pace import Pace
from recorder.capture.pipeline import Capture
from recorder.capture.ports import Camera, VideoFormat, VideoPacket
from recorder.capture.stepping import STEPS, Standing
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from recorder.demo.measure import measure
from recorder.events import PictureStepped, Sealed
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.clips import CARPHONE
from tests.capture.scripted import Inbox, S

WITHIN_S = 10.0


def seen(camera: Camera, count: int) -> tuple[VideoFormat, list[VideoPacket]]:
    packets: queue.SimpleQueue[VideoPacket] = queue.SimpleQueue()
    video = camera.open(100, packets.put, lambda failure: pytest.fail(failure.reason))
    taken = [packets.get(timeout=WITHIN_S) for _ in range(count)]
    camera.close()
    return video, taken


def decoded(packets: list[VideoPacket]) -> list[tuple[int, int]]:
    """The size of every frame, each run of one format by a decoder that knows its parameter sets alone."""
    sizes: list[tuple[int, int]] = []
    for video in dict.fromkeys(packet.video for packet in packets):
        assert video is not None
        decoder = av.CodecContext.create("h264", "r")
        decoder.extradata = video.extradata
        run = [packet for packet in packets if packet.video == video]
        assert run[0].is_keyframe
        frames = [frame for packet in run for frame in decoder.decode(av.Packet(packet.data))]
        sizes += [(frame.width, frame.height) for frame in frames + decoder.decode(None)]
    return sizes


CAMERAS: dict[str, Callable[[Pace], Camera]] = {
    "synthetic": lambda pace: SyntheticCamera(320, 240, Fraction(30), 500_000, "VAN-7", pace=pace),
    "file": lambda pace: FileCamera(Clip(CARPHONE), 320, 240, 500_000, "VAN-7", pace=pace),
}


@pytest.mark.parametrize("kind", CAMERAS)
def test_each_frame_follows_the_one_before_whatever_the_step(kind: str) -> None:
    """Down all the way: each frame lasts until the next one, and the first of each step is a keyframe of its format."""
    looks = iter(range(1000))
    pace = Pace(is_hot=lambda: next(looks) in (1, 2))
    pace._standing = Standing(level=1, reason="slow", changed_ns=0)
    video, packets = seen(CAMERAS[kind](pace), 24)
    for before, after in pairwise(packets):
        assert after.captured_ns == pytest.approx(before.captured_ns + before.duration_ns, abs=2)
    formats = list(dict.fromkeys(packet.video for packet in packets))
    assert formats[0] == video
    full = (320, 240) if kind == "synthetic" else (176, 144)
    sizes = [tuple(map(step.side, full)) for step in STEPS[1:3]]
    assert list(dict.fromkeys(decoded(packets))) == sizes
    assert {one.fps for one in formats if one} == {video.fps}, "frames are numbered as the camera makes them"


def test_an_encoder_that_is_too_slow_costs_frames_per_second_and_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slowed to 20 frames of 30 a second: a step down, told; up again once it keeps up.

    Sound is whole, and no moment of the picture is missing, from segment to segment.
    """
    slow = threading.Event()
    slow.set()

    class SlowEncoder(PictureEncoder):
        def encode(self, *arguments: object) -> VideoPacket:
            if slow.is_set():
                threading.Event().wait(0.05)
            return super().encode(*arguments)

    monkeypatch.setattr(stepped, "PictureEncoder", SlowEncoder)
    monkeypatch.setattr(stepping, "LATE_NS", S // 4)
    monkeypatch.setattr(stepping, "DOWN_AFTER_NS", S // 2)
    inbox, card = Inbox(), MemoryCard()
    pace = Pace(inbox.post, is_hot=lambda: False)
    pace._standing = Standing(patience_ns=S)
    capture = Capture(
        camera=SyntheticCamera(320, 240, Fraction(30), 500_000, "VAN-7", pace=pace),
        microphone=SyntheticMicrophone(48_000),
        open_segment=card,
        post=inbox.post,
        origin_ns=boottime_ns(),
    )
    capture.start()
    assert inbox.wait(PictureStepped(320, 240, 15.0, "slow"))
    assert card.wait(lambda: 2 in card.segments)
    slow.clear()
    assert inbox.wait(PictureStepped(320, 240, 30.0, "calm"))
    assert card.wait(lambda: 3 in card.segments)
    capture.stop("stop")
    assert inbox.wait(Sealed())
    assert capture.join(5)
    assert [event for event in inbox.events if not isinstance(event, PictureStepped)] == [Sealed()]
    facts = [segment.facts for segment in card.segments.values()]
    assert [one.gaps for one in facts if one] == [(), (), ()]
    paths = [tmp_path / f"{number}.mp4" for number in card.segments]
    for path, segment in zip(paths, card.segments.values(), strict=True):
        path.write_bytes(segment.data)
    first, second, third = (measure(path).picture for path in paths)
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.missing, third.missing) == (0, 0)
    assert second.missing == second.frames - 1, "every other frame, evenly"
    assert [part.gaps for part in (first, second, third)] == [(), (), ()]
    assert second.first_counter == (first.last_counter or 0) + 1
    assert third.first_counter == (second.last_counter or 0) + 2
