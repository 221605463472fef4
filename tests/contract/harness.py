"""The wires between hands and pins: gpiozero's own mock pins, with buttons that are stronger than a pull-up."""

import threading
from dataclasses import dataclass, field
from typing import Protocol

from gpiozero import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPWMPin

from recorder.cabin.board import Board


class Wires(Protocol):
    """What a hand can do to pins, by BCM number."""

    def open_board(self) -> Board: ...
    def ground(self, pin: int) -> None: ...
    def open(self, pin: int) -> None: ...
    def high(self, pin: int) -> bool: ...


class WiredPin(MockPWMPin):
    """A mock pin that reads low while a hand grounds it, whatever resistor pulls it up."""

    def _set_pull(self, value):
        super()._set_pull(value)
        if self._info.name in self._factory.grounded:
            self.drive_low()


class HeaderFactory(MockFactory):
    """A header whose pins remember, over restarts of the recorder, which of them are grounded."""

    def __init__(self, grounded):
        super().__init__(pin_class=WiredPin)
        self.grounded = grounded


@dataclass
class Harness:
    """A vehicle's wiring from outside. Pins by BCM number."""

    grounded: set[str] = field(default_factory=set)
    factory: HeaderFactory | None = None
    users: dict[int, str] = field(default_factory=dict)

    def open_board(self) -> Board:
        """What the recorder opens at its start."""
        self.factory = HeaderFactory(self.grounded)
        return Board(self.factory, (GPIOZeroError, OSError), self.users)

    def ground(self, pin: int) -> None:
        """Close a contact to ground."""
        self.grounded.add(f"GPIO{pin}")
        if self.factory is not None:
            self.factory.pin(pin).drive_low()

    def open(self, pin: int) -> None:
        """Open it again."""
        self.grounded.discard(f"GPIO{pin}")
        if self.factory is not None:
            self.factory.pin(pin).drive_high()

    def high(self, pin: int) -> bool:
        """Whether the pin is high now."""
        assert self.factory is not None
        return bool(self.factory.pin(pin).state)


def press(wires: "Wires", pin: int, seconds: float) -> None:
    """Press a button and let go; a finger takes a moment to get there."""
    pause(0.05)
    wires.ground(pin)
    pause(seconds)
    wires.open(pin)


def pause(seconds: float) -> None:
    """Real time that a hand needs: what is tried here is a panel that measures it."""
    threading.Event().wait(seconds)
