"""Pins that are taken, that break, that are given back; and what happens on a computer that has none."""

import os
import queue
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from recorder.cabin.board import Board, open_board
from recorder.cabin.pins import Wiring
from recorder.cabin.signals import STEADY
from recorder.errors import PanelError
from tests.cabin.panelbench import BACK, DEVICES, FAULT, FRONT, IGNITION, WIRING, WITHIN_S, Bench
from tests.contract.harness import Harness, WiredPin

HARDWARE = Path(__file__).parents[2] / "hardware"


def published():
    """Signal, GPIO number and header pin of each row of the fitter's table."""
    table = (HARDWARE / "README.md").read_text(encoding="utf-8")
    return [
        (signal, int(gpio), int(pin))
        for signal, gpio, pin in re.findall(r"^\| (.+?) \| GPIO(\d+) \| (\d+) \|", table, re.MULTILINE)
    ]


def test_the_defaults_are_the_published_wiring():
    """Whoever wires as hardware/README.md says has to configure no pin, but the buzzer where one is fitted."""
    pins: dict[str, list[int]] = {}
    for signal, gpio, _ in published():
        pins.setdefault(signal.split(",")[0], []).append(gpio)
    wiring = Wiring()
    assert pins == {
        "clock": [2, 3],  # the clock chip's: the Pi's first I2C bus
        "ignition": [wiring.ignition],
        "consent button": [*wiring.consent],
        "hold button": [*wiring.hold],
        "consent ring": [*wiring.consent_ring],
        "hold ring": [*wiring.hold_ring],
        "recording lamp": [*wiring.recording_lamp],
        "open lamp": [*wiring.devices_lamp],
        "fault lamp": [*wiring.fault_lamp],
        "buzzer": [12],
    }
    reference = (HARDWARE.parent / "config/recorder.toml").read_text(encoding="utf-8")
    assert "\n# buzzer = 12\n" in reference


@pytest.mark.parametrize("revision", ["c03115", "c04170"], ids=["Pi 4", "Pi 5"])
def test_the_published_places_are_those_of_the_header(revision):
    """Each GPIO is where the table says, as gpiozero knows the boards; and no place is named twice."""
    header = MockFactory(revision=revision).board_info.headers["J8"]
    places = {pin.name: place for place, pin in header.pins.items()}
    assert {f"GPIO{gpio}": pin for _, gpio, pin in published()} == {
        f"GPIO{gpio}": places[f"GPIO{gpio}"] for _, gpio, _ in published()
    }
    assert len({pin for _, _, pin in published()}) == len(published()) == 12


def test_the_drawing_is_that_of_the_table(tmp_path):
    """wiring.svg was drawn after the last change of table or script; a PNG comes with it."""
    subprocess.run([sys.executable, HARDWARE / "draw-wiring", tmp_path], check=True)
    assert (HARDWARE / "wiring.svg").read_text() == (tmp_path / "wiring.svg").read_text()
    assert (tmp_path / "wiring.png").read_bytes().startswith(b"\x89PNG")
    for signal, gpio, pin in published():
        assert f">{pin}: GPIO{gpio}<" in (tmp_path / "wiring.svg").read_text()
        assert f">{signal}<" in (tmp_path / "wiring.svg").read_text()


def test_pins_that_others_use_are_refused_at_once_and_by_name():
    """The fitter reads all of it in one sentence; nothing was touched."""
    bench = Bench(wires=Harness(users={17: "spi0 CS1", 21: "the kernel", 2: "i2c"}))
    with pytest.raises(PanelError) as refused:
        bench.panel.start(bench.posted.put)
    assert str(refused.value) == (
        "Pins of the panel are in use: GPIO17 by spi0 CS1, GPIO21 by the kernel. "
        "End what uses them, or wire the panel elsewhere."
    )
    assert bench.wires.factory.pins == {}
    bench.panel.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hold": (17,)}, r"GPIO17 \(hold\) of the panel cannot be used: .*already in use"),
        ({"fault_lamp": (IGNITION,)}, r"GPIO5 \(fault\) of the panel cannot be used: .*already in use"),
        ({"ignition": 99}, r"GPIO99 \(ignition\) of the panel cannot be used: .*not a valid pin"),
    ],
)
def test_a_wiring_that_cannot_be(change, sentence):
    """One pin for two things, or none at all: said, and everything taken before is given back."""
    bench = Bench(replace(WIRING, **change))
    with pytest.raises(PanelError, match=sentence):
        bench.panel.start(bench.posted.put)
    assert bench.wires.factory.pins == {}
    bench.panel.close()


