"""The recorder is taken off the machine; what was recorded goes only for the word that was asked for."""

import pytest

from tests.systemd.conftest import BEHAVIOUR
from tests.systemd.container import Container

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600), BEHAVIOUR]

STATE = "/var/lib/cabin-recorder"
HELD = "delete held journeys"


@pytest.mark.parametrize(
    ("hold", "typed", "kept"),
    [(True, "", True), (True, "delete", True), (True, HELD, False), (False, "", True), (False, "delete", False)],
)
def test_uninstall_asks_before_footage(vehicle: Container, hold: bool, typed: str, kept: bool) -> None:
    """The program goes; recordings go only for the word that was asked for, and what is held has a word of its own."""
    journey = vehicle.held_journey() if hold else vehicle.record()
    said = vehicle.out("/src/scripts/uninstall", stdin=f"{typed}\n" if typed else "")
    assert (vehicle.run("test", "-d", f"{STATE}/store/journeys/{journey}").returncode == 0) == kept
    assert f'Type "{HELD if hold else "delete"}"' in said
    left = vehicle.out("find", "/", "/run", "-xdev", "-name", "*cabin-recorder*", "-prune").splitlines()
    assert left == ["/etc/cabin-recorder", *([STATE] if kept else []), "/run/cabin-recorder-export"]
    assert vehicle.run("systemctl", "cat", "cabin-recorder.service").returncode != 0
    assert vehicle.run("test", "-e", "/etc/cabin-recorder/recorder.toml").returncode == 0
    assert (vehicle.run("id", "cabin-recorder").returncode == 0) == kept


def test_installed_again_it_knows_what_was_kept(vehicle: Container) -> None:
    """Who keeps the recordings and installs once more finds them held, under the same key and the same settings."""
    journey = vehicle.held_journey()
    key = vehicle.out("sha256sum", f"{STATE}/device.key", "/etc/cabin-recorder/recorder.toml")
    vehicle.out("/src/scripts/uninstall")
    vehicle.out("/src/scripts/install", "--wheels", "/wheels")
    assert vehicle.out("sha256sum", f"{STATE}/device.key", "/etc/cabin-recorder/recorder.toml") == key
    assert [(record["id"], record["held"]) for record in vehicle.recorder("journeys")] == [(journey, True)]
    assert vehicle.recorder("status")["state"] == "Parked"
