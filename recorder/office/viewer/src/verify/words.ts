/** The events of the logs, by name (`recorder/vault/words.py`). */

export const JOURNEY_BEGAN = "journey-began";
export const JOURNEY_ENDED = "journey-ended";
export const CONSENT = "consent";
export const WITHDRAWN = "withdrawn";
export const SEGMENT_OPENED = "segment-opened";
export const SEGMENT_SEALED = "segment-sealed";
export const SEGMENT_TORN = "segment-torn";
export const HEADER_SEALED = "header-sealed";
export const CLOCK_MEASURED = "clock-measured";
export const HOLD = "hold";
export const RELEASE = "release";
export const TOMBSTONE_DONE = "tombstone-done";
export const LEDGER_CONTINUED = "ledger-continued";
export const LEDGER_DROPPED = "ledger-dropped";
export const LOG_TORN = "log-torn";
