"""A panel of real buttons and lamps, on a Raspberry Pi's pins.

Rules: one thread owns what is sensed and what is shown; edges wake it and say when, levels read afresh say what is true
where an edge was lost; presses and the ignition are judged by the same pure decoders as everywhere. A thread that dies
of a broken pin ends the process: a panel that shows nothing must not pass for a recorder that rests.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from recorder.cabin.board import Board
from recorder.cabin.buttons import ButtonDecoder
from recorder.cabin.ignition import IgnitionDecoder
from recorder.cabin.pins import Lamp, Pins, Wiring
from recorder.cabin.ports import Post
from recorder.cabin.signals import OFF, Feedback, Lamps, Rhythm, Tone, tones
from recorder.errors import PanelError
from recorder.events import Event

LOOK_S = 0.05
EDGE_LATE_S = 0.1
JOIN_S = 2.0
IGNITION = 0  # its place in Wiring.inputs

log = logging.getLogger(__name__)


class _Decoder(Protocol):
    """What the decoders of ignition and buttons have in common."""

    @property
    def due_s(self) -> float | None: ...

    def advance(self, now_s: float) -> tuple[Event | Feedback, ...]: ...


@dataclass(frozen=True, slots=True)
class _Edge:
    """A contact changed at ``at_s``."""

    contact: int
    active: bool
    at_s: float


@dataclass(slots=True)
class _Line:
    """One contact as its edges told it; ``differs_since_s``: since when its pin reads otherwise."""

    sense: Callable[[bool, float], tuple[Event | Feedback, ...]]
    active: bool = False
    differs_since_s: float | None = None


@dataclass(slots=True)
class _Light:
    """One lamp: its rhythm and since when, and whether it is lit."""

    name: Lamp
    rhythm: Rhythm = OFF
    since_s: float = 0.0
    lit: bool = False


class GpioPanel:
    """Buttons, rings, lamps, ignition and buzzer as ``wiring`` says, on the board that ``open_board`` opens.

    ``feedback`` sounds what a button has to say where no buzzer is fitted.
    """

    def __init__(
        self,
        wiring: Wiring,
        open_board: Callable[[], Board],
        feedback: Callable[[Feedback], None] = lambda _feedback: None,
    ) -> None:
        self._wiring = wiring
        self._open_board = open_board
        self._feedback = feedback
        self._inbox: queue.SimpleQueue[_Edge | Lamps | Literal["close"]] = queue.SimpleQueue()
        self._lines: list[_Line] = []
        self._decoders: list[tuple[_Decoder, list[_Line]]] = []
        self._wire()
        self._lights = [_Light(name) for name in dict(wiring.lamps)]
        self._tones: deque[Tone] = deque()
        self._tone_ends_s: float | None = None
        self._post: Post = lambda _event: None  # until start
        self._opening = threading.Lock()
        self._pins: Pins | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, post: Post) -> None:
        """Begin to report; posts IgnitionOn at once where the ignition is on. Raises PanelError."""
        self._post = post
        pins, now_s = self._opened(), time.monotonic()
        for contact in range(len(self._lines)):
            self._sense(_Edge(contact, pins.active(contact), now_s))
        self._thread = threading.Thread(target=self._run, args=(pins,), name="panel", daemon=True)
        self._thread.start()

    @property
    def ignition_on(self) -> bool:
        """The ignition as its pin reads now, before any debouncing. Raises PanelError."""
        return self._opened().active(IGNITION)

    def show(self, lamps: Lamps) -> None:
        """Show these lamps from now on; a rhythm that stays goes on without a break."""
        self._inbox.put(lamps)

    def close(self) -> None:
        """Stop reporting, all lamps off, the pins given back; no event is posted after it returns."""
        self._inbox.put("close")
        if self._thread is not None:
            self._thread.join(JOIN_S)
        with self._opening:
            self._closed = True
            if self._pins is not None:
                self._pins.close()
                self._pins = None

    # --- what there is -------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        """A decoder for the ignition and for each button, in the order of ``Wiring.inputs``."""
        ignition = IgnitionDecoder(self._wiring.ignition_off_s)
        self._decode(ignition, [_Line(ignition.sense)])
        consent = ButtonDecoder("consent", len(self._wiring.consent))
        self._decode(consent, [_Line(partial(consent.sense, contact=n)) for n in range(len(self._wiring.consent))])
        hold = ButtonDecoder("hold", len(self._wiring.hold))
        self._decode(hold, [_Line(partial(hold.sense, contact=n)) for n in range(len(self._wiring.hold))])

    def _decode(self, decoder: _Decoder, lines: list[_Line]) -> None:
        self._decoders.append((decoder, lines))
        self._lines += lines

    def _opened(self) -> Pins:
        """The pins, opened by whoever needs them first: a recorder that resumes asks for the ignition before start."""
        with self._opening:
            if self._closed:
                raise PanelError("The panel is closed; its pins cannot be read any more.")
            if self._pins is None:
                self._pins = Pins(self._open_board(), self._wiring, self._on_edge)
            return self._pins

    def _on_edge(self, contact: int, active: bool, at_s: float) -> None:
        """Called on the library's thread."""
        self._inbox.put(_Edge(contact, active, at_s))

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self, pins: Pins) -> None:
        due_s = time.monotonic()
        while True:
            try:
                message = self._inbox.get(timeout=max(0.0, due_s - time.monotonic()))
            except queue.Empty:
                due_s = self._round(pins, time.monotonic())
                continue
            match message:
                case "close":
                    return
                case _Edge():
                    self._sense(message)
                case Lamps():
                    self._change(message, time.monotonic())
            if self._inbox.empty() or time.monotonic() >= due_s:
                due_s = self._round(pins, time.monotonic())

    def _round(self, pins: Pins, now_s: float) -> float:
        """Do what is due at ``now_s``; when to come back at the latest."""
        dues_s = [now_s + LOOK_S]
        self._look(pins, now_s)
        for decoder, lines in self._decoders:
            doubts_s = (line.differs_since_s for line in lines if line.differs_since_s is not None)
            self._report(decoder.advance(min(doubts_s, default=now_s)))
            dues_s += [] if decoder.due_s is None else [decoder.due_s]
        for light in self._lights:
            self._shine(pins, light, now_s)
            dues_s.append(now_s + light.rhythm.steady_for_s(now_s - light.since_s))
        self._sound(pins, now_s)
        dues_s += [] if self._tone_ends_s is None else [self._tone_ends_s]
        return min(due_s for due_s in dues_s if due_s > now_s)

    # --- in ------------------------------------------------------------------------------------------------------

    def _sense(self, edge: _Edge) -> None:
        line = self._lines[edge.contact]
        line.active, line.differs_since_s = edge.active, None
        self._report(line.sense(edge.active, edge.at_s))

    def _look(self, pins: Pins, now_s: float) -> None:
        """Compare pins with edges. An edge may still be on its way; after a while it is lost, and the pin counts."""
        for contact, line in enumerate(self._lines):
            active = pins.active(contact)
            if active == line.active:
                line.differs_since_s = None
            elif line.differs_since_s is None:
                line.differs_since_s = now_s
            elif now_s >= line.differs_since_s + EDGE_LATE_S:
                log.warning("an edge of GPIO%d was lost; its level counts", self._wiring.inputs[contact][1])
                self._sense(_Edge(contact, active, line.differs_since_s))

    def _report(self, outcomes: tuple[Event | Feedback, ...]) -> None:
        for outcome in outcomes:
            if not isinstance(outcome, Feedback):
                self._post(outcome)
            elif self._wiring.buzzer is None:
                self._feedback(outcome)
            else:
                self._tones = deque(tones(outcome))
                self._tone_ends_s = time.monotonic()

    # --- out -----------------------------------------------------------------------------------------------------

    def _change(self, lamps: Lamps, now_s: float) -> None:
        for light in self._lights:
            rhythm = getattr(lamps, light.name).rhythm
            if rhythm != light.rhythm:
                light.rhythm, light.since_s = rhythm, now_s

    def _shine(self, pins: Pins, light: _Light, now_s: float) -> None:
        lit = light.rhythm.lit(now_s - light.since_s)
        if lit != light.lit:
            pins.light(light.name, lit=lit)
            light.lit = lit

    def _sound(self, pins: Pins, now_s: float) -> None:
        """The next tone where the one before has ended; silence after the last."""
        if self._tone_ends_s is None or now_s < self._tone_ends_s:
            return
        tone = self._tones.popleft() if self._tones else None
        pins.sound(tone.frequency_hz if tone else 0)
        self._tone_ends_s = now_s + tone.duration_s if tone else None


def read_ignition(wiring: Wiring, open_board: Callable[[], Board]) -> bool:
    """The ignition, for whoever has no panel: the last look before the power goes. Raises PanelError."""
    pins = Pins(open_board(), wiring.ignition_alone, lambda _contact, _active, _at_s: None)
    try:
        return pins.active(IGNITION)
    finally:
        pins.close()
