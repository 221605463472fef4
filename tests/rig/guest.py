"""Runs commands inside the machine, as root, through the agent on its virtio port."""

import base64
import json
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SLOWER = 60  # how many seconds of ours a second of the machine may take, on a host that has much else to do


class CommandError(AssertionError):
    """A command inside the machine failed; a scenario that did not expect it has failed too."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command."""

    code: int
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        """What it printed, both kinds."""
        return (self.output + self.errors).decode(errors="replace")


class Guest:
    """The agent at the other end of the socket ``path``."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rwb")
        self._count = 0

    def try_(self, *argv: str, feed: bytes = b"", timeout_s: float = 120) -> Done:
        """Run a command to its end, whatever that is; 124 where it took longer than ``timeout_s``."""
        self._count += 1
        request = {"id": self._count, "argv": argv, "input": base64.b64encode(feed).decode(), "timeout_s": timeout_s}
        self._socket.settimeout(timeout_s * _SLOWER)
        try:
            self._lines.write(json.dumps(request).encode() + b"\n")
            self._lines.flush()
            answer = self._answer()
            while answer["id"] < self._count:  # to a question whose asker did not wait
                answer = self._answer()
        except (OSError, EOFError) as error:
            raise CommandError(f"{shlex.join(argv)}: the machine is gone, or hangs ({error})") from error
        return Done(answer["code"], base64.b64decode(answer["output"]), base64.b64decode(answer["errors"]))

    def _answer(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise EOFError("end of file")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, *argv: str, feed: bytes = b"", timeout_s: float = 120) -> str:
        """Run a command that must succeed; what it printed. Raises CommandError with all it said."""
        done = self.try_(*argv, feed=feed, timeout_s=timeout_s)
        if done.code != 0:
            raise CommandError(f"{shlex.join(argv)}: exit {done.code}\n{done.text[-4000:]}")
        return done.output.decode()

    def shell(self, script: str, timeout_s: float = 120) -> str:
        """Run a shell script that must succeed; it ends at its first failing command."""
        return self.run("/bin/bash", "-euo", "pipefail", "-c", script, timeout_s=timeout_s)

    def until(self, condition: str, patience_s: float = 60) -> None:
        """Wait inside the machine until the shell command ``condition`` succeeds."""
        # Without pipefail, unlike shell(): grep -q hangs up on who feeds it as soon as it has found something.
        waiting = f"until {condition}; do sleep 0.1; done >/dev/null 2>&1"
        self.run("/bin/sh", "-c", waiting, timeout_s=patience_s)

    def write(self, path: str, content: str | bytes) -> None:
        """Put a file there, with the folders above it."""
        data = content.encode() if isinstance(content, str) else content
        self.run("install", "-D", "/dev/stdin", path, feed=data)

    def read(self, path: str) -> bytes:
        """A file's content."""
        done = self.try_("cat", path)
        if done.code != 0:
            raise CommandError(done.text)
        return done.output

    @property
    def uptime_s(self) -> float:
        """Seconds of the machine since it was started."""
        return float(self.read("/proc/uptime").split()[0])

    def close(self) -> None:
        """Hang up; the agent waits for the next caller."""
        self._lines.close()
        self._socket.close()
