"""A panel without pins: whoever may write to its UNIX socket turns the key and presses the buttons.

Rules: a line in, a line out; presses take real time and go through the same decoder as real contacts; an answer comes
after its events were posted. The panel is the vehicle: the position of the key lies in the runtime directory and
outlives a crash of the recorder. Only the standard library is imported, so the panel is there within the first
moments of a start.
"""

import contextlib
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from recorder.cabin.buttons import Button, ButtonDecoder
from recorder.cabin.ports import Post
from recorder.cabin.signals import ALL_OFF, Feedback, Lamps
from recorder.errors import NotRunningError, PanelError
from recorder.events import Event, FaultCleared, FaultRaised, IgnitionOff, IgnitionOn
from recorder.unixsocket import connect, listen

PRESS_S = 0.1
LONGEST_PRESS_S = 60.0
LONGEST_LINE = 1024
ANSWER_WITHIN_S = 2 * LONGEST_PRESS_S + 10.0
JOIN_S = 2.0
LINES = f"ignition on|off, press consent|hold, hold consent|hold SECONDS (at most {LONGEST_PRESS_S:g}), state"

log = logging.getLogger(__name__)


class _ClosedError(Exception):
    """The panel was closed in the middle of a press; nothing follows from it."""


class _Finger:
    """The one finger on a button: presses in real time, one press after the other, whoever asks."""

    def __init__(self, button: Button, closing: threading.Event, report: Callable[[Event | Feedback], None]) -> None:
        self._decoder = ButtonDecoder(button)
        self._closing = closing
        self._report = report
        self._lock = threading.Lock()

    def rest(self) -> None:
        """The contact is seen released for the first time."""
        self._decoder.sense(False, time.monotonic())

    def press(self, seconds: float) -> list[Event | Feedback]:
        """Press for ``seconds``; what followed, already reported."""
        with self._lock:
            said = self._pass()  # a contact counts only once it was steadily released
            down_s = time.monotonic()
            said += self._said(self._decoder.sense(True, down_s))
            said += self._pass(until_s=down_s + seconds)
            said += self._said(self._decoder.sense(False, time.monotonic()))
            return said + self._pass()

    def _pass(self, until_s: float | None = None) -> list[Event | Feedback]:
        """Let time pass: to ``until_s``, or until nothing more is due."""
        said: list[Event | Feedback] = []
        while moments := [moment_s for moment_s in (until_s, self._decoder.due_s) if moment_s is not None]:
            if self._closing.wait(max(0.0, min(moments) - time.monotonic())):
                raise _ClosedError
            now_s = time.monotonic()
            said += self._said(self._decoder.advance(now_s))
            if until_s is not None and now_s >= until_s:
                break
        return said

    def _said(self, outcomes: tuple[Event | Feedback, ...]) -> tuple[Event | Feedback, ...]:
        for outcome in outcomes:
            self._report(outcome)
        return outcomes


