"""The machine as the installer leaves it: the recorder is up; what systemd and udev say of units and rules."""

import re
from collections.abc import Callable

import pytest

from tests.systemd import rootfs
from tests.systemd.conftest import EXPOSURE
from tests.systemd.container import Container
from tests.systemd.test_units import HIGHEST_EXPOSURE, SERVICES

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600)]

UNITS = ("cabin-recorder.service", "cabin-recorder-prune.service", "cabin-recorder-prune.timer")


def test_ready_when_the_machine_is(vehicle: Container) -> None:
    """The service is up with the machine, answers, and the pruner waits for its minute."""
    shown = vehicle.show("cabin-recorder.service", "ActiveState", "SubState", "NRestarts")
    assert shown == {"ActiveState": "active", "SubState": "running", "NRestarts": "0"}
    assert vehicle.recorder("status")["state"] == "Parked"
    assert vehicle.show("cabin-recorder-prune.timer", "ActiveState", "SubState")["ActiveState"] == "active"
    assert vehicle.out("systemctl", "--failed", "--quiet") == ""


def test_systemd_understands_every_line(vehicle: Container) -> None:
    """`verify` prints nothing, with the programs where the units name them, on this suite's systemd."""
    done = vehicle.run("systemd-analyze", "verify", *UNITS, "cabin-recorder-export@sda1.service")
    assert done.stdout + done.stderr == ""


def test_udev_understands_the_rules(vehicle: Container, suite: str) -> None:
    """`udevadm verify` finds nothing to say (systemd 254 and later have it)."""
    if suite == "bookworm":
        pytest.skip("bookworm's udevadm has no verify")
    done = vehicle.run("udevadm", "verify", "--no-summary", "/usr/local/lib/udev/rules.d/70-cabin-recorder.rules")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_as_little_exposed_as_the_readme_says(
    vehicle: Container, suite: str, unit: str, record_property: Callable[[str, object], None]
) -> None:
    """The figure that this suite's systemd gives to the installed unit is the README's, and at most 1.5 of 10."""
    readme = (rootfs.CHECKOUT / "systemd/README.md").read_text()
    row = re.search(rf"^\| `{re.escape(unit)}` \| (\d\.\d) \| (\d\.\d) \|$", readme, re.MULTILINE)
    assert row
    file = f"/usr/local/lib/systemd/system/{unit}"
    said = vehicle.out("systemd-analyze", "security", "--offline=true", "--no-pager", file)
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", said)
    assert found, said
    record_property(EXPOSURE, f"{found[1]}  {unit} on {suite}")
    assert found[1] == dict(zip(rootfs.SUITES, row.groups(), strict=True))[suite]
    assert float(found[1]) <= HIGHEST_EXPOSURE
