"""The webcam on libavdevice's own V4L2, above a device made in this process; run by ``test_webcam.py``."""

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import pytest

from recorder.capture.pace import Pace
from recorder.capture.ports import Camera, DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.senses import Glimpse, Peephole
from recorder.capture.stamp import Stamp
from recorder.capture.stepping import STEPS
from recorder.capture.webcam import Webcam, WebcamSettings
from recorder.capture.webcam_source import ENCODINGS, v4l2
from recorder.errors import DeviceAbsentError
from recorder.timekeeping import suspended_ns
from tests.capture.v4l2_stand_in import DEVICE, FPS, HEIGHT, WIDTH, V4l2Camera, h264, mjpeg, raw, shade_of
from tests.contract.test_devices import (  # noqa: F401 - pytest collects them here
    test_a_camera_delivers_h264_that_decodes_to_its_format,
    test_a_camera_is_not_opened_twice,
    test_a_cameras_frames_have_the_time_of_their_exposure,
    test_nothing_comes_from_a_closed_camera_and_it_opens_again,
)

WITHIN_S = 10.0
VEHICLE = "BUS 7"
FIRST = 4_711
OFFERS = {"raw": ("YUYV", raw), "mjpeg": ("MJPG", mjpeg), "h264": ("H264", h264)}


@pytest.fixture(params=OFFERS)
def camera(request: pytest.FixtureRequest) -> Iterator[Camera]:
    """For the contract."""
    name, pictures = OFFERS[request.param]
    V4l2Camera({name: pictures()})
    made = new_webcam(ENCODINGS)
    yield made
    made.close()


