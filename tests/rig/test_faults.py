"""What goes wrong in vehicles, done to the installed recorder: power, kills, stalls, wrong clocks."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recorder.demo.measure import measure
from tests.rig.office import Office
from tests.rig.recorder import SERVICE, STICK_LABEL, Recorder
from tests.rig.stick import make_stick

DAY_S, HOUR_S = 86_400, 3_600
pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]


@pytest.mark.rig_short
def test_power_cut_while_recording(
    recorder: Recorder, folder: Path, office: Office, laptop: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """Root and data on the disk that forgets: what was sealed or held before the cut is there after it and opens."""
    recorder.configure()
    recorder.start()
    journey = recorder.record(segments=4)
    recorder.hold()
    [before] = recorder.journeys()
    sealed = [segment for segment in before["segments"] if not segment["live"]]

    recorder.vehicle.cut_power_while_writing(seed=3)
    recorder.vehicle.boot()

    assert recorder.until_state("Parked", "AwaitingConsent")["devices_open"] is False
    [after] = recorder.journeys()
    assert (after["id"], after["held"], after["problems"]) == (journey, True, [])
    kept = {segment["number"]: segment for segment in after["segments"]}
    assert [kept[segment["number"]] for segment in sealed] == sealed

    stick = make_stick(folder / "stick.img", "exfat", STICK_LABEL, 64)
    recorder.export_to(stick)
    recorder.vehicle.cut_power(seed=4)
    opened = office.open(laptop(stick, tmp_path / "bundle"), tmp_path / "films")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    picture = measure(tmp_path / "films" / f"{journey}.mp4").picture
    assert picture is not None
    assert (picture.duplicated, picture.disordered, picture.unreadable) == (0, 0, 0)


def test_killed_it_goes_on_with_the_same_journey(recorder: Recorder) -> None:
    """``systemctl kill -s KILL``: systemd starts it again, and the consented journey goes on without a press."""
    recorder.configure()
    recorder.start()
    journey = recorder.record()
    [before] = recorder.journeys()

    recorder.vehicle.guest.run("systemctl", "kill", "-s", "KILL", SERVICE)

    again = recorder.until(lambda status: status["state"] == "Recording" and recorder.shown("NRestarts") == "1")
    assert again["journey"] == journey
    recorder.park()
    [after] = recorder.journeys()
    assert [segment["number"] for segment in after["segments"]][: len(before["segments"])] == [
        segment["number"] for segment in before["segments"]
    ]
    assert len(after["segments"]) > len(before["segments"])


def test_the_watchdog_bites_a_stalled_daemon(recorder: Recorder) -> None:
    """A daemon that stands still is ended by systemd's watchdog, and its journey goes on."""
    recorder.configure()
    recorder.start()
    journey = recorder.record()

    recorder.vehicle.guest.run("systemctl", "kill", "-s", "STOP", "--kill-whom=main", SERVICE)
    recorder.vehicle.guest.until(f"journalctl --unit {SERVICE} | grep -q 'Watchdog timeout'")

    again = recorder.until(lambda status: status["state"] == "Recording" and recorder.shown("NRestarts") == "1")
    assert again["journey"] == journey


@pytest.mark.parametrize("days_off", [-31, 31, 1600])
def test_a_clock_that_is_wrong_deletes_nothing_held(recorder: Recorder, days_off: int) -> None:
    """Started with a clock that is a month slow or fast, or years: held footage stays, the rest goes after the grace.

    The ledger names the new era and how far the clock chip was off; no log says that its times are synchronised.
    """
    recorder.configure(clock_grace_s=20)
    recorder.start()
    held = recorder.record()
    recorder.hold()
    recorder.park()
    unheld = recorder.record()
    recorder.park()
    assert [journey["id"] for journey in recorder.journeys()] == [held, unheld]
    kept = without_sizes(recorder.journeys()[0])

    recorder.vehicle.guest.run("sync")
    wrong = recorder.vehicle.clock + timedelta(days=days_off)
    recorder.vehicle.cut_power(seed=5)
    recorder.vehicle.boot(clock=wrong)

    recorder.until_state("Parked")
    recorder.until(lambda now: now["store"]["size_bytes"] == now["store"]["held_bytes"])
    [after] = [without_sizes(journey) for journey in recorder.journeys() if journey["segments"]]
    assert after == kept
    [era] = [entry["data"] for entry in recorder.ledger() if entry["event"] == "clock-era"]
    assert abs(era["step_s"] - days_off * DAY_S) < HOUR_S
    again = recorder.record(segments=len(kept["segments"]) + 1)
    assert {entry["clock"] for entry in recorder.log_of(again)} <= {"rtc", "unproven"}
    assert kept in map(without_sizes, recorder.journeys())


def without_sizes(journey: dict[str, Any]) -> dict[str, Any]:
    """A journey as listed. On the card it grows when its epoch's key goes: its headers get files of their own then."""
    segments = [{name: value for name, value in s.items() if name != "size_bytes"} for s in journey["segments"]]
    return {**journey, "segments": segments}
