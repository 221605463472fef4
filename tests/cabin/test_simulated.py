"""The simulated panel from outside: real sockets, real processes, real time."""

import queue
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recorder.cabin.signals import Feedback, lamps
from recorder.cabin.simulated import LINES, LONGEST_LINE, SimulatedPanel, panel_client
from recorder.errors import NotRunningError, PanelError
from recorder.events import (
    ConsentPressed,
    ConsentWithdrawn,
    FaultCleared,
    FaultRaised,
    HoldPressed,
    IgnitionOff,
    IgnitionOn,
)
from recorder.journey_state import Capture, Journey, StateName
from recorder.unixsocket import connect


class Bench:
    """A panel, what it posted, what it sounded, and somebody to type."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "panel.sock"
        self.key = folder / "panel.state"
        self.posted: queue.SimpleQueue = queue.SimpleQueue()
        self.sounded: queue.SimpleQueue = queue.SimpleQueue()
        self.panel = SimulatedPanel(self.socket, self.key, self.sounded.put)

    def say(self, *lines):
        return list(panel_client(self.socket, lines))

    def events(self):
        return [self.posted.get_nowait() for _ in range(self.posted.qsize())]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    bench.panel.start(bench.posted.put)
    yield bench
    bench.panel.close()


@pytest.mark.parametrize(
    ("line", "answer", "events"),
    [
        ("ignition on", "ok: ignition on", [IgnitionOn()]),
        ("ignition off", "ok: ignition was off already", []),
        ("press consent", "ok: pressed consent for 0.1 s: ConsentPressed", [ConsentPressed()]),
        ("press hold", "ok: pressed hold for 0.1 s: HoldPressed", [HoldPressed()]),
        ("hold consent 0.5", "ok: held consent for 0.5 s: ConsentPressed", [ConsentPressed()]),
        ("hold consent 1.5", "ok: held consent for 1.5 s: tone not-counted", []),
        ("hold consent 3", "ok: held consent for 3 s: tone long-enough, ConsentWithdrawn", [ConsentWithdrawn()]),
        ("  press   hold ", "ok: pressed hold for 0.1 s: HoldPressed", [HoldPressed()]),
    ],
)
def test_a_line_in_a_line_out(bench, line, answer, events):
    """Every line has its answer, and the answer comes after its events were posted."""
    assert bench.say(line) == [answer]
    assert bench.events() == events


def test_state(bench):
    """One line says the key and every lamp by its rhythm."""
    assert bench.say("state") == ["ignition=off consent=off hold=off recording=off devices=off fault=off"]
    bench.panel.show(lamps(Journey(name=StateName.STARTING, capture=Capture.OPEN, held=True)))
    assert bench.say("ignition on", "state") == [
        "ok: ignition on",
        "ignition=on consent=steady hold=steady recording=quick devices=steady fault=off",
    ]


@pytest.mark.parametrize(
    "line",
    [
        *("", "foo", "ignition", "ignition up", "IGNITION ON", "state now", "press", "press horn", "\x00"),
        *("hold consent", "hold consent -1", "hold hold nan", "hold hold inf", "hold hold 61", "hold hold three"),
    ],
)
def test_any_other_line_is_answered_with_the_lines_there_are(bench, line):
    """One sentence, nothing happens, and the connection goes on."""
    answer, state = bench.say(line, "state")
    assert answer.startswith("error: ")
    assert LINES in answer
    assert state.startswith("ignition=off ")
    assert bench.events() == []


def test_a_line_without_an_end(bench):
    """Refused as a whole, and the rest of it is not taken for a line of its own."""
    with connect(bench.socket, 5.0) as client, client.makefile("rwb") as stream:
        stream.write(b" " * LONGEST_LINE + b"press consent\n")
        stream.flush()
        assert stream.readline().startswith(b"error: ")
        assert stream.read() == b""
    assert bench.events() == []


def test_a_last_line_without_a_newline(bench):
    """The end of the stream ends the line too."""
    with connect(bench.socket, 5.0) as client, client.makefile("rb") as stream:
        client.sendall(b"press hold")
        client.shutdown(socket.SHUT_WR)
        assert stream.readline() == b"ok: pressed hold for 0.1 s: HoldPressed\n"


def test_the_tones_are_sounded(bench):
    """What a buzzer would sound is handed on, at its moment."""
    bench.say("hold consent 3")
    assert bench.sounded.get_nowait() is Feedback.LONG_ENOUGH
    assert bench.sounded.empty()


def test_several_clients_press_at_once(bench):
    """Two buttons are pressed at the same time; two presses of one button come one after the other; none is lost."""
    answers: queue.SimpleQueue = queue.SimpleQueue()
    lines = ["hold consent 0.4", "press consent", "press hold", "state"]
    typing = [threading.Thread(target=lambda line=line: answers.put(bench.say(line)[0])) for line in lines]
    for thread in typing:
        thread.start()
    for thread in typing:
        thread.join()
    assert sorted(answers.get_nowait().split(":")[0] for _ in lines) == [
        "ignition=off consent=off hold=off recording=off devices=off fault=off",
        "ok",
        "ok",
        "ok",
    ]
    assert sorted(bench.events(), key=str) == [ConsentPressed(), ConsentPressed(), HoldPressed()]


def test_bytes_that_are_no_text(bench):
    """Rubbish is answered and harms nobody."""
    with connect(bench.socket, 5.0) as client, client.makefile("rwb") as stream:
        stream.write(b"\xff\xfe\n")
        stream.flush()
        assert stream.readline().startswith(b"error: ")
    assert bench.say("press hold") == ["ok: pressed hold for 0.1 s: HoldPressed"]


def test_a_client_that_hangs_up_in_the_middle_of_a_press(bench):
    """The press still happens: the finger was down."""
    with connect(bench.socket, 5.0) as client:
        client.sendall(b"press consent\n")
    assert bench.posted.get(timeout=5.0) == ConsentPressed()


def test_close_in_the_middle_of_a_press(bench):
    """Close does not wait for the finger; the press means nothing and its client is told."""
    failed: queue.SimpleQueue = queue.SimpleQueue()
    served = threading.Event()

    def type_it():
        try:
            for _ in panel_client(bench.socket, ["state", "hold consent 30"]):
                served.set()
        except NotRunningError as error:
            failed.put(str(error))

    with connect(bench.socket, 5.0) as client, client.makefile("rwb") as stream:
        typing = threading.Thread(target=type_it)
        stream.write(b"hold hold 30\n")
        stream.flush()
        typing.start()
        assert served.wait(5.0)
        bench.panel.close()
        typing.join(5.0)
        assert not typing.is_alive()
        assert stream.readline() == b""
    assert bench.events() == []
    assert "panel" in failed.get_nowait()
    assert not bench.socket.exists()


def test_a_folder_deeper_than_a_socket_address(tmp_path):
    """108 bytes are not the end."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    bench = Bench(deep)
    bench.panel.start(bench.posted.put)
    assert bench.say("ignition on") == ["ok: ignition on"]
    bench.panel.close()


