"""Another version over the installed one: what people wrote and what was recorded stay as they were."""

import pytest

from tests.systemd.conftest import BEHAVIOUR
from tests.systemd.container import Container

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600), BEHAVIOUR]

STATE = "/var/lib/cabin-recorder"
CONFIG = "/etc/cabin-recorder/recorder.toml"
CURRENT = "/opt/cabin-recorder/current"


def test_an_upgrade_touches_neither_configuration_nor_what_is_held(vehicle: Container) -> None:
    """The new version runs at once and knows the held journey; not a byte of it, of the key or the settings differs."""
    journey = vehicle.held_journey()
    vehicle.out("sed", "-i", "1i# the fleet's own remark", CONFIG)
    vehicle.out("rm", f"{CONFIG}.example")
    before, release, pid = kept(vehicle, journey), vehicle.out("readlink", CURRENT), vehicle.main_pid()
    said = vehicle.out(f"{newer_checkout(vehicle)}/scripts/install", "--wheels", "/wheels")
    assert said.endswith("-- units: the recorder runs")
    assert kept(vehicle, journey) == before
    assert vehicle.out("readlink", CURRENT) != release
    assert vehicle.main_pid() != pid
    assert vehicle.run("test", "-e", f"{CONFIG}.example").returncode == 0
    assert vehicle.out("cabin-recorder", "--version").endswith("9.9.9")
    assert vehicle.recorder("status")["state"] == "Parked"
    assert [(record["id"], record["held"]) for record in vehicle.recorder("journeys")] == [(journey, True)]


def newer_checkout(vehicle: Container) -> str:
    """A checkout of another version, on the machine."""
    vehicle.out("cp", "--recursive", "/src", "/root/newer")
    vehicle.out("sed", "-i", 's/^__version__ = .*/__version__ = "9.9.9"/', "/root/newer/recorder/__init__.py")
    return "/root/newer"


def kept(vehicle: Container, journey: str) -> str:
    """Content, owner and mode of the configuration, the recorder's key and everything of a journey."""
    files = ("find", CONFIG, f"{STATE}/device.key", f"{STATE}/store/journeys/{journey}", "-type", "f")
    sums = vehicle.out(*files, "-exec", "sha256sum", "{}", "+")
    modes = vehicle.out(*files, "-printf", "%p %u %m %T@\\n")
    assert f"{journey}/00001.body" in sums
    return "\n".join(sorted([*sums.splitlines(), *modes.splitlines()]))


def test_an_upgrade_waits_for_the_journey(vehicle: Container) -> None:
    """A unit that changed does not interrupt what is being recorded; the next start takes it over."""
    journey, pid = vehicle.record(), vehicle.main_pid()
    vehicle.out("sed", "-i", "1i# an older edition", "/usr/local/lib/systemd/system/cabin-recorder.service")
    said = vehicle.out("/src/scripts/install", "--wheels", "/wheels")
    assert "a journey is being recorded; the new version takes over at the next start" in said
    assert (vehicle.recorder("status")["journey"], vehicle.main_pid()) == (journey, pid)
