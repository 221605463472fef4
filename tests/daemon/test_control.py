"""The control socket: one question, one answer, and the peer's uid from the kernel."""

import json
import os
import queue
import stat
import threading
from pathlib import Path

import pytest

from recorder.control import ControlRequest, ControlServer, ask
from recorder.errors import NotRunningError, RecorderError, UsageError
from recorder.unixsocket import connect, listen


@pytest.fixture
def server(tmp_path: Path):
    """A server whose loop echoes, refuses or names the peer."""
    folder = tmp_path / ("long-" * 30)  # longer than sun_path
    folder.mkdir()
    inbox: queue.SimpleQueue[ControlRequest | None] = queue.SimpleQueue()

    def loop() -> None:
        while (request := inbox.get()) is not None:
            if request.command == "refuse":
                request.refuse(UsageError("No."))
            else:
                request.answer(command=request.command, uid=request.peer_uid, **request.arguments)

    thread = threading.Thread(target=loop)
    thread.start()
    control = ControlServer(folder / "control.sock", inbox.put)
    yield folder / "control.sock"
    control.close()
    inbox.put(None)
    thread.join(5)


def test_a_question_is_answered(server: Path) -> None:
    """With its arguments, and the asker's uid."""
    assert ask(server, "status", journey="x") == {"command": "status", "journey": "x", "uid": os.getuid()}


def test_an_asker_who_hangs_up_ends_no_thread_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that dies ends the recorder; who asks and does not wait for the answer must not be able to do that."""
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    inbox: queue.SimpleQueue[ControlRequest] = queue.SimpleQueue()
    control = ControlServer(tmp_path / "control.sock", inbox.put)
    with connect(tmp_path / "control.sock", 5) as client:
        client.sendall(b'{"command": "status"}\n')
        request = inbox.get(timeout=5)
        [talker] = [thread for thread in threading.enumerate() if thread.name == "control-client"]
    request.answer()
    talker.join(5)
    assert (talker.is_alive(), died) == (False, [])
    control.close()


def test_only_the_owner_can_ask(server: Path) -> None:
    """The socket is 0600."""
    assert stat.S_IMODE(server.stat().st_mode) == 0o600


def test_a_refusal_is_one_sentence_and_an_exit_code(server: Path) -> None:
    """As an error of ours, on the asker's side."""
    with pytest.raises(RecorderError, match=r"^No\.$") as refusal:
        ask(server, "refuse")
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"[1]\n", b'{"command": 1, "arguments": 5}\n', b"\xff\xfe\n", b"{" * 70_000 + b"\n"]
)
def test_nonsense_is_refused_and_the_server_lives(server: Path, line: bytes) -> None:
    """Bad input gets one clear sentence."""
    with connect(server, 5) as client, client.makefile("rwb") as stream:
        stream.write(line)
        stream.flush()
        assert json.loads(stream.readline())["ok"] is False
    assert ask(server, "status")["command"] == "status"


def test_nobody_runs(tmp_path: Path) -> None:
    """No socket, or the socket of a process that is gone: it says that no recorder is running."""
    listen(tmp_path / "control.sock").close()
    for path in (tmp_path / "none.sock", tmp_path / "no" / "folder.sock", tmp_path / "control.sock"):
        with pytest.raises(NotRunningError, match="No recorder is running"):
            ask(path, "status")