@pytest.fixture
def webcam() -> Iterator[Callable[..., Webcam]]:
    """Makes webcams, and closes them in the end."""
    made: list[Webcam] = []

    def make(encodings: tuple = ENCODINGS) -> Webcam:
        made.append(new_webcam(encodings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@dataclass
class Viewer:
    """What a camera calls back with."""

    packets: "queue.SimpleQueue[VideoPacket]" = field(default_factory=queue.SimpleQueue)
    failures: "queue.SimpleQueue[DeviceFailure]" = field(default_factory=queue.SimpleQueue)

    def open(self, camera: Webcam) -> VideoFormat:
        return camera.open(FIRST, self.packets.put, self.failures.put)

    def see(self, count: int) -> list[VideoPacket]:
        return [self.packets.get(timeout=WITHIN_S) for _ in range(count)]


def new_webcam(encodings: tuple, pace: Pace | None = None, peephole: Peephole | None = None) -> Webcam:
    settings = WebcamSettings(WIDTH, HEIGHT, Fraction(FPS), 300_000, encodings)
    return Webcam(v4l2(DEVICE, WIDTH, HEIGHT, Fraction(FPS)), settings, VEHICLE, pace=pace, peephole=peephole)


def decoded(video: VideoFormat, packets: list[VideoPacket]) -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = video.extradata
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    frames += decoder.decode(None)
    return [frame.to_ndarray()[: frame.height] for frame in frames]


def stamped_number(picture: np.ndarray, captured_ns: int, around: int) -> int:
    def unlike(number: int) -> float:
        expected = picture.copy()
        Stamp(VEHICLE, WIDTH, HEIGHT).apply(expected, captured_ns, number)
        return float(np.abs(expected.astype(int) - picture).mean())

    return min(range(around - 2, around + 3), key=unlike)


def times_are_the_cameras(device: V4l2Camera, packets: list[VideoPacket]) -> bool:
    """Whether frame by frame the times are those at which the camera exposed them, to the µs."""
    asleep_ns = suspended_ns()
    times = [packet.captured_ns - asleep_ns - device.exposed_us(index) * 1_000 for index, packet in enumerate(packets)]
    return max(map(abs, times)) < 100_000


@pytest.mark.parametrize("offer", ["raw", "mjpeg"])
def test_every_frame_is_found_again(offer: str, webcam: Callable[..., Webcam]) -> None:
    """Each comes out once, in order, at the time of its exposure, stamped, as bright as it was."""
    name, pictures = OFFERS[offer]
    device, viewer, camera = V4l2Camera({name: pictures()}), Viewer(), webcam()
    video = viewer.open(camera)
    packets = viewer.see(45)
    assert times_are_the_cameras(device, packets)
    camera.close()
    assert (video.width, video.height, video.fps) == (WIDTH, HEIGHT, Fraction(FPS))
    shown = decoded(video, packets)
    assert len(shown) == 45
    for index, picture in enumerate(shown):
        assert abs(picture[100:].mean() - shade_of(index)) < 4
        assert stamped_number(picture, packets[index].captured_ns, FIRST + index) == FIRST + index
    assert viewer.failures.empty()
    assert not device.is_open


@pytest.mark.parametrize("offer", OFFERS)
def test_it_is_looked_at_without_its_stamp(offer: str) -> None:
    """In each encoding, the camera's own H.264 too: what is seen is one of the frames, as bright as it was."""
    name, pictures = OFFERS[offer]
    V4l2Camera({name: pictures()})
    peephole, viewer = Peephole(), Viewer()
    camera = new_webcam(ENCODINGS, peephole=peephole)
    viewer.open(camera)
    packets = viewer.see(5)
    glimpse = peephole.take(WITHIN_S)
    camera.close()
    assert isinstance(glimpse, Glimpse)
    index = [packet.captured_ns for packet in packets].index(glimpse.captured_ns)
    assert glimpse.plane.shape == (HEIGHT, WIDTH)
    assert float(np.abs(glimpse.plane.astype(int) - shade_of(index)).max()) <= 4


def test_h264_is_passed_on_as_it_is(webcam: Callable[..., Webcam]) -> None:
    """Every byte the camera's own, with its keyframes; the format is that of its parameter sets."""
    pictures = h264()
    device, viewer, camera = V4l2Camera({"YUYV": raw(), "H264": pictures}), Viewer(), webcam()
    video = viewer.open(camera)
    packets = viewer.see(70)
    assert times_are_the_cameras(device, packets)
    camera.close()
    assert [packet.data for packet in packets] == pictures[:70]
    assert [index for index, packet in enumerate(packets) if packet.is_keyframe] == [0, 30, 60]
    assert pictures[0].startswith(video.extradata)
    assert (video.width, video.height, video.fps) == (WIDTH, HEIGHT, Fraction(FPS))


def test_h264_can_be_declined_for_the_stamp(webcam: Callable[..., Webcam]) -> None:
    """A camera that offers both delivers what is configured."""
    V4l2Camera({"H264": h264(), "MJPG": mjpeg()})
    viewer, camera = Viewer(), webcam(("mjpeg", "raw"))
    video = viewer.open(camera)
    packets = viewer.see(3)
    camera.close()
    assert stamped_number(decoded(video, packets)[0], packets[0].captured_ns, FIRST) == FIRST


def test_an_encoding_it_does_not_offer_is_absence(webcam: Callable[..., Webcam]) -> None:
    """The sentence says what was tried."""
    device = V4l2Camera({"YUYV": raw()})
    with pytest.raises(DeviceAbsentError, match=r"does not open \(h264: .*; mjpeg: "):
        Viewer().open(webcam(("h264", "mjpeg")))
    assert not device.is_open


def test_h264_is_recorded_from_its_first_keyframe_on(webcam: Callable[..., Webcam]) -> None:
    """What comes before cannot be shown."""
    pictures = h264()
    V4l2Camera({"H264": pictures[20:]})
    viewer, camera = Viewer(), webcam()
    viewer.open(camera)
    assert [packet.data for packet in viewer.see(5)] == pictures[30:35]
    camera.close()


def test_a_broken_frame_is_left_out(webcam: Callable[..., Webcam]) -> None:
    """The ones around it are delivered, at their times."""
    pictures = mjpeg()
    pictures[5] = b"\xff\xd8 no picture"
    device, viewer, camera = V4l2Camera({"MJPG": pictures}), Viewer(), webcam()
    viewer.open(camera)
    packets = viewer.see(10)
    camera.close()
    assert times_are_the_cameras(device, packets[:5])
    assert packets[5].captured_ns - packets[4].captured_ns == pytest.approx(2e9 / FPS, abs=1e5)
    assert viewer.failures.empty()


@pytest.mark.parametrize("offer", ["raw", "mjpeg"])
def test_a_computer_that_grows_too_hot_leaves_frames_out(offer: str) -> None:
    """Every other one, which is not even decoded; and what is recorded is smaller, each frame where it belongs."""
    name, pictures = OFFERS[offer]
    device, viewer = V4l2Camera({name: pictures()}), Viewer()
    looks = iter(range(1000))
    camera = new_webcam(ENCODINGS, Pace(is_hot=lambda: next(looks) == 1, steps=(STEPS[0], STEPS[2])))
    full = viewer.open(camera)
    packets = viewer.see(40)
    camera.close()
    before, after = ([p for p in packets if p.video == video] for video in dict.fromkeys(p.video for p in packets))
    assert (before[0].video, after[0].is_keyframe, len(before) + len(after)) == (full, True, 40)
    assert (after[0].video.width, after[0].video.height) == (WIDTH * 3 // 4, HEIGHT * 3 // 4)
    assert times_are_the_cameras(device, before)
    frames = [round((p.captured_ns - after[0].captured_ns) * FPS / 1e9) for p in after]
    assert frames == list(range(0, 2 * len(after), 2))
    assert after[0].captured_ns - before[-1].captured_ns == pytest.approx(1e9 / FPS, abs=1e5)
    first = len(before)
    for index, picture in enumerate(decoded(after[0].video, after)):
        assert abs(picture[100:].mean() - shade_of(first + 2 * index)) < 4
    assert viewer.failures.empty()


def test_a_plug_that_is_pulled_is_a_failure(webcam: Callable[..., Webcam]) -> None:
    """One sentence, at once; then opening says that it is absent; plugged in again, it opens again."""
    device, viewer, camera = V4l2Camera({"YUYV": raw()}), Viewer(), webcam()
    viewer.open(camera)
    viewer.see(3)
    device.unplug()
    assert viewer.failures.get(timeout=1.0).reason.startswith("The camera cannot be read any more; it may be unplugged")
    camera.close()
    assert viewer.failures.empty()
    with pytest.raises(DeviceAbsentError, match="There is no camera /dev/video-stand-in"):
        viewer.open(camera)
    V4l2Camera(device.offers)
    viewer.open(camera)
    camera.close()


def test_a_frozen_camera_can_be_closed(webcam: Callable[..., Webcam]) -> None:
    """It says nothing, so nothing is reported: the keeper sees it. Closing does not wait for a frame."""
    device, viewer, camera = V4l2Camera({"YUYV": raw()}), Viewer(), webcam()
    viewer.open(camera)
    viewer.see(3)
    device.freeze()
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 0.5
    assert (viewer.failures.empty(), device.is_open) == (True, False)


def test_a_camera_in_use_is_absent(webcam: Callable[..., Webcam]) -> None:
    """The sentence is the driver's."""
    V4l2Camera({"YUYV": raw()})
    other = webcam()
    Viewer().open(other)
    with pytest.raises(DeviceAbsentError, match="busy"):
        Viewer().open(webcam())
