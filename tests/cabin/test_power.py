"""Supplies: one that stays on, and the vehicle's, asked through a real message bus."""

import contextlib
import logging

import pytest

from recorder.cabin.logind import LogindPowerSupply
from recorder.cabin.power import SimulatedPowerSupply
from recorder.cabin.wakealarm import WakeAlarm
from recorder.errors import PanelError
from tests.contract.logind import Bus, StandInLogind

MANAGER = "org.freedesktop.login1.Manager"
REFUSALS = {
    "org.freedesktop.DBus.Error.AccessDenied": "Access denied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": "Interactive authentication required.",
    "org.freedesktop.login1.BlockedByInhibitorLock": "Operation denied due to active block inhibitor.",
}


@pytest.fixture
def bus(tmp_path):
    bus = Bus(tmp_path)
    yield bus
    bus.close()


def supply_on(bus, tmp_path, ignition_on=lambda: False, within_s=5.0):
    """The vehicle's supply on a bus of one's own."""
    return LogindPowerSupply(ignition_on, WakeAlarm(clocks=tmp_path), tmp_path / "off", bus.address, within_s)


@pytest.mark.parametrize(("ignition_on", "method"), [(False, "PowerOff"), (True, "Reboot")])
def test_what_logind_is_asked(bus, tmp_path, ignition_on, method):
    """Power off, or restart where the ignition is on again; once, and nobody is there to be asked for a password."""
    logind = StandInLogind(bus)
    supply_on(bus, tmp_path, lambda: ignition_on).power_off()
    assert logind.asked.get(timeout=5) == (MANAGER, method, "b", (False,))
    assert logind.asked.empty()
    logind.close()


def test_the_ignition_is_read_last(bus, tmp_path):
    """Once, when only the order itself is left to do; and where it cannot be read nothing is switched off."""
    logind, seen = StandInLogind(bus), []

    def look():
        seen.append(logind.asked.empty())
        raise PanelError("The pin is broken.")

    with pytest.raises(PanelError, match=r"^The pin is broken\.$"):
        supply_on(bus, tmp_path, look).power_off()
    assert seen == [True]
    assert logind.asked.empty()
    logind.close()


@pytest.mark.parametrize(("ignition_on", "marked"), [(False, True), (True, False)])
def test_the_mark_of_a_power_that_shall_go(bus, tmp_path, ignition_on, marked):
    """There before logind is asked for the power to go; gone before it is asked to restart."""
    mark, seen = tmp_path / "off", []
    if ignition_on:
        mark.touch()  # of a time before
    logind = StandInLogind(bus, look=lambda: seen.append(mark.exists()))
    supply_on(bus, tmp_path, lambda: ignition_on).power_off()
    logind.close()
    assert (seen, mark.exists()) == ([marked], marked)


@pytest.mark.parametrize(
    ("error", "marked"),
    [("org.freedesktop.DBus.Error.AccessDenied", False), ("org.freedesktop.login1.OperationInProgress", True)],
)
def test_a_refusal_takes_the_mark_away(bus, tmp_path, error, marked):
    """The recorder stays up, and who types poweroff later gets it; a machine that goes down already is as wished."""
    logind = StandInLogind(bus, (error, "No"))
    with contextlib.suppress(PanelError):
        supply_on(bus, tmp_path).power_off()
    logind.close()
    assert (tmp_path / "off").exists() == marked


def test_the_power_goes_without_a_mark_too(bus, tmp_path, caplog):
    """Where it cannot be made the log says what that means."""
    logind = StandInLogind(bus)
    (tmp_path / "file").touch()
    LogindPowerSupply(lambda: False, WakeAlarm(clocks=tmp_path), tmp_path / "file" / "off", bus.address).power_off()
    logind.close()
    assert logind.asked.get(timeout=5)[1] == "PowerOff"
    assert "a key that is turned from now on may not be seen" in caplog.text


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_one_sentence(bus, tmp_path, name):
    """Who may not, and who is asked to wait, reads why."""
    logind = StandInLogind(bus, (name, REFUSALS[name]))
    with pytest.raises(PanelError) as refused:
        supply_on(bus, tmp_path).power_off()
    assert str(refused.value) == f"logind refuses PowerOff: {REFUSALS[name].rstrip('.')} ({name})."
    logind.close()


def test_going_down_already_is_no_refusal(bus, tmp_path, caplog):
    """Somebody else was faster: what was wanted happens."""
    caplog.set_level(logging.INFO)
    logind = StandInLogind(bus, ("org.freedesktop.login1.OperationInProgress", "There's already a shutdown"))
    supply_on(bus, tmp_path).power_off()
    assert "going down already" in caplog.text
    logind.close()


def test_a_logind_that_says_nothing(bus, tmp_path):
    """The loop is not held up for longer than it was told."""
    logind = StandInLogind(bus, mute=True)
    with pytest.raises(PanelError, match=r"^logind did not answer PowerOff: no answer in time\.$"):
        supply_on(bus, tmp_path, within_s=0.2).power_off()
    logind.close()


def test_no_logind(bus, tmp_path):
    """A bus without it says so itself."""
    with pytest.raises(PanelError, match=r"^logind refuses PowerOff: .*org\.freedesktop\.DBus\.Error\.ServiceUnknown"):
        supply_on(bus, tmp_path).power_off()


def test_no_bus(tmp_path):
    """A container without D-Bus; the ignition is not even looked at."""
    nowhere = f"unix:path={tmp_path}/none"
    supply = LogindPowerSupply(lambda: pytest.fail("read"), WakeAlarm(clocks=tmp_path), tmp_path / "off", nowhere)
    with pytest.raises(PanelError, match=r"^The power cannot be switched off, for D-Bus cannot be reached: .*No such"):
        supply.power_off()


def test_the_system_bus_is_where_the_system_says(bus, tmp_path, monkeypatch):
    """``SYSTEM`` follows DBUS_SYSTEM_BUS_ADDRESS, as every D-Bus program does."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    logind = StandInLogind(bus)
    LogindPowerSupply(lambda: False, WakeAlarm(clocks=tmp_path), tmp_path / "off").power_off()
    assert logind.asked.get(timeout=5)[1] == "PowerOff"
    logind.close()


def test_the_simulated_one_stays_on_and_is_always_awake(caplog):
    """Power-off is only said; whoever never sleeps is awake at any time."""
    caplog.set_level(logging.INFO)
    supply = SimulatedPowerSupply()
    supply.power_off()
    assert "stays on" in caplog.text
    assert supply.wake_at(1_795_000_000_000_000_000) is True
    assert "2026-11-18T" in caplog.text
