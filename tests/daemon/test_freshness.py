"""A medium is fresh while its newest durable moment is less than two seconds old."""

from recorder.events import DurableStale, FirstDurable
from recorder.freshness import FRESH_NS, Freshness, observe


def test_a_medium_becomes_fresh_once_and_stale_once() -> None:
    """Each change is one event; the border of two seconds is stale."""
    at_ns = 10_000_000_000
    state, events = observe(Freshness(), at_ns, None, at_ns)
    assert (state.fresh, events) == ({"video"}, (FirstDurable("video"),))
    state, events = observe(state, at_ns, at_ns, at_ns + FRESH_NS - 1)
    assert (state.fresh, events) == ({"video", "audio"}, (FirstDurable("audio"),))
    state, events = observe(state, at_ns, at_ns + 1, at_ns + FRESH_NS)
    assert (state.fresh, events) == ({"audio"}, (DurableStale("video"),))
    state, events = observe(state, at_ns, at_ns + 1, at_ns + FRESH_NS)
    assert (state.fresh, events) == ({"audio"}, ())


def test_age_is_seconds_since_the_newest_durable_moment() -> None:
    """And nothing before there is one."""
    state, _ = observe(Freshness(), 1_000_000_000, None, 1_500_000_000)
    assert (state.age_s("video", 3_500_000_000), state.age_s("audio", 3_500_000_000)) == (2.5, None)
