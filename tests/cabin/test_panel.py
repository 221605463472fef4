"""The panel on pins: what wires, edges and late edges make of it. What every panel promises: tests/contract."""

import threading
import time
from dataclasses import replace

import pytest

from recorder.cabin.panel import EDGE_LATE_S, read_ignition
from recorder.cabin.signals import OFF, PULSE, STEADY, TWO_FLASHES, Feedback
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
from tests.cabin.panelbench import BACK, BUZZER, FAULT, FRONT, IGNITION, RECORDING, WIRING, WITHIN_S, Bench
from tests.contract.harness import Harness, pause, press

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
            bench.until(lambda: bench.wires.high(FAULT))
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
        pin = bench.wires.factory.pin(RECORDING)
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
    with Bench(replace(WIRING, consent_ring=(16, 24), recording_lamp=())) as bench:
        bench.shown(consent=STEADY, recording=STEADY)
        bench.until(lambda: bench.wires.high(16) and bench.wires.high(24))
        bench.shown(consent=OFF)
        bench.until(lambda: not bench.wires.high(16) and not bench.wires.high(24))


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
        assert bench.wires.high(RECORDING)
        bench.shown(recording=STEADY)
        bench.until(lambda: not bench.wires.high(RECORDING))
        factory.pin(IGNITION).drive_high()
        assert bench.next() == IgnitionOn()
        factory.pin(FRONT).drive_high()
        pause(0.1)
        factory.pin(FRONT).drive_low()
        assert bench.next() == ConsentPressed()
