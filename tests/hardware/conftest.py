"""The parts of this machine, each found or named as missing; and what was found, printed at the end.

Where a part is missing its tests skip with a sentence. Nothing is opened, driven or set on a machine that is no
Raspberry Pi, but cameras and microphones that the environment names.

    CABIN_WEBCAM=/dev/v4l/by-id/...   a USB camera beside, or in place of, the ribbon's
    CABIN_MICROPHONE="USB PnP"        a part of the microphone's name (on a Pi the default: whatever is the default)
    CABIN_LOUDSPEAKER="USB Audio"     likewise, of the loudspeaker's
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from recorder.cabin.board import Board, open_board
from recorder.cabin.loudspeaker import SilentLoudspeaker, open_loudspeaker
from recorder.cabin.pins import Wiring
from recorder.cabin.ports import Loudspeaker
from recorder.capture.picamera import PiCamera
from recorder.capture.picamera_settings import PiCameraSettings
from recorder.capture.portaudio import PortAudioMicrophone
from recorder.capture.ports import Camera, Microphone
from recorder.capture.webcam import Webcam, WebcamSettings
from recorder.capture.webcam_source import ENCODINGS, v4l2
from recorder.errors import DeviceAbsentError, PanelError
from tests.hardware.findings import Findings
from tests.hardware.journey import Parts
from tests.hardware.machine import model
from tests.hardware.person import TERMINAL, AtTheTerminal, Person

FOUND = pytest.StashKey[Findings]()
RATE_HZ = 48_000


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = Findings()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What to send back."""
    if lines := config.stash[FOUND].lines:
        terminalreporter.section("what to send back, with the lines above")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def found(request: pytest.FixtureRequest) -> Findings:
    return request.config.stash[FOUND]


@pytest.fixture(scope="session")
def raspberry_pi() -> str:
    """The board's model."""
    name = model()
    if name is None or "Raspberry Pi" not in name:
        pytest.skip(f"this is no Raspberry Pi but {name or 'a machine without a device tree'}")
    return name


@pytest.fixture(scope="session")
def person() -> Iterator[Person]:
    try:
        someone = AtTheTerminal(TERMINAL)
    except OSError:
        pytest.skip("nobody can be asked: start the tests from a terminal")
    yield someone
    someone.close()


# --- camera and microphone -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", params=["ribbon", "usb"])
def camera_kind(request: pytest.FixtureRequest) -> str:
    """Which camera; each is opened once, to see that it is there."""
    if request.param == "usb" and "CABIN_WEBCAM" not in os.environ:
        pytest.skip("no USB camera is named; CABIN_WEBCAM=/dev/v4l/by-id/... names one")
    if request.param == "ribbon":
        request.getfixturevalue("raspberry_pi")
    camera = camera_of(request.param, (640, 480))
    try:
        camera.open(1, lambda _packet: None, lambda _failure: None)
    except DeviceAbsentError as error:
        pytest.skip(str(error))
    finally:
        camera.close()
    return request.param


def camera_of(kind: str, size: tuple[int, int]) -> Camera:
    """The recorder's own camera of this kind, not opened."""
    width, height = size
    if kind == "ribbon":
        return PiCamera(PiCameraSettings(width, height, Fraction(30), 4_000_000), "VAN-7")
    settings = WebcamSettings(width, height, Fraction(30), 4_000_000, ENCODINGS)
    return Webcam(v4l2(os.environ["CABIN_WEBCAM"], width, height, Fraction(30)), settings, "VAN-7")


@pytest.fixture(params=[(1280, 720), (1920, 1080)], ids=["720p", "1080p"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


@pytest.fixture
def camera(camera_kind: str, size: tuple[int, int]) -> Iterator[Camera]:
    made = camera_of(camera_kind, size)
    yield made
    made.close()


@pytest.fixture(scope="session")
def microphone_name(request: pytest.FixtureRequest) -> str | None:
    """A part of its name; it is opened once, to see that it is there."""
    name = os.environ.get("CABIN_MICROPHONE")
    if name is None:
        request.getfixturevalue("raspberry_pi")
    microphone = PortAudioMicrophone(name, RATE_HZ)
    try:
        microphone.open(lambda _block: None, lambda _failure: None)
    except DeviceAbsentError as error:
        pytest.skip(str(error))
    finally:
        microphone.close()
    return name


@pytest.fixture
def microphone(microphone_name: str | None) -> Iterator[Microphone]:
    made = PortAudioMicrophone(microphone_name, RATE_HZ)
    yield made
    made.close()


@pytest.fixture
def parts(camera_kind: str, request: pytest.FixtureRequest) -> Parts:
    """For the whole recorder; without a microphone it records the test tone."""
    camera = (
        'kind = "picamera"' if camera_kind == "ribbon" else f'kind = "webcam"\ndevice = "{os.environ["CABIN_WEBCAM"]}"'
    )
    try:
        name = request.getfixturevalue("microphone_name")
    except pytest.skip.Exception:
        return Parts(camera, 'kind = "synthetic"')
    return Parts(camera, 'kind = "portaudio"' + (f'\ndevice = "{name}"' if name else ""))


@pytest.fixture
def seconds() -> float:
    """How long a journey is recorded for."""
    return 60.0


@pytest.fixture
def on_the_card() -> Iterator[Path]:
    """A folder on the card: /tmp may be memory, which would flatter."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parents[2], prefix=".hardware-") as folder:
        yield Path(folder)


@pytest.fixture
def loudspeaker(raspberry_pi: str) -> Iterator[Loudspeaker]:
    made = open_loudspeaker(os.environ.get("CABIN_LOUDSPEAKER"))
    if isinstance(made, SilentLoudspeaker):
        pytest.skip("PortAudio finds no loudspeaker; CABIN_LOUDSPEAKER names one by a part of its name")
    yield made
    made.close()


# --- pins and power --------------------------------------------------------------------------------------------------


@pytest.fixture
def wiring() -> Wiring:
    return Wiring(ignition_off_s=0.2)


@pytest.fixture
def header(raspberry_pi: str, tmp_path: Path) -> Callable[[], Board]:
    """Opens the board's pins."""
    try:
        open_board(tmp_path).factory.close()
    except PanelError as error:
        pytest.skip(str(error))
    return lambda: open_board(tmp_path)


@pytest.fixture(scope="session")
def panel_is_wired(raspberry_pi: str, person: Person) -> None:
    if not person.agrees("Is a panel of buttons and lamps wired as hardware/README.md says?"):
        pytest.skip("no panel is wired")


@pytest.fixture
def system_bus(raspberry_pi: str) -> str:
    if not Path("/run/dbus/system_bus_socket").exists():
        pytest.skip("there is no system bus, so no logind")
    return "SYSTEM"


@pytest.fixture
def alarm_clocks(raspberry_pi: str) -> Path:
    """Where the kernel shows its clocks; one of them must be able to wake the board, and we allowed to ask it."""
    folder = Path("/sys/class/rtc")
    alarms = [*folder.glob("rtc[0-9]*/wakealarm")]
    if not alarms:
        pytest.skip("no clock of this machine can wake it; a Raspberry Pi 4 has none of its own")
    if not any(os.access(alarm, os.W_OK) for alarm in alarms):
        pytest.skip("only root and the recorder's user may set the wake alarm: sudo, or as cabin-recorder")
    return folder


@pytest.fixture
def write_alarm() -> Callable[[Path, str], None]:
    """How the kernel is told."""

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="ascii")

    return write
