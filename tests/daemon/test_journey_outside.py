"""A recorder as people meet it: a process, a panel, a card."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.vehicle import CLI, PATIENCE_S, Vehicle

PLAINTEXT_MARKERS = (b"ftyp", b"moov", b"moof", b"mdat", b"avcC", b"mp4a", b"x264", b"Lavc", b"\x00\x00\x00\x01\x67")


def test_from_the_key_to_the_seal(vehicle: Vehicle) -> None:
    """Ignition, consent, recording, hold, ignition off, seal: each state in turn, and the log tells it all."""
    vehicle.start()
    assert vehicle.panel("ignition on")
    before = vehicle.until_state("AwaitingConsent")
    assert (before["journey"], before["devices_open"], before["durable_video_age_s"]) == (None, False, None)
    vehicle.panel("press consent")
    during = vehicle.until_state("Recording")
    assert during["durable_video_age_s"] < 2
    assert during["durable_audio_age_s"] < 2
    assert (during["held"], during["faults"], during["devices_open"]) == (False, ["notice"][:0], True)
    vehicle.panel("press hold")
    journey = vehicle.until(lambda status: status["held"])["journey"]
    vehicle.until(lambda status: status["store"]["segments"] >= 2)
    vehicle.panel("ignition off")
    after = vehicle.until_state("Parked")
    assert (after["journey"], after["devices_open"]) == (None, False)

    [listed] = vehicle.journeys()
    assert (listed["id"], listed["held"]) == (journey, True)
    assert listed["began"] < listed["segments"][0]["began"] < listed["segments"][0]["ended"] < listed["ended"]
    assert [segment["number"] for segment in listed["segments"]] == list(range(1, len(listed["segments"]) + 1))
    assert not any(segment["torn"] or segment["live"] for segment in listed["segments"])

    events = [entry["event"] for entry in vehicle.log(journey)]
    assert events[:3] == ["journey-began", "consent", "segment-opened"]
    assert events[-1] == "journey-ended"
    assert {"hold", "run-on", "segment-sealed"} <= set(events)
    assert vehicle.stop() == 0


def test_sigterm_seals_and_exits_0(vehicle: Vehicle) -> None:
    """The segment that runs is sealed, the journey is ended, and the consent does not outlive the stop."""
    journey = vehicle.record()
    assert vehicle.stop() == 0
    [listed] = vehicle.journeys()
    assert listed["id"] == journey
    assert listed["ended"] is not None
    assert not any(segment["torn"] for segment in listed["segments"])
    vehicle.start()
    assert vehicle.until_state("AwaitingConsent", "Parked")["devices_open"] is False


def test_each_start_says_whom_it_records_for(vehicle: Vehicle) -> None:
    """The fingerprints of the recipients stand in the signed ledger, once a start: who exchanges a key is seen."""
    for _ in range(2):
        vehicle.start()
        vehicle.until_state("Parked")
        assert vehicle.stop() == 0
    starts = [entry["data"]["recipients"] for entry in vehicle.ledger() if entry["event"] == "start"]
    assert starts == [[vehicle.identity.recipient.fingerprint]] * 2


def test_withdrawal_stops_and_is_not_resumed(vehicle: Vehicle) -> None:
    """After a withdrawal nothing is open, and neither a crash nor a restart brings capture back without a press."""
    journey = vehicle.record()
    vehicle.panel("hold consent 3")
    vehicle.until(lambda status: status["state"] == "Withdrawn" and not status["devices_open"])
    assert not (vehicle.folder / "runtime" / "journey.json").exists()
    assert "withdrawn" in [entry["event"] for entry in vehicle.log(journey)]
    sealed = vehicle.journeys()[0]["segments"]
    vehicle.kill()
    vehicle.start()
    status = vehicle.until_state("AwaitingConsent")
    assert status["devices_open"] is False
    assert [segment["number"] for segment in vehicle.journeys()[0]["segments"]] == [s["number"] for s in sealed]


def test_after_withdrawal_a_press_goes_on_in_the_same_journey(vehicle: Vehicle) -> None:
    """The gap stays; segment numbers go on."""
    journey = vehicle.record()
    vehicle.panel("hold consent 3", "press consent", "press consent")
    assert vehicle.until_state("Recording")["journey"] == journey
    vehicle.panel("ignition off")
    vehicle.until_state("Parked")
    numbers = [segment["number"] for segment in vehicle.journeys()[0]["segments"]]
    assert numbers == list(range(1, len(numbers) + 1))
    events = [entry["event"] for entry in vehicle.log(journey)]
    assert events.count("consent") == 2


def test_no_plaintext_on_the_card(vehicle: Vehicle) -> None:
    """The raw store, logs included, has no marker of MP4, H.264 or AAC, while recording and afterwards."""
    vehicle.record()
    vehicle.until(lambda status: status["store"]["segments"] >= 2)
    _hunt(vehicle.folder)
    assert vehicle.stop() == 0
    assert _hunt(vehicle.folder) > 10_000


def _hunt(folder: Path) -> int:
    """Search every file that the recorder wrote, wherever it wrote it; how many bytes were searched."""
    searched = 0
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            searched += len(content)
            found = [marker for marker in PLAINTEXT_MARKERS if marker in content and path.suffix != ".log"]
            assert not found, f"{path} holds {found}"
    return searched


def test_held_stays_and_unheld_goes_in_time(make_vehicle: Callable[..., Vehicle]) -> None:
    """With 20 s of retention unheld segments go one by one, none outlives it; held ones and the live one stay."""
    vehicle = make_vehicle(max_age_s=20, length_s=2)
    held = vehicle.record()
    vehicle.panel("press hold")
    vehicle.until(lambda status: status["held"] and status["store"]["segments"] >= 3)
    vehicle.panel("ignition off")
    vehicle.until_state("Parked")
    kept = next(j for j in vehicle.journeys() if j["id"] == held)["segments"]
    vehicle.panel("ignition on", "press consent")
    unheld = vehicle.until_state("Recording")["journey"]
    seen_live_after_deletion = False
    gone: set[int] = set()
    while len(gone) < 4:
        listed = {j["id"]: j for j in vehicle.journeys()}
        numbers = [segment["number"] for segment in listed[unheld]["segments"]]
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "the oldest goes first, one by one"
        gone = set(range(1, numbers[0]))
        seen_live_after_deletion |= bool(gone) and listed[unheld]["segments"][-1]["live"]
        assert [s["number"] for s in listed[held]["segments"]] == [s["number"] for s in kept]
    assert seen_live_after_deletion
    assert vehicle.stop() == 0
    opened = {e["data"]["number"]: e["data"] for e in vehicle.log(unheld) if e["event"] == "segment-opened"}
    tombstones = [e for e in vehicle.ledger() if e["event"] == "tombstone-done" and e["data"]["journey"] == unheld]
    buried: set[int] = set()
    for tombstone in tombstones:
        for number in tombstone["data"]["deleted"]:
            age_s = (tombstone["boottime_ns"] - opened[number]["first_boottime_ns"]) / 1e9
            assert age_s < 20, f"segment {number} lived {age_s:.1f} s"
            buried.add(number)
    assert gone <= buried
    assert any("of 20 s allowed" in json.dumps(e["data"]) for e in vehicle.ledger() if "tombstone" in e["event"])


def test_hold_release_and_prune_by_hand(vehicle: Vehicle) -> None:
    """With the recorder running and without it, the same commands do the same."""
    journey = vehicle.record()
    assert vehicle.run("hold", journey, "--reason", "police").returncode == 0
    assert vehicle.until(lambda status: status["held"])
    assert vehicle.run("release", journey, "--reason", "mistake").returncode == 0
    assert vehicle.until(lambda status: not status["held"])
    vehicle.panel("ignition off")
    vehicle.until_state("Parked")
    assert vehicle.stop() == 0
    assert vehicle.run("hold", journey, "--reason", "again").returncode == 0
    assert vehicle.journeys()[0]["hold"]["reason"] == "again"
    assert vehicle.run("release", journey, "--reason", "over").returncode == 0
    assert vehicle.journeys()[0]["held"] is False
    pruned = vehicle.run("prune")
    assert (pruned.returncode, pruned.stdout.splitlines()[-1][:20]) == (0, "0 segments deleted, ")
    for command in ("hold", "release"):
        refused = vehicle.run(command, "20200101T000000Z-0000", "--reason", "x")
        assert refused.returncode == 1
        assert "There is no journey" in refused.stderr


def test_without_a_recorder_status_says_so(vehicle: Vehicle) -> None:
    """Exit 1, one sentence, and nothing is created."""
    status = vehicle.run("status")
    assert (status.returncode, status.stdout) == (
        1,
        f"No recorder is running here (nothing answers on {vehicle.folder}/runtime/control.sock).\n",
    )
    assert vehicle.run("status", "--json").returncode == 1
    assert vehicle.journeys() == []
    assert not vehicle.store.exists()


def test_check_tells_the_recorders_key(vehicle: Vehicle) -> None:
    """Before the first start there is none; afterwards people can read it."""
    first = json.loads(vehicle.run("check", "--json").stdout)
    assert (first["ok"], first["recorder"]) == (True, None)
    vehicle.start()
    vehicle.until_state("Parked")
    second = json.loads(vehicle.run("check", "--json").stdout)
    assert second["ok"] is True
    assert second["recorder"]["public_key"] == (vehicle.folder / "device.key.pub").read_text().strip()


def test_check_names_the_first_wrong_byte_of_a_log(vehicle: Vehicle) -> None:
    """One letter of the ledger was altered: the line, the byte at which it begins, and exit code 1."""
    vehicle.start()
    vehicle.until_state("Parked")
    assert vehicle.stop() == 0
    ledger = vehicle.store / "ledger.jsonl"
    first, rest = ledger.read_bytes().split(b"\n", 1)
    ledger.write_bytes(first + b"\n" + rest.replace(b'"event":"start"', b'"event":"Start"', 1))
    checked = vehicle.run("check", "--json")
    [logs] = [each for each in json.loads(checked.stdout)["checks"] if each["name"] == "logs"]
    assert (checked.returncode, logs["ok"]) == (1, False)
    assert logs["detail"].startswith("ledger.jsonl: line ")
    assert "is not signed by the recorder" in logs["detail"]


def test_a_second_recorder_is_refused(vehicle: Vehicle) -> None:
    """On the same runtime folder, with one sentence."""
    vehicle.start()
    vehicle.until_state("Parked")
    second = vehicle.run("run")
    assert second.returncode == 1
    assert "A recorder already runs on" in second.stderr


def test_wrong_configuration_starts_and_creates_nothing(vehicle: Vehicle) -> None:
    """Every fault at once, exit 2, and the folder is as it was."""
    vehicle.config.write_text(
        vehicle.config.read_text().replace("max_age_s = 86400", "max_age_s = 90000\nsweeep_s = 1")
    )
    before = sorted(vehicle.folder.iterdir())
    done = vehicle.run("run")
    assert done.returncode == 2
    assert "retention.max_age_s" in done.stderr
    assert "did you mean sweep_s?" in done.stderr
    assert sorted(vehicle.folder.iterdir()) == before


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_systemd_hears_ready_states_and_watchdog(vehicle: Vehicle, tmp_path: Path, signal_number: int) -> None:
    """READY once the panel answers, the state as status text from then on, the watchdog regularly, STOPPING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        vehicle.start({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"})
        heard = [manager.recv(200)]
        assert heard == [b"READY=1\nSTATUS=Parked"]
        vehicle.panel("ignition on")
        while b"STATUS=AwaitingConsent" not in heard or heard.count(b"WATCHDOG=1") < 2:
            heard.append(manager.recv(200))
        assert vehicle.process is not None
        vehicle.process.send_signal(signal_number)
        while b"STOPPING=1" not in heard:
            heard.append(manager.recv(200))
        assert vehicle.process.wait(PATIENCE_S) == 0


def test_the_command_line_answers_in_one_sentence() -> None:
    """Unknown commands and missing options are exit 2; a missing configuration names itself."""
    for arguments in (["nonsense"], ["hold"], ["status", "--config", "/nowhere/recorder.toml"]):
        done = subprocess.run([*CLI, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
