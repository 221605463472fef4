"""The rule, row by row, and what must hold for every store there can be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.timekeeping import NS_PER_S, Instant
from recorder.vault.retention import Footage, Moment, Plan, Policy, Reason, Verdict, plan, proven_age_s

HOUR_S = 3600
DAY_S = 24 * HOUR_S
UTC_NS = 1_795_000_000 * NS_PER_S
POLICY = Policy(max_age_s=DAY_S, sweep_s=60, clock_grace_s=900, min_free_bytes=0)
NOW = Instant(UTC_NS, 2 * DAY_S * NS_PER_S, "now", "synchronised")
PLENTY = 10**12


def frame(age_s: float, boot_id: str = "now", quality: str = "synchronised", off_by_s: float = 0) -> Instant:
    """A frame captured ``age_s`` ago, by a wall clock that was ``off_by_s`` ahead."""
    boottime_ns = NOW.boottime_ns - round(age_s * NS_PER_S) if boot_id == "now" else 5 * NS_PER_S
    return Instant(UTC_NS - round((age_s - off_by_s) * NS_PER_S), boottime_ns, boot_id, quality)


def footage(
    number: int, first: Moment | None, *, journey: str = "j", size_bytes: int = 100, live: bool = False
) -> Footage:
    return Footage(journey, number, size_bytes, first, live)


def reasons(decided: Plan) -> dict[int, Reason]:
    return {verdict.footage.number: verdict.reason for verdict in (*decided.keep, *decided.delete)}


@pytest.mark.parametrize(
    ("first", "now", "reason"),
    [
        pytest.param(frame(60), NOW, Reason.YOUNG, id="a minute old"),
        pytest.param(frame(DAY_S - 121), NOW, Reason.YOUNG, id="the sweep after next is in time"),
        pytest.param(frame(DAY_S - 120), NOW, Reason.DUE, id="the next sweep, coming late, would not be"),
        pytest.param(frame(DAY_S + 1), NOW, Reason.DUE, id="too old"),
        pytest.param(frame(60, off_by_s=-DAY_S * 90), NOW, Reason.YOUNG, id="the wall clock jumped forward since"),
        pytest.param(frame(DAY_S, off_by_s=DAY_S), NOW, Reason.DUE, id="the wall clock jumped back since"),
        pytest.param(frame(60, quality="unproven"), NOW, Reason.YOUNG, id="this boot needs no wall clock"),
        pytest.param(frame(HOUR_S, "before"), NOW, Reason.YOUNG, id="another boot, both clocks trusted"),
        pytest.param(frame(DAY_S, "before"), NOW, Reason.DUE, id="another boot, both trusted, due"),
        pytest.param(frame(HOUR_S, "before", "unproven"), NOW, Reason.UNPROVEN, id="another boot, untrusted then"),
        pytest.param(
            frame(HOUR_S, "before"), replace(NOW, quality="unproven"), Reason.UNPROVEN, id="another boot, untrusted now"
        ),
        pytest.param(frame(-1, "before"), NOW, Reason.UNPROVEN, id="another boot, from the future"),
        pytest.param(
            frame(HOUR_S, "before", "unproven"),
            replace(NOW, boottime_ns=899 * NS_PER_S),
            Reason.GRACE,
            id="another boot, untrusted, this one still young",
        ),
        pytest.param(
            frame(HOUR_S, "before", "unproven"),
            replace(NOW, boottime_ns=900 * NS_PER_S),
            Reason.UNPROVEN,
            id="the grace is over",
        ),
        pytest.param(None, replace(NOW, boottime_ns=10 * NS_PER_S), Reason.GRACE, id="nobody knows when"),
        pytest.param(None, NOW, Reason.UNPROVEN, id="nobody knows when, and the grace is over"),
    ],
)
def test_one_segment(first: Instant | None, now: Instant, reason: Reason) -> None:
    """What time alone decides."""
    assert reasons(plan([footage(1, first)], (), now, POLICY, PLENTY)) == {1: reason}


def test_the_grace_never_outlasts_the_retention() -> None:
    """With a retention shorter than the grace, footage of another boot is as old as this one at least."""
    policy = Policy(max_age_s=20, sweep_s=1, clock_grace_s=900, min_free_bytes=0)
    unproven = footage(1, frame(5, "before", "unproven"))
    at = {s: plan([unproven], (), replace(NOW, boottime_ns=s * NS_PER_S), policy, PLENTY) for s in (17, 18)}
    assert reasons(at[17]) == {1: Reason.GRACE}
    assert at[17].next_due_s == 1
    assert reasons(at[18]) == {1: Reason.DUE}
    assert at[18].delete[0].sentence == "it is older than this start, 18 s ago"


@pytest.mark.parametrize("first", [frame(10 * DAY_S), frame(DAY_S, "before", "unproven"), None])
def test_held_footage_is_beyond_time_and_space(first: Instant | None) -> None:
    """Neither age, nor a wrong clock, nor a full card takes what is held."""
    decided = plan([footage(1, first)], {"j"}, NOW, replace(POLICY, min_free_bytes=10**9), 0)
    assert reasons(decided) == {1: Reason.HELD}
    assert decided.short_bytes == 10**9


def test_a_live_segment_is_never_deleted() -> None:
    """Not for its age, not for a doubtful clock, not for space."""
    segments = [footage(1, frame(10 * DAY_S), live=True), footage(2, None, live=True), footage(3, frame(1), live=True)]
    decided = plan(segments, (), NOW, replace(POLICY, min_free_bytes=10**9), 0)
    assert set(reasons(decided).values()) == {Reason.LIVE}


def test_space_takes_the_oldest_that_nobody_holds() -> None:
    """As many as are needed beside what goes anyway, oldest first; unproven ages count as oldest."""
    segments = [
        footage(1, frame(600)),
        footage(2, frame(800)),
        footage(3, frame(700), journey="held"),
        footage(4, frame(DAY_S)),
        footage(5, frame(500, "before", "unproven")),
        footage(6, frame(900), live=True),
    ]
    now = replace(NOW, boottime_ns=10_000 * NS_PER_S)
    segments = [
        replace(s, first=replace(s.first, boottime_ns=now.boottime_ns - (NOW.boottime_ns - s.first.boottime_ns)))
        if s.first.boot_id == "now"
        else s
        for s in segments
    ]
    policy = replace(POLICY, clock_grace_s=20_000, min_free_bytes=1000)
    decided = plan(segments, {"held"}, now, policy, free_bytes=750)
    assert [(v.footage.number, v.reason) for v in decided.delete] == [
        (5, Reason.SPACE),
        (4, Reason.DUE),
        (2, Reason.SPACE),
    ]
    assert {v.footage.number: v.reason for v in decided.keep} == {1: Reason.YOUNG, 3: Reason.HELD, 6: Reason.LIVE}
    assert decided.short_bytes == 0


def test_an_unreadable_free_space_deletes_nothing_for_space() -> None:
    """Not knowing is no reason to delete; the pruner raises the alarm."""
    decided = plan([footage(1, frame(60))], (), NOW, replace(POLICY, min_free_bytes=10**9), None)
    assert reasons(decided) == {1: Reason.YOUNG}
    assert decided.short_bytes == 0


def test_a_verdict_says_why_in_a_sentence() -> None:
    """The whole value of a plan: order, reasons, sentences, the next time to look."""
    old, young, held = footage(1, frame(DAY_S)), footage(2, frame(60)), footage(3, frame(60), journey="held")
    assert plan([young, held, old], {"held"}, NOW, POLICY, PLENTY) == Plan(
        keep=(
            Verdict(held, Reason.HELD, "its journey is held"),
            Verdict(young, Reason.YOUNG, "it goes in 86220 s", goes_in_s=86220.0),
        ),
        delete=(Verdict(old, Reason.DUE, "its oldest frame is 86400 s old, of 86400 s allowed"),),
        short_bytes=0,
        next_due_s=86220.0,
    )


def test_an_empty_store_has_an_empty_plan() -> None:
    """Nothing to judge, nothing due."""
    assert plan([], (), NOW, POLICY, 0) == Plan((), (), 0, None)


# --- properties --------------------------------------------------------------------------------------------------

moments = st.builds(
    Instant,
    utc_ns=st.integers(UTC_NS - 40 * DAY_S * NS_PER_S, UTC_NS + DAY_S * NS_PER_S),
    boottime_ns=st.integers(0, 2 * DAY_S * NS_PER_S),
    boot_id=st.sampled_from(["now", "before", "long before"]),
    quality=st.sampled_from(["synchronised", "unproven"]),
)
nows = st.builds(
    Instant,
    utc_ns=st.integers(UTC_NS - DAY_S * NS_PER_S, UTC_NS + DAY_S * NS_PER_S),
    boottime_ns=st.integers(0, 2 * DAY_S * NS_PER_S),
    boot_id=st.just("now"),
    quality=st.sampled_from(["synchronised", "unproven"]),
)
stores = st.lists(
    st.builds(
        Footage,
        journey=st.sampled_from("abcd"),
        number=st.integers(1, 50),
        size_bytes=st.integers(0, 1000),
        first=st.none() | moments,
        live=st.booleans(),
    ),
    unique_by=lambda segment: (segment.journey, segment.number),
    max_size=20,
)
policies = st.builds(
    Policy,
    max_age_s=st.floats(10, DAY_S),
    sweep_s=st.floats(0.1, 4),
    clock_grace_s=st.floats(0, 2000),
    min_free_bytes=st.integers(0, 10_000),
)
held_sets = st.frozensets(st.sampled_from("abcd"))
spaces = st.none() | st.integers(0, 10_000)


@given(stores, held_sets, nows, policies, spaces)
def test_kept_and_deleted_are_all_and_each_has_one_reason(segments, held, now, policy, free_bytes) -> None:
    """No segment is forgotten, none is judged twice, no reason stands on the wrong side."""
    decided = plan(segments, held, now, policy, free_bytes)
    judged = [verdict.footage for verdict in (*decided.keep, *decided.delete)]
    assert sorted(judged, key=repr) == sorted(segments, key=repr)
    assert {v.reason for v in decided.keep} <= {Reason.LIVE, Reason.HELD, Reason.YOUNG, Reason.GRACE}
    assert {v.reason for v in decided.delete} <= {Reason.DUE, Reason.UNPROVEN, Reason.SPACE}
    assert all(verdict.sentence for verdict in (*decided.keep, *decided.delete))


@given(stores, held_sets, nows, policies, spaces)
def test_what_is_held_or_live_stays(segments, held, now, policy, free_bytes) -> None:
    """In every store, by every clock, with every policy."""
    decided = plan(segments, held, now, policy, free_bytes)
    assert not [v for v in decided.delete if v.footage.live or v.footage.journey in held]


@given(stores, held_sets, nows, policies, spaces)
def test_what_stays_unheld_is_proven_young_or_within_the_grace(segments, held, now, policy, free_bytes) -> None:
    """The rule in one sentence, and two sweeps of room before the limit."""
    decided = plan(segments, held, now, policy, free_bytes)
    for verdict in decided.keep:
        if verdict.footage.live or verdict.footage.journey in held:
            continue
        age_s = proven_age_s(verdict.footage.first, now)
        if age_s is None:
            assert now.boottime_ns / NS_PER_S < min(policy.clock_grace_s, policy.due_age_s)
        else:
            assert age_s + policy.sweep_s < policy.max_age_s
        assert verdict.goes_in_s is not None
        assert verdict.goes_in_s > 0


@given(stores, held_sets, nows, policies, st.integers(0, 10_000))
def test_space_takes_no_more_than_it_needs(segments, held, now, policy, free_bytes) -> None:
    """Without its last victim for space there would be too little; short only when nothing could yield any more."""
    decided = plan(segments, held, now, policy, free_bytes)
    after = free_bytes + sum(verdict.footage.size_bytes for verdict in decided.delete)
    for_space = [verdict for verdict in decided.delete if verdict.reason is Reason.SPACE]
    if for_space:
        assert after - for_space[-1].footage.size_bytes < policy.min_free_bytes
    assert decided.short_bytes == max(0, policy.min_free_bytes - after)
    if decided.short_bytes:
        assert {verdict.reason for verdict in decided.keep} <= {Reason.LIVE, Reason.HELD}


@given(stores, held_sets, nows, policies)
def test_nothing_provably_young_goes_except_for_space(segments, held, now, policy) -> None:
    """With room on the card, a deletion needs age or doubt."""
    for verdict in plan(segments, held, now, policy, 10**9).delete:
        age_s = proven_age_s(verdict.footage.first, now)
        assert age_s is None or age_s >= policy.due_age_s


@given(stores, held_sets, nows, policies, spaces)
def test_looking_again_at_the_next_due_time_finds_something_due(segments, held, now, policy, free_bytes) -> None:
    """``next_due_s`` is neither too early nor too late: just before it nothing more is due, then something is."""
    kept = [verdict.footage for verdict in plan(segments, held, now, policy, free_bytes).keep]
    next_due_s = plan(kept, held, now, policy, None).next_due_s
    if next_due_s is None:
        return

    def later(seconds: float) -> Instant:
        step_ns = round(seconds * NS_PER_S)
        return replace(now, utc_ns=now.utc_ns + step_ns, boottime_ns=now.boottime_ns + step_ns)

    assert plan(kept, held, later(next_due_s - 0.001), policy, None).delete == () or next_due_s < 0.001
    assert plan(kept, held, later(next_due_s + 0.001), policy, None).delete != ()


@given(stores.flatmap(lambda s: st.tuples(st.just(s), st.permutations(s))), held_sets, nows, policies, spaces)
def test_the_order_of_the_question_does_not_matter(listings, held, now, policy, free_bytes) -> None:
    """The same store gives the same plan however it was listed."""
    one, other = (plan(listing, held, now, policy, free_bytes) for listing in listings)
    assert one == other
