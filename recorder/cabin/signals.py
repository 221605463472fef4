"""What the journey looks and sounds like in the cabin. PURE: journey → lamps, phrase → tones.

Rules: rhythm carries the meaning and colour only helps, so two states never share their rhythms; the recording lamp
is steady only while everything wanted is durable and worth recording; the hold ring is steady only while the hold is
durable; no lamp flashes more than three times in any second (WCAG 2.3.1, "Three Flashes or Below Threshold").
The dashboard card is printed from this file (``card.py``).
"""

from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from recorder.commands import Phrase
from recorder.journey_state import Journey, StateName


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a lamp blinks: ``beats_s`` are pairs of seconds lit and seconds dark, repeated from the first."""

    name: str
    beats_s: tuple[tuple[float, float], ...]

    @property
    def period_s(self) -> float:
        """Seconds until it repeats."""
        return sum(lit + dark for lit, dark in self.beats_s)

    def lit(self, at_s: float) -> bool:
        """Whether the lamp is lit ``at_s`` seconds after it was switched to this rhythm."""
        rest_s, began_s, lit = at_s % self.period_s, 0.0, False
        for lit_s, dark_s in self.beats_s:
            lit = lit or began_s <= rest_s < began_s + lit_s
            began_s += lit_s + dark_s
        return lit

    def steady_for_s(self, at_s: float) -> float:
        """For how many seconds more the lamp stays as it is ``at_s`` seconds after it was switched to this rhythm."""
        rest_s = at_s % self.period_s
        edges_s = accumulate(duration_s for beat_s in self.beats_s for duration_s in beat_s)
        return next((edge_s for edge_s in edges_s if edge_s > rest_s), self.period_s) - rest_s


@dataclass(frozen=True, slots=True)
class Pattern:
    """One lamp: a rhythm and the colour of its light."""

    rhythm: Rhythm
    colour: str


@dataclass(frozen=True, slots=True)
class Lamps:
    """All lamps of the panel at one moment."""

    consent: Pattern
    hold: Pattern
    recording: Pattern
    devices: Pattern
    fault: Pattern


@dataclass(frozen=True, slots=True)
class Tone:
    """A pure tone; 0 Hz is a pause."""

    frequency_hz: int
    duration_s: float


class Feedback(Enum):
    """What a button sounds while it is used, before anything else has happened."""

    LONG_ENOUGH = "long-enough"
    NOT_COUNTED = "not-counted"


OFF = Rhythm("off", ((0.0, 1.0),))
STEADY = Rhythm("steady", ((1.0, 0.0),))
PULSE = Rhythm("pulse", ((0.8, 0.8),))
WINK = Rhythm("wink", ((2.0, 0.4),))
QUICK = Rhythm("quick", ((0.2, 0.2),))
ONE_FLASH = Rhythm("one-flash", ((0.2, 1.4),))
TWO_FLASHES = Rhythm("two-flashes", ((0.2, 0.2), (0.2, 1.4)))
THREE_FLASHES = Rhythm("three-flashes", ((0.2, 0.2), (0.2, 0.2), (0.2, 1.4)))
TWO_DIPS = Rhythm("two-dips", ((0.4, 0.2), (1.6, 0.2)))

CONSENT_COLOUR, HOLD_COLOUR, RECORDING_COLOUR, DEVICES_COLOUR, FAULT_COLOUR = "green", "blue", "white", "amber", "red"

ALL_OFF = Lamps(
    consent=Pattern(OFF, CONSENT_COLOUR),
    hold=Pattern(OFF, HOLD_COLOUR),
    recording=Pattern(OFF, RECORDING_COLOUR),
    devices=Pattern(OFF, DEVICES_COLOUR),
    fault=Pattern(OFF, FAULT_COLOUR),
)
"""A dark panel: what every panel shows before the first ``show`` and after ``close``."""

_CONSENT = {
    StateName.PARKED: OFF,
    StateName.AWAITING_CONSENT: PULSE,
    StateName.STARTING: STEADY,
    StateName.RECORDING: STEADY,
    StateName.IMPAIRED: STEADY,
    StateName.RUN_ON: WINK,
    StateName.SEALING: OFF,
    StateName.WITHDRAWN: THREE_FLASHES,
    StateName.FAILED: STEADY,
}

_TONES = {
    Phrase.RECORDING: ((660, 0.15), (990, 0.30)),
    Phrase.RECORDING_SOUND: ((660, 0.15), (990, 0.15), (1100, 0.30)),
    Phrase.STOPPED: ((990, 0.15), (660, 0.30)),
    Phrase.WITHDRAWN: ((880, 0.20), (660, 0.20), (440, 0.40)),
    Phrase.AGREED_AGAIN: ((990, 0.15),),
    Phrase.HELD: ((880, 0.10), (0, 0.08), (880, 0.10), (0, 0.08), (880, 0.30)),
    Phrase.NOTHING_TO_HOLD: ((440, 0.15), (0, 0.10), (440, 0.15)),
    Phrase.IMPAIRED: ((990, 0.15), (550, 0.15), (990, 0.15), (550, 0.15)),
    Phrase.FAILED: ((440, 0.45), (0, 0.15), (440, 0.45), (0, 0.15), (440, 0.45)),
    Phrase.ORDER_REFUSED: ((660, 0.15), (440, 0.15), (0, 0.10), (660, 0.15), (440, 0.30)),
    Phrase.EXPORT_DONE: ((550, 0.12), (660, 0.12), (880, 0.12), (1100, 0.30)),
    Phrase.NOTHING_TO_EXPORT: ((550, 0.12), (0, 0.10), (550, 0.12), (1100, 0.30)),
    Phrase.EXPORT_FAILED: ((1100, 0.12), (880, 0.12), (660, 0.12), (440, 0.45)),
    Feedback.LONG_ENOUGH: ((1320, 0.25),),
    Feedback.NOT_COUNTED: ((440, 0.25),),
}


def lamps(journey: Journey) -> Lamps:
    """The lamps that tell the truth about ``journey``."""
    return Lamps(
        consent=Pattern(_CONSENT[journey.name], CONSENT_COLOUR),
        hold=Pattern(_hold(journey), HOLD_COLOUR),
        recording=Pattern(_recording(journey), RECORDING_COLOUR),
        devices=Pattern(STEADY if journey.devices_open else OFF, DEVICES_COLOUR),
        fault=Pattern(_fault(journey), FAULT_COLOUR),
    )


def tones(sound: Phrase | Feedback) -> tuple[Tone, ...]:
    """The tones that go before the words of a phrase, or answer a button."""
    return tuple(Tone(frequency_hz, duration_s) for frequency_hz, duration_s in _TONES[sound])


def _recording(journey: Journey) -> Rhythm:
    """Driven by what is durable; the state only says whether there is anything to record."""
    if journey.name in (StateName.STARTING, StateName.SEALING):
        return QUICK
    if journey.name not in (StateName.RECORDING, StateName.IMPAIRED, StateName.RUN_ON):
        return OFF
    if journey.whole:
        return STEADY if "audio" in journey.wanted else WINK
    if journey.wanted <= journey.fresh:
        return THREE_FLASHES
    if "video" in journey.fresh:
        return ONE_FLASH
    return TWO_FLASHES if "audio" in journey.fresh else OFF


def _hold(journey: Journey) -> Rhythm:
    if journey.hold_pending:
        return QUICK
    if journey.exporting:
        return TWO_DIPS if journey.held else TWO_FLASHES
    return STEADY if journey.held else OFF


def _fault(journey: Journey) -> Rhythm:
    if journey.name is StateName.FAILED:
        return QUICK
    return PULSE if journey.faults or journey.name is StateName.IMPAIRED else OFF
