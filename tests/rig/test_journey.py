"""A journey through the installed recorder, from the key in the ignition to the film in the office."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.demo.measure import measure
from tests.rig.drivers import Sound
from tests.rig.film import frame_numbers, loudest_hz, sound
from tests.rig.recorder import PICAMERA, PORTAUDIO, STICK_LABEL, Office, Recorder
from tests.rig.stick import make_stick

pytestmark = [pytest.mark.rig, pytest.mark.timeout(1800)]


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
    log = [json.loads(line) for line in (tmp_path / "films" / f"{journey}.log.jsonl").read_text().splitlines()]
    events = [entry["event"] for entry in log if not entry["event"].startswith("segment-")]
    assert events == ["journey-began", "consent", "hold", "run-on", "journey-ended", "export-began"]
    sealed = [entry["data"] for entry in log if entry["event"] == "segment-sealed"]
    assert [facts["number"] for facts in sealed] == [segment["number"] for segment in listed["segments"]]

    film = measure(tmp_path / "films" / f"{journey}.mp4")
    assert film.picture is not None
    assert film.picture.frames == sum(facts["video_frames"] for facts in sealed)
    read_back = (film.picture.missing, film.picture.duplicated, film.picture.disordered, film.picture.unreadable)
    assert (read_back, film.picture.gaps) == ((0, 0, 0, 0), ())
    assert film.sound is not None
    assert (film.sound.gaps, film.sound.silences, film.sound.slips_s) == ((), (), ())


def test_what_picamera2_and_portaudio_gave_is_in_the_film(
    recorder: Recorder, folder: Path, office: Office, laptop: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """Inside the sandbox: each frame of the camera is in the film, once and in order, and so is the tone."""
    Sound(recorder.vehicle.guest).hum(440)
    recorder.configure(camera=PICAMERA, microphone=PORTAUDIO, width=640, height=480)
    recorder.start()
    journey = recorder.record()
    recorder.hold()
    recorder.park()
    stick = make_stick(folder / "stick.img", "exfat", STICK_LABEL, 64)
    recorder.export_to(stick)
    recorder.vehicle.cut_power(seed=1)

    opened = office.open(laptop(stick, tmp_path / "bundle"), tmp_path / "films")

    assert opened.returncode == 0, opened.stdout + opened.stderr
    film = tmp_path / "films" / f"{journey}.mp4"
    numbers = frame_numbers(film)
    assert len(numbers) > 20
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    samples, rate_hz = sound(film)
    assert loudest_hz(samples[rate_hz : 3 * rate_hz], rate_hz) == pytest.approx(440, abs=2)
