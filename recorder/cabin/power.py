"""The supply behind the ignition. The simulated one never cuts the power, so the recorder is always awake."""

import logging

from recorder.timekeeping import iso_utc

log = logging.getLogger(__name__)


class SimulatedPowerSupply:
    """A laptop's supply: it stays on, whatever is asked."""

    def power_off(self) -> None:
        """Says in the log that a vehicle's supply would now cut the power."""
        log.info("parked: a vehicle's supply would cut the power now; the simulated one stays on")

    def wake_at(self, utc_ns: int) -> bool:
        """True: who never sleeps is awake at ``utc_ns``."""
        log.info("the next deletion is due at %s", iso_utc(utc_ns))
        return True
