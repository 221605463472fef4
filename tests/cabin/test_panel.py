"""The panel on pins: what wires, edges and late edges make of it. What every panel promises: tests/contract."""

import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.cabin.board import Board, open_board
from recorder.cabin.panel import EDGE_LATE_S, GpioPanel, read_ignition
from recorder.cabin.pins import Wiring
from recorder.cabin.signals import ALL_OFF, OFF, PULSE, STEADY, TWO_FLASHES, Feedback
from recorder.errors import PanelError
from recorder.events import (
    ConsentPressed,
    ConsentWithdrawn,
    FaultCleared,
    FaultRaised,
    HoldAllPressed,
    IgnitionOff,
    IgnitionOn,
)
from tests.contract.harness import Harness, pause, press

WITHIN_S = 5.0
IGNITION, BUZZER = 22, 13
FRONT, BACK = 17, 5
WIRING = Wiring(consent=(FRONT, BACK), hold=(27, 6), ignition_off_s=0.2)


class Bench:
    """A panel, its wires, what it posted and what it would have sounded."""

    def __init__(self, wiring=WIRING, wires=None):
        self.wires = wires or Harness()
        self.posted = queue.SimpleQueue()
        self.sounded = queue.SimpleQueue()
        self.panel = GpioPanel(wiring, self.wires.open_board, self.sounded.put)

    def __enter__(self):
        self.panel.start(self.posted.put)
        pause(0.05)  # every contact has been seen released
        return self

    def __exit__(self, *_):
        self.panel.close()

    def next(self):
        return self.posted.get(timeout=WITHIN_S)

    def silent(self, for_s=0.3):
        pause(for_s)
        return self.posted.empty()

    def edges(self, pin, *edges):
        """Edges that the kernel saw some time ago and Python hears of now: (level, seconds ago)."""
        changed = self.wires.factory.pin(pin).when_changed
        now_s = time.monotonic()
        for level, ago_s in edges:
            changed(now_s - ago_s, level)

    def shown(self, **rhythms):
        """Show lamps; what pins do follows in a moment."""
        lamps = ALL_OFF
        for name, rhythm in rhythms.items():
            lamps = replace(lamps, **{name: replace(getattr(lamps, name), rhythm=rhythm)})
        self.panel.show(lamps)

    def until(self, condition):
        end_s = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < end_s
            pause(0.005)


# --- buttons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", [FRONT, BACK])
def test_any_button_of_a_kind_counts(pin):
    """Driver and passengers have buttons of their own."""
    with Bench() as bench:
        press(bench.wires, pin, 0.1)
        assert bench.next() == ConsentPressed()
        assert bench.silent()


def test_a_bouncing_contact_is_one_press():
    """Contacts bounce for milliseconds when they close and when they open."""
    with Bench() as bench:
        for _ in range(20):
            bench.wires.ground(FRONT)
            bench.wires.open(FRONT)
        bench.wires.ground(FRONT)
        pause(0.1)
        for _ in range(20):
            bench.wires.open(FRONT)
            bench.wires.ground(FRONT)
        bench.wires.open(FRONT)
        assert bench.next() == ConsentPressed()
        assert bench.silent()


def test_a_contact_that_is_closed_at_the_start_is_no_consent():
    """A short circuit at boot is not consent, nor is letting go of it; the next press is."""
    wires = Harness()
    wires.ground(FRONT)
    with Bench(wires=wires) as bench:
        wires.open(FRONT)
        assert bench.silent()
        press(wires, FRONT, 0.1)
        assert bench.next() == ConsentPressed()


