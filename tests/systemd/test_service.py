"""The installed recorder under real systemd: bitten, killed, stopped, pruned."""

from pathlib import Path

import pytest

from tests.daemon.hugepages import huge_share, require_huge_pages
from tests.systemd.conftest import BEHAVIOUR
from tests.systemd.container import Container, drop_in

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600), BEHAVIOUR]


def test_the_watchdog_bites_a_stalled_recorder(vehicle: Container) -> None:
    """Stopped in the middle of a journey it is killed within the watchdog's time, comes back; the journey goes on."""
    assert vehicle.show("cabin-recorder.service", "WatchdogUSec") == {"WatchdogUSec": "15s"}
    drop_in(vehicle, "cabin-recorder.service", "[Service]\nWatchdogSec=8\n")
    vehicle.out("systemctl", "restart", "cabin-recorder.service")
    journey, before = vehicle.record(), vehicle.main_pid()
    with vehicle.journal("cabin-recorder.service") as journal:
        # The process alone: systemd 252 gives up on all of a unit where one of it is just ending (EIO).
        vehicle.out("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "cabin-recorder.service")
        journal.wait("Failed with result 'watchdog'")
        journal.wait("Starting -> Recording")
    assert vehicle.main_pid() != before
    status = vehicle.recorder("status")
    assert (status["journey"], status["state"]) == (journey, "Recording")
    assert vehicle.show("cabin-recorder.service", "NRestarts") == {"NRestarts": "1"}


def test_most_memory_lies_in_huge_pages(vehicle: Container) -> None:
    """As in tests/daemon/test_memory.py: the sandbox leaves the C library what it asks the kernel for."""
    require_huge_pages()
    vehicle.record()
    assert huge_share(vehicle.out("cat", f"/proc/{vehicle.main_pid()}/smaps_rollup")) > 0.5


def test_killed_it_goes_on(vehicle: Container) -> None:
    """Kill -9 costs seconds: the same journey goes on without another consent."""
    journey = vehicle.record()
    with vehicle.journal("cabin-recorder.service") as journal:
        vehicle.out("systemctl", "kill", "--signal=KILL", "cabin-recorder.service")
        journal.wait("Starting -> Recording")
    assert vehicle.recorder("status")["journey"] == journey


def test_stop_seals_and_ends_well(vehicle: Container) -> None:
    """`systemctl stop` seals what is recorded, exits 0, and leaves no consent behind."""
    journey = vehicle.record()
    vehicle.out("systemctl", "stop", "cabin-recorder.service")
    shown = vehicle.show("cabin-recorder.service", "Result", "ExecMainCode", "ExecMainStatus", "ActiveState")
    assert shown == {"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0", "ActiveState": "inactive"}
    (record,) = vehicle.recorder("journeys")
    assert (record["id"], [segment["torn"] for segment in record["segments"]]) == (
        journey,
        [False] * len(record["segments"]),
    )
    assert record["ended"] is not None
    assert vehicle.run("test", "-e", "/run/cabin-recorder").returncode == 1


def test_a_restart_by_hand_keeps_no_consent(vehicle: Container) -> None:
    """A stop is the end of a journey, also when a start follows at once."""
    vehicle.record()
    vehicle.out("systemctl", "restart", "cabin-recorder.service")
    status = vehicle.recorder("status")
    assert (status["journey"], status["devices_open"]) == (None, False)


def test_wrong_configuration_is_said_once(vehicle: Container) -> None:
    """Exit code 2 is not tried again: the fault stays the last line of the log."""
    vehicle.out("systemctl", "stop", "cabin-recorder.service")
    vehicle.out("sed", "-i", "s/^vehicle = .*/vehicle = 7/", "/etc/cabin-recorder/recorder.toml")
    assert vehicle.run("systemctl", "start", "cabin-recorder.service").returncode != 0
    shown = vehicle.show("cabin-recorder.service", "ActiveState", "NRestarts", "ExecMainStatus")
    assert shown == {"ActiveState": "failed", "NRestarts": "0", "ExecMainStatus": "2"}
    assert "/etc/cabin-recorder/recorder.toml: vehicle: expected" in vehicle.log("cabin-recorder.service")


@pytest.mark.parametrize("how", ["stop", "kill --signal=STOP"])
def test_the_pruner_needs_no_recorder(vehicle: Container, how: str) -> None:
    """What is due goes by the timer and its unit alone, whether the recorder was stopped or hangs."""
    # One that hangs shall not come back meanwhile.
    drop_in(vehicle, "cabin-recorder.service", "[Service]\nWatchdogSec=0\n")
    # Each segment in an epoch of its own: what shares one with a segment that is being written would wait for it.
    text = vehicle.out("cat", "/etc/cabin-recorder/recorder.toml") + "\n[retention]\nepoch_s = 0.25\n"
    vehicle.write("/etc/cabin-recorder/recorder.toml", text)
    vehicle.out("systemctl", "restart", "cabin-recorder.service")
    folder = f"/var/lib/cabin-recorder/store/journeys/{vehicle.record()}"
    # What is being written is never deleted; once there is a third segment, the first is whole.
    vehicle.wait_for_path(f"{folder}/00003.body")
    vehicle.out("systemctl", *how.split(), "cabin-recorder.service")
    with vehicle.journal("cabin-recorder-prune.service") as journal:
        # From now on three seconds are too old, and the same timer goes round each second instead of each minute.
        vehicle.write("/etc/cabin-recorder/recorder.toml", f"{text}max_age_s = 3\n")
        often = "[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=1s\nOnActiveSec=0s\nAccuracySec=100ms\n"
        drop_in(vehicle, "cabin-recorder-prune.timer", often)
        vehicle.out("systemctl", "restart", "cabin-recorder-prune.timer")
        journal.wait(f"deleted {Path(folder).name} segment 1:")
    assert vehicle.run("test", "-e", f"{folder}/00001.body").returncode == 1
