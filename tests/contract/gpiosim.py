"""A header of the kernel's own making (gpio-sim), for tests as root on a machine that has it: real lines, real lgpio.

What a hand pulls the kernel reports as edges, what the panel drives a hand reads; gpio-sim's documentation is
Documentation/admin-guide/gpio/gpio-sim.rst. gpiozero also wants a Raspberry Pi's revision in /proc/cpuinfo; where there
is none, the virtual vehicle of tests/rig has both.
"""

import contextlib
import os
import subprocess
from pathlib import Path

from recorder.cabin.board import Board, open_board

LINES = 28  # as a Raspberry Pi's header has
_GPIO_SIM = Path("/sys/kernel/config/gpio-sim")


def why_not() -> str:
    """Why this machine cannot pretend to have a header; empty where it can."""
    if os.geteuid() != 0:
        return "gpio-sim needs root"
    with contextlib.suppress(OSError):  # without modprobe a kernel that has it built in will do
        subprocess.run(["modprobe", "gpio-sim"], check=False, capture_output=True)
    if not _GPIO_SIM.is_dir():
        return "this kernel has no gpio-sim, or configfs is not mounted"
    if "Revision" not in Path("/proc/cpuinfo").read_text():
        return "gpiozero finds no Raspberry Pi's revision in /proc/cpuinfo"
    return ""


class GpioSim:
    """A chip with a header's label, from :meth:`fit` to :meth:`remove`; else as ``harness.Harness``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chip = _GPIO_SIM / f"cabin-{os.getpid()}"

    def fit(self) -> None:
        """Put the chip in, every line pulled up as by a resistor."""
        bank = self._chip / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(LINES))
        (bank / "label").write_text("pinctrl-bcm2711")
        (self._chip / "live").write_text("1")
        for pin in range(LINES):
            self.open(pin)

    def remove(self) -> None:
        """Take it out again."""
        (self._chip / "live").write_text("0")
        (self._chip / "bank0").rmdir()
        self._chip.rmdir()

    def open_board(self) -> Board:
        """What the recorder opens at its start: nothing here is the test's."""
        return open_board(self._folder)

    def ground(self, pin: int) -> None:
        """Close a contact to ground."""
        self._line(pin, "pull").write_text("pull-down")

    def open(self, pin: int) -> None:
        """Open it again."""
        self._line(pin, "pull").write_text("pull-up")

    def high(self, pin: int) -> bool:
        """Whether the pin is high now, whoever drives it."""
        return self._line(pin, "value").read_text().strip() == "1"

    def _line(self, pin: int, what: str) -> Path:
        device = (self._chip / "dev_name").read_text().strip()
        chip = (self._chip / "bank0/chip_name").read_text().strip()
        return Path(f"/sys/devices/platform/{device}/{chip}/sim_gpio{pin}/{what}")
