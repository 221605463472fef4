"""What every panel promises, simulated or on real pins."""

import queue
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.cabin.ports import Panel
from recorder.cabin.signals import ALL_OFF, STEADY, lamps
from recorder.events import (
    ConsentPressed,
    ConsentWithdrawn,
    Event,
    HoldAllPressed,
    HoldPressed,
    IgnitionOff,
    IgnitionOn,
)
from recorder.journey_state import Journey, StateName
from tests.contract import gpiosim
from tests.contract.panels import WITHIN_S, SimulatedVehicle, Vehicle, WiredVehicle, kernel_vehicle

VEHICLES = {"simulated": SimulatedVehicle, "pins": WiredVehicle, "kernel": kernel_vehicle}


@pytest.fixture(params=VEHICLES)
def vehicle(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vehicle]:
    if request.param != "kernel":
        yield VEHICLES[request.param](tmp_path)
        return
    if reason := gpiosim.why_not():
        pytest.skip(reason)
    vehicle = kernel_vehicle(tmp_path)
    vehicle.wires.fit()
    yield vehicle
    vehicle.wires.remove()


@pytest.fixture
def panel(vehicle: Vehicle) -> Iterator[Panel]:
    """A panel that has been started with the key off."""
    panel = vehicle.panel()
    panel.start(vehicle.posted.put)
    yield panel
    panel.close()


def taken(vehicle: Vehicle, count: int) -> list[Event]:
    """The next ``count`` events, waited for; and that none is behind them."""
    events = [vehicle.posted.get(timeout=WITHIN_S) for _ in range(count)]
    assert vehicle.posted.empty()
    return events


def test_a_key_that_is_off_posts_nothing(vehicle: Vehicle, panel: Panel) -> None:
    """Starting with the ignition off is no event."""
    assert not panel.ignition_on
    assert vehicle.posted.empty()


def test_turning_the_key(vehicle: Vehicle, panel: Panel) -> None:
    """Each change of the key is one event, and the level reads afresh."""
    vehicle.turn_key(True)
    assert taken(vehicle, 1) == [IgnitionOn()]
    assert panel.ignition_on
    vehicle.turn_key(True)
    vehicle.turn_key(False)
    assert taken(vehicle, 1) == [IgnitionOff()]
    assert not panel.ignition_on


def test_a_key_that_is_on_at_the_start_is_posted_at_once(vehicle: Vehicle, panel: Panel) -> None:
    """The recorder ends and starts again while the vehicle stays as it is."""
    vehicle.turn_key(True)
    taken(vehicle, 1)
    panel.close()
    again = vehicle.panel()
    assert again.ignition_on
    again.start(vehicle.posted.put)
    assert taken(vehicle, 1) == [IgnitionOn()]
    again.close()


@pytest.mark.parametrize(
    ("button", "seconds", "event"),
    [
        ("consent", 0.1, ConsentPressed()),
        ("consent", 3.1, ConsentWithdrawn()),
        ("hold", 0.1, HoldPressed()),
        ("hold", 5.1, HoldAllPressed()),
    ],
)
def test_presses(vehicle: Vehicle, panel: Panel, button, seconds, event) -> None:
    """A press is its event, on release and not before."""
    began_s = time.monotonic()
    vehicle.press(button, seconds)
    assert taken(vehicle, 1) == [event]
    assert time.monotonic() - began_s >= seconds


def test_a_press_in_the_first_moment_counts(vehicle: Vehicle, panel: Panel) -> None:
    """Nobody has to wait for the panel once it has started."""
    vehicle.press("consent", 0.1)
    vehicle.press("consent", 0.1)
    assert taken(vehicle, 2) == [ConsentPressed(), ConsentPressed()]


def test_lamps(vehicle: Vehicle, panel: Panel) -> None:
    """Dark at the start; then what was shown last."""
    assert vehicle.lit() == set()
    panel.show(replace(ALL_OFF, consent=replace(ALL_OFF.consent, rhythm=STEADY)))
    assert vehicle.lit() == {"consent"}
    panel.show(lamps(Journey(name=StateName.FAILED, held=True)))
    assert vehicle.lit() == {"consent", "hold", "fault"}
    panel.show(ALL_OFF)
    assert vehicle.lit() == set()


def test_closed_is_silent_and_dark(vehicle: Vehicle, panel: Panel) -> None:
    """After close nothing is reported and nothing lit; a second close is harmless; a new panel begins dark."""
    panel.show(replace(ALL_OFF, fault=replace(ALL_OFF.fault, rhythm=STEADY)))
    panel.close()
    panel.close()
    with pytest.raises(queue.Empty):
        vehicle.posted.get(timeout=0.1)
    again = vehicle.panel()
    again.start(vehicle.posted.put)
    assert vehicle.lit() == set()
    again.close()
