"""What the configuration asks for is what is made; and what is late goes on from now."""

import queue
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.capture import testcard
from recorder.capture.clip import Clip
from recorder.capture.devices import frame_rate, make_devices
from recorder.capture.encoder import planes_of
from recorder.capture.file import FileCamera, FileMicrophone
from recorder.capture.pipeline import warm_up
from recorder.capture.player import Player
from recorder.capture.ports import AudioBlock, VideoFormat, VideoPacket
from recorder.capture.stepping import STEPS
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from recorder.capture.testtone import one_second
from recorder.config import AudioConfig, CameraConfig, Config, KeysConfig, MicrophoneConfig, PanelConfig, StoreConfig
from recorder.errors import DeviceAbsentError
from recorder.events import Event
from recorder.timekeeping import boottime_ns
from tests.capture.clips import CARPHONE, sound_only, three_bars
from tests.capture.test_stamp import read as read_stamp

S = 1_000_000_000


def config(camera: CameraConfig, microphone: MicrophoneConfig, mode: str = "always") -> Config:
    return Config(
        vehicle="VAN-7",
        store=StoreConfig(path=Path("/nowhere")),
        keys=KeysConfig(recipients=[]),
        camera=camera,
        microphone=microphone,
        panel=PanelConfig(kind="simulated"),
        audio=AudioConfig(mode=mode),
    )


SYNTHETIC = MicrophoneConfig(kind="synthetic")


def test_each_kind_is_made_and_nothing_is_opened(tmp_path: Path) -> None:
    """Nothing but the names is needed: the clip need not even exist."""
    made = make_devices(config(CameraConfig(kind="synthetic"), SYNTHETIC))
    assert (type(made.camera), type(made.microphone)) == (SyntheticCamera, SyntheticMicrophone)
    clip = tmp_path / "no.mp4"
    made = make_devices(config(CameraConfig(kind="file", path=clip), MicrophoneConfig(kind="file")))
    assert (type(made.camera), type(made.microphone)) == (FileCamera, FileMicrophone)


def test_without_sound_there_is_no_microphone() -> None:
    assert make_devices(config(CameraConfig(kind="synthetic"), SYNTHETIC, mode="off")).microphone is None


def test_the_clips_own_sound_is_the_default_and_shares_its_scene(tmp_path: Path) -> None:
    """Camera and microphone of one clip agree on what happens when; another file is another scene."""
    camera = CameraConfig(kind="file", path=CARPHONE)
    blocks: queue.SimpleQueue[AudioBlock] = queue.SimpleQueue()
    for microphone, shared in (
        (MicrophoneConfig(kind="file"), True),
        (MicrophoneConfig(kind="file", path=CARPHONE), True),
        (MicrophoneConfig(kind="file", path=sound_only(tmp_path / "a.wav")), False),
    ):
        made = make_devices(config(camera, microphone))
        assert made.microphone is not None
        packets: queue.SimpleQueue[VideoPacket] = queue.SimpleQueue()
        made.camera.open(1, packets.put, lambda failure: None)
        made.microphone.open(blocks.put, lambda failure: None)
        first = packets.get(timeout=5)
        made.camera.close()
        made.microphone.close()
        again: queue.SimpleQueue[VideoPacket] = queue.SimpleQueue()
        made.camera.open(1, again.put, lambda failure: None)
        later = again.get(timeout=5)
        made.camera.close()
        frames = Fraction(later.captured_ns - first.captured_ns, S) * Fraction(30_000, 1001)
        assert abs(frames - round(frames)) < Fraction(1, 1000), "the scene has run on meanwhile"
        assert (made.camera._clip is made.microphone._clip) is shared


def test_a_camera_steps_down_only_where_it_may_and_is_heard() -> None:
    """``step_down = false``, or nobody to tell: the picture stays what it is."""
    told: list[Event] = []

    def steps(tell: Callable[[Event], None] | None, *, step_down: bool) -> int:
        made = make_devices(config(CameraConfig(kind="synthetic", step_down=step_down), SYNTHETIC), tell)
        assert isinstance(made.camera, SyntheticCamera)
        return len(made.camera._pace._steps)

    assert steps(told.append, step_down=True) == len(STEPS)
    assert (steps(told.append, step_down=False), steps(None, step_down=True)) == (1, 1)


def test_a_file_without_a_path_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="without a path"):
        make_devices(config(CameraConfig(kind="file"), SYNTHETIC))


def test_the_frame_rate_is_the_one_written() -> None:
    rates = {29.97: Fraction(2997, 100), 30.0: Fraction(30), 12.5: Fraction(25, 2)}
    assert {fps: frame_rate(config(CameraConfig(kind="synthetic", fps=fps), SYNTHETIC)) for fps in rates} == rates


def test_a_camera_needs_a_picture(tmp_path: Path) -> None:
    camera = FileCamera(Clip(sound_only(tmp_path / "a.wav")), 1280, 720, 1_000_000, "VAN-7")
    with pytest.raises(DeviceAbsentError, match="no picture"):
        camera.open(1, lambda packet: None, lambda failure: None)


