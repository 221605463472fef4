"""How far the recorder's clock was off, in a sentence: what its log says of that, measured at the export.

Rules: a member that is missing or of the wrong type counts as not measured; nothing is rounded to *right* that is not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from recorder.vault import words
from recorder.vault.entries import Entry

_BY = {"synchronised": "synchronised time", "rtc": "the clock chip (nothing better ever checked that)"}
_RIGHT_S = 1.0
_PAIR = 2


def clock_sentence(log: Sequence[Entry]) -> str:
    """What the newest measurement in a journey's log says; empty where there is none, as of older recorders."""
    measured = [entry for entry in log if entry.event == words.CLOCK_MEASURED]
    return measured_clocks(measured[-1].data) if measured else ""


def measured_clocks(data: Mapping[str, Any]) -> str:
    """What one measurement says, of each start of the recorder; empty where it says nothing."""
    boots = data.get("boots")
    said = [_clause(boot) for boot in boots] if isinstance(boots, list) else []
    return "; ".join(dict.fromkeys(said))


def _clause(boot: object) -> str:
    by, ahead = (boot.get("by"), boot.get("ahead_s")) if isinstance(boot, dict) else (None, None)
    unknown = "how far its clock was off nobody knows: nothing was there to measure it by"
    source = _BY.get(by) if isinstance(by, str) else None
    if source is None or not isinstance(ahead, list) or len(ahead) != _PAIR:
        return unknown
    if not all(isinstance(seconds, int | float) for seconds in ahead):
        return unknown
    least, most = ahead
    if max(abs(least), abs(most)) < _RIGHT_S:
        return f"its clock was right to within a second, by {source}"
    first, last = _off(least), _off(most)
    return f"its clock was {first if first == last else f'between {first} and {last}'}, by {source}"


def _off(seconds: float) -> str:
    return f"{abs(seconds):.1f} s {'ahead' if seconds >= 0 else 'behind'}"
