"""The card on the dashboard says what the panel does."""

from pathlib import Path

from recorder.cabin.card import HOLDS, RHYTHMS, STATES, card
from recorder.cabin.signals import lamps
from recorder.journey_state import StateName

COMMITTED = Path(__file__).parents[2] / "hardware" / "dashboard-card.md"


def test_the_committed_card_is_the_printed_one():
    """hardware/dashboard-card.md is what card() prints; hardware/README.md says how to print it again."""
    assert COMMITTED.read_text(encoding="utf-8") == card()


def test_every_state_is_on_the_card():
    """A driver finds every state, and no two lines look alike."""
    assert {meaning.journey.name for meaning in STATES} == set(StateName)
    shown = [lamps(meaning.journey) for meaning in STATES]
    assert len(set(shown)) == len(shown)
    held = [lamps(meaning.journey).hold for meaning in HOLDS]
    assert len(set(held)) == len(held)


def test_every_rhythm_is_drawn_differently():
    """The strips of the card can be told apart on paper."""
    lines = card().splitlines()
    strips = [next(line for line in lines if line.startswith(f"| {rhythm.name} | `")) for rhythm in RHYTHMS]
    assert len({strip.split("`")[1] for strip in strips}) == len(RHYTHMS)