@pytest.mark.parametrize(
    ("pin", "edges", "events"),
    [
        (FRONT, [(0, 0.4), (1, 0.3)], [ConsentPressed()]),
        (FRONT, [(0, 5.0), (1, 1.5)], [ConsentWithdrawn()]),
        (FRONT, [(0, 9.0), (1, 8.9), (0, 8.0), (1, 4.0)], [ConsentPressed(), ConsentWithdrawn()]),
        (27, [(0, 9.0), (1, 3.5)], [HoldAllPressed()]),
        (27, [(0, 30.0), (1, 1.0)], [FaultRaised("button-stuck-hold"), FaultCleared("button-stuck-hold")]),
        (FRONT, [(0, 0.4), (1, 0.39)], []),
    ],
    ids=["press", "withdrawal", "both", "hold all", "stuck", "too short"],
)
def test_edges_that_come_late_count_for_when_they_happened(pin, edges, events):
    """A thread that loads a library may hold up every other for seconds: no press is lost or misjudged over it."""
    with Bench() as bench:
        bench.edges(pin, *edges)
        assert [bench.next() for _ in events] == events
        assert bench.silent(0.1)


def test_an_edge_on_its_way_is_waited_for():
    """The pin reads released, the edge that says since when comes later: no tone for a press that was short."""
    with Bench() as bench:
        bench.edges(FRONT, (0, 2.97))
        pause(EDGE_LATE_S / 2)  # long enough for the tone at 3 s, too short for the edge to count as lost
        bench.edges(FRONT, (1, 1.5))
        assert bench.silent()
        assert bench.sounded.get(timeout=WITHIN_S) is Feedback.NOT_COUNTED
        assert bench.sounded.empty()


def test_a_lost_edge_is_seen(caplog):
    """Where no edge comes at all the pin itself is looked at, and that is said."""
    with Bench() as bench:
        bench.wires.factory.pin(FRONT).edges = "none"
        press(bench.wires, FRONT, 3 * EDGE_LATE_S)
        assert bench.next() == ConsentPressed()
        assert bench.silent()
    assert "an edge of GPIO17 was lost" in caplog.text


def test_a_storm_of_edges_leaves_the_lamps_alone():
    """Noise on one line holds up nothing: what is shown is shown."""
    with Bench() as bench:
        storm = threading.Event()

        def rage():
            while not storm.is_set():
                bench.edges(BACK, (0, 0.0), (1, 0.0))

        thread = threading.Thread(target=rage)
        thread.start()
        try:
            bench.shown(fault=STEADY)
            bench.until(lambda: bench.wires.high(16))
        finally:
            storm.set()
            thread.join()


# --- the ignition ----------------------------------------------------------------------------------------------------


def test_an_engine_being_started_is_not_the_ignition_off():
    """The line dips while the starter turns; read afresh it is off, but nothing is reported."""
    wires = Harness()
    wires.ground(IGNITION)
    with Bench(wiring=replace(WIRING, ignition_off_s=0.5), wires=wires) as bench:
        assert bench.next() == IgnitionOn()
        wires.open(IGNITION)
        assert not bench.panel.ignition_on
        pause(0.1)
        wires.ground(IGNITION)
        assert bench.silent(0.7)
        wires.open(IGNITION)
        assert bench.next() == IgnitionOff()


def test_the_ignition_can_be_asked_before_the_start():
    """A recorder that resumes wants to know it first."""
    wires = Harness()
    wires.ground(IGNITION)
    bench = Bench(wires=wires)
    assert bench.panel.ignition_on
    with bench:
        assert bench.next() == IgnitionOn()
    with pytest.raises(PanelError, match="closed"):
        _ = bench.panel.ignition_on


def test_the_last_look():
    """Whoever has no panel any more reads the one pin, and leaves it as it was."""
    wires = Harness()
    assert not read_ignition(WIRING, wires.open_board)
    wires.ground(IGNITION)
    assert read_ignition(WIRING, wires.open_board)
    assert wires.factory.pins == {}


# --- lamps and buzzer ------------------------------------------------------------------------------------------------


def test_a_rhythm_on_a_pin():
    """Two flashes and a pause, again and again; showing the same again does not begin it anew."""
    with Bench() as bench:
        pin = bench.wires.factory.pin(25)
        pin.clear_states()
        bench.shown(recording=TWO_FLASHES)
        bench.until(lambda: len(pin.states) > 3)
        bench.shown(recording=TWO_FLASHES, fault=PULSE)
        bench.until(lambda: len(pin.states) > 7)
        assert [state for _, state in pin.states[1:8]] == [True, False, True, False, True, False, True]
        flashes = [after_s for after_s, _ in pin.states[2:8]]
        assert flashes == pytest.approx([0.2, 0.2, 0.2, 1.4, 0.2, 0.2], abs=0.15)


