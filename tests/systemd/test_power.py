"""The last look at the key, when everything in the machine has ended: off, or started again.

A simulated vehicle's key is a file in the runtime folder; a key that is a pin is the virtual vehicle's.
"""

import pytest

from tests.systemd.container import Container

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600)]

WANTED = "/run/cabin-recorder-power/off"
KEY = "/run/cabin-recorder/ignition"
STARTED_AGAIN = 133  # systemd-nspawn: the machine in it has restarted (NSPAWN "exit and restart", --keep-unit)


def end(vehicle: Container, verb: str) -> bool:
    """Let the machine go down; whether it starts again."""
    vehicle.run("systemctl", "--no-block", verb)
    vehicle.wait_off()
    assert vehicle.process.returncode in {0, STARTED_AGAIN}
    return vehicle.process.returncode == STARTED_AGAIN


def turn_key_after_the_recorder_has_ended(vehicle: Container, position: str) -> None:
    """The pin changes when nobody looks at it any more."""
    vehicle.out("systemctl", "disable", "--now", "cabin-recorder.service")
    vehicle.write(KEY, f"ignition {position}\n")


@pytest.mark.parametrize(("position", "again"), [("on", True), ("off", False)])
def test_a_key_that_is_turned_while_the_machine_goes_down(vehicle: Container, position: str, again: bool) -> None:
    """The recorder wanted the power off; with the key on it starts again, else the power goes."""
    turn_key_after_the_recorder_has_ended(vehicle, position)
    vehicle.out("runuser", "-u", "cabin-recorder", "--", "touch", WANTED)
    assert end(vehicle, "poweroff") == again


def test_whoever_types_poweroff_gets_it(vehicle: Container) -> None:
    """The key is on, but it was not the recorder who wanted the power off."""
    turn_key_after_the_recorder_has_ended(vehicle, "on")
    assert not end(vehicle, "poweroff")


def test_a_key_that_cannot_be_read_changes_nothing(vehicle: Container) -> None:
    """Without its program the look is not possible, and the power goes as it was asked to."""
    turn_key_after_the_recorder_has_ended(vehicle, "on")
    vehicle.out("runuser", "-u", "cabin-recorder", "--", "touch", WANTED)
    vehicle.out("rm", "/opt/cabin-recorder/current")
    assert not end(vehicle, "poweroff")
