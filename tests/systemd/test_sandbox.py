"""What each unit's sandbox lets through: the same program tries the same things in each of them, and outside."""

import json
from pathlib import Path

import pytest

from tests.systemd.container import PYTHON, Container

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600)]

PROBE = (Path(__file__).parent / "probe.py").read_text()

OUTSIDE = {
    "write /etc": "ok",
    "write /opt/cabin-recorder": "ok",
    "write /var/lib": "ok",
    "write /root": "ok",
    "write /run": "ok",
    "write /var/lib/cabin-recorder": "ok",
    "write /run/cabin-recorder": "ok",
    "write /run/cabin-recorder-power": "ok",
    "write /tmp": "ok",
    "run from /tmp": "ok",
    "run from /var/lib/cabin-recorder": "ok",
    "run from /run/cabin-recorder-power": "ok",
    "look at a stick": "ok",
    "open a block device": "ok",
    "open the camera's group's device": "ok",
    "talk over IPv4": "ok",
    "talk over netlink": "ok",
    "talk to the system bus": "ok",
    "ask whether the clock is synchronised": "ok",
    "set the clock": "EINVAL",  # for it is the monotonic one: harmless, and refused after the right to do it
    "read the boot id": "ok",
    "be called from C": "ok",
    "leave a core": "ok",
    "run first": "ok",
    "mount": "ok",
    "become root": "ok",
    "make a user namespace": "ok",
}
RECORDER = OUTSIDE | {
    "write /etc": "EROFS",
    "write /opt/cabin-recorder": "EROFS",
    "write /var/lib": "EROFS",
    "write /root": "EACCES",
    "write /run": "EROFS",
    "run from /tmp": "EACCES",
    "run from /var/lib/cabin-recorder": "EACCES",
    "run from /run/cabin-recorder-power": "EACCES",
    "look at a stick": "EACCES",
    "open a block device": "EPERM",
    "talk over IPv4": "EAFNOSUPPORT",
    "talk over netlink": "EAFNOSUPPORT",
    "set the clock": "EPERM",
    "leave a core": "ValueError",  # the hard limit is 0, and cannot be raised
    "run first": "EPERM",
    "mount": "EPERM",
    "become root": "EPERM",
    "make a user namespace": "EPERM",
}
PRUNE = RECORDER | {
    "write /run/cabin-recorder-power": "EROFS",
    "run from /run/cabin-recorder-power": "EROFS",
    "open the camera's group's device": "EACCES",
    "be called from C": "MemoryError",
}
EXPORT = PRUNE | {"open a block device": "ENOENT", "open the camera's group's device": "ENOENT"}
EXPECTED = {
    "cabin-recorder.service": RECORDER,
    "cabin-recorder-prune.service": PRUNE,
    "cabin-recorder-export@.service": EXPORT,
}


def prepare(vehicle: Container) -> None:
    """Two devices that anybody may open by mode or group, and the program that tries them."""
    vehicle.out("mknod", "--mode=0666", "/dev/cabin-block", "b", "7", "0")
    vehicle.out("mknod", "--mode=0660", "/dev/cabin-video", "c", "1", "5")  # zero, which every sandbox has
    vehicle.out("chgrp", "video", "/dev/cabin-video")
    vehicle.write("/usr/local/lib/probe.py", PROBE)


def in_sandbox(vehicle: Container, unit: str, *command: str) -> str:
    """What ``command`` prints in the sandbox of ``unit``: the unit's own text, with another program."""
    instance = unit.replace("@", "@probe")
    vehicle.write(
        f"/run/systemd/system/{instance}.d/probe.conf",
        "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecCondition=\nExecStartPre=\nExecStart=\nExecStopPost=\n"
        f"RuntimeDirectoryPreserve=yes\nStandardOutput=truncate:/run/probe.out\nExecStart={' '.join(command)}\n",
    )
    vehicle.out("systemctl", "daemon-reload")
    vehicle.run("systemctl", "stop", instance)
    vehicle.out("systemctl", "start", instance)
    return vehicle.out("cat", "/run/probe.out")


def test_outside_everything_is_possible(vehicle: Container) -> None:
    """The control: as root and without a sandbox, the same program is refused nothing."""
    prepare(vehicle)
    assert json.loads(vehicle.out(PYTHON, "/usr/local/lib/probe.py")) == OUTSIDE


@pytest.mark.parametrize("unit", EXPECTED)
def test_the_sandbox_holds(vehicle: Container, unit: str) -> None:
    """Each unit can do its work and nothing else."""
    prepare(vehicle)
    assert json.loads(in_sandbox(vehicle, unit, PYTHON, "/usr/local/lib/probe.py")) == EXPECTED[unit]


LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")


@pytest.mark.parametrize("method", ["CanPowerOff", "CanReboot"])
def test_only_the_recorder_may_power_off(vehicle: Container, method: str) -> None:
    """Polkit lets the recorder's user switch the machine off and on again, and nobody else's."""
    ask = ("busctl", "call", *LOGIND, method)
    assert in_sandbox(vehicle, "cabin-recorder.service", "/usr/bin/" + " ".join(ask)) == 's "yes"'
    assert vehicle.out(*ask, user="nobody") in {'s "no"', 's "challenge"'}


def test_the_recorder_powers_off(vehicle: Container) -> None:
    """From within its sandbox, through logind: the machine is off."""
    drop = "[Service]\nExecStart=\nExecStart=/usr/bin/busctl call {} {} {} PowerOff b false\nType=oneshot\nRestart=no\n"
    vehicle.write("/run/systemd/system/cabin-recorder.service.d/off.conf", drop.format(*LOGIND))
    vehicle.out("systemctl", "daemon-reload")
    vehicle.run("systemctl", "restart", "--no-block", "cabin-recorder.service")
    vehicle.wait_off()
