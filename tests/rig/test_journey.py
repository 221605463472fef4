"""A journey through the installed recorder, from the key in the ignition to the film in the office."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.demo.measure import measure
from recorder.journey_state import Capture, Journey, StateName
from tests.rig.cabin import WIRING, Cabin, lamps_of
from tests.rig.drivers import Camera, Sound
from tests.rig.film import frame_numbers, loudest_hz, read_log, sound
from tests.rig.office import Office
from tests.rig.recorder import BY_PINS, PICAMERA, PORTAUDIO, STICK_LABEL, Recorder
from tests.rig.stick import make_stick

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

EVENTS = ["journey-began", "consent", "hold", "run-on", "journey-ended", "export-began"]


def test_installed_from_a_checkout_it_runs_as_its_own_user(recorder: Recorder) -> None:
    """The service says itself that it is ready, opens nothing, and is enabled for every start."""
    recorder.configure()
    recorder.start()

    assert recorder.shown("ActiveState") == "active"
    assert recorder.vehicle.guest.run("ps", "-o", "user=", "-p", recorder.shown("MainPID")).split() == [
        "cabin-recorder"
    ]
    assert recorder.shown("UnitFileState") == "enabled"
    assert recorder.until_state("Parked")["devices_open"] is False
    recorder.command("check")


@pytest.mark.rig_short
def test_a_held_journey_reaches_the_office(
    recorder: Recorder, folder: Path, office: Office, laptop: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """Consent, hold, ignition off, a stick plugged in: what was recorded is what the film shows."""
    recorder.configure()
    recorder.start()
    journey = recorder.record()
    recorder.hold()
    recorder.park()
    [listed] = recorder.journeys()
    assert (listed["id"], listed["held"], listed["problems"]) == (journey, True, [])
    assert not any(segment["torn"] or segment["live"] for segment in listed["segments"])

    stick = make_stick(folder / "stick.img", "exfat", STICK_LABEL, 64)
    recorder.export_to(stick)
    assert recorder.status()["faults"] == []
    recorder.vehicle.cut_power(seed=1)
    bundle = laptop(stick, tmp_path / "bundle")

    opened = office.open(bundle, tmp_path / "films")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    log = read_log(tmp_path / "films" / f"{journey}.log.jsonl")
    assert [event for event in log.events if not event.startswith("segment-")] == EVENTS
    assert log.sealed == [segment["number"] for segment in listed["segments"]]

    film = measure(tmp_path / "films" / f"{journey}.mp4")
    assert film.picture is not None
    assert film.picture.frames == log.frames
    read_back = (film.picture.missing, film.picture.duplicated, film.picture.disordered, film.picture.unreadable)
    assert (read_back, film.picture.gaps) == ((0, 0, 0, 0), ())
    assert film.sound is not None
    assert (film.sound.gaps, film.sound.silences, film.sound.slips_s) == ((), (), ())


def test_a_journey_by_pins_alone(
    recorder: Recorder, folder: Path, office: Office, laptop: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """By pins alone, from the key in the ignition to the power going off, and by a stick to the office.

    Each frame of picamera2 is in the film that the office opens, once and in order, and so is the tone that PortAudio
    heard; before, while and after recording each lamp shows what is true; parked, the machine switches itself off.
    """
    cabin = Cabin(recorder.vehicle.guest)
    Sound(recorder.vehicle.guest).hum(440)
    Camera(recorder.vehicle.guest).look_at_one_thing()
    recorder.configure(camera=PICAMERA, microphone=PORTAUDIO, width=640, height=480, run_on_s=30, **BY_PINS)
    cabin.turn_key_on()
    recorder.start()
    assert recorder.until_state("AwaitingConsent")["devices_open"] is False
    awaiting = Journey(name=StateName.AWAITING_CONSENT)
    assert cabin.lamps() == lamps_of(awaiting)

    cabin.press_consent()
    journey = recorder.until_state("Recording")["journey"]
    recording = Journey(name=StateName.RECORDING, capture=Capture.OPEN, fresh=frozenset({"video", "audio"}))
    assert cabin.lamps() == lamps_of(recording)

    cabin.press_hold()
    recorder.until(lambda status: status["held"])
    assert cabin.lamps() == lamps_of(replace(recording, held=True))

    cabin.turn_key_off()
    recorder.until_state("RunOn")
    assert cabin.lamps() == lamps_of(replace(recording, held=True, name=StateName.RUN_ON))
    recorder.vehicle.wait_off()

    recorder.vehicle.boot(low=[WIRING.ignition])
    assert recorder.until_state("AwaitingConsent")["devices_open"] is False
    assert Cabin(recorder.vehicle.guest).lamps() == lamps_of(awaiting)
    [listed] = recorder.journeys()
    assert (listed["id"], listed["held"], listed["problems"]) == (journey, True, [])
    assert not any(segment["torn"] or segment["live"] for segment in listed["segments"])
    stick = make_stick(folder / "stick.img", "exfat", STICK_LABEL, 64)
    recorder.export_to(stick)
    recorder.vehicle.cut_power(seed=1)

    opened = office.open(laptop(stick, tmp_path / "bundle"), tmp_path / "films")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    log = read_log(tmp_path / "films" / f"{journey}.log.jsonl")
    assert [event for event in log.events if not event.startswith("segment-")] == EVENTS
    film = tmp_path / "films" / f"{journey}.mp4"
    numbers = frame_numbers(film)
    assert numbers == list(range(numbers[0], numbers[0] + log.frames))
    samples, rate_hz = sound(film)
    assert loudest_hz(samples[rate_hz : 3 * rate_hz], rate_hz) == pytest.approx(440, abs=2)
