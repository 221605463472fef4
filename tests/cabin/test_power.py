"""The simulated supply stays on, so that a parked recorder on a laptop still deletes in time."""

import logging

from recorder.cabin.power import SimulatedPowerSupply


def test_it_stays_on_and_is_always_awake(caplog):
    """Power-off is only said; whoever never sleeps is awake at any time."""
    caplog.set_level(logging.INFO)
    supply = SimulatedPowerSupply()
    supply.power_off()
    assert "stays on" in caplog.text
    assert supply.wake_at(1_795_000_000_000_000_000) is True
    assert "2026-11-18T" in caplog.text
