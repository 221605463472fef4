"""What the recorder asks of the cabin: buttons and lamps, a loudspeaker, and power.

Every real adapter and its simulated twin pass the same contract test (``tests/contract``). Adapters call ``post``
from any thread; it never blocks.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from recorder.cabin.signals import Lamps
from recorder.events import Event

Post = Callable[[Event], None]


class Panel(Protocol):
    """Ignition sense, buttons and lamps."""

    def start(self, post: Post) -> None:
        """Begin to report; posts IgnitionOn at once where the ignition is on. Raises PanelError."""
        ...

    @property
    def ignition_on(self) -> bool:
        """The ignition as it is now, read afresh."""
        ...

    def show(self, lamps: Lamps) -> None:
        """Show these lamps from now on; called whenever they change."""
        ...

    def close(self) -> None:
        """Stop reporting, all lamps off."""
        ...


class Loudspeaker(Protocol):
    """Plays one thing at a time; a new one replaces the old."""

    def play(self, wav: Path, done: Callable[[bool], None]) -> None:
        """Begin to play; ``done(finished)`` is called once, from any thread.

        Never raises: no device, no file, replaced or closed before its end is ``done(False)``.
        """
        ...

    def close(self) -> None:
        """Fall silent and let go of the device."""
        ...


class PowerSupply(Protocol):
    """The supply behind the ignition."""

    def power_off(self) -> None:
        """Ask for power to be cut once the recorder has ended; the simulated supply stays on. Raises PanelError."""
        ...

    def wake_at(self, utc_ns: int) -> bool:
        """Set the alarm that starts the recorder for its next deletion; False where the hardware cannot."""
        ...
