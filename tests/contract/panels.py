"""The vehicles that panels are tried in: each turns a key, presses buttons and looks at lamps from outside.

The panel for pins is tried on gpiozero's mock pins, and on the kernel's where it has some to give.
"""

import queue
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from recorder.cabin.buttons import Button
from recorder.cabin.panel import GpioPanel
from recorder.cabin.pins import Wiring
from recorder.cabin.ports import Panel
from recorder.cabin.simulated import SimulatedPanel, panel_client
from recorder.events import Event
from tests.contract.gpiosim import GpioSim
from tests.contract.harness import Harness, Wires, pause, press

WITHIN_S = 5.0


class Vehicle(Protocol):
    """What the outside can do to a panel. ``panel()`` gives a new one, as after a restart of the recorder."""

    posted: "queue.SimpleQueue[Event]"

    def panel(self) -> Panel: ...
    def turn_key(self, on: bool) -> None: ...
    def press(self, button: Button, seconds: float) -> None: ...
    def lit(self) -> set[str]: ...


@dataclass
class SimulatedVehicle:
    """A vehicle in a folder: its key and buttons are lines on a socket."""

    folder: Path
    posted: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)

    @property
    def socket_path(self) -> Path:
        return self.folder / "panel.sock"

    def panel(self) -> SimulatedPanel:
        return SimulatedPanel(self.socket_path, self.folder / "panel.state")

    def say(self, *lines: str) -> list[str]:
        return list(panel_client(self.socket_path, lines))

    def turn_key(self, on: bool) -> None:
        self.say(f"ignition {'on' if on else 'off'}")

    def press(self, button: Button, seconds: float) -> None:
        self.say(f"hold {button} {seconds}")

    def lit(self) -> set[str]:
        words = dict(word.split("=") for word in self.say("state")[0].split())
        return {lamp for lamp, rhythm in words.items() if lamp != "ignition" and rhythm != "off"}


@dataclass
class WiredVehicle:
    """A vehicle with buttons and lamps on pins, the key's line to ground as through an opto-isolator."""

    folder: Path
    posted: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)
    wiring: Wiring = field(default_factory=lambda: Wiring(ignition_off_s=0.2))
    wires: Wires = field(default_factory=Harness)

    def panel(self) -> GpioPanel:
        return GpioPanel(self.wiring, self.wires.open_board)

    def turn_key(self, on: bool) -> None:
        (self.wires.ground if on else self.wires.open)(self.wiring.ignition)

    def press(self, button: Button, seconds: float) -> None:
        pin, *_ = {"consent": self.wiring.consent, "hold": self.wiring.hold}[button]
        press(self.wires, pin, seconds)

    def lit(self) -> set[str]:
        """Watched for longer than any rhythm is dark, after the moment the panel takes to change."""
        pause(0.1)
        lit, end_s = set(), time.monotonic() + 1.5
        while time.monotonic() < end_s:
            lit |= {lamp for lamp, pin in self.wiring.lamps if self.wires.high(pin)}
            pause(0.02)
        return lit


def kernel_vehicle(folder: Path) -> WiredVehicle:
    """A vehicle on the kernel's pins. gpio-sim takes a pull asked for by the panel as a hand, so the circuit pulls."""
    wiring = Wiring(ignition_off_s=0.2, buttons_pull=False, ignition_pull=False)
    return WiredVehicle(folder, wiring=wiring, wires=GpioSim(folder))
