"""The units as text: how exposed they are, and whether systemd understands every line of them."""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.export.stick import LABELS
from tests.systemd import rootfs

UNITS = rootfs.CHECKOUT / "systemd"
SERVICES = ("cabin-recorder.service", "cabin-recorder-prune.service", "cabin-recorder-export@.service")
HIGHEST_EXPOSURE = 1.5

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with programs that this machine has: `verify` complains of those it has not, and of nothing else."""
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer")]:
        text = re.sub(r"=([-+]*)/opt/cabin-recorder/\S+", r"=\1/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def exposure(unit: Path) -> float:
    """The overall exposure level that systemd-analyze gives to a unit file, 0 (none) to 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=True
    )
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardly_exposed(units: Path, name: str) -> None:
    """Exposure is at most 1.5 of 10."""
    assert exposure(units / name) <= HIGHEST_EXPOSURE


def test_an_open_unit_is_exposed(tmp_path: Path) -> None:
    """The figure means something: without the sandbox it is above 9."""
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure(unit) > 9


def verify(*units: Path) -> str:
    """What `systemd-analyze verify` has to say; its exit code says nothing."""
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_systemd_understands_every_line(units: Path) -> None:
    """`systemd-analyze verify` prints nothing."""
    instance = units / "cabin-recorder-export@sda1.service"
    (units / "cabin-recorder-export@.service").rename(instance)
    assert verify(*units.glob("*.service"), *units.glob("*.timer")) == ""


def test_a_misspelt_line_is_seen(units: Path) -> None:
    """The check finds what systemd would ignore."""
    unit = units / "cabin-recorder.service"
    unit.write_text(unit.read_text().replace("PrivateNetwork=", "PrivateNetwrok="))
    assert "PrivateNetwrok" in verify(unit)


def test_every_looser_line_says_why() -> None:
    """A setting that is switched off has its reason in the line above it."""
    for name in SERVICES:
        lines = (UNITS / name).read_text().splitlines()
        for above, line in pairwise(lines):
            if re.fullmatch(r"\w+=(no|all|false)", line) or line.startswith("DeviceAllow="):
                assert above.startswith(("#", "DeviceAllow=")), f"{name}: {line}"


def test_the_stick_has_the_same_names_everywhere() -> None:
    """Udev starts the copy for exactly the labels that the recorder accepts."""
    udev = re.search(r'ENV\{ID_FS_LABEL\}=="([^"]+)"', (UNITS / "udev/70-cabin-recorder.rules").read_text())
    assert udev
    assert tuple(udev[1].split("|")) == LABELS
