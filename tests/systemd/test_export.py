"""The copy onto a stick, from the partition to the evidence.

The stick is a loop device with ext4, which every kernel has; FAT, exFAT and a real plug are the virtual vehicle's.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.export.ordering import Office, answer_to
from tests.systemd.conftest import BEHAVIOUR
from tests.systemd.container import Container, drop_in

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600), BEHAVIOUR]


SIZE_BYTES = 64 << 20
EXT4 = ("mkfs.ext4", "-q", "-F", "-L", "CABINEXPORT")


class Stick:
    """One partition, with whatever a stranger put onto it."""

    def __init__(self, image: Path, *make: str, content: Path | None = None, size_after: int = SIZE_BYTES) -> None:
        """``content``: a folder to begin with. ``size_after``: cut to this size once it is formatted."""
        with image.open("wb") as file:
            file.truncate(SIZE_BYTES)
        subprocess.run([*make, *(["-d", content] if content else []), image], check=True, capture_output=True)
        os.truncate(image, size_after)
        found = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
        self.device = found.stdout.strip()
        self.name = self.device.removeprefix("/dev/")

    def plug_into(self, vehicle: Container, *changes: str) -> "subprocess.CompletedProcess[str]":
        """What udev does: the device appears, and the copy is started, with ``changes`` to its unit; ends with it."""
        vehicle.out("mknod", "--mode=0660", self.device, "b", "7", self.name.removeprefix("loop"))
        # Real sticks are of the kind sd, which the unit allows.
        lines = ("[Service]", "DeviceAllow=block-loop rw", *changes, "")
        drop_in(vehicle, "cabin-recorder-export@.service", "\n".join(lines))
        return vehicle.run("systemctl", "start", f"cabin-recorder-export@{self.name}.service")

    def read(self, folder: Path) -> Path:
        """What is on it, copied into ``folder``."""
        at = folder / "stick"
        at.mkdir()
        subprocess.run(["mount", "-o", "ro", self.device, at], check=True)
        try:
            subprocess.run(["cp", "--archive", at, folder / "bundle"], check=True)
        finally:
            subprocess.run(["umount", at], check=True)
        return folder / "bundle"

    def detach(self) -> None:
        """Out of the socket."""
        subprocess.run(["losetup", "--detach", self.device], check=True)


@pytest.fixture
def make_stick(tmp_path: Path) -> Iterator[Callable[..., Stick]]:
    """Sticks, let go of at the end."""
    sticks: list[Stick] = []

    def make(*command: str, **how: Any) -> Stick:
        sticks.append(Stick(tmp_path / f"stick{len(sticks)}.img", *command, **how))
        return sticks[-1]

    yield make
    for stick in sticks:
        stick.detach()


def test_held_journeys_reach_the_office(
    vehicle: Container, make_stick: Callable[..., Stick], office: Path, tmp_path: Path
) -> None:
    """A labelled stick is mounted, filled by the recorder's own user, let go; the office opens what is on it."""
    journey, stick = vehicle.held_journey(), make_stick(*EXT4)
    done = stick.plug_into(vehicle)
    unit = f"cabin-recorder-export@{stick.name}.service"
    assert done.returncode == 0, done.stderr + vehicle.log(unit)
    assert vehicle.show(unit, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    assert vehicle.run("findmnt", stick.device).stdout == ""
    assert vehicle.run("test", "-e", f"/run/cabin-recorder-export/{stick.name}").returncode == 1
    # Told before the stick was let go, the end would have been told as a failure.
    assert heard(vehicle) == ["stick: StickInserted", "stick: ExportDone"]

    bundle = stick.read(tmp_path)
    owner = int(vehicle.out("id", "-u", "cabin-recorder"))
    assert {path.lstat().st_uid for path in (bundle / "CABIN-EXPORT").rglob("*")} == {owner}
    opened = subprocess.run(
        [sys.executable, "-m", "recorder", "open", bundle, "--identity", office, "--out", tmp_path / "opened"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    films = list((tmp_path / "opened").rglob("*.mp4"))
    assert [journey in str(film) for film in films] == [True], opened.stdout + opened.stderr


def heard(vehicle: Container) -> list[str]:
    """What the recorder heard of sticks."""
    lines = vehicle.log("cabin-recorder.service").splitlines()
    return [line.split("recorder.daemon: ")[1] for line in lines if "stick: " in line]


def told_failures(vehicle: Container) -> list[str]:
    """The reasons of failed exports that the recorder was told; it has ended, and with it everything is written."""
    vehicle.out("systemctl", "stop", "cabin-recorder.service")
    logs = vehicle.out("sh", "-c", "cat /var/lib/cabin-recorder/store/ledger.jsonl").splitlines()
    entries = [json.loads(line) for line in logs]
    return [entry["data"]["reason"] for entry in entries if entry["event"] == "export-failed"]


def test_a_stick_with_nothing_held(vehicle: Container, make_stick: Callable[..., Stick], tmp_path: Path) -> None:
    """No failure of the unit, one sentence in its log, nothing told that failed, and nothing on the stick."""
    stick = make_stick(*EXT4)
    unit = f"cabin-recorder-export@{stick.name}.service"
    assert stick.plug_into(vehicle).returncode == 0
    assert vehicle.show(unit, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    assert heard(vehicle) == ["stick: NothingToExport"]
    assert "No journey is held, so there is nothing to export" in vehicle.log(unit)
    assert told_failures(vehicle) == []
    assert [path.name for path in stick.read(tmp_path).iterdir()] == ["lost+found"]


def test_a_copy_that_is_killed_is_told(vehicle: Container, make_stick: Callable[..., Stick]) -> None:
    """It cannot say so itself any more; the stick is let go all the same."""
    stick = make_stick(*EXT4)
    killed = stick.plug_into(vehicle, "ExecStart=", "ExecStart=/bin/sh -c 'kill -KILL $$$$'")
    assert killed.returncode != 0
    assert vehicle.run("findmnt", stick.device).stdout == ""
    assert told_failures(vehicle) == ["The copy did not get through (systemd: signal, killed KILL)."]


def test_a_stick_that_is_in_use_is_not_said_to_be_free(vehicle: Container, make_stick: Callable[..., Stick]) -> None:
    """Somebody works on it while it should be let go: the copy is whole, but nobody is told to remove the stick."""
    vehicle.held_journey()
    stick = make_stick(*EXT4)
    place = f"/run/cabin-recorder-export/{stick.name}"
    busy = f"/usr/bin/systemd-run --property=Type=exec --property=WorkingDirectory={place} /usr/bin/sleep 600"
    stick.plug_into(vehicle, f"ExecStartPost=+{busy}")
    unit = f"cabin-recorder-export@{stick.name}.service"
    assert f"The stick in {stick.name} is still in use" in vehicle.log(unit)
    assert heard(vehicle) == ["stick: StickInserted", "stick: ExportFailed"], vehicle.log(unit)
    assert told_failures(vehicle) == [
        f"The stick in {stick.name} is still in use; switch the recorder off before you unplug it."
    ]


def test_without_a_recorder_orders_and_copy_are_the_same(
    vehicle: Container, make_stick: Callable[..., Stick], orders: Office, tmp_path: Path
) -> None:
    """Nobody is there to be told; the unit follows the office's order in its sandbox, and copies what that holds."""
    vehicle.record()
    vehicle.out("systemctl", "stop", "cabin-recorder.service")
    content, now = tmp_path / "content", datetime.now(UTC)
    issued, expires = (f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%S}.000Z" for days in (0, 1))
    order = orders.hold(vehicle="VAN-1", issued=issued, expires=expires)
    orders.put(content, order, vehicle="VAN-1")
    for path in content.rglob("*"):
        path.chmod(0o644 if path.is_file() else 0o777)  # as the office leaves it
    stick = make_stick(*EXT4, content=content)
    done = stick.plug_into(vehicle)
    assert done.returncode == 0, done.stderr + vehicle.log(f"cabin-recorder-export@{stick.name}.service")
    bundle = stick.read(tmp_path)
    assert len(list(bundle.rglob("manifest.json"))) == 1
    answer = answer_to(bundle, order.number, "VAN-1")
    assert answer is not None
    assert (answer.outcome, answer.said) == ("applied", "1 journey is held.")


def test_somebody_elses_stick_is_left_alone(vehicle: Container, make_stick: Callable[..., Stick]) -> None:
    """It is not mounted; one line of the log says why; no unit has failed; nobody is told."""
    stick = make_stick("mkfs.ext4", "-q", "-F", "-L", "HOLIDAY")
    assert stick.plug_into(vehicle).returncode == 0
    unit = f"cabin-recorder-export@{stick.name}.service"
    lines = [line for line in vehicle.log(unit).splitlines() if "stick" in line]
    assert lines == [f"The stick in {stick.name} is left alone: it is not labelled CABINEXPORT."]
    assert vehicle.show(unit, "ActiveState", "ExecMainPID") == {"ActiveState": "inactive", "ExecMainPID": "0"}
    assert vehicle.run("findmnt", stick.device).stdout == ""
    assert heard(vehicle) == []


def test_a_stick_of_ours_that_will_not_do(vehicle: Container, make_stick: Callable[..., Stick]) -> None:
    """Whoever labelled it waits for a copy: it is not mounted, it is heard, and the ledger has the reason."""
    stick = make_stick("mkswap", "--label", "CABINEXPORT")
    assert stick.plug_into(vehicle).returncode != 0
    sentence = f"The stick in {stick.name} has swap; format it as exFAT, FAT32 or ext4."
    assert sentence in vehicle.log(f"cabin-recorder-export@{stick.name}.service").splitlines()
    assert vehicle.run("findmnt", stick.device).stdout == ""
    assert heard(vehicle) == ["stick: ExportFailed"]
    assert told_failures(vehicle) == [sentence]


def test_a_torn_filesystem_is_refused(vehicle: Container, make_stick: Callable[..., Stick]) -> None:
    """A stick that has our label and cannot be mounted fails with one sentence, and leaves nothing behind."""
    stick = make_stick(*EXT4, size_after=32 << 20)
    unit = f"cabin-recorder-export@{stick.name}.service"
    assert stick.plug_into(vehicle).returncode != 0
    sentence = f"The stick in {stick.name} cannot be mounted; format it anew."
    assert sentence in vehicle.log(unit)
    assert vehicle.run("test", "-e", f"/run/cabin-recorder-export/{stick.name}").returncode == 1
    [reason] = told_failures(vehicle)
    assert reason.startswith(sentence)


def test_links_on_a_stick_lead_nowhere(vehicle: Container, make_stick: Callable[..., Stick], tmp_path: Path) -> None:
    """A stick whose CABIN-EXPORT points into the machine gets nothing, and the machine is as before."""
    vehicle.held_journey()
    content = tmp_path / "content"
    content.mkdir()
    (content / "CABIN-EXPORT").symlink_to("/var/lib/cabin-recorder/store")
    stick = make_stick(*EXT4, content=content)
    before = vehicle.out("find", "/var/lib/cabin-recorder", "-name", "manifest.json*")
    assert stick.plug_into(vehicle).returncode != 0
    assert vehicle.out("find", "/var/lib/cabin-recorder", "-name", "manifest.json*") == before == ""
    assert "CABIN-EXPORT" in vehicle.log(f"cabin-recorder-export@{stick.name}.service")
