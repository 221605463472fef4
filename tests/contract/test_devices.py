"""Every camera and every microphone keeps the promises of ``recorder/capture/ports.py``."""

import queue
import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.video.frame import PictureType

from recorder.capture.annexb import parameter_sets
from recorder.capture.ports import AudioBlock, Camera, DeviceFailure, Microphone, VideoFormat, VideoPacket
from recorder.errors import DeviceAbsentError
from recorder.timekeeping import boottime_ns
from tests.contract.devices import ABSENT_CAMERAS, ABSENT_MICROPHONES, CAMERAS, MICROPHONES

S = 1_000_000_000
WITHIN_S = 10.0


class Ears:
    """What a device calls back with, when, and on which thread."""

    def __init__(self) -> None:
        self.failures: list[DeviceFailure] = []
        self.threads: set[threading.Thread] = set()
        self.closed = False
        self._values: queue.SimpleQueue = queue.SimpleQueue()

    def take(self, value: VideoPacket | AudioBlock) -> None:
        assert not self.closed, "nothing is delivered after the closing"
        self.threads.add(threading.current_thread())
        self._values.put((value, boottime_ns()))

    def get(self, count: int) -> list[tuple]:
        return [self._values.get(timeout=WITHIN_S) for _ in range(count)]

    def hear(self, seconds: float) -> list[tuple]:
        """So much sound, however long its blocks are."""
        heard: list[tuple] = []
        while sum(len(block.samples) / block.rate_hz for block, _ in heard) < seconds:
            heard += self.get(1)
        return heard

    def quiet(self) -> bool:
        """Whether nothing more comes for a while."""
        while not self._values.empty():
            self._values.get()
        try:
            self._values.get(timeout=0.3)
        except queue.Empty:
            return True
        return False


def look(camera: Camera, ears: Ears, first_frame_number: int = 1) -> VideoFormat:
    return camera.open(first_frame_number, ears.take, ears.failures.append)


def listen(microphone: Microphone, ears: Ears) -> None:
    microphone.open(ears.take, ears.failures.append)


@pytest.fixture(params=CAMERAS)
def camera(request: pytest.FixtureRequest, tmp_path: Path):
    made = CAMERAS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture(params=MICROPHONES)
def microphone(request: pytest.FixtureRequest, tmp_path: Path):
    made = MICROPHONES[request.param](tmp_path)
    yield made
    made.close()


def close_in_time(device: Camera | Microphone, ears: Ears) -> None:
    began_s = time.monotonic()
    device.close()
    ears.closed = True
    assert time.monotonic() - began_s < 1.0


def test_a_camera_delivers_h264_that_decodes_to_its_format(camera: Camera) -> None:
    """A keyframe first, each packet one frame in decoding order, parameter sets known from the opening."""
    ears = Ears()
    video = look(camera, ears)
    packets = [packet for packet, _ in ears.get(20)]
    parameter_sets(video.extradata)
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = video.extradata
    frames = [frame for p in packets for frame in decoder.decode(av.Packet(p.data))] + decoder.decode(None)
    assert packets[0].is_keyframe
    assert [(frame.width, frame.height) for frame in frames] == [(video.width, video.height)] * 20
    assert [frame.key_frame for frame in frames] == [packet.is_keyframe for packet in packets]
    assert {PictureType(frame.pict_type) for frame in frames} <= {PictureType.I, PictureType.P}
    close_in_time(camera, ears)
    assert ears.failures == []


def test_a_cameras_frames_have_the_time_of_their_exposure(camera: Camera) -> None:
    """They follow each other at the format's rate, and are delivered after their exposure, soon."""
    ears = Ears()
    opened_ns = boottime_ns()
    video = look(camera, ears)
    delivered = ears.get(20)
    assert delivered[0][0].captured_ns >= opened_ns
    for (before, _), (after, _) in pairwise(delivered):
        assert abs((after.captured_ns - before.captured_ns) * float(video.fps) / S - 1) < 0.5
        assert abs(before.duration_ns * float(video.fps) / S - 1) < 0.01
    for packet, at_ns in delivered:
        assert 0 <= at_ns - packet.captured_ns < S
    assert threading.current_thread() not in ears.threads


def test_a_microphone_delivers_samples_that_follow_each_other(microphone: Microphone) -> None:
    """Each block begins where the one before ended, and is delivered when its last sample has been heard, soon."""
    ears = Ears()
    opened_ns = boottime_ns()
    listen(microphone, ears)
    delivered = ears.hear(0.8)
    assert delivered[0][0].captured_ns >= opened_ns - S // 20
    for (before, _), (after, _) in pairwise(delivered):
        due_ns = before.captured_ns + len(before.samples) * S / before.rate_hz
        assert abs(after.captured_ns - due_ns) < 5_000_000
        assert (before.samples.ndim, before.samples.dtype.name, before.rate_hz) == (1, "int16", after.rate_hz)
        assert 0 < len(before.samples) <= before.rate_hz // 5
    for block, at_ns in delivered:
        late_ns = at_ns - block.captured_ns - len(block.samples) * S / block.rate_hz
        assert -2_000_000 < late_ns < S
    assert threading.current_thread() not in ears.threads
    close_in_time(microphone, ears)
    assert ears.failures == []


def test_nothing_comes_from_a_closed_camera_and_it_opens_again(camera: Camera) -> None:
    camera.close()
    for _ in range(2):
        ears = Ears()
        look(camera, ears)
        ears.get(3)
        close_in_time(camera, ears)
        camera.close()
        assert ears.quiet()


def test_nothing_comes_from_a_closed_microphone_and_it_opens_again(microphone: Microphone) -> None:
    microphone.close()
    for _ in range(2):
        ears = Ears()
        listen(microphone, ears)
        ears.get(3)
        close_in_time(microphone, ears)
        microphone.close()
        assert ears.quiet()


def test_a_camera_is_not_opened_twice(camera: Camera) -> None:
    look(camera, Ears())
    with pytest.raises(DeviceAbsentError):
        look(camera, Ears())


def test_a_microphone_is_not_opened_twice(microphone: Microphone) -> None:
    listen(microphone, Ears())
    with pytest.raises(DeviceAbsentError):
        listen(microphone, Ears())


@pytest.mark.parametrize("kind", ABSENT_CAMERAS)
def test_a_camera_that_is_not_there_says_so_in_a_sentence(kind: str, tmp_path: Path) -> None:
    absent = ABSENT_CAMERAS[kind](tmp_path)
    with pytest.raises(DeviceAbsentError, match=r"\.$"):
        look(absent, Ears())
    absent.close()


@pytest.mark.parametrize("kind", ABSENT_MICROPHONES)
def test_a_microphone_that_is_not_there_says_so_in_a_sentence(kind: str, tmp_path: Path) -> None:
    absent = ABSENT_MICROPHONES[kind](tmp_path)
    with pytest.raises(DeviceAbsentError, match=r"\.$"):
        listen(absent, Ears())
    absent.close()
