"""Buttons, lamps, ignition and buzzer as pins, through gpiozero.

Rules: pins are asked for all at once and refused together, with who has them; an edge carries the moment at which the
kernel saw it, so that a press counts for as long as it lasted even while Python was busy; gpiozero's ``bounce_time``
stays unused (gpiozero issues 550 and 1090: lgpio compares a monotonic clock with the wall clock). What edges and levels
mean is not known here.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from recorder.cabin.board import Board
from recorder.cabin.ignition import OFF_STEADY_S
from recorder.errors import PanelError

Level = Literal["low", "high"]
Input = Literal["ignition", "consent", "hold"]
Lamp = Literal["consent", "hold", "recording", "devices", "fault"]

log = logging.getLogger(__name__)

BUZZER_OCTAVES = 2  # around 440 Hz: 110 to 1760 Hz, which holds every tone of signals.py

LET_GO_WITHIN_S = 0.3


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which pin does what, by BCM number, and how it is wired. The defaults are the pin table of ``hardware/``.

    Several buttons or lamps of one kind are several pins. ``*_active``: the level of a button that is pressed, an
    ignition that is on, a lamp that is lit. ``*_pull``: whether the Pi's own resistor pulls an open contact to the
    other level; false where the circuit does. ``ignition_off_s``: how long the ignition must be off before it counts.
    """

    consent: tuple[int, ...] = (17,)
    hold: tuple[int, ...] = (27, 22)
    ignition: int = 5
    consent_ring: tuple[int, ...] = (16,)
    hold_ring: tuple[int, ...] = (20,)
    recording_lamp: tuple[int, ...] = (21,)
    devices_lamp: tuple[int, ...] = (26,)
    fault_lamp: tuple[int, ...] = (13,)
    buzzer: int | None = None
    buttons_active: Level = "low"
    buttons_pull: bool = True
    ignition_active: Level = "low"
    ignition_pull: bool = True
    lamps_active: Level = "high"
    ignition_off_s: float = OFF_STEADY_S

    @property
    def inputs(self) -> tuple[tuple[Input, int], ...]:
        """Every contact: what it is, and its pin; the ignition first."""
        buttons: tuple[tuple[Input, tuple[int, ...]], ...] = (("consent", self.consent), ("hold", self.hold))
        return (("ignition", self.ignition), *((name, pin) for name, pins in buttons for pin in pins))

    @property
    def lamps(self) -> tuple[tuple[Lamp, int], ...]:
        """Every light: which lamp it belongs to, and its pin."""
        lamps: tuple[tuple[Lamp, tuple[int, ...]], ...] = (
            ("consent", self.consent_ring),
            ("hold", self.hold_ring),
            ("recording", self.recording_lamp),
            ("devices", self.devices_lamp),
            ("fault", self.fault_lamp),
        )
        return tuple((name, pin) for name, pins in lamps for pin in pins)

    @property
    def ignition_alone(self) -> "Wiring":
        """This wiring without any button, lamp or buzzer."""
        return Wiring(
            consent=(),
            hold=(),
            ignition=self.ignition,
            consent_ring=(),
            hold_ring=(),
            recording_lamp=(),
            devices_lamp=(),
            fault_lamp=(),
            ignition_active=self.ignition_active,
            ignition_pull=self.ignition_pull,
        )


OnEdge = Callable[[int, bool, float], None]
"""``(contact, active, at_s)``: a contact, by its place in ``Wiring.inputs``, changed at ``at_s`` of time.monotonic."""


class _Contact:
    """One input. gpiozero keeps only a weak reference to its callback, so somebody must keep this."""

    def __init__(self, number: int, device: Any, *, active_high: bool, on_edge: OnEdge) -> None:
        self._number = number
        self._active_high = active_high
        self._on_edge = on_edge
        self.device = device
        device.pin.when_changed = self._changed

    def _changed(self, ticks: float, state: int) -> None:
        """Called on the library's thread. ``ticks`` mean something only to the factory that made them."""
        factory = self.device.pin_factory
        age_s = factory.ticks_diff(factory.ticks(), ticks)
        self._on_edge(self._number, bool(state) == self._active_high, time.monotonic() - age_s)

    def close(self) -> None:
        self.device.pin.when_changed = None
        self.device.close()


