"""The adapters of real devices keep the same promises, each on the nearest thing to its device that a machine has.

The tests are those of ``test_devices.py``, collected here once more with devices that need something built around them.
"""

from collections.abc import Iterator
from fractions import Fraction

import pytest

from recorder.capture.picamera import PiCamera
from recorder.capture.picamera_settings import PiCameraSettings
from recorder.capture.portaudio import PortAudioMicrophone
from recorder.capture.ports import Camera, Microphone
from tests.capture.libcamera_stand_in import MANAGER, StandInCamera, picamera2_on_stand_in, require_picamera2
from tests.capture.pipe_source import RATE_HZ, PipeMicrophone
from tests.contract.pulse import PulseAudio, portaudio_on, require_pulse
from tests.contract.test_devices import (  # noqa: F401 - pytest collects them here
    test_a_camera_delivers_h264_that_decodes_to_its_format,
    test_a_camera_is_not_opened_twice,
    test_a_cameras_frames_have_the_time_of_their_exposure,
    test_a_microphone_delivers_samples_that_follow_each_other,
    test_a_microphone_is_not_opened_twice,
    test_nothing_comes_from_a_closed_camera_and_it_opens_again,
    test_nothing_comes_from_a_closed_microphone_and_it_opens_again,
)

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")  # picamera2's
SENSORS = {
    "picamera2": StandInCamera,
    "picamera2, one stream": lambda: StandInCamera(is_pi=False, formats=("BGR888",)),
}


@pytest.fixture(scope="module")
def picamera2() -> Iterator[None]:
    require_picamera2()
    with picamera2_on_stand_in():
        yield


@pytest.fixture(params=SENSORS)
def camera(request: pytest.FixtureRequest, picamera2: None) -> Iterator[Camera]:
    MANAGER.cameras[:] = [SENSORS[request.param]()]
    made = PiCamera(PiCameraSettings(640, 480, Fraction(30), 1_000_000), "VAN-7")
    yield made
    made.close()


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseAudio]:
    require_pulse()
    daemon = PulseAudio(tmp_path_factory.mktemp("pulse"))
    with portaudio_on(daemon):
        yield daemon
    daemon.stop()


@pytest.fixture(params=[pytest.param("portaudio", marks=pytest.mark.sound)])
def microphone(pulse: PulseAudio) -> Iterator[Microphone]:
    source = PipeMicrophone(pulse, "cabin_microphone")
    made = PortAudioMicrophone(source.name, RATE_HZ)
    yield made
    made.close()
    source.pull_out()
