"""The machine's own power: off when parked, awake for a deletion."""

from datetime import UTC, datetime

import pytest

from recorder.timekeeping import NS_PER_S, parse_iso_utc
from tests.rig.cabin import WIRING, Cabin
from tests.rig.recorder import BY_PINS, Recorder

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

UPGRADE = ("systemd-inhibit", "--what=shutdown", "--mode=block", "sleep", "infinity")


def test_parked_it_sets_the_alarm_then_switches_off_and_deletes_when_woken(recorder: Recorder) -> None:
    """Parked, the clock chip's alarm is set to the next deletion; the power goes once nobody objects.

    Woken for the deletion with the key still off, the machine deletes what is due and switches itself off again.
    """
    guest, cabin = recorder.vehicle.guest, Cabin(recorder.vehicle.guest)
    recorder.configure(clock_grace_s=60, **BY_PINS)
    cabin.turn_key_on()
    recorder.start()
    recorder.until_state("AwaitingConsent")
    cabin.press_consent()
    recorder.until(lambda now: now["store"]["segments"] >= 3)

    guest.run("systemd-run", "--quiet", "--unit=upgrade", *UPGRADE)
    guest.until("systemd-inhibit --list | grep -q sleep")
    cabin.turn_key_off()
    refused = recorder.until(lambda now: "power" in now["faults"])
    alarm_s = int(guest.read("/sys/class/rtc/rtc0/wakealarm"))
    due_s = parse_iso_utc(refused["next_deletion"]) / NS_PER_S
    assert alarm_s == pytest.approx(due_s, abs=60)
    guest.run("systemctl", "stop", "upgrade")
    recorder.vehicle.wait_off()

    recorder.vehicle.boot(clock=datetime.fromtimestamp(alarm_s, UTC))
    recorder.vehicle.wait_off()
    recorder.vehicle.boot(low=[WIRING.ignition])
    recorder.until_state("AwaitingConsent")
    assert [journey for journey in recorder.journeys() if journey["segments"]] == []
