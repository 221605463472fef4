"""The Raspberry Pi camera: the real picamera2 and its software encoder, above a stand-in for libcamera.

What a sensor, its ISP and the hardware encoder do is not shown here (hardware/README.md says how to see it on a Pi).
"""

import importlib.util
import itertools
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.capture import stepping
from recorder.capture.opening import RELEASE_WITHIN_S
from recorder.capture.pace import Pace
from recorder.capture.picamera import FIRST_PICTURE_WITHIN_S, PiCamera
from recorder.capture.picamera_settings import PiCameraSettings
from recorder.capture.ports import DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.senses import Glimpse, Peephole
from recorder.capture.stamp import Stamp
from recorder.capture.stepping import STEPS
from recorder.errors import DeviceAbsentError, DeviceLostError
from tests.capture.libcamera_stand_in import (
    MANAGER,
    CameraManager,
    Mode,
    StandInCamera,
    picamera2_on_stand_in,
    require_picamera2,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning"),  # picamera2's
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),  # its threads die in some tests
]
WITHIN_S = 10.0
SETTINGS = PiCameraSettings(640, 480, Fraction(30), 1_000_000)
VEHICLE = "BUS 7"
FIRST = 4_711


@pytest.fixture(scope="module", autouse=True)
def picamera2() -> Iterator[None]:
    require_picamera2()
    with picamera2_on_stand_in():
        yield


@pytest.fixture
def sensor() -> StandInCamera:
    """The one camera that is plugged in."""
    camera = StandInCamera()
    MANAGER.cameras[:] = [camera]
    return camera


@dataclass
class Viewer:
    """What a camera calls back with."""

    packets: "queue.SimpleQueue[VideoPacket]" = field(default_factory=queue.SimpleQueue)
    failures: "queue.SimpleQueue[DeviceFailure]" = field(default_factory=queue.SimpleQueue)

    def open(self, camera: PiCamera) -> VideoFormat:
        return camera.open(FIRST, self.packets.put, self.failures.put)

    def see(self, count: int) -> list[VideoPacket]:
        return [self.packets.get(timeout=WITHIN_S) for _ in range(count)]

    def rest(self) -> list[VideoPacket]:
        return [self.packets.get() for _ in range(self.packets.qsize())]


@pytest.fixture
def viewer() -> Viewer:
    return Viewer()


def opened(settings: PiCameraSettings = SETTINGS) -> PiCamera:
    return PiCamera(settings, VEHICLE)


def decoded(packets: list[VideoPacket]) -> list[np.ndarray]:
    """The brightness of each frame."""
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    frames += decoder.decode(None)
    return [frame.to_ndarray()[: frame.height] for frame in frames]


def stamped_number(picture: np.ndarray, captured_ns: int, around: int) -> int:
    """Which of a few numbers the stamp of this frame shows: the one whose stamp is most like it."""

    def unlike(number: int) -> float:
        expected = picture.copy()
        Stamp(VEHICLE, 640, 480).apply(expected, captured_ns, number)
        return float(np.abs(expected.astype(int) - picture).mean())

    return min(range(around - 2, around + 3), key=unlike)


@pytest.mark.parametrize(
    ("is_pi", "formats"),
    [(True, ("YUV420", "BGR888")), (False, ("BGR888",))],
    ids=["raspberry-pi", "one-stream"],
)
def test_every_frame_is_found_again(is_pi: bool, formats: tuple[str, ...], viewer: Viewer) -> None:
    """Each frame the sensor exposed comes out once, in order, stamped with its number, at its own time to the ns."""
    sensor = StandInCamera(is_pi=is_pi, formats=formats)
    MANAGER.cameras[:] = [sensor]
    camera = opened()
    video = viewer.open(camera)
    packets = viewer.see(45)
    camera.close()
    packets += viewer.rest()
    assert viewer.failures.empty()
    assert (video.width, video.height, video.fps) == (640, 480, Fraction(30))
    assert [packet.captured_ns for packet in packets] == [drawn.captured_ns for drawn in sensor.frames][: len(packets)]
    assert len(sensor.frames) - len(packets) <= 2  # exposed while it closed
    pictures = decoded(packets)
    assert len(pictures) == len(packets)
    for index, (picture, drawn) in enumerate(zip(pictures, sensor.frames, strict=False)):
        shade = drawn.shade if is_pi else round(16 + drawn.shade * 219 / 255)  # RGB has the full range
        assert abs(picture[200:].mean() - shade) < 4
        assert stamped_number(picture, drawn.captured_ns, FIRST + index) == FIRST + index
    assert packets[0].is_keyframe