def test_warming_up_opens_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a device was opened")

    for device in (SyntheticCamera, SyntheticMicrophone):
        monkeypatch.setattr(device, "open", refuse)
    warm_up(config(CameraConfig(kind="synthetic"), SYNTHETIC))


def watch(camera: SyntheticCamera | FileCamera, number: int, count: int) -> tuple[VideoFormat, list[VideoPacket]]:
    packets: queue.SimpleQueue[VideoPacket] = queue.SimpleQueue()
    video = camera.open(number, packets.put, lambda failure: None)
    taken = [packets.get(timeout=5) for _ in range(count)]
    camera.close()
    return video, taken


@pytest.mark.parametrize(
    "make",
    [
        lambda: SyntheticCamera(320, 200, Fraction(30), 1_000_000, "VAN-7"),
        lambda: FileCamera(Clip(CARPHONE), 320, 200, 1_000_000, "VAN-7"),
    ],
)
def test_what_is_late_by_more_than_a_second_is_dropped_and_its_numbers_with_it(
    make: Callable[[], SyntheticCamera | FileCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp's frame numbers count what was missed too, so that a loss shows on the picture."""
    missed = Player.missed
    calls = []

    def once(due_ns: int) -> bool:
        calls.append(due_ns)
        return len(calls) == 5 or missed(due_ns)

    monkeypatch.setattr(Player, "missed", staticmethod(once))
    waits = iter([True] * 4)
    until = Player.wait_until

    def slow(player: Player, due_ns: int) -> bool:
        return until(player, due_ns if next(waits, False) else due_ns + S // 5)

    monkeypatch.setattr(Player, "wait_until", slow)
    video, packets = watch(make(), 100, 6)
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = video.extradata
    frames = [frame for p in packets for frame in decoder.decode(av.Packet(p.data))] + decoder.decode(None)
    numbers = [int(" ".join(read_stamp(planes_of(f)[0], 2)).split("VAN-7 #")[1][:6]) for f in frames]
    times = [round(Fraction(p.captured_ns - packets[0].captured_ns, S) * video.fps) for p in packets]
    assert numbers == [100 + n for n in times]
    assert times[:4] == [0, 1, 2, 3]
    assert times[4] > 5, "dropped frames are counted"


def test_the_synthetic_scene_is_anchored_to_boottime() -> None:
    """Frame n is at n/fps, and shows n: what a crash has cost can be read back exactly."""
    video, packets = watch(SyntheticCamera(176, 144, Fraction(25), 500_000, "VAN-7"), 1, 30)
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = video.extradata
    frames = [frame for p in packets for frame in decoder.decode(av.Packet(p.data))] + decoder.decode(None)
    cards = [testcard.read(planes_of(frame)[0]) for frame in frames]
    assert [card.counter for card in cards] == [p.captured_ns * 25 // S for p in packets]
    assert [card.flash for card in cards] == [p.captured_ns % S == 0 for p in packets]


def test_a_machine_that_has_been_up_for_years_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample k of the scene is sample k of its second, whole years after boot, and costs no more."""
    for module in ("recorder.capture.synthetic", "recorder.capture.player"):
        monkeypatch.setattr(f"{module}.boottime_ns", lambda: boottime_ns() + 3 * 365 * 86_400 * S)
    blocks: queue.SimpleQueue[AudioBlock] = queue.SimpleQueue()
    microphone = SyntheticMicrophone(44_100)
    microphone.open(blocks.put, lambda failure: None)
    heard = [blocks.get(timeout=5) for _ in range(60)]
    microphone.close()
    second = np.tile(one_second(44_100), 2)
    for block in heard:
        place = round(block.captured_ns % S * 44_100 / S)
        assert np.array_equal(block.samples, second[place : place + len(block.samples)])


LIMITED = (16, 126, 235)  # black, mid-grey, white as H.264 stores them (BT.709, "Digital representation")


@pytest.mark.parametrize(
    ("levels", "colour_range", "codec"),
    [((0, 128, 255), "pc", "libx264"), ((0, 128, 255), "pc", "mjpeg"), (LIMITED, "tv", "libx264")],
)
@pytest.mark.parametrize("size", [(192, 128), (96, 64)])
def test_white_stays_white(
    tmp_path: Path, levels: tuple[int, int, int], colour_range: str, codec: str, size: tuple[int, int]
) -> None:
    """A clip in full range is as bright when it is played back as the clip itself; one in limited range as well."""
    clip = Clip(three_bars(tmp_path / "clip.mkv", levels, colour_range, codec))
    video, packets = watch(FileCamera(clip, *size, 1_000_000, "VAN-7"), 1, 5)
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = video.extradata
    *_, last = [frame for p in packets for frame in decoder.decode(av.Packet(p.data))] + decoder.decode(None)
    middle = planes_of(last)[0][video.height // 2].astype(int)
    bars = [int(middle[video.width * part // 6]) for part in (1, 3, 5)]
    assert bars == [pytest.approx(level, abs=2) for level in LIMITED]
