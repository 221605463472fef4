"""Nothing is opened before consent, nothing after a withdrawal: the devices themselves count."""

import time

from tests.daemon.counted import Counted, drive
from tests.daemon.vehicle import Vehicle


def test_before_consent_nothing_is_opened(vehicle: Vehicle) -> None:
    """Ignition on and off, holds, a withdrawal of nothing: no device is touched."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on", "press hold", "hold consent 3", "ignition off", "ignition on")
        vehicle.until_state("AwaitingConsent")
        assert (camera.opened, microphone.opened) == (0, 0)

    drive(vehicle, driver)


def test_after_withdrawal_nothing_is_open(vehicle: Vehicle) -> None:
    """Consent opens each once; a withdrawal closes both within a second, and nothing arrives afterwards."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on", "press consent")
        vehicle.until_state("Recording")
        assert (camera.opened, microphone.opened) == (1, 1)
        vehicle.panel("hold consent 3")
        withdrawn_s = time.monotonic()
        vehicle.until(lambda status: status["state"] == "Withdrawn" and not status["devices_open"])
        assert (camera.is_open, microphone.is_open) == (False, False)
        assert max(camera.closed_s, microphone.closed_s) - withdrawn_s < 1.0
        vehicle.panel("press hold", "ignition off")
        vehicle.until_state("Parked")
        assert (camera.opened, microphone.opened) == (1, 1)
        assert (camera.delivered_after_close, microphone.delivered_after_close) == (0, 0)

    drive(vehicle, driver)
