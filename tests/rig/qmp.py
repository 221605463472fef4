"""Talks to a running QEMU (docs/interop/qmp-spec in its sources): one command, one answer, events passed over."""

import json
import socket
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """One conversation. Answers that take longer than ``patience_s`` raise TimeoutError."""

    def __init__(self, path: Path, patience_s: float = 60) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(patience_s)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rwb")
        self._lines.readline()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        """What the command returns. Raises QmpError."""
        self._lines.write(json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n")
        self._lines.flush()
        while True:
            answer = json.loads(self._lines.readline())
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        """End the conversation; QEMU goes on."""
        self._lines.close()
        self._socket.close()