def test_format_is_that_of_the_stream(sensor: StandInCamera, viewer: Viewer) -> None:
    """A decoder that has only the format's parameter sets understands a keyframe without its own."""
    camera = opened()
    video = viewer.open(camera)
    (keyframe,) = viewer.see(1)
    camera.close()
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = video.extradata
    bare = keyframe.data[keyframe.data.index(b"\x00\x00\x01\x65") - 1 :]
    frames = [*decoder.decode(av.Packet(bare)), *decoder.decode(None)]
    assert [(frame.width, frame.height) for frame in frames] == [(640, 480)]


@pytest.mark.parametrize(("slowest_fps", "most"), [(None, 30), (Fraction(10), 10)])
def test_a_gop_lasts_a_second_at_most(
    slowest_fps: Fraction | None, most: int, sensor: StandInCamera, viewer: Viewer
) -> None:
    """Also where the camera may slow down in the dark: keyframes come by count."""
    camera = opened(replace(SETTINGS, slowest_fps=slowest_fps))
    viewer.open(camera)
    keys = [index for index, packet in enumerate(viewer.see(65)) if packet.is_keyframe]
    camera.close()
    assert keys[0] == 0
    assert max(np.diff(keys)) <= most


def test_what_is_asked_of_the_camera(sensor: StandInCamera, viewer: Viewer) -> None:
    """Frame times, exposure and the way up, and nothing else than what is configured."""
    settings = replace(SETTINGS, slowest_fps=Fraction(10), exposure="long", exposure_ev=1.5, upside_down=True)
    camera = opened(settings)
    viewer.open(camera)
    camera.close()
    assert sensor.asked == {
        "FrameDurationLimits": (33_333, 100_000),
        "AeExposureMode": 2,
        "ExposureValue": 1.5,
        "NoiseReductionMode": 1,  # picamera2's own choice for video
    }
    assert sensor.configuration.orientation.name == "Rotate180"
    assert [(stream.pixel_format, stream.size.width, stream.size.height) for stream in sensor.configuration][:2] == [
        ("YUV420", 640, 480),
        ("YUV420", 320, 240),
    ]


def test_a_slower_camera_says_so(sensor: StandInCamera, viewer: Viewer) -> None:
    """The format's rate is the camera's where it cannot do the configured one; a frame lasts as long as it says."""
    camera = opened(replace(SETTINGS, fps=Fraction(500)))
    assert viewer.open(camera).fps == Fraction(1_000_000, 8_333)
    assert viewer.see(1)[0].duration_ns == 33_333_000
    camera.close()


# A Camera Module 3 and a Camera Module 2, half of each: which parts of the sensor their modes read.
MODULE_3 = (
    Mode((768, 432), (384, 216, 1536, 864), 120.13),
    Mode((1152, 648), (0, 0, 2304, 1296), 56.03),
    Mode((2304, 1296), (0, 0, 2304, 1296), 14.35),
)
MODULE_2 = (
    Mode((320, 240), (500, 376, 640, 480), 103.33),
    Mode((960, 540), (340, 346, 960, 540), 47.57),
    Mode((820, 616), (0, 0, 1640, 1232), 41.85),
    Mode((1640, 1232), (0, 0, 1640, 1232), 21.19),
)


