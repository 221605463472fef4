"""The tests of ``tests/hardware`` run, pass on what works and fail on what does not, before anybody has a board.

They are collected here once more with stand-ins in place of the parts; where one should fail, it is called, and does.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from recorder.cabin.board import Board
from recorder.cabin.loudspeaker import PortAudioLoudspeaker
from recorder.cabin.pins import Wiring
from recorder.cabin.ports import Loudspeaker
from recorder.capture.picamera import PiCamera
from recorder.capture.picamera_settings import PiCameraSettings
from recorder.capture.portaudio import PortAudioMicrophone
from recorder.capture.ports import Camera, Microphone
from recorder.soundhost import SoundHost
from tests.capture.libcamera_stand_in import MANAGER, StandInCamera, picamera2_on_stand_in, require_picamera2
from tests.capture.pipe_source import RATE_HZ, PipeMicrophone
from tests.contract.clockchip import ClockChip
from tests.contract.harness import Harness, WiredPin, press
from tests.contract.logind import Bus, StandInLogind
from tests.contract.pulse import PulseAudio, portaudio_on, require_pulse
from tests.hardware import machine
from tests.hardware.findings import Findings
from tests.hardware.journey import Parts
from tests.hardware.test_camera import test_a_few_seconds_without_a_gap, test_the_encoder_is_this_boards
from tests.hardware.test_microphone import (  # noqa: F401 - pytest collects them here
    test_a_phrase_is_heard,
    test_a_plug_is_pulled_and_put_back,
)
from tests.hardware.test_minute import test_a_minute
from tests.hardware.test_panel import (  # noqa: F401 - pytest collects them here
    LAMPS,
    bridged,
    running,
    test_a_lamp,
    test_a_press,
    test_a_press_by_wire,
    test_the_key,
)
from tests.hardware.test_power import test_a_clock_would_wake_the_board, test_logind_would_switch_off

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")  # picamera2's
REPOSITORY = Path(__file__).parents[2]
WIRE = ("GPIO21", 17)


@pytest.fixture
def found() -> Findings:
    return Findings()


# --- camera ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picamera2() -> Iterator[None]:
    require_picamera2()
    with picamera2_on_stand_in():
        yield


@pytest.fixture
def camera_kind() -> str:
    return "ribbon"


@pytest.fixture
def sensor(picamera2: None) -> StandInCamera:
    MANAGER.cameras[:] = [StandInCamera()]
    return MANAGER.cameras[0]


@pytest.fixture
def camera(sensor: StandInCamera) -> Iterator[Camera]:
    made = PiCamera(PiCameraSettings(640, 480, Fraction(30), 1_000_000), "VAN-7")
    yield made
    made.close()


def test_a_camera_that_loses_frames_is_found_out(sensor: StandInCamera, camera: Camera, found: Findings) -> None:
    sensor.fps = 15  # of the 30 that were asked for
    with pytest.raises(AssertionError):
        test_a_few_seconds_without_a_gap(camera, found)


def test_the_wrong_encoder_is_found_out(
    camera: Camera, found: Findings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A board with a hardware encoder that is not used."""
    monkeypatch.setattr("tests.hardware.test_camera.HARDWARE_ENCODER", tmp_path)
    with pytest.raises(AssertionError):
        test_the_encoder_is_this_boards("ribbon", camera, found, caplog)


# --- microphone and loudspeaker --------------------------------------------------------------------------------------


class Hands:
    """A person who does what the sentences ask for, by their first word, and sees what is so."""

    def __init__(self, doing: dict[str, Callable[[], None]], seeing: Callable[[str], bool] = lambda _: True) -> None:
        self._doing, self._seeing = doing, seeing

    def do(self, sentence: str) -> None:
        (act,) = [act for words, act in self._doing.items() if sentence.startswith(words)]
        act()

    def agrees(self, question: str) -> bool:
        return self._seeing(question)


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseAudio]:
    require_pulse()
    daemon = PulseAudio(tmp_path_factory.mktemp("pulse"))
    with portaudio_on(daemon):
        yield daemon
    daemon.stop()


