"""The lamps tell the truth, in rhythms that anyone can tell apart; the sounds too."""

from dataclasses import fields
from itertools import combinations, product

import pytest

from recorder.cabin import signals
from recorder.cabin.card import RHYTHMS
from recorder.cabin.signals import (
    ALL_OFF,
    OFF,
    ONE_FLASH,
    PULSE,
    QUICK,
    STEADY,
    THREE_FLASHES,
    TWO_DIPS,
    TWO_FLASHES,
    WINK,
    Feedback,
    Lamps,
    Rhythm,
    lamps,
    tones,
)
from recorder.commands import Phrase
from recorder.journey_state import Capture, Journey, Settings, StateName

VIDEO, AUDIO = frozenset({"video"}), frozenset({"audio"})
BOTH = VIDEO | AUDIO
NONE: frozenset[str] = frozenset()


def every_journey():
    """Every combination of all that lamps depend on."""
    for name, capture, fresh, faults, held, pending, exporting, audio in product(
        StateName,
        Capture,
        (NONE, VIDEO, AUDIO, BOTH),
        (NONE, frozenset({"clock"}), frozenset({"camera-covered"})),
        (False, True),
        (0, 1),
        (False, True),
        ("always", "on-hold", "off"),
    ):
        yield Journey(
            name=name,
            capture=capture,
            fresh=fresh,
            faults=faults,
            held=held,
            holds_pending=pending,
            exporting=exporting,
            settings=Settings(audio=audio),
        )


def possible(journey: Journey) -> bool:
    """Whether the journey's table can stand in this state with these media: Recording is whole, Impaired is not."""
    if journey.name is StateName.RECORDING:
        return journey.whole
    return not (journey.name is StateName.IMPAIRED and journey.whole)


def without_colour(shown: Lamps) -> tuple[Rhythm, ...]:
    return tuple(getattr(shown, field.name).rhythm for field in fields(Lamps))


def test_states_differ_in_rhythm_alone():
    """No two states ever show the same rhythms, whatever is held, wrong, exported or wanted."""
    shown: dict[StateName, set[tuple[Rhythm, ...]]] = {name: set() for name in StateName}
    for journey in filter(possible, every_journey()):
        shown[journey.name].add(without_colour(lamps(journey)))
    assert all(shown.values())
    for one, other in combinations(StateName, 2):
        assert not shown[one] & shown[other], f"{one} and {other} look alike"


def test_steady_recording_lamp_means_all_wanted_is_durable_and_worth_it():
    """Steady or winking recording light is never shown unless what is wanted is durable and no capture fault stands."""
    for journey in every_journey():
        if lamps(journey).recording.rhythm in (STEADY, WINK):
            assert journey.wanted <= journey.fresh
            assert journey.whole
            assert journey.name in (StateName.RECORDING, StateName.IMPAIRED, StateName.RUN_ON)


def test_hold_ring_is_steady_only_for_a_durable_hold():
    """A hold asked for and not yet durable never looks like one that is."""
    for journey in every_journey():
        if lamps(journey).hold.rhythm in (STEADY, TWO_DIPS):
            assert journey.held
            assert not journey.hold_pending
        if journey.hold_pending:
            assert lamps(journey).hold.rhythm is QUICK


def test_devices_light_is_lit_exactly_while_devices_may_be_open():
    """Closed only when nothing can see or hear."""
    for journey in every_journey():
        assert (lamps(journey).devices.rhythm is STEADY) == journey.devices_open
        assert lamps(journey).devices.rhythm in (STEADY, OFF)


@pytest.mark.parametrize("name", [StateName.RECORDING, StateName.IMPAIRED, StateName.RUN_ON])
@pytest.mark.parametrize(
    ("audio", "fresh", "faults", "rhythm"),
    [
        ("always", BOTH, NONE, STEADY),
        ("always", BOTH, frozenset({"clock"}), STEADY),
        ("always", BOTH, frozenset({"microphone-silent"}), THREE_FLASHES),
        ("always", VIDEO, NONE, ONE_FLASH),
        ("always", AUDIO, NONE, TWO_FLASHES),
        ("always", NONE, NONE, OFF),
        ("off", VIDEO, NONE, WINK),
        ("off", VIDEO, frozenset({"camera-covered"}), THREE_FLASHES),
        ("off", NONE, NONE, OFF),
        ("on-hold", VIDEO, NONE, WINK),
    ],
)
def test_recording_lamp_follows_what_is_durable(name, audio, fresh, faults, rhythm):
    """While capturing, the recording lamp depends on the media and faults and not on the state."""
    journey = Journey(name=name, fresh=fresh, faults=faults, settings=Settings(audio=audio))
    assert lamps(journey).recording.rhythm is rhythm


