"""The vehicles that panels are tried in: each turns a key, presses buttons and looks at lamps from outside.

A panel for real pins adds a vehicle of its own here, and passes the same tests.
"""

import queue
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from recorder.cabin.buttons import Button
from recorder.cabin.ports import Panel
from recorder.cabin.simulated import SimulatedPanel, panel_client
from recorder.events import Event

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
