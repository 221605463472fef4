"""What a journey's proven log says, in words for people who were not there: what happened, when, and what there is.

Rules: a member that is missing or of the wrong type counts as not said; an event of a later recorder is named, never
passed over. Nothing here writes or reads a file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorder import manifest
from recorder.office.clocks import measured_clocks
from recorder.timekeeping import NS_PER_S, Instant, iso_utc
from recorder.vault import words
from recorder.vault.entries import Entry
from recorder.vault.logbook import Logbook

_CLOCKS = {
    "synchronised": "set by the network",
    "rtc": "kept by a clock chip",
    "unproven": "not checked by anything",
}
_ENDS = {
    "ignition-off": "the key was turned off",
    "withdrawn": "a passenger took the agreement back",
    "power-cut": "the power failed",
    "stop": "the recorder was stopped",
    "abandoned": "it was given up before it was recorded",
    "found-open": "the recorder found it open at its next start",
}
_BY_SEGMENT = frozenset({words.SEGMENT_OPENED, words.SEGMENT_SEALED, words.SEGMENT_TORN, words.HEADER_SEALED})


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. ``at``: ISO 8601 UTC by the recorder's clock; ``clock``: what that was worth."""

    at: str
    clock: str
    text: str


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment. ``began``, ``ended``: ISO 8601 UTC of its first and last frame, empty where unknown.

    ``sha256``: of its body, as the recorder signed it, empty where it did not. ``gaps``: a sentence each.
    """

    number: int
    began: str
    ended: str
    size_bytes: int | None
    sha256: str
    gaps: tuple[str, ...]


def story(entries: Iterable[Entry]) -> tuple[Moment, ...]:
    """Everything that happened but the rotation of segments, in its order."""
    return tuple(
        Moment(entry.utc, _CLOCKS.get(entry.clock, entry.clock), _in_words(entry))
        for entry in entries
        if entry.event not in _BY_SEGMENT
    )


def segment_rows(entries: Sequence[Entry]) -> tuple[SegmentRow, ...]:
    """Every segment that the log knows."""
    log = Logbook(entries)
    rows = []
    for number in sorted(log.opened):
        end = log.sealed.get(number) or log.torn.get(number)
        data: Mapping[str, Any] = {} if end is None else end.data
        size_bytes = data.get("size_bytes")
        rows.append(
            SegmentRow(
                number=number,
                began=_iso(log.first_of(number)),
                ended=_iso(log.last_of(number)),
                size_bytes=size_bytes if isinstance(size_bytes, int) else None,
                sha256=_said(data, "body_sha256"),
                gaps=tuple(_gaps(data)),
            )
        )
    return tuple(rows)


def _in_words(entry: Entry) -> str:
    say = _SAYINGS.get(entry.event)
    return f"The recorder noted “{entry.event}”." if say is None else say(entry.data)


def _consent(data: Mapping[str, Any]) -> str:
    finished = data.get("notice_finished")
    notice = "" if finished is None else f" The notice had {'' if finished else 'not '}been played to its end."
    return f"A passenger pressed consent.{notice}"


def _ended(data: Mapping[str, Any]) -> str:
    reason = _said(data, "reason")
    return f"The journey ended: {_ENDS.get(reason, reason or 'the log does not say why')}."


def _held(data: Mapping[str, Any]) -> str:
    lacks = data.get("deleted")
    gone = "" if not isinstance(lacks, list) or not lacks else f" {len(lacks)} segments had been deleted before."
    return f"It was held by {_said(data, 'who')}: {_said(data, 'reason')}.{gone}"


def _clock_changed(data: Mapping[str, Any]) -> str:
    step_s = data.get("step_s")
    step = f" by {step_s:+.1f} s" if isinstance(step_s, int | float) else ""
    return f"The recorder's clock was set{step}; it is {_CLOCKS.get(_said(data, 'quality'), 'of unknown quality')} now."


_STEPS = {
    "slow": "the recorder could not keep up with more",
    "hot": "the recorder was too hot for more",
    "calm": "the recorder could keep up again",
}


def _picture(data: Mapping[str, Any]) -> str:
    why = _STEPS.get(_said(data, "reason"), "the log does not say why")
    width, height, fps = (data.get(name) for name in ("width", "height", "fps"))
    return f"From here on the picture had {width} by {height} dots, {fps} frames a second: {why}."


_SAYINGS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    words.JOURNEY_BEGAN: lambda data: "The journey began.",
    words.CONSENT: _consent,
    words.WITHDRAWN: lambda data: "A passenger took the agreement back; camera and microphone were closed.",
    words.HOLD: _held,
    words.RELEASE: lambda data: f"The hold was ended by {_said(data, 'who')}: {_said(data, 'reason')}.",
    words.JOURNEY_ENDED: _ended,
    words.LOG_TORN: lambda data: "A power cut tore the last line of the log; it was cut off.",
    words.CLOCK_MEASURED: lambda data: f"Before a copy, from all that was known by then: {measured_clocks(data)}.",
    manifest.EXPORT_BEGAN: lambda data: "A copy onto a stick began.",
    manifest.EXPORTED: lambda data: "A copy was finished, read back and compared.",
    "consent-again": lambda data: "Another passenger pressed consent.",
    "notice-repeated": lambda data: "The notice was repeated.",
    "run-on": lambda data: "The key was turned off; recording went on for the run-on.",
    "resumed": lambda data: "Recording went on after an interruption.",
    "failed": lambda data: f"Recording failed: {_listed(data.get('faults'))}.",
    "fault": lambda data: f"A fault began: {_said(data, 'kind')}.",
    "fault-cleared": lambda data: f"The fault was over: {_said(data, 'kind')}.",
    "picture": _picture,
    "clock-changed": _clock_changed,
}


def _gaps(data: Mapping[str, Any]) -> Iterable[str]:
    gaps = data.get("gaps")
    for gap in gaps if isinstance(gaps, list) else ():
        if not isinstance(gap, dict):
            continue
        since_ns, until_ns = gap.get("from_ns"), gap.get("until_ns")
        if isinstance(since_ns, int) and isinstance(until_ns, int):
            medium = {"video": "picture", "audio": "sound"}.get(str(gap.get("medium")), str(gap.get("medium")))
            yield f"no {medium} for {(until_ns - since_ns) / NS_PER_S:.1f} s"


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) and names else "no fault was named"


def _said(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _iso(instant: Instant | None) -> str:
    return "" if instant is None else iso_utc(instant.utc_ns)
