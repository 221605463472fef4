"""The webcam: on libavdevice's V4L2 above a stand-in device, and what needs no device at all."""

import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from recorder.capture.encoder import Canvas, PictureEncoder
from recorder.capture.keyframes import brightness
from recorder.capture.webcam import Webcam, WebcamSettings, _Durations
from recorder.capture.webcam_source import ENCODINGS, captured_ns, v4l2
from recorder.errors import DeviceAbsentError
from recorder.timekeeping import boottime_ns
from tests.capture.v4l2_stand_in import preloaded

MS = 1_000_000


@pytest.mark.slow
def test_on_a_v4l2_device(tmp_path: Path) -> None:
    """Everything in ``webcam_on_v4l2.py`` passes, the contract of all cameras included, in a process with a camera."""
    tests = Path(__file__).with_name("webcam_on_v4l2.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    run = subprocess.run(command, env=preloaded(tmp_path), capture_output=True, text=True, check=False)
    print(run.stdout[-10_000:], run.stderr[-2_000:])
    assert run.returncode == 0


def test_no_such_device_is_absence() -> None:
    """The sentence names it, and the key to mend."""
    settings = WebcamSettings(320, 240, Fraction(30), 300_000, ENCODINGS)
    absent = Webcam(v4l2("/dev/video-none", 320, 240, Fraction(30)), settings, "BUS 7")
    with pytest.raises(DeviceAbsentError, match=r"There is no camera /dev/video-none; see camera\.device\."):
        absent.open(1, print, print)
    absent.close()


def test_a_keyframe_is_enough_to_look_at() -> None:
    """Alone, with its parameter sets before it; what is none of that gives nothing."""
    encoder, canvas = PictureEncoder(320, 240, Fraction(25), 1_000_000), Canvas(320, 240)
    for plane, level in zip(canvas.planes, (90, 128, 128), strict=True):
        plane[:] = level
    canvas.y[:, 160:] = 180
    first = encoder.encode(canvas.frame, 0, 40 * MS)
    second = encoder.encode(canvas.frame, 40 * MS, 40 * MS)
    y = brightness(encoder.format.extradata + first.data)
    assert y is not None
    assert y.shape == (240, 320)
    assert (abs(int(y[120, 40]) - 90) <= 2, abs(int(y[120, 280]) - 180) <= 2) == (True, True)
    assert brightness(b"") is None
    assert brightness(b"no H.264 at all") is None
    assert brightness(second.data) is None


def test_a_frames_time_is_brought_to_boottime() -> None:
    """V4L2's clock stands still while the machine sleeps; a time that cannot be true is replaced by now."""
    now_ns = boottime_ns()
    monotonic_us = time.monotonic_ns() // 1_000
    assert captured_ns(monotonic_us - 40_000, now_ns) == pytest.approx(now_ns - 40 * MS, abs=5 * MS)
    assert captured_ns(None, now_ns) == now_ns
    assert captured_ns(0, now_ns) == now_ns
    assert captured_ns(monotonic_us + 10_000_000, now_ns) == now_ns


def test_frames_last_longer_in_the_dark() -> None:
    """A webcam that halves its rate is known to after three frames; one frame lost changes nothing."""
    durations = _Durations(Fraction(25))
    times_ms = [0, 40, 80, 160, 200, 240, 280, 360, 440, 520, 600]
    lasts_ms = [durations.after(at_ms * MS) / MS for at_ms in times_ms]
    assert lasts_ms == [40, 40, 40, 40, 40, 40, 40, 40, 40, 80, 80]
