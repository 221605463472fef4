"""The installed recorder as its people reach it: the service, the panel, the commands."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rig.drivers import MICROPHONE
from tests.rig.guest import CommandError
from tests.rig.vehicle import Vehicle

_PATIENCE_S = 300  # of the machine's own time, of which a busy host takes nothing
SERVICE = "cabin-recorder.service"
TIMER = "cabin-recorder-prune.timer"
EXPORT_SERVICES = "cabin-recorder-export@*.service"
STICK_LABEL = "CABINEXPORT"
STORE = "/var/lib/cabin-recorder/store"

CONFIG = """\
vehicle = "VAN-1"
[store]
path = "/var/lib/cabin-recorder/store"
[keys]
recipients = ["{recipient}"]
{slot}
[camera]
{camera}
width = {width}
height = {height}
fps = 5
bitrate_bps = 1000000
step_down = false
[microphone]
{microphone}
[segments]
length_s = 3
[retention]
max_age_s = {max_age_s}
clock_grace_s = {clock_grace_s}
[journey]
run_on_s = {run_on_s}
starting_s = 30
[panel]
kind = "{panel}"
# gpio-sim obeys the Pi's own resistor, not whoever holds the line: a key turned before the start would be lost.
ignition_pull = false
[power]
kind = "{power}"
[notice]
enabled = false
"""
SYNTHETIC = 'kind = "synthetic"'
PICAMERA = 'kind = "picamera"'
PORTAUDIO = f'kind = "portaudio"\ndevice = "{MICROPHONE}"'
_SIMULATED: dict[str, object] = {
    "camera": SYNTHETIC,
    "width": 320,
    "height": 240,
    "microphone": SYNTHETIC,
    "panel": "simulated",
    "power": "simulated",
    "run_on_s": 1,
    "clock_grace_s": 900,
    "max_age_s": 86400,
    "slot": "",
}
BY_PINS = {"panel": "gpio", "power": "logind"}


class Recorder:
    """The recorder in ``vehicle``; its vehicle must be on."""

    def __init__(self, vehicle: Vehicle, recipient: str) -> None:
        self.vehicle = vehicle
        self._recipient = recipient

    def configure(self, **changes: object) -> None:
        """Write its configuration; everything is simulated but for ``changes``."""
        text = CONFIG.format(recipient=self._recipient, **_SIMULATED | changes)
        self.vehicle.guest.write("/etc/cabin-recorder/recorder.toml", text)

    def start(self) -> None:
        """Start the service, which says itself when it is ready, and the deletion beside it."""
        self.vehicle.guest.run("systemctl", "start", SERVICE, TIMER, timeout_s=_PATIENCE_S)

    # --- the commands ------------------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        return self.vehicle.guest.run("cabin-recorder", *arguments)

    def panel(self, *lines: str) -> None:
        """Hands on the simulated panel."""
        self.command("panel", *lines)

    def journeys(self) -> list[dict[str, Any]]:
        """What is on the card."""
        journeys: list[dict[str, Any]] = json.loads(self.command("journeys", "--json"))
        return journeys

    def status(self) -> dict[str, Any]:
        """How it fares; {} where nobody answers."""
        done = self.vehicle.guest.try_("cabin-recorder", "status", "--json")
        status: dict[str, Any] = json.loads(done.output) if done.code == 0 else {}
        return status

    def until(self, true: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The first status for which ``true``; fails with the last one and the log of the service."""
        status: dict[str, Any] = {}
        give_up_s = self.vehicle.guest.uptime_s + _PATIENCE_S
        while self.vehicle.guest.uptime_s < give_up_s:
            status = self.status()
            if status and true(status):
                return status
        raise AssertionError(f"never came true; last status {status}; log:\n{self.log()}")

    def until_state(self, *states: str) -> dict[str, Any]:
        """The first status in one of these states."""
        return self.until(lambda status: status["state"] in states)

    def trouble(self) -> str:
        """What the machine and the service had to say, for whoever reads of a failure."""
        try:
            log = self.log() if self.vehicle.is_on else "The vehicle is off."
        except CommandError as error:
            log = str(error)
        return f"{self.vehicle.console[-4000:]}\n{log}"

    def log(self) -> str:
        """The end of what the service wrote to the journal."""
        return self.vehicle.guest.run("journalctl", "--no-pager", "--lines=60", "--unit", SERVICE)

    def log_of(self, journey: str) -> list[dict[str, Any]]:
        """The entries of the signed log of a journey that is on the card."""
        return self._entries(f"journeys/{journey}/log.jsonl")

    def ledger(self) -> list[dict[str, Any]]:
        """The entries of the recorder's own log, in all its files: it goes on in a new one each month of its clock."""
        return self._entries("ledger*.jsonl")

    def _entries(self, logs: str) -> list[dict[str, Any]]:
        lines = self.vehicle.guest.shell(f"cat {STORE}/{logs}").splitlines()
        return [json.loads(line) for line in lines]

    def shown(self, name: str) -> str:
        """A property of the service, as systemd has it."""
        return self.vehicle.guest.run("systemctl", "show", "--value", "--property", name, SERVICE).strip()

    # --- a journey ---------------------------------------------------------------------------------------------------

    def record(self, segments: int = 3) -> str:
        """With a simulated panel, from the key to a recording of ``segments`` segments; the journey's name."""
        self.panel("ignition on")
        assert self.until_state("AwaitingConsent")["devices_open"] is False
        self.panel("press consent")
        journey = self.until_state("Recording")["journey"]
        self.until(lambda status: status["store"]["segments"] >= segments)
        return str(journey)

    def hold(self) -> None:
        """Press hold, and see it kept."""
        self.panel("press hold")
        self.until(lambda status: status["held"])

    def park(self) -> None:
        """Turn the key; back when everything is sealed."""
        self.panel("ignition off")
        assert self.until_state("Parked")["devices_open"] is False

    def export_to(self, stick: Path) -> None:
        """Plug a stick in, wait until the service beside has copied and let go, pull it out."""
        guest, machine = self.vehicle.guest, self.vehicle.machine
        machine.plug("export", stick)
        said = f"journalctl --output=cat --unit '{EXPORT_SERVICES}'"
        guest.until(f"{said} | grep -q 'journeys exported'", patience_s=_PATIENCE_S)
        guest.until("! grep -q cabin-recorder-export /proc/mounts")
        machine.unplug("export")

    def said_of_copies(self) -> str:
        """What the services that copy wrote to the journal."""
        return self.vehicle.guest.run("journalctl", "--output=cat", "--no-pager", "--unit", EXPORT_SERVICES)


def read_stick(laptop: Vehicle, stick: Path, folder: Path) -> Path:
    """Copy what is on ``stick`` into ``folder`` by way of ``laptop``, a machine without a recorder."""
    device = f"/dev/disk/by-label/{STICK_LABEL}"
    laptop.machine.plug("import", stick)
    laptop.guest.until(f"[ -e {device} ]")
    laptop.guest.run("mount", "-o", "ro", device, "/mnt")
    with tarfile.open(fileobj=io.BytesIO(laptop.guest.try_("tar", "-C", "/mnt", "-c", ".").output)) as archive:
        archive.extractall(folder, filter="data")
    return folder
