"""The panel as people in the cabin know it: a key, two buttons, five lamps. Nothing but pins lies between.

Which pin is what comes from the recorder's own table, which hardware/README.md shows to fitters. A lamp is read as an
onlooker reads it: by how long it is lit and dark, compared with the rhythms of ``recorder.cabin.signals``.
"""

from collections.abc import Sequence
from dataclasses import fields
from itertools import cycle, islice
from math import inf

from recorder.cabin import signals
from recorder.cabin.pins import Wiring
from recorder.cabin.signals import Lamps, Rhythm
from recorder.journey_state import Journey
from tests.rig.drivers import Pins, Spell
from tests.rig.guest import Guest

WIRING = Wiring()
LAMPS = tuple(field.name for field in fields(Lamps))

_WATCH_S = 6.0  # two of the longest rhythm, and more
_ASTRAY_S = 0.1  # half of the shortest beat; in the machine's own time, so that a busy host changes nothing
_BLINKING = tuple(
    rhythm
    for rhythm in vars(signals).values()
    if isinstance(rhythm, Rhythm) and rhythm not in (signals.OFF, signals.STEADY)
)


class Cabin:
    """Hands and eyes in the cabin. ``guest``: the machine, or what gives it now: it changes from start to start."""

    def __init__(self, guest: Guest) -> None:
        self._pins = Pins(guest)

    def turn_key_on(self) -> None:
        """Ignition on."""
        self._pins.low(WIRING.ignition)

    def turn_key_off(self) -> None:
        """Ignition off."""
        self._pins.high(WIRING.ignition)

    def press_consent(self) -> None:
        """The green button, briefly."""
        self._pins.press(WIRING.consent[0])

    def press_hold(self) -> None:
        """The blue button, briefly."""
        self._pins.press(WIRING.hold[0])

    def lamps(self) -> dict[str, str]:
        """The rhythm of each lamp, by watching for some seconds. Fails where one blinks in no known rhythm."""
        pins = [pin for name in LAMPS for lamp, pin in WIRING.lamps if lamp == name]
        return {
            name: rhythm_of(spells).name for name, spells in zip(LAMPS, self._pins.watch(pins, _WATCH_S), strict=True)
        }


def lamps_of(journey: Journey) -> dict[str, str]:
    """The rhythm of each lamp that tells the truth about ``journey``."""
    lamps = signals.lamps(journey)
    return {name: getattr(lamps, name).rhythm.name for name in LAMPS}


def rhythm_of(spells: Sequence[Spell]) -> Rhythm:
    """The rhythm that a lamp was seen in."""
    if len(spells) == 1:
        return signals.STEADY if spells[0].high else signals.OFF
    whole = spells[1:-1]  # of the first and the last nobody saw the beginning or the end
    astray_s, name = min((_astray_s(whole, rhythm), rhythm.name) for rhythm in _BLINKING)
    assert astray_s <= _ASTRAY_S, f"no rhythm: {spells}"
    return next(rhythm for rhythm in _BLINKING if rhythm.name == name)


def _astray_s(whole: Sequence[Spell], rhythm: Rhythm) -> float:
    """By how much ``whole`` misses ``rhythm`` at worst, wherever it began; inf where it is another one for certain."""
    beats = [
        Spell(high, lasted_s) for beat in rhythm.beats_s for high, lasted_s in zip((True, False), beat, strict=True)
    ]
    if len(whole) < len(beats):
        return inf
    return min(
        max(
            abs(seen.lasted_s - meant.lasted_s) if seen.high == meant.high else inf
            for seen, meant in zip(whole, islice(cycle(beats), first, None), strict=False)
        )
        for first in range(len(beats))
    )
