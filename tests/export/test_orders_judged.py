"""What is to be done about an order, as a table: who is asked, when, about which journeys."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.export import orders
from recorder.export.orders import Copy, HoldThese, LetGo, OnBoard, Refusal, Situation, judge
from recorder.order import HoldOrder, ReleaseOrder
from recorder.timekeeping import NS_PER_S
from tests.export.ordering import DAY_S, Office, at
from tests.vault.kit import START_UTC_NS

OFFICE = Office()
HOLD, MANIFEST = "ab" * 32, "cd" * 32
NOW = Situation("Van 3", START_UTC_NS + 3600 * NS_PER_S, is_clock_trusted=True, is_carried_out=False)


def ns(seconds: float) -> int:
    return START_UTC_NS + round(seconds * NS_PER_S)


def on_board(name: str, began_s: float = 0, ended_s: float | None = 600, **facts: Any) -> OnBoard:
    said: dict[str, Any] = {
        "folder": f"f{name}",
        "began_ns": ns(began_s),
        "ended_ns": None if ended_s is None else ns(ended_s),
        "is_time_known": True,
        "goes_on": ended_s is None,
        "segments": 3,
    }
    return OnBoard(name, **(said | facts))


def held(**facts: Any) -> OnBoard:
    copies = (Copy("ef" * 32, 2, is_of_newest_hold=False), Copy(MANIFEST, 3, is_of_newest_hold=True))
    return on_board("a", **({"hold": HOLD, "copies": copies} | facts))


def hold(**said: Any) -> HoldOrder:
    return OFFICE.hold(**said)


def release(**said: Any) -> ReleaseOrder:
    return ReleaseOrder(**OFFICE.said(**({"journey": "fa", "hold": HOLD, "manifest_sha256": MANIFEST} | said)))


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        ({}, "abcd"),
        ({"scope": "journey", "journey": "b"}, "b"),
        ({"scope": "journey", "journey": "fc"}, "c"),
        ({"scope": "span", "since": at(-900), "until": at(-60)}, "ad"),  # a began a minute later
        ({"scope": "span", "since": at(-900), "until": at(-61)}, "d"),
        ({"scope": "span", "since": at(660), "until": at(700)}, "acd"),  # a ended a minute before
        ({"scope": "span", "since": at(661), "until": at(700)}, "cd"),
        ({"scope": "span", "since": at(1500), "until": at(1500)}, "bcd"),
        ({"scope": "span", "since": at(99_999), "until": at(99_999)}, "cd"),
    ],
)
def test_whom_a_hold_means(scope: dict[str, Any], meant: str) -> None:
    """All on board with something in it; in a span those that may have been under way, doubt included."""
    journeys = (
        on_board("a"),
        on_board("b", 1000, 2000, segments=0, goes_on=True),
        on_board("c", 500, None),
        on_board("d", -DAY_S, -DAY_S, is_time_known=False),
        on_board("e", segments=0),
    )
    verdict = judge(hold(**scope), NOW, journeys)
    assert isinstance(verdict, HoldThese)
    assert "".join(one.journey for one in verdict.journeys) == meant


def test_a_journey_of_which_nobody_knows_the_beginning_may_be_meant() -> None:
    """Its log is lost: it is kept, for a hold can be released."""
    span = hold(scope="span", since=at(0), until=at(1))
    assert judge(span, NOW, [on_board("a", began_ns=None)]) == HoldThese((on_board("a", began_ns=None),))


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ({}, orders.NOTHING_MEANT),
        ({"scope": "span", "since": at(0), "until": at(1)}, orders.NOTHING_MEANT),
        ({"scope": "journey", "journey": "e"}, orders.NOT_ON_BOARD),
        ({"scope": "journey", "journey": "x"}, orders.NOT_ON_BOARD),
    ],
)
def test_a_hold_of_nothing_is_refused(scope: dict[str, Any], why: str) -> None:
    """So it is not used up, and can still count."""
    assert judge(hold(**scope), NOW, [on_board("e", segments=0)]) == Refusal(why)


def test_a_release_of_what_it_names() -> None:
    """This hold, a copy of it, and all there is in that copy; by either name of the journey."""
    journeys = (on_board("b"), held())
    assert judge(release(), NOW, journeys) == judge(release(journey="a"), NOW, journeys) == LetGo(held())


@pytest.mark.parametrize(
    ("order", "journey", "why"),
    [
        (release(journey="x"), held(), orders.NOT_ON_BOARD),
        (release(), on_board("a"), orders.NOT_HELD),
        (release(hold="00" * 32), held(), orders.ANOTHER_HOLD),
        (release(manifest_sha256="00" * 32), held(), orders.UNKNOWN_COPY),
        (release(manifest_sha256="ef" * 32), held(), orders.HELD_AGAIN),
        (release(), held(segments=4), orders.NOT_ALL),
        (release(), held(segments=2), orders.NOT_ALL),
        (release(), held(goes_on=True), orders.NOT_ALL),
    ],
)
def test_a_release_of_anything_else_is_refused(order: ReleaseOrder, journey: OnBoard, why: str) -> None:
    """A newer hold stays, and so does what the office has not seen."""
    assert judge(order, NOW, [journey]) == Refusal(why)


DOUBT = replace(NOW, is_clock_trusted=False)


@pytest.mark.parametrize(
    "said", [{"issued": at(9 * DAY_S), "expires": at(10 * DAY_S)}, {"issued": at(-9 * DAY_S), "expires": at(0)}]
)
def test_doubt_about_time_refuses_no_hold_and_every_release(said: dict[str, str]) -> None:
    """Whatever times the order has, while no clock can be trusted."""
    assert judge(hold(**said), DOUBT, [held()]) == HoldThese((held(),))
    assert judge(release(**said), DOUBT, [held()]) == judge(release(), DOUBT, [held()]) == Refusal(orders.NO_TIME)


HOUR = 3600


@pytest.mark.parametrize(
    ("issued", "expires", "of_hold", "of_release"),
    [
        (0, HOUR, orders.EXPIRED, orders.EXPIRED),
        (0, HOUR + 0.001, None, None),
        (HOUR + 600, 2 * DAY_S, None, None),
        (HOUR + 600.001, 2 * DAY_S, None, orders.NOT_YET),
        (HOUR + DAY_S, 2 * DAY_S, None, orders.NOT_YET),
        (HOUR + DAY_S + 0.001, 2 * DAY_S, orders.NOT_YET, orders.NOT_YET),
    ],
)
def test_with_a_trusted_clock_times_count(
    issued: float, expires: float, of_hold: str | None, of_release: str | None
) -> None:
    """An office's computer may be a day ahead for a hold, ten minutes for a release; nobody's order lives on."""
    said = {"issued": at(issued), "expires": at(expires)}
    assert judge(hold(**said), NOW, [held()]) == (HoldThese((held(),)) if of_hold is None else Refusal(of_hold))
    assert judge(release(**said), NOW, [held()]) == (LetGo(held()) if of_release is None else Refusal(of_release))


@pytest.mark.parametrize("order", [hold(), release()])
def test_an_order_counts_once_and_for_its_vehicle(order: HoldOrder | ReleaseOrder) -> None:
    """Whatever it says."""
    assert judge(order, replace(NOW, vehicle="Van 4"), [held()]) == Refusal(orders.NOT_OURS)
    assert judge(order, replace(NOW, is_carried_out=True), [held()]) == Refusal(orders.CARRIED_OUT)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e5), st.booleans(), st.booleans()), max_size=6),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e5),
)
def test_a_span_misses_nothing_that_may_lie_in_it(
    journeys: list[tuple[float, float, bool, bool]], since_s: float, length_s: float
) -> None:
    """Whatever journeys there are: each that touches the span is held, and none that is a minute off for certain."""
    there = [
        on_board(str(number), began, None if goes_on else began + long, is_time_known=known)
        for number, (began, long, known, goes_on) in enumerate(journeys)
    ]
    verdict = judge(hold(scope="span", since=at(since_s), until=at(since_s + length_s)), NOW, there)
    kept = set(verdict.journeys) if isinstance(verdict, HoldThese) else set()
    for one, (began, long, known, goes_on) in zip(there, journeys, strict=True):
        gap_s = max(began - since_s - length_s, -1 if goes_on else since_s - began - long)
        assert one in kept or (known and gap_s > 59.9)
        assert one not in kept or not known or gap_s < 60.1
