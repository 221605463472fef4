"""The events of the logs, by name: one word for a thing, in code, logs and documents.

Rules: a name here is part of the log's format and never changes its meaning; the daemon may note other events, and
readers pass over those they do not know. What each carries is in the README, "A log, byte by byte".
"""

from typing import Final

# --- a journey's log
JOURNEY_BEGAN: Final = "journey-began"
JOURNEY_ENDED: Final = "journey-ended"
CONSENT: Final = "consent"
WITHDRAWN: Final = "withdrawn"
SEGMENT_OPENED: Final = "segment-opened"
SEGMENT_SEALED: Final = "segment-sealed"
SEGMENT_TORN: Final = "segment-torn"
HEADER_SEALED: Final = "header-sealed"
CLOCK_MEASURED: Final = "clock-measured"
HOLD: Final = "hold"
RELEASE: Final = "release"

# --- the ledger, beside journey-began, journey-ended, hold and release
STORE_CREATED: Final = "store-created"
JOURNEY_SEEN: Final = "journey-seen"
TOMBSTONE_INTENT: Final = "tombstone-intent"
TOMBSTONE_DONE: Final = "tombstone-done"
TOMBSTONE_WITHDRAWN: Final = "tombstone-withdrawn"
RECOVERED: Final = "recovered"
CLOCK_KNOWN: Final = "clock-known"
CLOCK_ERA: Final = "clock-era"
POWERED: Final = "powered"
LEDGER_CONTINUED: Final = "ledger-continued"
LEDGER_DROPPED: Final = "ledger-dropped"
ORDER_APPLIED: Final = "order-applied"
ORDER_REFUSED: Final = "order-refused"

# --- both
LOG_TORN: Final = "log-torn"

WRITTEN_AFTERWARDS: Final = frozenset(
    {SEGMENT_TORN, HEADER_SEALED, HOLD, RELEASE, LOG_TORN, CLOCK_MEASURED, "export-began", "exported"}
)
"""Entries that may be written long after a journey's last living moment, and so say nothing about it."""
