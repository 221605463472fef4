"""The copy onto a stick, as the recorder hears of it: begun, under way, ended; killed, silent, or known too late."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from recorder.config import load
from recorder.control import ControlRequest, ControlServer, ask
from recorder.copying import COMMANDS, SILENT_S, Copying
from recorder.errors import UsageError
from recorder.events import ExportDone, ExportFailed, NothingToExport, StickInserted
from recorder.export.tally import Progress
from recorder.exporting import export
from recorder.telling import Teller, tell_end
from tests.daemon.vehicle import Vehicle

TOLD = Progress(2, 8, copied_files=1, copied_bytes=5, checked_bytes=1, left_s=12.5)
PROGRESS_OF_HOURS = Progress(640, 19_200_000_000, 320, 9_600_000_000, 300, 9_000_000_000, left_s=4200.0)
SHOWN = (
    "  copying to /run/cabin-recorder-export/sda1: 320 of 640 files copied (9600.0 of 19200.0 MB), "
    "300 read back (9000.0 MB); 70 min left"
)
PROGRESS = {"target": "/stick", **asdict(TOLD)}


# --- what follows from what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "arguments", "event"),
    [
        ("export-done", {}, ExportDone()),
        ("export-nothing", {}, NothingToExport()),
        ("export-failed", {"reason": "It is full."}, ExportFailed("It is full.")),
    ],
)
def test_a_copy_from_beginning_to_end(command: str, arguments: dict[str, Any], event: object) -> None:
    """Its beginning and its end are events, its progress is only shown, and after its end nothing is."""
    copying = Copying()
    assert copying.hear("export-began", {"target": "/stick"}, 1.0) == (StickInserted("/stick"),)
    assert copying.hear("export-progress", PROGRESS, 2.0) == ()
    assert copying.shown == PROGRESS
    assert copying.hear(command, arguments, 3.0) == (event,)
    assert copying.shown is None
    assert copying.look(3.0 + SILENT_S) == ()


def test_a_reason_that_went_ahead_counts() -> None:
    """The copy knows why it failed, systemd only that it did; the first reason is the cause, of this copy alone."""
    copying = Copying()
    copying.hear("export-began", {"target": "/stick"}, 1.0)
    assert copying.hear("export-failing", {"reason": "It is full."}, 2.0) == ()
    assert copying.hear("export-failing", {"reason": "It could not be let go."}, 2.0) == ()  # which follows from it
    assert copying.shown is not None
    told = {"reason": "The copy did not get through (systemd: exit-code, exited 1)."}
    assert copying.hear("export-failed", told, 3.0) == (ExportFailed("It is full."),)
    copying.hear("export-began", {"target": "/stick"}, 4.0)
    assert copying.hear("export-failed", told, 5.0) == (ExportFailed(told["reason"]),)


def test_a_recorder_that_has_started_since_knows_the_copy_by_its_progress() -> None:
    """Else it would cut the power under it."""
    copying = Copying()
    assert copying.hear("export-progress", PROGRESS, 1.0) == (StickInserted("/stick"),)
    assert copying.shown == PROGRESS


def test_a_silent_copy_has_failed() -> None:
    """Each word of it gives it more time; nobody waits for ever, for a parked recorder would stay awake."""
    copying = Copying()
    copying.hear("export-began", {"target": "/stick"}, 1.0)
    copying.hear("export-progress", PROGRESS, 10.0)
    assert copying.look(9.9 + SILENT_S) == ()
    assert copying.look(10.0 + SILENT_S) == (ExportFailed("Nothing was heard of the copy for 30 minutes."),)
    assert (copying.shown, copying.look(99.0 + SILENT_S)) == (None, ())


# --- what is told --------------------------------------------------------------------------------------------------

SOCKET = "control.sock"
Heard = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    """What is told to a recorder whose control socket is ``tmp_path / SOCKET``."""
    inbox: queue.SimpleQueue[ControlRequest | None] = queue.SimpleQueue()
    told: Heard = []

    def loop() -> None:
        while (request := inbox.get()) is not None:
            told.append((request.command, request.arguments))
            if request.command in COMMANDS:
                request.answer()
            else:
                request.refuse(UsageError("No."))

    thread = threading.Thread(target=loop)
    thread.start()
    control = ControlServer(tmp_path / SOCKET, inbox.put)
    yield told
    control.close()
    inbox.put(None)
    thread.join(5)


def outcome(result: str, code: str = "", status: str = "") -> dict[str, str]:
    """What systemd says; without ``code`` the copy itself never ran."""
    ended = {"EXIT_CODE": code, "EXIT_STATUS": status} if code else {}
    return {"SERVICE_RESULT": result, **ended}


def failed(words: str) -> Heard:
    return [("export-failed", {"reason": f"The {words}."})]


ENDS: dict[str, tuple[dict[str, str], Heard]] = {
    "done": (outcome("success", "exited", "0"), [("export-done", {})]),
    "nothing held": (outcome("success", "exited", "5"), [("export-nothing", {})]),
    "not our stick": (outcome("exec-condition"), []),
    "not mounted": (outcome("exit-code"), failed("stick could not be mounted (systemd: exit-code)")),
    "mount after a good copy": (
        outcome("exit-code", "exited", "0"),
        failed("copy did not get through (systemd: exit-code, exited 0)"),
    ),
    "copy failed": (
        outcome("exit-code", "exited", "1"),
        failed("copy did not get through (systemd: exit-code, exited 1)"),
    ),
    "stopped": (
        outcome("success", "killed", "TERM"),
        failed("copy did not get through (systemd: success, killed TERM)"),
    ),
    "killed": (outcome("signal", "killed", "KILL"), failed("copy did not get through (systemd: signal, killed KILL)")),
    "hung": (outcome("timeout", "killed", "TERM"), failed("copy did not get through (systemd: timeout, killed TERM)")),
}


@pytest.mark.parametrize("how", ENDS)
def test_how_systemd_s_copy_ended(heard: Heard, tmp_path: Path, how: str) -> None:
    """However the unit ended, one word reaches the recorder: what happened, or nothing where no stick was ours."""
    said, expected = ENDS[how]
    assert tell_end(tmp_path / SOCKET, tmp_path / "sda1", said) == 0
    assert heard == expected


def test_a_stick_that_was_not_let_go_is_no_success(heard: Heard, tmp_path: Path) -> None:
    """Its folder is still there, root's and empty: nobody is told to remove it, and the unit fails."""
    (tmp_path / "sda1").mkdir(mode=0)
    assert tell_end(tmp_path / SOCKET, tmp_path / "sda1", outcome("success", "exited", "0")) == 1
    assert heard == failed("stick could not be let go; something still uses it")


