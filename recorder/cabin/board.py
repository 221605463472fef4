"""The Raspberry Pi whose pins these are: the one chip with the header, opened through gpiozero's lgpio factory.

Rules: the header's chip is found by its label, never by its number, which changes with the kernel and with every
expander on the bus; lgpio is told to work in the runtime folder; nothing is imported before the pins are wanted.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.errors import PanelError

HEADER_LABELS = frozenset({"pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"})
"""What the kernel calls the chip behind the header: Pi Zero to 3, Pi 4, Pi 5 (their pinctrl drivers)."""

_IN_USE = 1 << 0  # lgpio, gpio_get_mode: "in use by the kernel", which other processes' pins are too


@dataclass(frozen=True, slots=True)
class Board:
    """What :class:`~recorder.cabin.pins.Pins` works on.

    ``factory``: a gpiozero pin factory. ``errors``: what it raises. ``users``: who had which pin, by BCM number, before
    the factory took any.
    """

    factory: Any
    errors: tuple[type[Exception], ...]
    users: Mapping[int, str] = field(default_factory=dict)


def open_board(folder: Path) -> Board:
    """The header of this Raspberry Pi; lgpio makes its pipe in ``folder``. Raises PanelError."""
    try:
        lgpio = _load_lgpio(folder)
        from gpiozero import GPIOZeroError  # noqa: PLC0415 - slow to load, and of no use without pins
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise PanelError(f"The pins need gpiozero and lgpio (python3-lgpio), which do not load: {error}.") from error
    errors = (GPIOZeroError, lgpio.error, OSError)
    try:
        chip, users = _header(lgpio)
        return Board(LGPIOFactory(chip=chip), errors, users)
    except errors as error:
        raise PanelError(f"The pins of this computer cannot be opened: {error}.") from error


def _load_lgpio(folder: Path) -> Any:
    """Import lgpio, which makes a named pipe in LG_WD and changes the working folder to it: that is put back."""
    os.environ["LG_WD"] = str(folder)
    before = Path.cwd()
    try:
        import lgpio  # noqa: PLC0415 - starts a thread as it is imported
    finally:
        os.chdir(before)
    return lgpio


def _header(lgpio: Any) -> tuple[int, dict[int, str]]:
    """The number of the chip with the header, and who uses which of its pins. Raises PanelError, lgpio.error."""
    refused: list[str] = []
    for number in sorted(int(path.name.removeprefix("gpiochip")) for path in Path("/dev").glob("gpiochip[0-9]*")):
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error as error:
            refused.append(f"/dev/gpiochip{number}: {error}")
            continue
        try:
            _, lines, _, label = lgpio.gpio_get_chip_info(handle)
            if label in HEADER_LABELS:
                return number, _users(lgpio, handle, lines)
        finally:
            lgpio.gpiochip_close(handle)
    hint = f" ({'; '.join(refused)}; the recorder's user must be in group gpio)" if refused else ""
    raise PanelError(f'This computer shows no Raspberry Pi\'s pins{hint}; here use [panel] kind = "simulated".')


def _users(lgpio: Any, handle: int, lines: int) -> dict[int, str]:
    found = {}
    for pin in range(lines):
        _, _, flags, _, user = lgpio.gpio_get_line_info(handle, pin)
        if flags & _IN_USE:
            found[pin] = user or "the kernel"
    return found
