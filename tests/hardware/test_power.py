"""The power that is not switched off: logind would, and a clock would wake the board."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

from recorder.cabin.wakealarm import WakeAlarm
from recorder.timekeeping import NS_PER_S
from tests.hardware.findings import Findings

pytestmark = pytest.mark.hardware
DAY_S = 86_400


def test_logind_would_switch_off(system_bus: str, found: Findings) -> None:
    """Asked, not ordered: CanPowerOff and CanReboot of org.freedesktop.login1(5), as the user who runs this."""
    manager = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager")
    with open_dbus_connection(system_bus) as bus:
        for method in ("CanPowerOff", "CanReboot"):
            reply = bus.send_and_get_reply(new_method_call(manager, method), timeout=5.0)
            assert reply.header.message_type is MessageType.method_return, reply.body
            found.note(f"logind, {method}", reply.body[0])
            assert reply.body[0] in ("yes", "challenge")  # challenge: as the recorder's user it is yes


def test_a_clock_would_wake_the_board(
    alarm_clocks: Path, write_alarm: Callable[[Path, str], None], found: Findings
) -> None:
    """Set for tomorrow, read back, and taken away again."""
    before = {path: path.read_text().strip() for path in alarm_clocks.glob("rtc[0-9]*/wakealarm")}
    if any(before.values()):
        pytest.skip("an alarm is set already, and is left alone")
    assert WakeAlarm(clocks=alarm_clocks, write=write_alarm).set(time.time_ns() + DAY_S * NS_PER_S) is True
    after = {path: path.read_text().strip() for path in before}
    ringing = [path for path, shown in after.items() if shown]
    found.note("wakes the board", ", ".join(path.parent.name for path in ringing))
    (alarm,) = ringing
    assert abs(int(after[alarm]) - int((alarm.parent / "since_epoch").read_text()) - DAY_S) < 90
    write_alarm(alarm, "0\n")
    assert alarm.read_text().strip() == ""