class Pins:
    """All pins of a panel, from open to close. Lamps are dark when it opens and when it closes."""

    def __init__(self, board: Board, wiring: Wiring, on_edge: OnEdge) -> None:
        """Raises PanelError where a pin is taken or does not exist; then none is kept."""
        self._board = board
        self._contacts: list[_Contact] = []
        self._lamps: list[tuple[Lamp, Any]] = []
        self._buzzer: Any = None
        try:
            self._refuse_taken(wiring)
            for number, (name, pin) in enumerate(wiring.inputs):
                self._contacts.append(self._contact(number, name, pin, wiring, on_edge))
            for lamp, pin in wiring.lamps:
                self._lamps.append((lamp, self._light(lamp, pin, wiring)))
            if wiring.buzzer is not None:
                self._buzzer = self._sounder(wiring.buzzer)
        except BaseException:
            self.close()
            raise

    def active(self, contact: int) -> bool:
        """Whether a contact is active now, read from its pin. Raises PanelError."""
        with self._said("read"):
            return bool(self._contacts[contact].device.is_active)

    def light(self, lamp: Lamp, *, lit: bool) -> None:
        """Switch every light of ``lamp``. Raises PanelError."""
        with self._said("switched"):
            for name, device in self._lamps:
                if name == lamp:
                    device.value = lit

    def sound(self, frequency_hz: int) -> None:
        """Let the buzzer sound until told otherwise; 0: silence. Raises PanelError."""
        from gpiozero.tones import Tone  # noqa: PLC0415 - loaded with the buzzer

        with self._said("sounded"):
            if frequency_hz:
                self._buzzer.play(Tone.from_frequency(frequency_hz))
            else:
                self._buzzer.stop()
                self._buzzer.pwm_device.off()  # a piezo at a steady voltage only warms its driver

    def close(self) -> None:
        """All lamps off, silence, and every pin an input again; a pin that is broken keeps none of the others."""
        lamps = [device for _, device in self._lamps]
        buzzers = [] if self._buzzer is None else [self._buzzer]
        orders = [device.off for device in lamps]
        orders += [device.close for device in (*self._contacts, *lamps, *buzzers, self._board.factory)]
        for order in orders:
            self._let_go(order)
        self._contacts, self._lamps, self._buzzer = [], [], None

    def _let_go(self, order: Callable[[], None]) -> None:
        """Try for a while: a pin is busy for as long as lgpio's own thread looks at it once more."""
        give_up_s = time.monotonic() + LET_GO_WITHIN_S
        while True:
            try:
                return order()
            except self._board.errors as error:
                if time.monotonic() >= give_up_s:
                    log.warning("a pin of the panel could not be let go: %s", error)
                    return None
            time.sleep(0.01)

    # --- opening -------------------------------------------------------------------------------------------------

    def _refuse_taken(self, wiring: Wiring) -> None:
        buzzer = () if wiring.buzzer is None else (wiring.buzzer,)
        pins = sorted({pin for _, pin in (*wiring.inputs, *wiring.lamps)} | set(buzzer))
        taken = ", ".join(f"GPIO{pin} by {self._board.users[pin]}" for pin in pins if pin in self._board.users)
        if taken:
            raise PanelError(f"Pins of the panel are in use: {taken}. End what uses them, or wire the panel elsewhere.")

    def _contact(self, number: int, name: Input, pin: int, wiring: Wiring, on_edge: OnEdge) -> _Contact:
        from gpiozero import InputDevice  # noqa: PLC0415 - slow to load, and of no use without pins

        ignition = name == "ignition"
        active = wiring.ignition_active if ignition else wiring.buttons_active
        pull = wiring.ignition_pull if ignition else wiring.buttons_pull
        with self._said("used", f"GPIO{pin} ({name})"):
            device = InputDevice(
                pin,
                pull_up=active == "low" if pull else None,
                active_state=None if pull else active == "high",  # gpiozero wants it said only where it cannot guess
                pin_factory=self._board.factory,
            )
            return _Contact(number, device, active_high=active == "high", on_edge=on_edge)

    def _light(self, lamp: Lamp, pin: int, wiring: Wiring) -> Any:
        from gpiozero import DigitalOutputDevice  # noqa: PLC0415

        with self._said("used", f"GPIO{pin} ({lamp})"):
            return DigitalOutputDevice(pin, active_high=wiring.lamps_active == "high", pin_factory=self._board.factory)

    def _sounder(self, pin: int) -> Any:
        from gpiozero import TonalBuzzer  # noqa: PLC0415

        with self._said("used", f"GPIO{pin} (buzzer)"):
            return TonalBuzzer(pin, octaves=BUZZER_OCTAVES, pin_factory=self._board.factory)

    @contextlib.contextmanager
    def _said(self, verb: str, what: str = "A pin") -> Iterator[None]:
        try:
            yield
        except self._board.errors as error:
            raise PanelError(f"{what} of the panel cannot be {verb}: {error}.") from error
