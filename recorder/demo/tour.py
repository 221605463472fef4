"""A whole journey to watch: what ``cabin-recorder demo`` shows.

Real parts only: the same recorder, store, export and office as in a vehicle, as processes of their own; just the
panel is pressed by this file, and retention is shortened to seconds so that deletion can be seen. It ends with a table
of what was found by looking at the results, and exit code 0 only if each is what was promised.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from recorder.demo.findings import gather
from recorder.demo.scene import MARKER, write_configuration
from recorder.errors import RecorderError, UsageError

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.2


class Tour:
    """One recorder in a folder, and the hands that drive it."""

    def __init__(self, out: Path, clip: Path | None, seconds: int) -> None:
        self.out = out
        self.clip = clip
        self.seconds = seconds
        self.config = out / "recorder.toml"
        self.began_s = self.held_began_s = time.monotonic()

    # --- speaking and waiting ------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One line of the story, with its second."""
        click.echo(f"{time.monotonic() - self.began_s:6.1f} s  {text}")

    def command(self, *arguments: object, config: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of the recorder, as a person would."""
        tail = ["--config", str(self.config)] if config else []
        line = [sys.executable, "-m", "recorder", *map(str, arguments), *tail]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    def must(self, *arguments: object, config: bool = True, expected: int = 0) -> str:
        """The same; its output, or the end of the demo."""
        done = self.command(*arguments, config=config)
        if done.returncode != expected:
            said = (done.stderr or done.stdout).strip()
            raise RecorderError(
                f"`cabin-recorder {' '.join(map(str, arguments))}` ended with {done.returncode}: {said}"
            )
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What the recorder says of itself; {} where it does not answer yet."""
        done = self.command("status", "--json")
        answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return answer

    def journeys(self) -> dict[str, dict[str, Any]]:
        """What is on the card, by journey."""
        return {journey["id"]: journey for journey in json.loads(self.must("journeys", "--json"))}

    def until(self, what: str, true: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the status is so."""
        give_up_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_s:
            status = self.status()
            if status and true(status):
                return status
            time.sleep(LOOK_EVERY_S)
        raise RecorderError(
            f"The recorder did not come to {what} within {PATIENCE_S:g} s; see {self.out}/recorder.log."
        )

    def wait(self, seconds: float) -> None:
        """Drive on."""
        time.sleep(seconds)

    # --- the story -----------------------------------------------------------------------------------------------

    def tell(self) -> int:
        """The whole story; the exit code."""
        self.must("keygen", "--out", self.out / "office", "--no-passphrase", config=False)
        self.say("the office has made its keys; the recorder gets only the public one")
        recipient = (self.out / "office" / "recipient.txt").read_text(encoding="utf-8").strip()
        max_age_s = write_configuration(self.config, recipient, self.clip, self.seconds)
        with (self.out / "recorder.log").open("wb") as log:
            recorder = subprocess.Popen(
                [sys.executable, "-m", "recorder", "run", "--config", self.config], stderr=log, stdout=log
            )
        try:
            unheld = self._unheld_journey()
            held = self._held_journey()
            self._deletion(unheld, held, max_age_s)
        finally:
            recorder.terminate()
            code = recorder.wait(PATIENCE_S)
        self.say(f"power off: the recorder sealed and ended with exit code {code}")
        return self._office(held, unheld, code)

    def _consent(self) -> str:
        self.must("panel", "ignition on")
        waiting = self.until("AwaitingConsent", lambda s: s["state"] == "AwaitingConsent")
        opened = "open" if waiting["devices_open"] else "closed"
        self.say(f"ignition on; the notice plays; camera and microphone are {opened}")
        self.must("panel", "press consent")
        pressed_s = time.monotonic()
        journey = str(self.until("Recording", lambda s: s["state"] == "Recording")["journey"])
        self.say(f"consent pressed; encrypted picture and sound on the card {time.monotonic() - pressed_s:.1f} s later")
        return journey

    def _unheld_journey(self) -> str:
        journey = self._consent()
        self.wait(self.seconds / 2)
        self.must("panel", "hold consent 3")
        self.until("Withdrawn", lambda s: s["state"] == "Withdrawn" and not s["devices_open"])
        self.say("a passenger withdrew (button held for 3 s): camera and microphone are closed")
        self.must("panel", "ignition off")
        self.until("Parked", lambda s: s["state"] == "Parked")
        self.say(f"ignition off; journey {journey} was not held")
        return journey

    def _held_journey(self) -> str:
        self.held_began_s = time.monotonic()
        journey = self._consent()
        self.wait(self.seconds / 2)
        self.must("panel", "press hold")
        self.until("a hold", lambda s: s["held"])
        self.say("hold pressed; the hold is on the card")
        self.wait(self.seconds / 2)
        self.must("panel", "ignition off")
        self.until("Parked", lambda s: s["state"] == "Parked")
        self.say(f"ignition off, run-on over, sealed; journey {journey} is held")
        return journey

    def _deletion(self, unheld: str, held: str, max_age_s: float) -> None:
        self.say(f"waiting for the retention of {max_age_s:g} s (24 hours in a vehicle)")
        self.until("the deletion", lambda _: unheld not in self.journeys())
        self.say(f"the recorder has deleted {unheld}; {held} is still there")
        # Older than the limit too, and still there: only then has the hold shown what it does.
        self.wait(max(0.0, self.held_began_s + max_age_s + 2 - time.monotonic()))

    def _office(self, held: str, unheld: str, code: int) -> int:
        stick, films = self.out / "stick", self.out / "films"
        self.must("export", stick)
        self.say("held journeys copied to the stick and read back")
        keys = self.out / "office"
        identity = keys / "identity.txt"
        self.must("enrol", "the demo's", self.out / "device.key.pub", "--keys", keys, config=False)
        self.must("verify", stick, "-i", identity, config=False)
        self.say("the office enrolled the recorder and verified signature, logs and every file: attested")
        self.must("open", stick, "-i", identity, "-o", films, config=False)
        film = films / f"{held}.mp4"
        self.say(f"the office opened {film}")
        findings = gather(self.out, film, held, unheld)
        findings.add("recorder ended by SIGTERM", f"exit code {code}", code == 0)
        findings.print()
        return 0 if findings.good else 1


def tour(out: Path, clip: Path | None, seconds: int) -> int:
    """Run the demo in ``out``, replacing what an earlier demo left there. Raises UsageError, RecorderError."""
    if clip is not None and not clip.is_file():
        raise UsageError(f"--clip: {clip} is not a file; name an existing clip.")
    out = out.resolve()
    if out.exists() and any(out.iterdir()):
        if not (out / MARKER).exists():
            raise UsageError(f"--out: {out} holds other things; name a new or empty folder.")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()
    return Tour(out, None if clip is None else clip.resolve(), seconds).tell()