class SimulatedPanel:
    """Key, buttons and lamps behind a socket. ``feedback`` sounds what a real panel's buzzer would."""

    def __init__(
        self, socket_path: Path, state_path: Path, feedback: Callable[[Feedback], None] = lambda _feedback: None
    ) -> None:
        self._socket_path = socket_path
        self._state_path = state_path
        self._feedback = feedback
        self._key = threading.Lock()
        self._closing = threading.Event()
        self._fingers = {button: _Finger(button, self._closing, self._report) for button in ("consent", "hold")}
        self._lamps = ALL_OFF
        self._post: Post | None = None
        self._server: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._clients: dict[threading.Thread, socket.socket] = {}

    def start(self, post: Post) -> None:
        """Begin to listen; posts IgnitionOn at once where the key is on. Raises PanelError."""
        self._post = post
        for finger in self._fingers.values():
            finger.rest()
        if self.ignition_on:
            post(IgnitionOn())
        try:
            self._server = listen(self._socket_path)
        except OSError as error:
            raise PanelError(f"The panel cannot listen on {self._socket_path}: {error.strerror or error}.") from error
        self._acceptor = threading.Thread(target=self._serve, args=(self._server,), name="panel", daemon=True)
        self._acceptor.start()

    @property
    def ignition_on(self) -> bool:
        """The position of the key, read afresh; off where nobody turned it since the last power cut."""
        try:
            return self._state_path.read_text(encoding="ascii") == "ignition on\n"
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError):
            log.exception("the position of the key cannot be read; it is taken as off")
            return False

    def show(self, lamps: Lamps) -> None:
        """Show these lamps from now on."""
        self._lamps = lamps

    def close(self) -> None:
        """Stop listening and reporting, all lamps off; no event is posted after it returns."""
        self._closing.set()
        self._lamps = ALL_OFF
        if self._server is None or self._acceptor is None:
            return
        self._socket_path.unlink(missing_ok=True)
        self._server.shutdown(socket.SHUT_RDWR)  # wakes accept; close alone does not
        self._acceptor.join(JOIN_S)
        self._server.close()
        self._server = None
        for thread, client in list(self._clients.items()):
            with contextlib.suppress(OSError):  # it has gone by itself
                client.shutdown(socket.SHUT_RDWR)
            thread.join(JOIN_S)

    # --- the socket ----------------------------------------------------------------------------------------------

    def _serve(self, server: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return  # closed
            thread = threading.Thread(target=self._talk, args=(client,), name="panel-client", daemon=True)
            self._clients[thread] = client
            thread.start()

    def _talk(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rwb") as stream:
                while line := stream.readline(LONGEST_LINE):
                    too_long = len(line) == LONGEST_LINE and not line.endswith(b"\n")
                    text = "" if too_long else line.decode(errors="replace")
                    stream.write(self._obey(text).encode() + b"\n")
                    stream.flush()
                    if too_long:
                        return  # what follows is the rest of a line, not a line
        except (ConnectionError, _ClosedError):
            return  # the client went away, or the panel
        finally:
            self._clients.pop(threading.current_thread())

    def _obey(self, line: str) -> str:
        """Do what ``line`` says; one line of answer."""
        match line.split():
            case ["ignition", ("on" | "off") as position]:
                return self._turn(position)
            case ["press", ("consent" | "hold") as button]:
                return f"ok: pressed {button} for {PRESS_S:g} s: {_told(self._fingers[button].press(PRESS_S))}"
            case ["hold", ("consent" | "hold") as button, text] if seconds := _seconds(text):
                return f"ok: held {button} for {seconds:g} s: {_told(self._fingers[button].press(seconds))}"
            case ["state"]:
                return self._state()
        return f"error: {line.strip()[:60]!r} is not a line of this panel; its lines are: {LINES}."

    def _turn(self, position: str) -> str:
        with self._key:
            if self.ignition_on == (position == "on"):
                return f"ok: ignition was {position} already"
            try:
                temporary = self._state_path.with_suffix(".tmp")
                temporary.write_text(f"ignition {position}\n", encoding="ascii")
                temporary.replace(self._state_path)
            except OSError as error:
                return f"error: the key cannot be turned, for {self._state_path} cannot be written: {error.strerror}."
            self._report(IgnitionOn() if position == "on" else IgnitionOff())
        return f"ok: ignition {position}"

    def _state(self) -> str:
        lamps = self._lamps
        shown = (f"{lamp.name}={getattr(lamps, lamp.name).rhythm.name}" for lamp in fields(Lamps))
        return f"ignition={'on' if self.ignition_on else 'off'} {' '.join(shown)}"

    def _report(self, outcome: Event | Feedback) -> None:
        if self._closing.is_set() or self._post is None:
            raise _ClosedError
        if isinstance(outcome, Feedback):
            self._feedback(outcome)
        else:
            self._post(outcome)


def panel_client(socket_path: Path, lines: Iterable[str], wait_s: float = 5.0) -> Iterator[str]:
    """Type ``lines`` into the simulated panel, one after the other; yields each answer as it comes.

    Waits ``wait_s`` for a panel to be there. Raises NotRunningError.
    """
    with _reach(socket_path, wait_s) as connection, connection.makefile("r", encoding="utf-8") as stream:
        for line in (line for text in lines for line in text.split("\n")):
            try:
                connection.sendall(f"{line}\n".encode())  # unbuffered: nothing is left to fail when it is closed
                answer = stream.readline()
            except TimeoutError as error:
                raise NotRunningError(f"The panel did not answer {line!r} within {ANSWER_WITHIN_S:g} s.") from error
            except ConnectionError:
                answer = ""
            if not answer:
                raise NotRunningError(f"The recorder ended before its panel answered {line!r}.")
            yield answer.rstrip("\n")


def _reach(socket_path: Path, wait_s: float) -> socket.socket:
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            return connect(socket_path, ANSWER_WITHIN_S)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            if time.monotonic() >= deadline_s:
                raise NotRunningError(
                    f"No simulated panel answers on {socket_path}; start `cabin-recorder run` with [panel] kind = "
                    '"simulated" first.'
                ) from error
        except OSError as error:
            raise NotRunningError(f"The panel's socket {socket_path} cannot be used: {error.strerror}.") from error
        time.sleep(0.02)


def _seconds(text: str) -> float | None:
    """A length of time that a finger can hold; None where it is none."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds <= LONGEST_PRESS_S else None


def _told(outcomes: list[Event | Feedback]) -> str:
    return ", ".join(map(_name, outcomes)) or "nothing"


def _name(outcome: Event | Feedback) -> str:
    match outcome:
        case Feedback():
            return f"tone {outcome.value}"
        case FaultRaised(kind) | FaultCleared(kind):
            return f"{type(outcome).__name__} {kind}"
    return type(outcome).__name__
