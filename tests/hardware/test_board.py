"""What board this is, and whether it is fit for the recorder."""

from pathlib import Path

import pytest

from tests.hardware import machine
from tests.hardware.findings import Findings

pytestmark = [pytest.mark.hardware, pytest.mark.usefixtures("raspberry_pi")]


def test_what_board_this_is(raspberry_pi: str, found: Findings) -> None:
    """Named, with its kernel and how hot it is; nothing else here says on what the rest was found."""
    found.note("board", raspberry_pi)
    found.note("kernel", Path("/proc/version").read_text().split(" (")[0])
    found.note("processor, °C", machine.temperature_c())
    assert raspberry_pi.startswith("Raspberry Pi")


def test_the_supply_and_the_heat(found: Findings) -> None:
    """The firmware holds nothing against them since the board was started."""
    held_against = machine.throttled()
    if held_against is None:
        pytest.skip("this firmware does not say whether it throttles (no get_throttled)")
    found.note("throttled", ", ".join(held_against) or "never")
    assert held_against == ()


def test_clocks(found: Findings) -> None:
    """A clock that can wake, and one with memory to erase; what is missing is said, for the recorder runs without."""
    clocks = machine.clocks()
    if not clocks:
        pytest.skip("this board has no clock of its own, and none is wired")
    for name, (driver, wakes, memory_bytes) in clocks.items():
        found.note(
            f"clock {name}", f"{driver}, {'wakes' if wakes else 'does not wake'}, {memory_bytes} bytes of memory"
        )
    assert all(driver for driver, _, _ in clocks.values())


def test_nothing_is_swapped_to_the_card() -> None:
    """Keys in memory must not come to lie on the card."""
    assert machine.swaps_on_disk() == []


def test_the_watchdog_can_wait_for_us(found: Findings) -> None:
    """The board's watchdog, and the longest it can wait; before Linux 6.8 a longer wish meant none at all."""
    folder = Path("/sys/class/watchdog/watchdog0")
    if not folder.exists():
        pytest.skip("there is no hardware watchdog")
    told = {name: (folder / name).read_text().strip() for name in ("identity", "timeout") if (folder / name).exists()}
    if "timeout" not in told:
        pytest.skip("this kernel does not show its watchdog's time (CONFIG_WATCHDOG_SYSFS)")
    found.note("watchdog", f"{told.get('identity', 'unnamed')}, {told['timeout']} s")
    assert int(told["timeout"]) > 0