def test_only_the_owner_may_press(bench):
    """Who may write to the socket can press the buttons: nobody else."""
    assert bench.socket.stat().st_mode & 0o777 == 0o600


def test_no_folder_is_one_sentence(tmp_path):
    """A panel that cannot listen says where and why."""
    bench = Bench(tmp_path / "missing")
    with pytest.raises(PanelError, match=r"cannot listen on .*panel\.sock: No such file or directory\."):
        bench.panel.start(bench.posted.put)
    bench.panel.close()


def test_a_key_that_cannot_be_kept_is_not_turned(bench):
    """Without its place in the runtime directory the key stays, and the sentence says so."""
    bench.key.with_suffix(".tmp").mkdir()
    assert bench.say("ignition on") == [
        f"error: the key cannot be turned, for {bench.key} cannot be written: Is a directory."
    ]
    assert bench.events() == []
    assert not bench.panel.ignition_on


@pytest.mark.parametrize("content", [b"", b"ignition", b"\xff\xff", b"ignition on"])
def test_a_damaged_position_is_off(tmp_path, content):
    """Whatever is not exactly a key that is on is a key that is off."""
    bench = Bench(tmp_path)
    bench.key.write_bytes(content)
    assert not bench.panel.ignition_on


def test_nobody_there_is_one_sentence(tmp_path):
    """No socket, and a socket that a crash left: the same sentence."""
    path = tmp_path / "panel.sock"
    with pytest.raises(NotRunningError, match="No simulated panel answers on"):
        list(panel_client(path, ["state"], wait_s=0.1))
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with pytest.raises(NotRunningError, match="No simulated panel answers on"):
        list(panel_client(path, ["state"], wait_s=0.1))