def test_every_light_of_a_lamp():
    """Two buttons have two rings, and both are lit; lamps that are not fitted are not missed."""
    with Bench(replace(WIRING, consent_ring=(23, 26), recording_lamp=())) as bench:
        bench.shown(consent=STEADY, recording=STEADY)
        bench.until(lambda: bench.wires.high(23) and bench.wires.high(26))
        bench.shown(consent=OFF)
        bench.until(lambda: not bench.wires.high(23) and not bench.wires.high(26))


def test_a_buzzer_sounds_what_a_button_has_to_say():
    """Where one is fitted it alone does, at its pitch and for its time, and rests at low."""
    with Bench(replace(WIRING, buzzer=BUZZER)) as bench:
        pin = bench.wires.factory.pin(BUZZER)
        assert pin.frequency is None
        bench.edges(FRONT, (0, 2.0), (1, 0.5))
        bench.until(lambda: pin.frequency == pytest.approx(440))
        began_s = time.monotonic()
        bench.until(lambda: pin.frequency is None)
        assert time.monotonic() - began_s == pytest.approx(0.25, abs=0.15)
        assert pin.state == 0
        assert bench.sounded.empty()


def test_without_a_buzzer_the_voice_sounds_it():
    """The tone goes where the recorder's voice is."""
    with Bench() as bench:
        bench.edges(FRONT, (0, 4.0), (1, 0.5))
        assert bench.next() == ConsentWithdrawn()
        assert bench.sounded.get(timeout=WITHIN_S) is Feedback.LONG_ENOUGH


def test_the_other_way_round():
    """Buttons and ignition to 3.3 V, lamps that are lit at low, resistors of the circuit's own."""
    wiring = replace(
        WIRING, buttons_active="high", buttons_pull=False, ignition_active="high", lamps_active="low"
    )  # the Pi pulls the ignition down, the circuit the buttons
    with Bench(wiring) as bench:
        factory = bench.wires.factory
        assert [factory.pin(pin).pull for pin in (FRONT, IGNITION)] == ["floating", "down"]
        assert bench.wires.high(25)
        bench.shown(recording=STEADY)
        bench.until(lambda: not bench.wires.high(25))
        factory.pin(IGNITION).drive_high()
        assert bench.next() == IgnitionOn()
        factory.pin(FRONT).drive_high()
        pause(0.1)
        factory.pin(FRONT).drive_low()
        assert bench.next() == ConsentPressed()


# --- refusing and ending ---------------------------------------------------------------------------------------------


def test_pins_that_others_use_are_refused_at_once_and_by_name():
    """The fitter reads all of it in one sentence; nothing was touched."""
    bench = Bench(wires=Harness(users={17: "spi0 CS1", 24: "the kernel", 2: "i2c"}))
    with pytest.raises(PanelError) as refused:
        bench.panel.start(bench.posted.put)
    assert str(refused.value) == (
        "Pins of the panel are in use: GPIO17 by spi0 CS1, GPIO24 by the kernel. "
        "End what uses them, or wire the panel elsewhere."
    )
    assert bench.wires.factory.pins == {}
    bench.panel.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hold": (17,)}, r"GPIO17 \(hold\) of the panel cannot be used: .*already in use"),
        ({"fault_lamp": (22,)}, r"GPIO22 \(fault\) of the panel cannot be used: .*already in use"),
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
        bench.until(lambda: bench.wires.high(16) and bench.wires.high(12))
        pins = [bench.wires.factory.pin(number) for number in (16, 12, 17)]
    assert [pin.function for pin in pins] == ["input"] * 3
    assert [pin.state for pin in pins[:2]] == [False, False]
    assert "panel" not in {thread.name for thread in threading.enumerate()}
    assert bench.wires.factory.pins == {}


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
