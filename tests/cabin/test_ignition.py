"""The ignition line: what counts as on and off, and when it is known."""

import pytest

from recorder.cabin.ignition import ON_STEADY_S, IgnitionDecoder
from recorder.events import IgnitionOff, IgnitionOn

OFF_S = 3.0


@pytest.mark.parametrize(
    ("levels", "events"),
    [
        ([(True, 0.0)], [(0.0, IgnitionOn())]),
        ([(False, 0.0)], []),
        ([(False, 0.0), (True, 10.0)], [(10.0 + ON_STEADY_S, IgnitionOn())]),
        ([(False, 0.0), (True, 10.0), (False, 10.04)], []),
        ([(False, 0.0), (True, 10.0), (False, 10.01), (True, 10.02)], [(10.02 + ON_STEADY_S, IgnitionOn())]),
        ([(False, 0.0), (True, 10.0), (True, 10.03)], [(10.0 + ON_STEADY_S, IgnitionOn())]),
        ([(True, 0.0), (False, 10.0)], [(0.0, IgnitionOn()), (13.0, IgnitionOff())]),
        ([(True, 0.0), (False, 10.0), (True, 12.9)], [(0.0, IgnitionOn())]),
        ([(True, 0.0), (False, 10.0), (True, 12.9), (False, 12.95)], [(0.0, IgnitionOn()), (15.95, IgnitionOff())]),
        (
            [(True, 0.0), (False, 10.0), (True, 20.0)],
            [(0.0, IgnitionOn()), (13.0, IgnitionOff()), (20.0 + ON_STEADY_S, IgnitionOn())],
        ),
    ],
    ids=[
        "on at the start",
        "off at the start",
        "on",
        "spike",
        "bouncing",
        "read twice",
        "off",
        "cranking",
        "still cranking",
        "again",
    ],
)
def test_what_counts(levels, events):
    """On at the start counts at once; later only what is steady; an engine being started is not an ignition off."""
    decoder = IgnitionDecoder(OFF_S)
    told = []
    for (on, at_s), until_s in zip(levels, [*(at_s for _, at_s in levels[1:]), 100.0], strict=True):
        told += [(at_s, event) for event in decoder.sense(on, at_s)]
        while (due_s := decoder.due_s) is not None and due_s < until_s:
            told += [(due_s, event) for event in decoder.advance(due_s)]
    assert told == [(pytest.approx(at_s), event) for at_s, event in events]
    assert decoder.due_s is None


def test_a_late_call_tells_the_same():
    """Whoever comes late, with the next level already, learns what he would have learnt in time."""
    decoder = IgnitionDecoder(OFF_S)
    assert decoder.sense(False, 0.0) == ()
    assert decoder.sense(True, 10.0) == ()
    assert decoder.sense(False, 20.0) == (IgnitionOn(),)
    assert decoder.advance(22.9) == ()
    assert decoder.advance(60.0) == (IgnitionOff(),)
    assert decoder.advance(61.0) == ()


def test_nothing_is_due_before_the_first_level():
    """Nobody looked yet."""
    assert IgnitionDecoder().due_s is None
    assert IgnitionDecoder().advance(1.0) == ()
