"""The rule, row by row, and what must hold for every store there can be. What clocks prove: ``test_eras.py``."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.timekeeping import NS_PER_S, Instant
from recorder.vault import retention
from recorder.vault.eras import ClockHistory, Moment
from recorder.vault.retention import Footage, Plan, Policy, Reason, Verdict

HOUR_S = 3600
DAY_S = 24 * HOUR_S
UTC_NS = 1_795_000_000 * NS_PER_S
POLICY = Policy(max_age_s=DAY_S, sweep_s=60, clock_grace_s=900, min_free_bytes=0)
NOW = Instant(UTC_NS, 2 * DAY_S * NS_PER_S, "now", "synchronised")
BOOTED_S_AGO = 2 * DAY_S
PLENTY = 10**12


def frame(age_s: float, boot_id: str = "now", quality: str = "synchronised", off_by_s: float = 0) -> Instant:
    """A frame captured ``age_s`` ago, by a wall clock that was ``off_by_s`` ahead."""
    boottime_ns = NOW.boottime_ns - round(age_s * NS_PER_S) if boot_id == "now" else 5 * NS_PER_S
    return Instant(UTC_NS - round((age_s - off_by_s) * NS_PER_S), boottime_ns, boot_id, quality)


def footage(
    number: int,
    first: Moment | None,
    *,
    journey: str = "j",
    size_bytes: int = 100,
    live: bool = False,
    epoch: int | None = None,
) -> Footage:
    return Footage(journey, number, size_bytes, first, live, epoch)


def plan(
    segments: list[Footage],
    held: object,
    now: Instant,
    policy: Policy,
    free_bytes: int | None,
    *,
    card_bytes: int | None = None,
) -> Plan:
    """As the pruner asks, with a ledger that has noted the oldest frame of each boot, and now."""
    clocks = ClockHistory()
    firsts = {segment.first.boot_id: segment.first for segment in segments if segment.first is not None}
    for boot_id in sorted(firsts.keys() - {now.boot_id}):
        clocks.take(firsts[boot_id])
    clocks.take(now)
    return retention.plan(segments, held, now, policy, free_bytes, clocks=clocks, card_bytes=card_bytes)


def reasons(decided: Plan) -> dict[int, Reason]:
    return {verdict.footage.number: verdict.reason for verdict in (*decided.keep, *decided.delete)}


def later(now: Instant, seconds: float) -> Instant:
    step_ns = round(seconds * NS_PER_S)
    return replace(now, utc_ns=now.utc_ns + step_ns, boottime_ns=now.boottime_ns + step_ns)


def just_started(uptime_s: float, quality: str = "synchronised") -> Instant:
    return replace(NOW, boottime_ns=round(uptime_s * NS_PER_S), quality=quality)


# --- time ----------------------------------------------------------------------------------------------------------


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
        pytest.param(frame(HOUR_S, "before"), just_started(60), Reason.YOUNG, id="another boot, both clocks trusted"),
        pytest.param(frame(HOUR_S, "before", "rtc"), just_started(60, "rtc"), Reason.YOUNG, id="another boot, chips"),
        pytest.param(frame(DAY_S - 181, "before"), just_started(60), Reason.YOUNG, id="another boot, just in time"),
        pytest.param(
            frame(DAY_S - 180, "before"), just_started(60), Reason.DUE, id="another boot: two clocks may differ"
        ),
        pytest.param(
            frame(HOUR_S, "before", "unproven"), just_started(899), Reason.GRACE, id="another boot, untrusted then"
        ),
        pytest.param(
            frame(HOUR_S, "before"), just_started(899, "unproven"), Reason.GRACE, id="another boot, untrusted now"
        ),
        pytest.param(frame(HOUR_S, "before", "unproven"), just_started(900), Reason.UNPROVEN, id="the grace is over"),
        pytest.param(frame(-HOUR_S, "before"), just_started(60), Reason.GRACE, id="another boot, from the future"),
        pytest.param(
            frame(HOUR_S, "before", "unproven"), NOW, Reason.DUE, id="another boot, and this one alone is too old"
        ),
        pytest.param(None, just_started(10), Reason.GRACE, id="nobody knows when"),
        pytest.param(None, just_started(900), Reason.UNPROVEN, id="nobody knows when, and the grace is over"),
    ],
)
def test_one_segment(first: Instant | None, now: Instant, reason: Reason) -> None:
    """What time alone decides."""
    assert reasons(plan([footage(1, first)], (), now, POLICY, PLENTY)) == {1: reason}


def test_the_grace_never_outlasts_the_retention() -> None:
    """With a retention shorter than the grace, footage of another boot is as old as this one at least."""
    policy = Policy(max_age_s=20, sweep_s=1, clock_grace_s=900, min_free_bytes=0)
    unproven = footage(1, frame(5, "before", "unproven"))
    at = {s: plan([unproven], (), just_started(s), policy, PLENTY) for s in (16, 17)}
    assert reasons(at[16]) == {1: Reason.GRACE}
    assert at[16].next_due_s == 1
    assert reasons(at[17]) == {1: Reason.DUE}
    assert at[17].delete[0].sentence == "its oldest frame is at least 17 s old, of 20 s allowed"


def test_the_second_unknown_gap_takes_what_the_first_left_in_doubt() -> None:
    """Each time the power is off for nobody knows how long may be the one that lasts a day."""
    clocks = ClockHistory()
    first = frame(HOUR_S, "a", "unproven")
    clocks.take(first)
    for boot_id, reason in (("b", Reason.GRACE), ("c", Reason.UNPROVEN)):
        now = Instant(UTC_NS, 5 * NS_PER_S, boot_id, "unproven")
        clocks.take(now)
        decided = retention.plan([footage(1, first)], (), now, POLICY, PLENTY, clocks=clocks)
        assert reasons(decided) == {1: reason}
    assert decided.delete[0].sentence == "no clock proves its age, and the power has been off again for an unknown time"


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


# --- epochs --------------------------------------------------------------------------------------------------------


def test_an_epoch_goes_as_a_whole_when_its_oldest_frame_is_due() -> None:
    """Of any journey; the next epoch, a second younger, stays."""
    segments = [
        footage(1, frame(DAY_S - 120), epoch=0),
        footage(2, frame(DAY_S - 600), journey="k", epoch=0),
        footage(3, frame(DAY_S - 121), epoch=7),
        footage(4, frame(DAY_S - 700), epoch=7),
    ]
    younger = [replace(segment, first=frame(DAY_S - 900)) for segment in segments[1::2]]
    decided = plan([segments[0], younger[0], segments[2], younger[1]], (), NOW, POLICY, PLENTY)
    sentence = "its oldest frame is 86280 s old, of 86400 s allowed"
    assert decided.delete == (Verdict(segments[0], Reason.DUE, sentence), Verdict(younger[0], Reason.DUE, sentence))
    assert decided.keep == (
        Verdict(segments[2], Reason.YOUNG, "it goes in 1 s", 1.0),
        Verdict(younger[1], Reason.YOUNG, "it goes in 1 s", 1.0),
    )


def test_what_is_held_of_an_epoch_stays_and_does_not_hurry_the_rest() -> None:
    """The oldest unheld frame decides; what is held keeps its own verdict."""
    segments = [footage(1, frame(10 * DAY_S), journey="held", epoch=1), footage(2, frame(60), epoch=1)]
    decided = plan(segments, {"held"}, NOW, POLICY, PLENTY)
    assert reasons(decided) == {1: Reason.HELD, 2: Reason.YOUNG}


def test_an_epoch_that_is_being_written_stays() -> None:
    """Whatever its age and however little room there is: its key is in use."""
    segments = [
        footage(1, frame(DAY_S), epoch=1),
        footage(2, frame(60), epoch=1, live=True),
        footage(3, frame(1), epoch=2),
        footage(4, frame(2)),
        footage(5, frame(1), live=True),
    ]
    decided = plan(segments, (), NOW, replace(POLICY, min_free_bytes=10**6), 0)
    assert reasons(decided) == {1: Reason.LIVE, 2: Reason.LIVE, 3: Reason.SPACE, 4: Reason.SPACE, 5: Reason.LIVE}
    assert {verdict.sentence for verdict in decided.keep} == {"it is being written", "its epoch is being written"}


def test_a_doubtful_frame_takes_its_epoch_along() -> None:
    """Where the log of one segment is lost, the others of its epoch share its fate, which is the harder one."""
    segments = [footage(1, frame(60), epoch=1), footage(2, None, epoch=1)]
    assert set(reasons(plan(segments, (), just_started(899), POLICY, PLENTY)).values()) == {Reason.GRACE}
    assert set(reasons(plan(segments, (), just_started(900), POLICY, PLENTY)).values()) == {Reason.UNPROVEN}


# --- space ---------------------------------------------------------------------------------------------------------


def test_space_takes_the_oldest_epoch_that_nobody_holds() -> None:
    """As many as are needed beside what goes anyway, oldest first and whole; unproven ages count as oldest."""
    now = just_started(600)
    segments = [
        footage(1, Instant(0, 100 * NS_PER_S, "now", "unproven"), epoch=3),
        footage(2, Instant(0, 200 * NS_PER_S, "now", "unproven"), epoch=2),
        footage(3, Instant(0, 90 * NS_PER_S, "now", "unproven"), journey="held", epoch=2),
        footage(4, frame(DAY_S, "before")),
        footage(5, None),
        footage(6, Instant(0, 1 * NS_PER_S, "now", "unproven"), live=True),
        footage(7, Instant(0, 300 * NS_PER_S, "now", "unproven"), epoch=3),
    ]
    policy = replace(POLICY, min_free_bytes=1000)
    decided = plan(segments, {"held"}, now, policy, free_bytes=750)
    assert [(v.footage.number, v.reason) for v in decided.delete] == [
        (5, Reason.SPACE),
        (4, Reason.DUE),
        (1, Reason.SPACE),
        (7, Reason.SPACE),
    ]
    assert {v.footage.number: v.reason for v in decided.keep} == {2: Reason.YOUNG, 3: Reason.HELD, 6: Reason.LIVE}
    assert decided.short_bytes == 0


def test_holds_beyond_their_share_of_the_card_are_told_early() -> None:
    """Long before there is no room; nothing is deleted for it. Of a card whose size is unknown nothing is said."""
    segments = [footage(1, frame(60), journey="held", size_bytes=600), footage(2, frame(60), size_bytes=300)]
    policy = replace(POLICY, hold_quota=0.25)
    decided = {size: plan(segments, {"held"}, NOW, policy, PLENTY, card_bytes=size) for size in (2400, 2000, None)}
    assert {size: one.held_over_bytes for size, one in decided.items()} == {2400: 0, 2000: 100, None: 0}
    assert all(one.delete == () for one in decided.values())


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
        held_over_bytes=0,
        next_due_s=86220.0,
    )


def test_an_empty_store_has_an_empty_plan() -> None:
    """Nothing to judge, nothing due."""
    assert plan([], (), NOW, POLICY, 0) == Plan((), (), 0, 0, None)


# --- properties --------------------------------------------------------------------------------------------------

qualities = st.sampled_from(["synchronised", "rtc", "unproven"])
moments = st.builds(
    Instant,
    utc_ns=st.integers(UTC_NS - 40 * DAY_S * NS_PER_S, UTC_NS + DAY_S * NS_PER_S),
    boottime_ns=st.integers(0, DAY_S * NS_PER_S),
    boot_id=st.sampled_from(["a", "b", "c"]),
    quality=qualities,
)
nows = st.builds(
    Instant,
    utc_ns=st.integers(UTC_NS - DAY_S * NS_PER_S, UTC_NS + DAY_S * NS_PER_S),
    boottime_ns=st.integers(0, 2 * DAY_S * NS_PER_S),
    boot_id=st.just("now"),
    quality=qualities,
)


@st.composite
def stores(draw: st.DrawFn) -> tuple[list[Footage], ClockHistory, Instant]:
    """Footage of several boots, a ledger that knows of most of them, and now."""
    now = draw(nows)
    clocks = ClockHistory()
    for moment in sorted(draw(st.lists(moments, max_size=6)), key=lambda moment: (moment.boot_id, moment.boottime_ns)):
        clocks.take(moment)
    clocks.take(now)
    here = st.integers(0, now.boottime_ns).map(lambda ns: Instant(0, ns, "now", "unproven"))
    segments = st.builds(
        Footage,
        journey=st.sampled_from("abcd"),
        number=st.integers(1, 50),
        size_bytes=st.integers(0, 1000),
        first=st.none() | moments | here,
        live=st.booleans(),
        epoch=st.none() | st.integers(0, 4),
    )
    name = lambda segment: (segment.journey, segment.number)  # noqa: E731
    return draw(st.lists(segments, unique_by=name, max_size=20)), clocks, now


policies = st.builds(
    Policy,
    max_age_s=st.floats(10, DAY_S),
    sweep_s=st.floats(0.1, 4),
    clock_grace_s=st.floats(0, 2000),
    min_free_bytes=st.integers(0, 10_000),
)
held_sets = st.frozensets(st.sampled_from("abcd"))
spaces = st.none() | st.integers(0, 10_000)
KEPT = {Reason.LIVE, Reason.HELD, Reason.YOUNG, Reason.GRACE}


@given(stores(), held_sets, policies, spaces)
def test_kept_and_deleted_are_all_and_each_has_one_reason(store, held, policy, free_bytes) -> None:
    """No segment is forgotten, none is judged twice, no reason stands on the wrong side."""
    segments, clocks, now = store
    decided = retention.plan(segments, held, now, policy, free_bytes, clocks=clocks)
    judged = [verdict.footage for verdict in (*decided.keep, *decided.delete)]
    assert sorted(judged, key=repr) == sorted(segments, key=repr)
    assert {v.reason for v in decided.keep} <= KEPT
    assert {v.reason for v in decided.delete} <= set(Reason) - KEPT
    assert all(verdict.sentence for verdict in (*decided.keep, *decided.delete))


@given(stores(), held_sets, policies, spaces)
def test_what_is_held_or_of_an_epoch_that_is_being_written_stays(store, held, policy, free_bytes) -> None:
    """In every store, by every clock, with every policy."""
    segments, clocks, now = store
    decided = retention.plan(segments, held, now, policy, free_bytes, clocks=clocks)
    writing = {segment.epoch for segment in segments if segment.live and segment.epoch is not None}
    for verdict in decided.delete:
        assert not verdict.footage.live
        assert verdict.footage.journey not in held
        assert verdict.footage.epoch not in writing


@given(stores(), held_sets, policies, spaces)
def test_an_epoch_is_never_split(store, held, policy, free_bytes) -> None:
    """What is unheld in it goes or stays together: the key of what went would still be there."""
    segments, clocks, now = store
    decided = retention.plan(segments, held, now, policy, free_bytes, clocks=clocks)
    gone = {verdict.footage.epoch for verdict in decided.delete} - {None}
    left = {verdict.footage.epoch for verdict in decided.keep if verdict.reason is not Reason.HELD}
    assert not gone & left


@given(stores(), held_sets, policies, spaces)
def test_what_stays_unheld_is_proven_young_or_within_the_grace(store, held, policy, free_bytes) -> None:
    """The rule in one sentence, and two sweeps of room before the limit."""
    segments, clocks, now = store
    for verdict in retention.plan(segments, held, now, policy, free_bytes, clocks=clocks).keep:
        if verdict.reason in {Reason.LIVE, Reason.HELD}:
            continue
        first = verdict.footage.first
        age_s = None if first is None else clocks.age_s(first, now)
        if age_s is None:
            doubt = clocks.doubt(None if first is None else first.boot_id, now)
            assert doubt.powered_s < policy.clock_grace_s
            assert doubt.unknown_gaps <= 1
            assert doubt.least_age_s + policy.sweep_s < policy.max_age_s
        else:
            assert age_s + policy.sweep_s < policy.max_age_s
        assert verdict.goes_in_s is not None
        assert verdict.goes_in_s > 0


@given(stores(), held_sets, policies, st.integers(0, 10_000))
def test_space_takes_no_more_than_it_needs(store, held, policy, free_bytes) -> None:
    """Without its last victim for space there would be too little; short only when nothing could yield any more."""
    segments, clocks, now = store
    decided = retention.plan(segments, held, now, policy, free_bytes, clocks=clocks)
    after = free_bytes + sum(verdict.footage.size_bytes for verdict in decided.delete)
    for_space = [verdict.footage for verdict in decided.delete if verdict.reason is Reason.SPACE]
    if for_space:
        last = for_space[-1]
        unit = [segment for segment in for_space if segment is last or segment.epoch == last.epoch is not None]
        assert after - sum(segment.size_bytes for segment in unit) < policy.min_free_bytes
    assert decided.short_bytes == max(0, policy.min_free_bytes - after)
    if decided.short_bytes:
        assert {verdict.reason for verdict in decided.keep} <= {Reason.LIVE, Reason.HELD}


@given(stores(), held_sets, policies)
def test_nothing_provably_young_goes_except_for_space(store, held, policy) -> None:
    """With room on the card, a deletion needs age or doubt, of it or of another unheld frame of its epoch."""
    segments, clocks, now = store
    decided = retention.plan(segments, held, now, policy, 10**9, clocks=clocks)
    for verdict in decided.delete:
        unit = [
            other.footage
            for other in decided.delete
            if other is verdict or other.footage.epoch == verdict.footage.epoch is not None
        ]
        ages_s = [None if segment.first is None else clocks.age_s(segment.first, now) for segment in unit]
        assert any(age_s is None or age_s >= policy.due_age_elsewhere_s for age_s in ages_s)


@given(stores(), held_sets, policies, spaces)
def test_looking_again_at_the_next_due_time_finds_something_due(store, held, policy, free_bytes) -> None:
    """``next_due_s`` is neither too early nor too late: just before it nothing more is due, then something is."""
    segments, clocks, now = store
    first_plan = retention.plan(segments, held, now, policy, free_bytes, clocks=clocks)
    kept = [verdict.footage for verdict in first_plan.keep]

    def at(seconds: float) -> Plan:
        return retention.plan(kept, held, later(now, seconds), policy, None, clocks=clocks)

    if first_plan.next_due_s is not None:
        assert at(first_plan.next_due_s - 0.001).delete == () or first_plan.next_due_s < 0.001
        assert at(first_plan.next_due_s + 0.001).delete != ()


@given(stores(), held_sets, policies, spaces, st.randoms(use_true_random=False))
def test_the_order_of_the_question_does_not_matter(store, held, policy, free_bytes, order) -> None:
    """The same store gives the same plan however it was listed."""
    segments, clocks, now = store
    shuffled = order.sample(segments, len(segments))
    one, other = (retention.plan(each, held, now, policy, free_bytes, clocks=clocks) for each in (segments, shuffled))
    assert one == other