def test_a_place_that_cannot_hold_a_socket_is_one_sentence(tmp_path):
    """Waiting would not help, so nobody waits."""
    (tmp_path / "file").touch()
    with pytest.raises(NotRunningError, match=r"The panel's socket .* cannot be used: Not a directory\."):
        list(panel_client(tmp_path / "file" / "panel.sock", ["state"], wait_s=60.0))


@pytest.mark.slow
def test_a_stuck_button(bench):
    """Held for more than 20 s it is a fault until it is released, and nothing else."""
    assert bench.say("hold consent 20.5") == [
        "ok: held consent for 20.5 s: tone long-enough, FaultRaised button-stuck-consent, "
        "FaultCleared button-stuck-consent"
    ]
    assert bench.events() == [FaultRaised("button-stuck-consent"), FaultCleared("button-stuck-consent")]


def test_the_client_waits_for_the_panel(tmp_path):
    """A script may type before the recorder is up."""
    bench = Bench(tmp_path)
    answers: queue.SimpleQueue = queue.SimpleQueue()
    typing = threading.Thread(target=lambda: answers.put(bench.say("ignition on", "ignition off")))
    typing.start()
    bench.panel.start(bench.posted.put)
    assert answers.get(timeout=5.0) == ["ok: ignition on", "ok: ignition off"]
    typing.join()
    assert bench.events() == [IgnitionOn(), IgnitionOff()]
    bench.panel.close()


CRASHING = """
import sys, threading
from pathlib import Path
from recorder.cabin.simulated import SimulatedPanel
folder = Path(sys.argv[1])
SimulatedPanel(folder / "panel.sock", folder / "panel.state").start(lambda event: print(event, flush=True))
threading.Event().wait()
"""


def test_the_vehicle_outlives_kill_9(tmp_path):
    """After kill -9 the key is where it was, the stale socket is replaced, and IgnitionOn comes first."""
    bench = Bench(tmp_path)
    with subprocess.Popen([sys.executable, "-c", CRASHING, str(tmp_path)], stdout=subprocess.PIPE) as recorder:
        assert bench.say("ignition on") == ["ok: ignition on"]
        assert recorder.stdout.readline() == b"IgnitionOn()\n"
        recorder.send_signal(signal.SIGKILL)
    assert bench.socket.exists()
    bench.panel.start(bench.posted.put)
    assert bench.say("state") == ["ignition=on consent=off hold=off recording=off devices=off fault=off"]
    assert bench.events() == [IgnitionOn()]
    bench.panel.close()


def test_nothing_heavy_is_imported():
    """The panel is there before the heavy libraries: importing it brings none of them, nor any vendor's at all."""
    code = "import sys; before = set(sys.modules); import recorder.cabin.simulated; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    outside = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert outside == {"recorder"}


def test_no_descriptor_is_left_open(tmp_path):
    """Opening and closing panels and clients leaves the process as it was."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        bench = Bench(tmp_path)
        bench.panel.start(bench.posted.put)
        bench.say("state")
        bench.panel.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
