"""Sound is recorded when the audio mode says so and never else: the microphone itself counts, and the log tells."""

from collections.abc import Callable
from typing import Any

from tests.daemon.counted import Counted, drive
from tests.daemon.vehicle import Vehicle

BLOCK_NS = 20_000_000  # of the synthetic microphone


class Forbidden:
    """A microphone that nobody may open."""

    def open(self, *_: Any) -> None:
        raise AssertionError("the microphone was opened")

    def close(self) -> None:
        raise AssertionError("a microphone that was never open was closed")


def told(vehicle: Vehicle, journey: str) -> list[str]:
    """What the journey's log says of sound, in order."""
    return [entry["event"] for entry in vehicle.log(journey) if entry["event"].startswith("sound-")]


def sealed(vehicle: Vehicle, journey: str) -> list[dict[str, Any]]:
    """What the journey's log says of each sealed segment."""
    return [entry["data"] for entry in vehicle.log(journey) if entry["event"] == "segment-sealed"]


def lasts_ns(segment: dict[str, Any]) -> int:
    """From its oldest frame or sample to its newest: one that the key ends at once may hold a frame and no sound."""
    return int(segment["last_boottime_ns"]) - int(segment["first_boottime_ns"])


def samples(vehicle: Vehicle, journey: str) -> list[bool]:
    """Whether there is sound in each sealed segment."""
    return [data["audio_samples"] > 0 for data in sealed(vehicle, journey)]


def test_off_never_opens_the_microphone(make_vehicle: Callable[..., Vehicle]) -> None:
    """Consent, holds of every kind, withdrawal and a new consent: a microphone that is there is left alone."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on", "press consent")
        status = vehicle.until_state("Recording")
        assert (status["audio"], status["recording_sound"], status["durable_audio_age_s"]) == ("off", False, None)
        assert "  sound: never recorded, the microphone stays closed; off now" in vehicle.run("status").stdout
        vehicle.panel("press hold", "hold hold 5")
        vehicle.until(lambda status: status["held"])
        vehicle.panel("hold consent 3", "press consent")
        status = vehicle.until_state("Recording")
        assert (status["recording_sound"], camera.opened, microphone.opened) == (False, 2, 0)
        vehicle.panel("ignition off")
        vehicle.until_state("Parked")
        assert microphone.opened == 0
        agreed = [entry["data"]["audio"] for entry in vehicle.log(status["journey"]) if entry["event"] == "consent"]
        assert agreed == ["off", "off"]
        assert (told(vehicle, status["journey"]), any(samples(vehicle, status["journey"]))) == ([], False)

    drive(make_vehicle(audio='mode = "off"'), driver, Forbidden())


def test_on_hold_opens_the_microphone_with_the_press_and_closes_it_with_the_release(
    make_vehicle: Callable[..., Vehicle],
) -> None:
    """Before, after, and after a withdrawal of an unheld journey it is closed; each change is in the log."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on", "press hold", "press consent")
        status = vehicle.until(lambda status: status["state"] == "Recording" and status["store"]["segments"] >= 2)
        journey = status["journey"]
        assert (status["audio"], status["recording_sound"], microphone.opened) == ("on-hold", False, 0)
        vehicle.panel("press hold")
        vehicle.until(lambda status: status["state"] == "Recording" and status["recording_sound"] and status["held"])
        assert (microphone.opened, microphone.is_open) == (1, True)
        assert "  sound: recorded while the journey is held; on now" in vehicle.run("status").stdout
        assert vehicle.run("release", journey, "--reason", "mistake").returncode == 0
        vehicle.until(lambda status: not status["recording_sound"] and status["state"] == "Recording")
        vehicle.until(lambda _: not microphone.is_open)
        assert told(vehicle, journey) == ["sound-began", "sound-ended"]
        assert vehicle.run("hold", journey, "--reason", "police").returncode == 0
        vehicle.until(lambda status: status["recording_sound"] and status["state"] == "Recording")
        assert microphone.opened == 2
        vehicle.panel("ignition off")
        vehicle.until_state("Parked")
        assert told(vehicle, journey) == ["sound-began", "sound-ended", "sound-began"]
        first, *_, last = (data for data in sealed(vehicle, journey) if lasts_ns(data) >= 2 * BLOCK_NS)
        assert (first["audio_samples"] > 0, last["audio_samples"] > 0) == (False, True)

    drive(make_vehicle(audio='mode = "on-hold"'), driver)


def test_a_configured_memory_opens_the_microphone_with_the_camera_and_says_so(
    make_vehicle: Callable[..., Vehicle],
) -> None:
    """After consent, not before; what it hears is on the card only once hold is pressed."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on")
        vehicle.until_state("AwaitingConsent")
        assert microphone.opened == 0
        vehicle.panel("press consent")
        status = vehicle.until(lambda status: status["state"] == "Recording" and status["store"]["segments"] >= 2)
        assert (microphone.opened, status["recording_sound"], status["durable_audio_age_s"]) == (1, False, None)
        assert "with 2 s from before the press, kept in memory; off now" in vehicle.run("status").stdout
        assert not any(samples(vehicle, status["journey"]))
        vehicle.panel("press hold")
        vehicle.until(lambda status: status["state"] == "Recording" and status["recording_sound"])
        vehicle.panel("hold consent 3")
        vehicle.until(lambda status: status["state"] == "Withdrawn" and not status["devices_open"])
        assert (microphone.opened, microphone.is_open) == (1, False)
        [consent] = [entry["data"] for entry in vehicle.log(status["journey"]) if entry["event"] == "consent"]
        assert (consent["audio"], consent["audio_before_hold_s"]) == ("on-hold", 2.0)

    drive(make_vehicle(audio='mode = "on-hold"\nbefore_hold_s = 2'), driver)


def test_a_resumed_journey_is_heard_as_it_was_agreed_to(make_vehicle: Callable[..., Vehicle]) -> None:
    """Killed in mode on-hold it goes on with sound, for it is held; under another mode consent is asked anew."""
    vehicle = make_vehicle(audio='mode = "on-hold"')
    journey = vehicle.record()
    vehicle.panel("press hold")
    vehicle.until(lambda status: status["held"] and status["state"] == "Recording")
    vehicle.kill()
    vehicle.start()
    status = vehicle.until_state("Recording")
    assert (status["journey"], status["recording_sound"], status["held"]) == (journey, True, True)
    [resumed] = [entry["data"] for entry in vehicle.log(journey) if entry["event"] == "resumed"]
    assert resumed == {"audio": "on-hold", "held": True}
    vehicle.kill()
    vehicle.config.write_text(vehicle.config.read_text().replace('mode = "on-hold"', 'mode = "always"'))
    vehicle.start()
    status = vehicle.until_state("AwaitingConsent")
    assert (status["journey"], status["devices_open"]) == (None, False)
    vehicle.until(lambda _: vehicle.journeys()[0]["ended"])
    assert vehicle.stop() == 0
    modes = [entry["data"]["audio"] for entry in vehicle.ledger() if entry["event"] == "start"]
    assert modes == ["on-hold", "on-hold", "always"]