@pytest.fixture
def plugged(pulse: PulseAudio) -> Iterator[PipeMicrophone]:
    pulse.ask("unload-module", "module-null-sink")  # PulseAudio moves a stream to its monitor rather than end it
    source = PipeMicrophone(pulse, "cabin_microphone")
    yield source
    source.pull_out()


@pytest.fixture
def microphone(plugged: PipeMicrophone) -> Iterator[Microphone]:
    made = PortAudioMicrophone(plugged.name, RATE_HZ, host=SoundHost())
    yield made
    made.close()


@pytest.fixture
def loudspeaker(pulse: PulseAudio) -> Iterator[Loudspeaker]:
    made = PortAudioLoudspeaker(None)
    yield made
    made.close()


# --- panel -----------------------------------------------------------------------------------------------------------


class BridgedPin(WiredPin):
    """A wire leads from one pin to another."""

    def _set_state(self, value: float) -> None:
        super()._set_state(value)
        driver, reader = WIRE
        if self.info.name == driver:
            far = self.factory.pin(reader)
            (far.drive_high if value else far.drive_low)()


class BridgedHarness(Harness):
    def open_board(self) -> Board:
        board = super().open_board()
        board.factory.pin_class = BridgedPin
        return board


@pytest.fixture
def wiring() -> Wiring:
    return Wiring(ignition_off_s=0.2)


@pytest.fixture
def wires(request: pytest.FixtureRequest) -> Harness:
    return BridgedHarness() if request.function is test_a_press_by_wire else Harness()


@pytest.fixture
def header(wires: Harness) -> Callable[[], Board]:
    return wires.open_board


@pytest.fixture
def panel_is_wired() -> None:
    """It is."""


@pytest.fixture
def person(request: pytest.FixtureRequest) -> Hands:
    """Presses, turns, pulls, and looks."""
    if "header" not in request.fixturenames:
        source = request.getfixturevalue("plugged") if "microphone" in request.fixturenames else None
        return Hands({"Pull": source.pull_out, "Put": source.plug_in} if source else {})
    wires, wiring = request.getfixturevalue("wires"), request.getfixturevalue("wiring")
    pins = {"the green ring": 16, "the blue ring": 20, "the white lamp": 21, "the amber lamp": 26, "the red lamp": 13}

    def sees(question: str) -> bool:
        press(wires, 4, 0.1)  # a moment to look: this pin is nobody's
        return {what for what, pin in pins.items() if wires.high(pin)} == {what for what in pins if what in question}

    return Hands(
        {
            "Press the green": lambda: press(wires, wiring.consent[0], 0.2),
            "Hold the green": lambda: press(wires, wiring.consent[0], 3.2),
            "Press a blue": lambda: press(wires, wiring.hold[1], 0.2),
            "Turn the key on": lambda: wires.ground(wiring.ignition),
            "Turn the key off": lambda: wires.open(wiring.ignition),
        },
        sees,
    )


def test_a_wire_that_is_not_there_is_not_found(wiring: Wiring) -> None:
    assert not bridged(Harness().open_board(), wiring)
    assert bridged(BridgedHarness().open_board(), wiring)


@pytest.mark.parametrize("lamp", LAMPS)
def test_a_lamp_in_the_wrong_place_is_found_out(lamp: str, wiring: Wiring) -> None:
    """Whatever is asked for, another lamp is lit."""
    elsewhere = "fault" if lamp != "fault" else "hold"
    panel = Shown()
    with pytest.raises(AssertionError):
        test_a_lamp(panel, Hands({}, lambda question: LAMPS[elsewhere] in question), lamp)
    assert panel.panel is panel


class Shown:
    """A panel that shows nothing."""

    def __init__(self) -> None:
        self.panel = self

    def show(self, lamps: object) -> None:
        """Nothing."""


# --- power -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def system_bus(tmp_path: Path) -> Iterator[str]:
    bus = Bus(tmp_path)
    logind = StandInLogind(bus)
    yield bus.address
    logind.close()
    bus.close()


@pytest.fixture
def chip(tmp_path: Path) -> ClockChip:
    return ClockChip(tmp_path / "rtc")