@pytest.mark.parametrize(
    ("journey", "rhythm"),
    [
        (Journey(), OFF),
        (Journey(faults=frozenset({"clock"})), PULSE),
        (Journey(name=StateName.IMPAIRED, fresh=VIDEO), PULSE),
        (Journey(name=StateName.FAILED), QUICK),
    ],
)
def test_fault_lamp(journey, rhythm):
    """A fault shows; Failed shows more urgently."""
    assert lamps(journey).fault.rhythm is rhythm


def test_nothing_to_show_is_dark():
    """A parked recorder shows what a closed panel shows."""
    assert lamps(Journey()) == ALL_OFF


def test_every_rhythm_has_its_place():
    """The rhythms that lamps use, those on the card and those defined are the same; no two have the same beats."""
    used = {rhythm for journey in every_journey() for rhythm in without_colour(lamps(journey))}
    defined = {value for value in vars(signals).values() if isinstance(value, Rhythm)}
    assert used == set(RHYTHMS) == defined
    assert len({rhythm.beats_s for rhythm in RHYTHMS}) == len({rhythm.name for rhythm in RHYTHMS}) == len(RHYTHMS)


@pytest.mark.parametrize("rhythm", RHYTHMS, ids=lambda rhythm: rhythm.name)
def test_no_lamp_flashes_more_than_three_times_a_second(rhythm):
    """At most three dark-to-lit changes in any second, read every 10 ms over several periods."""
    lit = [rhythm.lit(step / 100 + 0.005) for step in range(1000)]
    rises = [step for step in range(1, 1000) if lit[step] and not lit[step - 1]]
    assert all(later - first >= 100 for first, later in zip(rises, rises[3:], strict=False))


@pytest.mark.parametrize(
    ("rhythm", "at_s", "lit"),
    [
        (OFF, 0.0, False),
        (STEADY, 0.0, True),
        (STEADY, 1.0, True),
        (PULSE, 0.79, True),
        (PULSE, 0.81, False),
        (PULSE, 1.61, True),
        (TWO_FLASHES, 0.1, True),
        (TWO_FLASHES, 0.3, False),
        (TWO_FLASHES, 0.5, True),
        (TWO_FLASHES, 0.7, False),
        (TWO_FLASHES, 1.9, False),
        (TWO_FLASHES, 2.1, True),
    ],
)
def test_lit(rhythm, at_s, lit):
    """A rhythm begins lit and repeats."""
    assert rhythm.lit(at_s) is lit


@pytest.mark.parametrize(
    ("rhythm", "at_s", "steady_for_s"),
    [
        (OFF, 2.25, 0.75),
        (STEADY, 0.25, 0.75),
        (PULSE, 0.0, 0.8),
        (PULSE, 0.9, 0.7),
        (PULSE, 1.7, 0.7),
        (TWO_FLASHES, 0.1, 0.1),
        (TWO_FLASHES, 0.5, 0.1),
        (TWO_FLASHES, 0.7, 1.3),
    ],
)
def test_steady_for(rhythm, at_s, steady_for_s):
    """How long nothing changes; whoever comes back then misses nothing."""
    assert rhythm.steady_for_s(at_s) == pytest.approx(steady_for_s)
    assert all(rhythm.lit(at_s + steady_for_s * part) is rhythm.lit(at_s) for part in (0.01, 0.5, 0.99))


def test_every_sound_is_its_own():
    """Each phrase and each feedback has tones nobody else has, short, and within what a small loudspeaker plays."""
    sounds = {sound: tones(sound) for sound in (*Phrase, *Feedback)}
    assert len(set(sounds.values())) == len(sounds)
    for played in sounds.values():
        assert 0 < sum(tone.duration_s for tone in played) <= 2.0
        assert all(tone.frequency_hz == 0 or 400 <= tone.frequency_hz <= 3000 for tone in played)
        assert any(tone.frequency_hz for tone in played)
