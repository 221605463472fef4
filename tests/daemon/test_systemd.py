"""systemd hears the truth on a real notify socket, and nobody is disturbed where there is none."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recorder.systemd import Notifier
from recorder.watchdog import EXIT_STUCK, STALE_S, Watchdog


@pytest.fixture
def manager(tmp_path: Path) -> socket.socket:
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(1.0)
        yield server


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


def test_readiness_status_and_stopping(manager: socket.socket) -> None:
    """Each message is one datagram of the protocol."""
    notifier = Notifier(environment(manager))
    notifier.ready("Parked")
    notifier.status("Recording")
    notifier.watchdog()
    notifier.stopping()
    assert [manager.recv(100) for _ in range(4)] == [
        b"READY=1\nSTATUS=Parked",
        b"STATUS=Recording",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_an_abstract_socket_is_understood() -> None:
    """``@name`` is a socket without a file (unix(7))."""
    name = f"cabin-recorder-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name)
        server.settimeout(1.0)
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready("Parked")
        assert server.recv(100) == b"READY=1\nSTATUS=Parked"


def test_silent_without_a_service_manager() -> None:
    """On a laptop nothing is sent and nothing fails."""
    notifier = Notifier({"WATCHDOG_USEC": "1000000"})
    notifier.ready("Parked")
    assert notifier.watchdog_interval_s is None


def test_the_watchdog_of_another_process_is_not_ours(manager: socket.socket) -> None:
    """WATCHDOG_PID names who is watched."""
    watched = {"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(environment(manager, **watched)).watchdog_interval_s == 2.0
    assert Notifier(environment(manager, **{**watched, "WATCHDOG_PID": "1"})).watchdog_interval_s is None


def test_a_thread_that_stopped_going_round_starves_the_watchdog(manager: socket.socket) -> None:
    """Fed while every heartbeat is fresh; one stale heartbeat is silence."""
    watchdog = Watchdog(Notifier(environment(manager, WATCHDOG_USEC="2000000")))
    watchdog.feed({"mux": time.monotonic()})
    assert manager.recv(100) == b"WATCHDOG=1"
    starving = Watchdog(Notifier(environment(manager, WATCHDOG_USEC="2000000")))
    starving.feed({"mux": time.monotonic(), "card": time.monotonic() - STALE_S - 1})
    manager.settimeout(0.2)
    with pytest.raises(TimeoutError):
        manager.recv(100)


SPEECHLESS = """
import threading
from recorder import daemon, watchdog

def no_memory(*_, **__):
    raise MemoryError

watchdog.log.critical = daemon.log.critical = no_memory
threading.excepthook = daemon._end_with_thread
dies = threading.Thread(target=no_memory)
dies.start()
dies.join()
print("alive")
"""


def test_a_thread_that_died_ends_the_process_even_where_nothing_can_be_said() -> None:
    """Without memory for so much as a line of log: exit 70, so that lens and microphone are let go of."""
    ended = subprocess.run([sys.executable, "-c", SPEECHLESS], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (EXIT_STUCK, "")
