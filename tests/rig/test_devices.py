"""Devices that fall out of a recording journey and come back: real libraries on kernel drivers, their cables pulled."""

from dataclasses import replace

import pytest

from recorder.events import Medium
from recorder.journey_state import Capture, Journey, StateName
from tests.rig.cabin import Cabin, lamps_of
from tests.rig.drivers import Camera, Sound
from tests.rig.recorder import BY_PINS, PICAMERA, PORTAUDIO, Recorder

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]


def begin_journey(recorder: Recorder, cabin: Cabin) -> str:
    """Everything real: the key turned, consent pressed, picture and sound on the card. The journey's name."""
    Sound(recorder.vehicle.guest).hum(440)
    Camera(recorder.vehicle.guest).look_at_one_thing()
    recorder.configure(camera=PICAMERA, microphone=PORTAUDIO, width=640, height=480, **BY_PINS)
    cabin.turn_key_on()
    recorder.start()
    recorder.until_state("AwaitingConsent")
    cabin.press_consent()
    return str(recorder.until_state("Recording")["journey"])


def impaired_by(lost: str, left: Medium) -> dict[str, str]:
    """What the lamps have to say while the device ``lost`` is away and the medium ``left`` goes on."""
    impaired = Journey(name=StateName.IMPAIRED, capture=Capture.OPEN)
    return lamps_of(replace(impaired, fresh=frozenset({left}), faults=frozenset({lost})))


def faults_of(recorder: Recorder, journey: str) -> list[tuple[str, str]]:
    """Faults in the journey's log as they came and went."""
    entries = recorder.log_of(journey)
    return [(entry["event"], entry["data"]["kind"]) for entry in entries if entry["event"].startswith("fault")]


def test_a_camera_is_lost_and_found(recorder: Recorder) -> None:
    """A camera's cable pulled while recording: sound goes on, in the same journey.

    State, lamps and log say what is missing; in its socket again, the picture goes on, too.
    """
    cabin = Cabin(recorder.vehicle.guest)
    journey = begin_journey(recorder, cabin)

    Camera(recorder.vehicle.guest).lose()
    lost = recorder.until(lambda now: now["state"] == "Impaired" and now["faults"] == ["camera"])
    assert lost["journey"] == journey
    assert cabin.lamps() == impaired_by("camera", left="audio")

    Camera(recorder.vehicle.guest).find()
    found = recorder.until_state("Recording")
    assert (found["journey"], found["faults"]) == (journey, [])
    faults = faults_of(recorder, journey)
    assert (set(faults[:-1]), faults[-1]) == ({("fault", "camera")}, ("fault-cleared", "camera"))


def test_a_microphone_is_lost_and_found(recorder: Recorder) -> None:
    """A microphone's plug pulled while recording: the picture goes on, in the same journey.

    State, lamps and log say what is missing; plugged in again, the sound goes on, too.
    """
    cabin = Cabin(recorder.vehicle.guest)
    journey = begin_journey(recorder, cabin)

    Sound(recorder.vehicle.guest).lose()
    lost = recorder.until(lambda now: now["state"] == "Impaired" and now["faults"] == ["microphone"])
    assert lost["journey"] == journey
    assert cabin.lamps() == impaired_by("microphone", left="video")

    Sound(recorder.vehicle.guest).find()
    found = recorder.until_state("Recording")
    assert (found["journey"], found["faults"]) == (journey, [])
    faults = faults_of(recorder, journey)
    assert (set(faults[:-1]), faults[-1]) == ({("fault", "microphone")}, ("fault-cleared", "microphone"))
