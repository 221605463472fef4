"""Years of vehicles' lives, by the plan and the clocks of the recorder; and that each promise could be broken."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from recorder.vault import retention
from recorder.vault.retention import Plan, Reason, Verdict
from tests.vault.years import SCENARIOS, BrokenPromiseError, Scenario, Vehicle

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_the_promises_hold_for_months(scenario: Scenario) -> None:
    """``python -m tests.vault.years`` lives for years; a parked vehicle's are quickly over."""
    vehicle = Vehicle(scenario, seed=7)
    tally = vehicle.live(years=3 if "parked" in scenario.name or "flat" in scenario.name else 0.2)
    assert tally.segments > 40
    assert tally.deleted.total() + len(vehicle.segments) == tally.segments


def moved(decided: Plan, which: Callable[[Verdict], bool], reason: Reason) -> Plan:
    """A plan that deletes what it should keep."""
    gone = tuple(replace(verdict, reason=reason) for verdict in decided.keep if which(verdict))
    kept = tuple(verdict for verdict in decided.keep if not which(verdict))
    return replace(decided, keep=kept, delete=decided.delete + gone)


def spared(decided: Plan, which: Callable[[Verdict], bool]) -> Plan:
    """A plan that keeps what it should delete."""
    kept = tuple(verdict for verdict in decided.delete if which(verdict))
    return replace(decided, keep=decided.keep + kept, delete=tuple(v for v in decided.delete if not which(v)))


def youngest_first(decided: Plan) -> Plan:
    """A plan that makes room at the wrong end."""
    if not any(verdict.reason is Reason.SPACE for verdict in decided.delete):
        return decided
    spares = spared(decided, lambda verdict: verdict.reason is Reason.SPACE)
    epoch = max((v.footage.epoch for v in spares.keep if v.reason is Reason.YOUNG), default=None)
    return moved(spares, lambda v: v.footage.epoch == epoch and v.reason is Reason.YOUNG, Reason.SPACE)


@pytest.mark.parametrize(
    ("life", "wrong", "said"),
    [
        pytest.param(
            "held and released all the time",
            lambda plan: moved(plan, lambda v: v.reason is Reason.HELD, Reason.DUE),
            "held footage was deleted",
            id="deletes what is held",
        ),
        pytest.param(
            "a good clock chip, no network ever",
            lambda plan: moved(plan, lambda v: v.footage.live, Reason.DUE),
            "live footage was deleted",
            id="deletes what is live",
        ),
        pytest.param(
            "a good clock chip, no network ever",
            lambda plan: moved(plan, lambda v: (v.goes_in_s or 1e9) < 3600, Reason.DUE),
            "s old, and went",
            id="deletes an hour early",
        ),
        pytest.param(
            "a good clock chip, no network ever",
            lambda plan: spared(plan, lambda v: v.reason is Reason.DUE),
            "s old, and is left",
            id="keeps what is due",
        ),
        pytest.param(
            "no clock at all",
            lambda plan: spared(plan, lambda v: v.reason is not Reason.SPACE),
            "and is left",
            id="keeps what is unproven",
        ),
        pytest.param(
            "a card too small",
            lambda plan: spared(plan, lambda v: v.reason is Reason.SPACE and v.footage.number % 2 == 0),
            "an epoch was deleted in part",
            id="splits an epoch",
        ),
        pytest.param(
            "a card too small",
            youngest_first,
            "older footage was left when this went for space",
            id="takes the youngest for space",
        ),
    ],
)
def test_a_plan_that_breaks_a_promise_is_found_out(life: str, wrong: Callable[[Plan], Plan], said: str) -> None:
    """The checks can fail, each of them."""

    def broken(*arguments: object, **keywords: object) -> Plan:
        return wrong(retention.plan(*arguments, **keywords))

    with pytest.raises(BrokenPromiseError, match=said):
        Vehicle(BY_NAME[life], seed=7, plan_by=broken).live(years=0.25)
