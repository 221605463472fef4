"""Real pins: pressed by a person, or by a wire from a lamp's pin to a button's."""

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from gpiozero import DigitalOutputDevice, InputDevice

from recorder.cabin.board import Board
from recorder.cabin.panel import GpioPanel
from recorder.cabin.pins import Wiring
from recorder.cabin.signals import ALL_OFF, STEADY, Lamps
from recorder.events import ConsentPressed, ConsentWithdrawn, Event, HoldPressed, IgnitionOff, IgnitionOn
from tests.contract.harness import pause
from tests.hardware.person import Person

pytestmark = [pytest.mark.hardware, pytest.mark.timeout(600)]
HAND_S = 60.0
KEY = (IgnitionOn, IgnitionOff)
LAMPS = {
    "consent": "the green ring",
    "hold": "the blue ring",
    "recording": "the white lamp",
    "devices": "the amber lamp",
    "fault": "the red lamp",
}


def only(lamp: str) -> Lamps:
    return replace(ALL_OFF, **{lamp: replace(getattr(ALL_OFF, lamp), rhythm=STEADY)})


class Running:
    """A panel that runs, and what it posted."""

    def __init__(self, wiring: Wiring, header: Callable[[], Board]) -> None:
        self.posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.panel = GpioPanel(wiring, header)
        self.panel.start(self.posted.put)

    def next(self, of: tuple[type, ...] | None = None) -> Event:
        """The next event of the key, or with None the next that is none of the key's."""
        give_up_s = time.monotonic() + HAND_S
        while True:
            event = self.posted.get(timeout=max(0.01, give_up_s - time.monotonic()))
            if isinstance(event, KEY) == (of is KEY):
                return event


@pytest.fixture
def running(wiring: Wiring, header: Callable[[], Board]) -> Iterator[Running]:
    made = Running(wiring, header)
    yield made
    made.panel.close()


@pytest.mark.usefixtures("panel_is_wired")
@pytest.mark.parametrize(
    ("sentence", "event"),
    [
        ("Press the green button briefly.", ConsentPressed()),
        ("Hold the green button for four seconds, and let go.", ConsentWithdrawn()),
        ("Press a blue button briefly.", HoldPressed()),
    ],
    ids=["consent", "withdrawal", "hold"],
)
def test_a_press(running: Running, person: Person, sentence: str, event: Event) -> None:
    """One press, one event, and none behind it from a contact that bounces."""
    person.do(sentence)
    assert running.next() == event
    pause(0.5)
    assert [left for left in iter_of(running.posted) if not isinstance(left, KEY)] == []


@pytest.mark.usefixtures("panel_is_wired")
def test_the_key(running: Running, person: Person) -> None:
    """On and off, once each."""
    if not running.panel.ignition_on:
        person.do("Turn the key on (or join pin 29 and pin 30).")
    assert running.next(KEY) == IgnitionOn()
    person.do("Turn the key off (or part them).")
    assert running.next(KEY) == IgnitionOff()


@pytest.mark.usefixtures("panel_is_wired")
@pytest.mark.parametrize("lamp", LAMPS)
def test_a_lamp(running: Running, person: Person, lamp: str) -> None:
    """Each lamp is where it belongs, and dark when it is not asked for."""
    running.panel.show(only(lamp))
    assert person.agrees(f"Is {LAMPS[lamp]} lit, and no other?")


def bridged(board: Board, wiring: Wiring) -> bool:
    """Whether a wire leads from the recording lamp's pin to the consent button's."""
    (driver,), (reader,) = wiring.recording_lamp, wiring.consent
    seen = []
    with (
        DigitalOutputDevice(driver, pin_factory=board.factory) as out,
        InputDevice(reader, pull_up=True, pin_factory=board.factory) as contact,
    ):
        for level in (True, False, True):
            out.value = level
            seen.append(bool(contact.pin.state))
    board.factory.close()
    return seen == [True, False, True]


@pytest.mark.parametrize(("seconds", "event"), [(0.2, ConsentPressed()), (3.2, ConsentWithdrawn())])
def test_a_press_by_wire(wiring: Wiring, header: Callable[[], Board], seconds: float, event: Event) -> None:
    """Out through a lamp's pin, in through a button's: lgpio, edges, their times and our debouncing, without a hand."""
    if not bridged(header(), wiring):
        pytest.skip("no wire (a resistor of 1 kΩ) joins pins 40 and 11")
    running = Running(wiring, header)
    try:
        released, pressed = only("recording"), ALL_OFF  # a lit lamp is high, and a button is pressed while it is low
        for lamps, lasts_s in ((released, 0.3), (pressed, seconds), (released, 0.3)):
            running.panel.show(lamps)
            pause(lasts_s)
        assert running.next() == event
        assert [left for left in iter_of(running.posted) if not isinstance(left, KEY)] == []
    finally:
        running.panel.close()


def iter_of(posted: "queue.SimpleQueue[Any]") -> Iterator[Any]:
    """What waits in a queue."""
    while not posted.empty():
        yield posted.get()
