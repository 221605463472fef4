"""The control socket: how the commands people type reach the recorder that runs.

One JSON object a line in, one out (``{"ok": true, ...}`` or ``{"ok": false, "error": ..., "exit_code": ...}``). The
server's threads only put a request into the inbox and wait for its answer; the loop, which owns all state, answers.
The socket is 0600 in a 0700 folder: who may talk is who runs the recorder, or root; a request carries the peer's uid
from the kernel (SO_PEERCRED, unix(7)), never from the message.
"""

import json
import queue
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.errors import NotRunningError, RecorderError, UsageError
from recorder.unixsocket import connect, listen

ANSWER_WITHIN_S = 30.0
LONGEST_LINE = 65_536

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """One request for the loop. ``peer_uid``: who asks, from the kernel."""

    command: str
    arguments: dict[str, Any]
    peer_uid: int
    _answers: "queue.SimpleQueue[Answer]" = field(default_factory=queue.SimpleQueue, repr=False)

    def answer(self, **values: Any) -> None:
        """Answer, once."""
        self._answers.put({"ok": True, **values})

    def refuse(self, error: RecorderError) -> None:
        """Refuse with one sentence, once."""
        self._answers.put({"ok": False, "error": str(error), "exit_code": error.exit_code})

    def wait(self) -> Answer:
        """The loop's answer, or that it gave none in time."""
        try:
            return self._answers.get(timeout=ANSWER_WITHIN_S)
        except queue.Empty:
            return {"ok": False, "error": f"The recorder did not answer within {ANSWER_WITHIN_S:g} s.", "exit_code": 1}


class ControlServer:
    """Listens, and posts each request; one short-lived thread a connection."""

    def __init__(self, path: Path, post: Callable[[ControlRequest], None]) -> None:
        self._post = post
        self._server = listen(path)
        self._path = path
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._path.unlink(missing_ok=True)
        self._server.shutdown(socket.SHUT_RDWR)  # wakes accept; close alone does not
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._talk, args=(client,), name="control-client", daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rwb") as stream:
                peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
                _, uid, _ = struct.unpack("3i", peer)
                while line := stream.readline(LONGEST_LINE):
                    stream.write(json.dumps(self._ask(line, uid)).encode() + b"\n")
                    stream.flush()
        except ConnectionError:
            return  # the asker went away; closing the stream may be what notices

    def _ask(self, line: bytes, uid: int) -> Answer:
        try:
            request = parse_request(line, uid)
        except UsageError as error:
            return {"ok": False, "error": str(error), "exit_code": error.exit_code}
        self._post(request)
        return request.wait()


def parse_request(line: bytes, peer_uid: int) -> ControlRequest:
    """The request in ``line``; UsageError where it is none."""
    try:
        message = json.loads(line)
        return ControlRequest(str(message["command"]), dict(message.get("arguments", {})), peer_uid)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError("A request is one line: a JSON object with a command.") from error


def ask(path: Path, command: str, **arguments: Any) -> Answer:
    """Ask the recorder that runs; its answer. NotRunningError where none runs, RecorderError where it refuses."""
    try:
        with connect(path, ANSWER_WITHIN_S + 5) as client, client.makefile("rwb") as stream:
            stream.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            stream.flush()
            line = stream.readline()
    except (FileNotFoundError, ConnectionError) as error:
        raise NotRunningError(f"No recorder is running here (nothing answers on {path}).") from error
    except OSError as error:
        raise NotRunningError(
            f"The recorder's control socket {path} cannot be used: {error.strerror or error}."
        ) from error
    if not line:
        raise NotRunningError("The recorder ended before it answered.")
    answer: Answer = json.loads(line)
    if not answer.pop("ok"):
        refusal = RecorderError(answer["error"])
        refusal.exit_code = int(answer["exit_code"])
        raise refusal
    return answer
