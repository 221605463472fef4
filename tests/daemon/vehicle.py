"""A whole recorder in a folder: real process, real sockets, real store. Driven as people drive it, from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder.vault.age import X25519Identity

CLI = [sys.executable, "-m", "recorder"]
PATIENCE_S = 20.0
_UNIT = Path(__file__).parents[2] / "systemd" / "cabin-recorder.service"

CONFIG = """
vehicle = "VAN-1"
[store]
path = "store"
runtime = "runtime"
[keys]
recipients = ["{recipient}"]
{keys}
[camera]
kind = "{camera}"
{clip}
width = {width}
height = {height}
fps = {fps}
step_down = false
[microphone]
kind = "{camera}"
[audio]
{audio}
[segments]
length_s = {length_s}
[retention]
max_age_s = {max_age_s}
[journey]
run_on_s = {run_on_s}
[panel]
kind = "simulated"
[notice]
enabled = false
"""


def unit_environment() -> dict[str, str]:
    """What the unit sets, but for the folder that belongs to the service."""
    lines = [line.removeprefix("Environment=") for line in _UNIT.read_text().splitlines() if "Environment=" in line]
    return dict(word.split("=", 1) for line in lines for word in line.split() if not word.startswith("LG_WD="))


class Vehicle:
    """One recorder and the hands on its panel."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.identity = X25519Identity.generate()
        self.identity_path = folder / "identity.txt"
        self.identity_path.write_text(self.identity.text + "\n")
        values = {
            "recipient": self.identity.recipient.text,
            "keys": "",
            "camera": "synthetic",
            "clip": "",
            "audio": "",
            "width": 320,
            "height": 240,
            "fps": 15,
            "length_s": 2,
            "max_age_s": 86400,
            "run_on_s": 0.5,
            **changes,
        }
        self.config = folder / "recorder.toml"
        self.config.write_text(CONFIG.format(**values))
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = folder / "recorder.log"

    # --- the process ---------------------------------------------------------------------------------------------

    def start(self, environment: dict[str, str] | None = None) -> None:
        """Turn the power on; returns at once."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*CLI, "run", "--config", self.config], stderr=log, env={**os.environ, **(environment or {})}
            )

    def kill(self) -> None:
        """Kill it with signal 9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Whatever is left of the process goes."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # --- the command line ----------------------------------------------------------------------------------------

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Any command with this recorder's configuration."""
        command = [*CLI, *map(str, arguments), "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def panel(self, *lines: str) -> list[str]:
        """Press the panel; its answers."""
        done = self.run("panel", *lines)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.splitlines()

    def status(self) -> dict[str, Any]:
        """What `status --json` says; {} where nobody answers."""
        done = self.run("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def journeys(self) -> list[dict[str, Any]]:
        """What `journeys --json` says."""
        done = self.run("journeys", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def until(self, true: Callable[[dict[str, Any]], object], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first status for which ``true``; asks again and again, and gives up with what it saw and the log."""
        give_up = time.monotonic() + patience_s
        while time.monotonic() < give_up:
            status = self.status()
            if status and true(status):
                return status
        raise AssertionError(f"never came true; last status {self.status()}; log:\n{self.log_path.read_text()[-3000:]}")

    def until_state(self, *states: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first status in one of these states."""
        return self.until(lambda status: status["state"] in states, patience_s)

    def record(self) -> str:
        """From a cold start to Recording; the journey."""
        self.start()
        self.panel("ignition on", "press consent")
        return self.until_state("Recording")["journey"]

    # --- what is on the card -------------------------------------------------------------------------------------

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def ledger(self) -> list[dict[str, Any]]:
        """The ledger's entries."""
        return [json.loads(line) for line in (self.store / "ledger.jsonl").read_text().splitlines()]

    def log(self, journey: str) -> list[dict[str, Any]]:
        """One journey's entries."""
        return [json.loads(line) for line in (self.store / "journeys" / journey / "log.jsonl").read_text().splitlines()]