def test_a_pin_that_breaks_ends_the_recorder(monkeypatch):
    """The thread does not live on without its pins: the loop is told as of any thread that dies."""
    died = queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", died.put)
    with Bench() as bench:

        def broken(_pin):
            raise OSError("no such device")

        monkeypatch.setattr(type(bench.wires.factory.pin(IGNITION)), "_get_state", broken)
        failure = died.get(timeout=WITHIN_S)
        assert failure.thread.name == "panel"
        assert failure.exc_type is PanelError
        assert str(failure.exc_value) == "A pin of the panel cannot be read: no such device."
        monkeypatch.undo()


def test_closed_pins_are_inputs_again():
    """Nothing is lit, nothing is driven, no thread is left; lamps were dark before they were let go."""
    with Bench() as bench:
        bench.shown(fault=STEADY, devices=STEADY)
        bench.until(lambda: bench.wires.high(FAULT) and bench.wires.high(DEVICES))
        pins = [bench.wires.factory.pin(number) for number in (FAULT, DEVICES, FRONT)]
    assert [pin.function for pin in pins] == ["input"] * 3
    assert [pin.state for pin in pins[:2]] == [False, False]
    assert "panel" not in {thread.name for thread in threading.enumerate()}
    assert bench.wires.factory.pins == {}


@pytest.mark.parametrize(("refusals", "warned"), [(2, 0), (1000, 1)], ids=["for a moment", "for good"])
def test_a_pin_that_is_busy_when_it_is_let_go(monkeypatch, caplog, refusals, warned):
    """Another thread may still look at the pin: tried again; one that stays busy keeps none of the others."""
    left = iter(range(refusals))
    closing = WiredPin.close

    def busy(pin):
        if pin.info.name == "GPIO17" and next(left, None) is not None:
            raise OSError("GPIO busy")
        closing(pin)

    with Bench() as bench:
        bench.shown(fault=STEADY)
        bench.until(lambda: bench.wires.high(FAULT))
        pins = [bench.wires.factory.pin(number) for number in (BACK, FAULT)]
        monkeypatch.setattr(WiredPin, "close", busy)
    assert [pin.function for pin in pins] == ["input", "input"]
    assert not pins[1].state
    assert ("could not be let go: GPIO busy" in caplog.text) == bool(warned)


# --- this computer ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(any(Path("/dev").glob("gpiochip*")), reason="this computer has pins")
def test_a_computer_without_pins_is_one_sentence(tmp_path):
    """Says what is missing, and what a laptop uses instead."""
    with pytest.raises(
        PanelError, match=r"shows no Raspberry Pi's pins; here use \[panel\] kind = \"simulated\"\.|lgpio"
    ):
        open_board(tmp_path)


def test_lgpio_works_in_the_folder_it_is_given(tmp_path):
    """Its pipe lies there, and the process stays in its own working folder (lgpio would change that)."""
    pytest.importorskip("lgpio", reason="lgpio is not installed")
    code = (
        "import os, sys; from pathlib import Path; from recorder.cabin.board import open_board\n"
        "from recorder.errors import PanelError\n"
        "try: open_board(Path(sys.argv[1]))\n"
        "except PanelError: pass\n"
        "print(os.getcwd(), *os.listdir(sys.argv[1]))"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [os.getcwd(), ".lgd-nfy0"]  # noqa: PTH109 - as the child told it


def test_nothing_of_the_vendors_is_imported_before_there_is_a_pin():
    """A laptop's recorder pays nothing for pins it has not."""
    code = "import sys; before = set(sys.modules); import recorder.cabin.panel; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"recorder"}


def test_a_board_has_no_users_unless_it_says_so():
    """What a factory of its own brings along."""
    assert Board(factory=None, errors=(OSError,)).users == {}