@pytest.fixture
def alarm_clocks(chip: ClockChip) -> Path:
    return chip.clocks


@pytest.fixture
def write_alarm(chip: ClockChip) -> Callable[[Path, str], None]:
    return chip.store


def test_a_clock_that_forgets_is_found_out(chip: ClockChip, found: Findings) -> None:
    chip.deaf = True
    with pytest.raises(AssertionError):
        test_a_clock_would_wake_the_board(chip.clocks, chip.store, found)


def test_a_logind_that_refuses_is_found_out(tmp_path: Path, found: Findings) -> None:
    bus = Bus(tmp_path)
    logind = StandInLogind(bus, refusal=("org.freedesktop.DBus.Error.AccessDenied", "no"))
    try:
        with pytest.raises(AssertionError):
            test_logind_would_switch_off(bus.address, found)
    finally:
        logind.close()
        bus.close()


# --- a minute --------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_the_card(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def parts() -> Parts:
    return Parts('kind = "synthetic"', 'kind = "synthetic"')


@pytest.fixture
def size() -> tuple[int, int]:
    return (320, 240)


@pytest.fixture
def seconds() -> float:
    return 4.0


@pytest.mark.slow
def test_a_minute_without_a_microphone_is_found_out(tmp_path: Path, found: Findings) -> None:
    """A fault, or silence filled in, is no pass."""
    parts = Parts('kind = "synthetic"', 'kind = "portaudio"\ndevice = "no such microphone"')
    with pytest.raises(AssertionError):
        test_a_minute(tmp_path, parts, (320, 240), 6.0, found)


# --- the board -------------------------------------------------------------------------------------------------------


def test_what_the_firmware_holds_against_the_supply(tmp_path: Path) -> None:
    """The bits of get_throttled, in words."""
    assert machine.throttled(tmp_path) is None
    told = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    told.parent.mkdir(parents=True)
    told.write_text("0\n")
    assert machine.throttled(tmp_path) == ()
    told.write_text("50005\n")
    assert machine.throttled(tmp_path) == (
        *("voltage too low now", "throttled now"),
        *("voltage too low since boot", "throttled since boot"),
    )


def test_what_clocks_there_are(tmp_path: Path) -> None:
    """A clock with memory that does not wake, and one that wakes and has none."""
    for name, driver, wakes, memory in (("rtc0", "rpi-rtc", True, 0), ("rtc1", "rtc-pcf2127-i2c 1-0051", False, 512)):
        folder = tmp_path / "sys/class/rtc" / name
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{driver}\n")
        if wakes:
            (folder / "wakealarm").touch()
        if memory:
            (folder / "device/nvmem0").mkdir(parents=True)
            (folder / "device/nvmem0/nvmem").write_bytes(bytes(memory))
    assert machine.clocks(tmp_path) == {"rtc0": ("rpi-rtc", True, 0), "rtc1": ("rtc-pcf2127-i2c 1-0051", False, 512)}


def test_swap_on_the_card_is_told_from_zram(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/swaps").write_text(
        "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 2 0 100\n/var/swap file 2 0 -2\n"
    )
    assert machine.swaps_on_disk(tmp_path) == ["/var/swap"]


@pytest.mark.skipif(machine.model() is not None, reason="this machine has a device tree, so it may have parts")
def test_without_parts_everything_skips_and_says_why() -> None:
    """Nothing fails, nothing is opened; each sentence names what is missing."""
    command = [sys.executable, "-m", "pytest", "-m", "hardware", "-rs", "-p", "no:cacheprovider", "tests/hardware"]
    by_hand = {name: value for name, value in os.environ.items() if name != "CI"}  # where a skip would be a failure
    run = subprocess.run(
        command, cwd=REPOSITORY, env=by_hand, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    outcome = run.stdout.splitlines()[-1]
    assert run.returncode == 0, run.stdout
    assert "skipped" in outcome
    assert "passed" not in outcome
    assert "this is no Raspberry Pi" in run.stdout
    assert "CABIN_WEBCAM" in run.stdout
