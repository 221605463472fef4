"""A machine that starts in half a second: Debian with real systemd in systemd-nspawn, its changes forgotten at the end.

It has no network, and a cgroup hierarchy of its own, so that the sandboxes of units are real. What happens in it is
waited for in its journal, never by sleeping.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0  # machines are shared; nothing here asserts speed
PYTHON = "/opt/cabin-recorder/current/bin/python"


class Container:
    """One machine, from power to power off."""

    def __init__(self, root: Path, binds: Mapping[Path, str] | None = None) -> None:
        """Boot ``root`` over a volatile overlay. ``binds``: paths here to paths there, read-only."""
        self._notices = tempfile.TemporaryDirectory(prefix="cabin-nspawn-")
        address = Path(self._notices.name) / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(str(address))
            heard.settimeout(PATIENCE_S)
            self._console = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the machine
            self.process = subprocess.Popen(
                [
                    "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--notify-ready=yes",
                    f"--directory={root}", "--volatile=overlay", "--private-network", "--console=pipe",
                    # The recorder reads, and never sets, the kernel's clock; nspawn would refuse both.
                    "--system-call-filter=adjtimex clock_adjtime bpf",
                    *(f"--bind-ro={here}:{there}" for here, there in (binds or {}).items()),
                ],
                stdin=subprocess.DEVNULL, stdout=self._console, stderr=subprocess.STDOUT,
                env={**os.environ, "NOTIFY_SOCKET": str(address), "UNIFIED_CGROUP_HIERARCHY": "1"},
            )  # fmt: skip
            self._leader = ""
            self._leader = self._booted(heard)

    def _booted(self, heard: socket.socket) -> str:
        """The process id of the container's systemd, once it has started everything."""
        leader, ready = "", False
        while not (leader and ready):
            try:
                lines = heard.recv(4096).decode().splitlines()
            except TimeoutError as error:
                said = self._said()
                self.end()
                raise AssertionError(f"the container did not boot:\n{said}") from error
            ready |= "READY=1" in lines
            leader = next((line.split("=")[1] for line in lines if line.startswith("X_NSPAWN_LEADER_PID=")), leader)
        return leader

    def _said(self) -> str:
        self._console.seek(0)
        return self._console.read().decode(errors="replace")

    @property
    def root(self) -> Path:
        """Its root folder, as it sees it, from here."""
        return Path("/proc") / self._leader / "root"

    # --- doing things in it --------------------------------------------------------------------------------------

    def inside(self, *command: str) -> list[str]:
        """The command line that runs ``command`` in it."""
        return ["nsenter", "--target", self._leader, "--all", *command]

    def run(self, *command: str, stdin: str = "", user: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``command`` to its end, as root or ``user``."""
        as_user = [] if user is None else ["runuser", "-u", user, "--"]
        return subprocess.run(
            self.inside(*as_user, *command), input=stdin, capture_output=True, text=True, check=False, timeout=180
        )

    def out(self, *command: str, stdin: str = "", user: str | None = None) -> str:
        """What ``command`` prints; it must succeed."""
        done = self.run(*command, stdin=stdin, user=user)
        assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Put a file there."""
        self.out("install", "-D", "-m", "0644", "/dev/stdin", path, stdin=text)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit, as systemd has them."""
        lines = self.out("systemctl", "show", unit, *(f"--property={name}" for name in properties)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def main_pid(self) -> str:
        """The recorder's process."""
        return self.show("cabin-recorder.service", "MainPID")["MainPID"]

    # --- the recorder in it --------------------------------------------------------------------------------------

    def recorder(self, *arguments: str) -> Any:
        """A command of the recorder that prints JSON."""
        return json.loads(self.out("cabin-recorder", *arguments, "--json"))

    def panel(self, *lines: str) -> None:
        """Press the simulated panel."""
        self.out("cabin-recorder", "panel", *lines)

    def record(self) -> str:
        """From parked to Recording; the journey."""
        with self.journal("cabin-recorder.service") as journal:
            self.panel("ignition on", "press consent")
            journal.wait("Starting -> Recording")
        return str(self.recorder("status")["journey"])

    def held_journey(self) -> str:
        """A journey that was recorded, held and sealed."""
        journey = self.record()
        with self.journal("cabin-recorder.service") as journal:
            self.panel("press hold", "ignition off")
            journal.wait("Sealing -> Parked")
        (record,) = self.recorder("journeys")
        assert (record["id"], record["held"]) == (journey, True)
        return journey

    def journal(self, unit: str) -> "JournalTail":
        """Follow a unit's log from this moment on."""
        return JournalTail(self, unit)

    def log(self, unit: str) -> str:
        """A unit's whole log."""
        return self.out("journalctl", f"--unit={unit}", "--output=cat", "--no-pager")

    def wait_for_path(self, path: str) -> None:
        """Until it is there; systemd watches for it."""
        with self.journal("path-seen.service") as journal:
            watch = ("--unit=path-seen", "--remain-after-exit", f"--path-property=PathExists={path}")
            self.out("systemd-run", "--quiet", *watch, "/bin/true")
            journal.wait("Started path-seen.service")
        self.out("systemctl", "stop", "path-seen.path", "path-seen.service")

    # --- the end -------------------------------------------------------------------------------------------------

    def wait_off(self) -> None:
        """Until it has switched itself off."""
        self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Pull the plug."""
        if self.process.poll() is None:
            if self._leader:
                os.kill(int(self._leader), signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait(PATIENCE_S)
        self._notices.cleanup()
        self._console.close()


class JournalTail:
    """Lines of a unit's log, from the moment it is made."""

    def __init__(self, container: Container, unit: str) -> None:
        # The moment is marked before the reader starts, which may be slower than what it is to read of.
        mark = container.out("journalctl", "--lines=0", "--show-cursor", "--quiet").removeprefix("-- cursor: ")
        command = ["journalctl", f"--unit={unit}", f"--after-cursor={mark}", "--output=cat", "--follow", "--lines=all"]
        self._process = subprocess.Popen(container.inside(*command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._seen = b""

    def __enter__(self) -> "JournalTail":
        return self

    def __exit__(self, *_: object) -> None:
        # nsenter forks into the container; its child ends when nobody reads it any more.
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def wait(self, text: str, patience_s: float = PATIENCE_S) -> None:
        """Until ``text`` is in the log; what comes after it is for the next wait."""
        assert self._process.stdout is not None
        give_up_s = time.monotonic() + patience_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while (found := self._seen.find(text.encode())) < 0:
                left_s = give_up_s - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    raise AssertionError(
                        f"{text!r} did not come within {patience_s:g} s; the log has:\n{self._seen.decode()}"
                    )
                self._seen += os.read(self._process.stdout.fileno(), 65536)
        self._seen = self._seen[found + len(text) :]


def drop_in(container: Container, unit: str, text: str) -> None:
    """Change a unit until the machine is forgotten."""
    container.write(f"/run/systemd/system/{unit}.d/test.conf", text)
    container.out("systemctl", "daemon-reload")
