"""What every supply promises, simulated or the vehicle's."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.cabin.logind import LogindPowerSupply
from recorder.cabin.ports import PowerSupply
from recorder.cabin.power import SimulatedPowerSupply
from recorder.cabin.wakealarm import WakeAlarm
from recorder.timekeeping import NS_PER_S
from tests.contract.clockchip import ClockChip
from tests.contract.logind import Bus, StandInLogind


@pytest.fixture(params=["simulated", "logind"])
def supply(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PowerSupply]:
    if request.param == "simulated":
        yield SimulatedPowerSupply()
        return
    bus = Bus(tmp_path)
    logind = StandInLogind(bus)
    chip = ClockChip(tmp_path / "rtc", now_s=int(time.time()))
    alarm = WakeAlarm(clocks=tmp_path / "rtc", write=chip.store)
    yield LogindPowerSupply(lambda: False, alarm, tmp_path / "off", bus.address)
    logind.close()
    bus.close()


def test_power_off_returns(supply: PowerSupply) -> None:
    """Whoever asks is not ended by asking, and may ask again."""
    supply.power_off()
    supply.power_off()


@pytest.mark.parametrize("in_s", [86_400, 600, -600])
def test_it_is_awake_when_it_was_asked_to_be(supply: PowerSupply, in_s: int) -> None:
    """A day ahead, soon, or late already; and again."""
    for _ in range(2):
        assert supply.wake_at(time.time_ns() + in_s * NS_PER_S) is True