@pytest.mark.parametrize(
    ("modes", "picture", "read", "shown"),
    [
        (MODULE_3, (640, 360, 30), (1152, 648), 1.0),
        (MODULE_3, (640, 360, 60), (768, 432), 1536 / 2304),
        (MODULE_3, (960, 540, 30), (1152, 648), 1.0),
        (MODULE_2, (640, 360, 30), (820, 616), 1.0),
        (MODULE_2, (960, 540, 30), (960, 540), 960 / 1640),
        (MODULE_2, (960, 540, 20), (1640, 1232), 1.0),
    ],
)
def test_every_seat_is_in_the_picture(
    modes: tuple[Mode, ...],
    picture: tuple,
    read: tuple,
    shown: float,
    *,
    viewer: Viewer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The sensor reads the widest view that is large and fast enough; where that is not all, the log says how much."""
    sensor = StandInCamera(modes=modes)
    MANAGER.cameras[:] = [sensor]
    width, height, fps = picture
    camera = opened(replace(SETTINGS, width=width, height=height, fps=Fraction(fps)))
    viewer.open(camera)
    camera.close()
    taken = sensor.configuration.sensor_config.output_size
    assert (taken.width, taken.height) == read
    warned = [record.getMessage() for record in caplog.records if "lens's width" in record.getMessage()]
    told = f"the picture shows {100 * shown:.0f} % of the lens's width; another size or rate may show more"
    assert warned == ([] if shown == 1.0 else [told])


def test_modes_are_read_once(viewer: Viewer) -> None:
    """The first opening finds out which; the next one configures the camera once, to the same."""
    sensor = StandInCamera(modes=MODULE_3)
    MANAGER.cameras[:] = [sensor]
    camera = opened(replace(SETTINGS, width=640, height=360))
    viewer.open(camera)
    camera.close()
    assert sensor.configured > 1
    sensor.configured = 0
    viewer.open(camera)
    camera.close()
    assert (sensor.configured, sensor.configuration.sensor_config.output_size.width) == (1, 1152)


def test_an_encoder_that_does_not_start_leaves_nothing_behind(
    sensor: StandInCamera, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hardware encoder opens its device and begins a thread before it can fail; both end, and it is tried again."""
    from picamera2.encoders import LibavH264Encoder  # noqa: PLC0415 - on the stand-in

    stopped = threading.Event()

    def refuse(_encoder: object) -> None:
        raise OSError("no such codec")

    with monkeypatch.context() as broken:
        broken.setattr(LibavH264Encoder, "_start", refuse)
        broken.setattr(LibavH264Encoder, "_stop", lambda _encoder: stopped.set())
        camera = opened()
        with pytest.raises(DeviceAbsentError, match="no such codec"):
            viewer.open(camera)
    assert stopped.is_set()
    assert not sensor.held
    viewer.open(camera)
    camera.close()


@pytest.mark.parametrize(
    ("is_pi", "formats"),
    [(True, ("YUV420", "BGR888")), (False, ("BGR888",))],
    ids=["small-stream", "one-stream"],
)
def test_small_pictures_to_look_at(viewer: Viewer, is_pi: bool, formats: tuple[str, ...]) -> None:
    """Twice a second, grey, 320 x 240, of a frame that is recorded too, and without its stamp."""
    sensor = StandInCamera(is_pi=is_pi, formats=formats)
    MANAGER.cameras[:] = [sensor]
    seen: list[Glimpse] = []

    class Peeper(Peephole):
        def show(self, y: np.ndarray, captured_ns: int) -> None:
            super().show(y, captured_ns)
            if (glimpse := self.take(0)) is not None:
                seen.append(glimpse)

    camera = PiCamera(SETTINGS, VEHICLE, peephole=Peeper())
    viewer.open(camera)
    viewer.see(40)
    camera.close()
    assert 3 <= len(seen) <= 4
    assert {glimpse.plane.shape for glimpse in seen} == {(240, 320)}
    shades = {drawn.captured_ns: drawn.shade for drawn in sensor.frames}
    assert all(np.all(glimpse.plane == shades[glimpse.captured_ns]) for glimpse in seen)


def test_where_it_grows_too_hot_it_asks_to_be_opened_anew(sensor: StandInCamera, viewer: Viewer) -> None:
    """Once; and then gives half of the frames, each twice as long. Nothing is reported as a failure of the camera."""
    hot: list[bool] = []
    camera = PiCamera(SETTINGS, VEHICLE, pace=Pace(is_hot=lambda: bool(hot)))
    full = viewer.open(camera)
    viewer.see(20)
    hot.append(True)
    asked = viewer.failures.get(timeout=WITHIN_S)
    assert asked == DeviceFailure("The computer slows down for heat.", reopen=True)
    camera.close()
    viewer.rest()

    less = viewer.open(camera)
    packets = viewer.see(10)
    camera.close()
    assert viewer.failures.empty()
    assert (full.fps, less.fps, (less.width, less.height)) == (Fraction(30), Fraction(15), (640, 480))
    assert sensor.asked["FrameDurationLimits"] == (66_667, 66_667)
    assert {packet.duration_ns // 1_000_000 for packet in packets} == {66}
    assert {round((b.captured_ns - a.captured_ns) / 1e6) for a, b in itertools.pairwise(packets)} == {67}


def test_an_encoder_that_cannot_keep_up_is_given_less_to_do(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real encoder, made too slow: the sensor loses frames for want of buffers, which their times tell."""
    from picamera2.encoders import LibavH264Encoder  # noqa: PLC0415 - on the stand-in

    encode = LibavH264Encoder._encode

    def slowly(encoder: object, stream: object, request: object) -> None:
        threading.Event().wait(0.05)
        encode(encoder, stream, request)

    monkeypatch.setattr(LibavH264Encoder, "_encode", slowly)
    monkeypatch.setattr(stepping, "DOWN_AFTER_NS", 500_000_000)
    MANAGER.cameras[:] = [StandInCamera(loses=True)]
    camera = PiCamera(SETTINGS, VEHICLE, pace=Pace(is_hot=lambda: False))
    viewer.open(camera)
    asked = viewer.failures.get(timeout=WITHIN_S)
    assert asked == DeviceFailure("The encoder could not keep up.", reopen=True)
    camera.close()
    viewer.rest()
    assert viewer.open(camera).fps == 15
    viewer.see(15)
    camera.close()
    assert viewer.failures.empty()


def test_settings_at_each_step() -> None:
    """Fewer frames, then smaller; in the dark never faster than that, and a GOP lasts as long as before."""
    settings = replace(SETTINGS, width=1280, height=720, slowest_fps=Fraction(12), gop_s=0.5)
    at = [settings.at(step) for step in STEPS]
    assert [(s.width, s.height, s.fps, s.slowest_fps) for s in at] == [
        (1280, 720, Fraction(30), Fraction(12)),
        (1280, 720, Fraction(15), Fraction(12)),
        (960, 540, Fraction(15), Fraction(12)),
        (640, 360, Fraction(10), Fraction(10)),
    ]
    assert [(s.bitrate_bps, s.keyframe_every) for s in at] == [(1_000_000, 6), (600_000, 6), (400_000, 6), (200_000, 5)]
    assert replace(settings, slowest_fps=None).at(STEPS[1]).slowest_fps is None


def test_a_slow_listener_costs_no_frame(sensor: StandInCamera, viewer: Viewer) -> None:
    """The camera goes on while nobody takes its packets, and they arrive later, each once and in order."""
    taken, go_on = threading.Event(), threading.Event()
    exposed = threading.Event()
    sensor.draw = lambda index: exposed.set() if index == 60 else None

    def take(packet: VideoPacket) -> None:
        taken.set()
        assert go_on.wait(WITHIN_S)
        viewer.packets.put(packet)

    camera = opened()
    camera.open(FIRST, take, viewer.failures.put)
    assert taken.wait(WITHIN_S)
    assert exposed.wait(WITHIN_S)
    go_on.set()
    times = [packet.captured_ns for packet in viewer.see(58)]
    camera.close()
    assert times == [drawn.captured_ns for drawn in sensor.frames][:58]


def test_a_frame_that_cannot_be_stamped_is_a_failure(sensor: StandInCamera, viewer: Viewer) -> None:
    """One sentence; nothing unstamped is delivered; then it closes, and opens again."""
    sensor.timeless_from = 20
    camera = opened()
    viewer.open(camera)
    failure = viewer.failures.get(timeout=WITHIN_S)
    assert failure == DeviceFailure("A frame could not be stamped: KeyError('SensorTimestamp').")
    camera.close()
    assert viewer.failures.empty()
    assert viewer.packets.qsize() <= 20
    sensor.timeless_from = None
    viewer.open(camera)
    camera.close()


def test_a_camera_without_times_is_absent(sensor: StandInCamera, viewer: Viewer) -> None:
    """What goes wrong before the first picture is said at once, and nothing stays open."""
    sensor.timeless_from = 0
    with pytest.raises(DeviceAbsentError, match="SensorTimestamp"):
        viewer.open(opened())
    assert not sensor.held


def test_a_camera_without_pictures_is_absent(sensor: StandInCamera, viewer: Viewer) -> None:
    """It is given its time, and then let go of."""
    sensor.silent_from = 0
    began_s = time.monotonic()
    with pytest.raises(DeviceAbsentError, match="no picture within 5 s"):
        viewer.open(opened())
    assert FIRST_PICTURE_WITHIN_S < time.monotonic() - began_s < FIRST_PICTURE_WITHIN_S + 1.5
    assert not sensor.held


def test_a_camera_that_stops_without_a_word_can_be_closed(sensor: StandInCamera, viewer: Viewer) -> None:
    """No failure is reported, for none is known: the keeper sees it. It closes in a second, and opens again."""
    sensor.silent_from = 10
    camera = opened()
    viewer.open(camera)
    viewer.see(8)  # two are in the encoder
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 1.0
    assert viewer.failures.empty()
    assert len(viewer.rest()) in {1, 2}  # and came out as it closed; a busy machine may not have taken every frame
    sensor.silent_from = None
    viewer.open(camera)
    viewer.see(5)
    camera.close()


def test_an_event_loop_that_died_does_not_hang_the_closing(
    sensor: StandInCamera, viewer: Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    """picamera2's thread ends with the first exception in its own encoder; stop_recording would then wait for ever."""
    camera = opened()
    viewer.open(camera)
    viewer.see(3)
    session = camera._opening._current
    with caplog.at_level(logging.CRITICAL, "picamera2.previews.null_preview"):
        session._encoder.encode = lambda *_: 1 / 0
        session._camera._preview.thread.join(WITHIN_S)
    assert not session._camera._preview.thread.is_alive()
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 1.0
    assert not sensor.held
    viewer.open(camera)
    camera.close()


def test_a_driver_that_does_not_let_go_is_told_of(sensor: StandInCamera, viewer: Viewer) -> None:
    """Closing raises in time; from then on every call does; nothing is delivered any more."""
    sensor.stop_hangs = threading.Event()
    camera = opened()
    viewer.open(camera)
    viewer.see(3)
    began_s = time.monotonic()
    with pytest.raises(DeviceLostError, match="must be restarted"):
        camera.close()
    assert time.monotonic() - began_s < RELEASE_WITHIN_S + 1.0
    count = viewer.packets.qsize()
    for call in (lambda: viewer.open(camera), camera.close):
        with pytest.raises(DeviceLostError, match="restart the recorder"):
            call()
    sensor.stop_hangs.set()
    for thread in threading.enumerate():
        if thread.name == "release-camera":
            thread.join(WITHIN_S)
    assert not sensor.held
    assert (viewer.packets.qsize(), viewer.failures.empty()) == (count, True)


def test_no_camera_is_absence(viewer: Viewer) -> None:
    """The sentence is picamera2's own."""
    MANAGER.cameras.clear()
    with pytest.raises(DeviceAbsentError, match="No camera number 0 found"):
        viewer.open(opened())


def test_a_camera_that_comes_later_is_found(
    sensor: StandInCamera, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cameras are listed once by libcamera: after an opening that failed they are listed anew."""
    began = iter([CameraManager()])  # without a camera
    monkeypatch.setattr(CameraManager, "singleton", lambda: next(began, MANAGER))
    sys.modules["picamera2"].Picamera2._cm.reset()
    camera = opened()
    with pytest.raises(DeviceAbsentError, match="No camera number 0 found"):
        viewer.open(camera)

    viewer.open(camera)
    assert len(viewer.see(3)) == 3
    camera.close()
    assert not sensor.held


def test_a_format_that_cannot_be_stamped_is_absence(viewer: Viewer) -> None:
    """A webcam that gives JPEGs is for webcam.py."""
    MANAGER.cameras[:] = [StandInCamera(is_pi=False, formats=("YUYV",))]
    with pytest.raises(DeviceAbsentError, match="YUYV only"):
        viewer.open(opened())
    assert not MANAGER.cameras[0].held


def test_encoders_and_their_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardware where there is one, else libx264; every setting explicit. The hardware one has not run here."""
    from picamera2.encoders import H264Encoder, LibavH264Encoder  # noqa: PLC0415 - on the stand-in

    from recorder.capture import picamera_encoder  # noqa: PLC0415

    settings = replace(SETTINGS, slowest_fps=Fraction(12))
    common = {"bitrate": 1_000_000, "iperiod": 12, "repeat": True, "profile": "high", "framerate": 30}
    software = picamera_encoder.make_encoder(settings)
    (tmp_path / "video11").touch()
    monkeypatch.setattr(picamera_encoder, "HARDWARE", tmp_path / "video11")
    hardware = picamera_encoder.make_encoder(settings)
    assert (type(software), type(hardware)) == (LibavH264Encoder, H264Encoder)
    for encoder in (software, hardware):
        assert {name: getattr(encoder, name) for name in common} == common
    assert (software.preset, software.threads) == ("superfast", 2)


NOTHING_LOADED = """
import sys
import recorder.capture.picamera
assert not {"picamera2", "libcamera", "av"} & set(sys.modules)
"""


def test_picamera2_is_loaded_only_when_a_camera_is_opened() -> None:
    """It takes seconds on a Pi, and libcamera starts threads."""
    subprocess.run([sys.executable, "-c", NOTHING_LOADED], check=True)


PRELOADED = """
import sys
from tests.capture.libcamera_stand_in import MANAGER, StandInCamera, picamera2_on_stand_in
with picamera2_on_stand_in():
    for name in [name for name in sys.modules if name.startswith("picamera2")]:
        del sys.modules[name]
    MANAGER.cameras[:] = [StandInCamera()]
    from recorder.capture.picamera import preload
    preload()
    assert {"picamera2.picamera2", "picamera2.encoders"} <= set(sys.modules)
    assert not MANAGER.cameras[0].held
"""


def test_a_consent_need_not_wait_for_picamera2() -> None:
    """It can be loaded beforehand, and that asks no camera anything."""
    subprocess.run([sys.executable, "-c", PRELOADED], check=True)


ABSENT = """
from fractions import Fraction
from recorder.capture.picamera import PiCamera, PiCameraSettings
from recorder.errors import DeviceAbsentError
try:
    PiCamera(PiCameraSettings(640, 480, Fraction(30), 1_000_000), "BUS 7").open(1, print, print)
except DeviceAbsentError as error:
    print(error)
"""


@pytest.mark.skipif(importlib.util.find_spec("libcamera") is not None, reason="libcamera is installed here")
def test_without_picamera2_the_package_is_named() -> None:
    """The sentence says what to install."""
    said = subprocess.run([sys.executable, "-c", ABSENT], check=True, capture_output=True, text=True).stdout
    assert said == "picamera2 cannot be loaded (No module named 'libcamera'); install python3-picamera2.\n"
