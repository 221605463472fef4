"""When each block of sound began, steadier than a driver can tell. PURE.

A driver says with each block how late it is, and is wrong by milliseconds, through PulseAudio by twenty; taken at its
word, sound that has no seam would be cut and patched. The samples themselves are a clock that does not jitter but runs
a little fast or slow. A delay-locked loop joins the two: each block is expected where the one before ended, and the
expectation and the length of a sample follow what is measured, slowly.

The loop is that of Fons Adriaensen, "Using a DLL to filter time" (Linux Audio Conference 2005), per sample.
"""

import math

_BANDWIDTH_HZ = 0.05  # jitter faster than that is taken out; a clock that is off is known after half a minute
_SEAM_NS = 50_000_000  # further away than any jitter: samples are missing, or the device has begun anew
_NS_PER_S = 1_000_000_000


class SteadyClock:
    """The samples of one device, from its opening on, on boottime."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._next_ns: float | None = None
        self._sample_ns = _NS_PER_S / rate_hz

    @property
    def off_ppm(self) -> float:
        """How much too fast the device's clock runs, as far as is known yet."""
        return (_NS_PER_S / self._rate_hz / self._sample_ns - 1) * 1e6

    def place(self, measured_ns: int, count: int, latest_ns: int, *, seam: bool = False) -> int:
        """Where ``count`` samples begin that the driver says were captured from ``measured_ns`` on (boottime ns).

        ``latest_ns``: they cannot have begun later, for they were all there when they came. ``seam``: samples are known
        to be missing before these.
        """
        if self._next_ns is None or seam or abs(measured_ns - self._next_ns) > _SEAM_NS:
            self._next_ns = measured_ns
        begin_ns = min(self._next_ns, latest_ns)
        error_ns = measured_ns - begin_ns
        omega = 2 * math.pi * _BANDWIDTH_HZ * count / self._rate_hz
        self._next_ns = begin_ns + math.sqrt(2) * omega * error_ns + count * self._sample_ns
        self._sample_ns += omega**2 * error_ns / count
        return round(begin_ns)