@pytest.mark.parametrize("how", ENDS)
def test_nobody_there_to_be_told(tmp_path: Path, how: str) -> None:
    """Without a recorder the unit ends as it would have."""
    assert tell_end(tmp_path / SOCKET, tmp_path / "sda1", ENDS[how][0]) == 0


def test_the_end_is_told_once(heard: Heard, tmp_path: Path) -> None:
    """A copy whose end somebody else tells says neither done nor failed nor nothing, only why it fails."""
    teller = Teller(tmp_path / SOCKET, Path("/stick"), tells_end=False)
    teller.began()
    teller.progress(TOLD)
    teller.progress(Progress(2, 8))
    teller.done()
    teller.nothing()
    teller.failed("It is full.")
    assert heard == [
        ("export-began", {"target": "/stick"}),
        ("export-progress", PROGRESS),
        ("export-failing", {"reason": "It is full."}),
    ]


# --- a whole recorder ----------------------------------------------------------------------------------------------


def hold_lamp(vehicle: Vehicle) -> str:
    [lamps] = vehicle.panel("state")
    return dict(pair.split("=") for pair in lamps.split())["hold"]


def failures(vehicle: Vehicle) -> list[str]:
    """The reasons in the ledger, once the recorder has written everything and ended."""
    assert vehicle.stop() == 0
    return [entry["data"]["reason"] for entry in vehicle.ledger() if entry["event"] == "export-failed"]


def parked(make_vehicle: Callable[..., Vehicle]) -> Vehicle:
    vehicle = make_vehicle()
    vehicle.start()
    vehicle.until_state("Parked")
    return vehicle


def test_by_hand_with_nothing_held(make_vehicle: Callable[..., Vehicle]) -> None:
    """Said in one sentence with an exit code of its own; the recorder calls it no failure."""
    vehicle = parked(make_vehicle)
    done = vehicle.run("export", vehicle.folder / "stick")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == ("No journey is held, so there is nothing to export; hold one first.\n")
    assert not (vehicle.folder / "stick").exists()
    assert vehicle.status()["export"] is None
    assert failures(vehicle) == []


def test_by_hand_onto_what_is_no_folder(make_vehicle: Callable[..., Vehicle]) -> None:
    """The recorder's ledger has the reason that the person read."""
    vehicle = make_vehicle()
    vehicle.record()
    vehicle.panel("press hold")
    vehicle.until(lambda status: status["held"])
    (vehicle.folder / "stick").write_text("a file")
    done = vehicle.run("export", vehicle.folder / "stick")
    assert done.returncode == 1
    assert vehicle.status()["export"] is None
    journey = vehicle.status()["journey"]
    assert vehicle.stop() == 0
    reasons = [entry["data"]["reason"] for entry in vehicle.log(journey) if entry["event"] == "export-failed"]
    assert reasons == [done.stderr.strip()]


def test_a_killed_copy_is_known_to_have_failed(
    make_vehicle: Callable[..., Vehicle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the export unit does after its copy was killed: the lamp goes out, the ledger says why."""
    vehicle = parked(make_vehicle)
    control = vehicle.folder / "runtime" / "control.sock"
    ask(control, "export-began", target="/run/cabin-recorder-export/sda1")
    assert hold_lamp(vehicle) == "two-flashes"
    ask(control, "export-progress", **{**asdict(PROGRESS_OF_HOURS), "target": "/run/cabin-recorder-export/sda1"})
    assert SHOWN in vehicle.run("status").stdout.splitlines()
    for name, value in outcome("signal", "killed", "KILL").items():
        monkeypatch.setenv(name, value)
    told = vehicle.run("export-told", vehicle.folder / "gone")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    assert (hold_lamp(vehicle), vehicle.status()["export"]) == ("off", None)
    assert failures(vehicle) == ["The copy did not get through (systemd: signal, killed KILL)."]


def test_the_unit_ends_well_beside_a_recorder_that_is_down(vehicle: Vehicle, monkeypatch: pytest.MonkeyPatch) -> None:
    """No recorder, no error."""
    for name, value in outcome("success", "exited", "0").items():
        monkeypatch.setenv(name, value)
    told = vehicle.run("export-told", vehicle.folder / "gone")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_broken_off_by_hand(make_vehicle: Callable[..., Vehicle]) -> None:
    """Ctrl-C in the middle of a copy: the recorder is told before the command ends."""
    vehicle = make_vehicle()
    vehicle.record()
    vehicle.panel("press hold", "ignition off")
    vehicle.until_state("Parked")

    def interrupted(_progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(load(vehicle.config), vehicle.folder / "stick", (), interrupted, print)
    assert vehicle.status()["export"] is None
    assert failures(vehicle) == ["The copy was broken off."]
