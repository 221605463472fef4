"""What is to be done about an order of the office's. PURE: decides and gives reasons; reads nothing, asks no clock.

The order's signature is proven before it comes here. Rules: doubt about time refuses no hold and every release; an
order counts once; a release ends the hold that it names and no other, and only where the copy that it names has all
there is. The table is in the README, "What is done about an order"; sentences name no journey and no time, for they
lie on a stick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recorder.order import HoldOrder, Order, ReleaseOrder

_S: Final = 1_000_000_000
HOLD_AHEAD_NS: Final = 86_400 * _S
RELEASE_AHEAD_NS: Final = 600 * _S
SPAN_MARGIN_NS: Final = 60 * _S  # two clocks that agree may differ by that (the vault's README, "What proves an age")

NOT_OURS: Final = "It is for another vehicle."
CARRIED_OUT: Final = "It was carried out before, and an order counts once."
NOT_YET: Final = "It is not valid yet by this recorder's clock; look whether the office's computer has the right time."
EXPIRED: Final = "It has expired; make a new one."
NO_TIME: Final = (
    "The recorder does not know what time it is, and lets go of nothing meanwhile; try again when its clock is set."
)
NOTHING_MEANT: Final = "No journey on board is meant by it."
NOT_ON_BOARD: Final = "The journey that it names is not on board."
NOT_HELD: Final = "The journey that it names is not held."
ANOTHER_HOLD: Final = "The hold that it names is not the one that there is; look at a new copy first."
HELD_AGAIN: Final = "The journey was held again after the copy that it names; look at a new copy first."
UNKNOWN_COPY: Final = "This recorder has made no copy with the manifest that it names."
NOT_ALL: Final = "The copy that it names has not all there is of the journey by now; look at a new copy first."


@dataclass(frozen=True, slots=True)
class Copy:
    """A finished copy of a journey. ``is_of_newest_hold``: no hold was logged since."""

    manifest_sha256: str
    segments: int
    is_of_newest_hold: bool


@dataclass(frozen=True, slots=True)
class OnBoard:
    """A journey on the card, as far as orders care.

    ``folder``: its name on a stick. ``began_ns``, ``ended_ns``: since 1970 UTC, None where nobody knows, or it goes on;
    ``is_time_known``: a trusted clock tells them. ``segments``: how many there are; of a held one, how many a copy
    made now would have. ``hold``: SHA-256 (hex) of its ``HOLD``, None where there is none. ``copies``: oldest first.
    """

    journey: str
    folder: str
    began_ns: int | None
    ended_ns: int | None
    is_time_known: bool
    goes_on: bool
    segments: int
    hold: str | None = None
    copies: tuple[Copy, ...] = ()

    @property
    def can_be_held(self) -> bool:
        """Whether there is anything of it, or will be."""
        return bool(self.segments) or self.goes_on

    def is_called(self, name: str) -> bool:
        """Whether an order means it by ``name``."""
        return name in (self.journey, self.folder)

    def may_touch(self, since_ns: int, until_ns: int) -> bool:
        """Whether it may have been under way in these times."""
        began_ns, ended_ns = self.began_ns, self.ended_ns
        if not self.is_time_known or began_ns is None:
            return True
        is_before = ended_ns is not None and ended_ns < since_ns - SPAN_MARGIN_NS
        return not is_before and began_ns <= until_ns + SPAN_MARGIN_NS


@dataclass(frozen=True, slots=True)
class Situation:
    """What the recorder knows when it reads an order. ``is_carried_out``: the ledger has its number already."""

    vehicle: str
    now_ns: int
    is_clock_trusted: bool
    is_carried_out: bool


@dataclass(frozen=True, slots=True)
class HoldThese:
    """Keep these journeys."""

    journeys: tuple[OnBoard, ...]


@dataclass(frozen=True, slots=True)
class LetGo:
    """End the hold on this journey."""

    journey: OnBoard


@dataclass(frozen=True, slots=True)
class Refusal:
    """Do nothing. ``why``: a sentence."""

    why: str


Verdict = HoldThese | LetGo | Refusal


def judge(order: Order, situation: Situation, journeys: Sequence[OnBoard]) -> Verdict:
    """What is to be done about ``order``; ``journeys``: all on board."""
    why = _objection(order, situation)
    if why is not None:
        return Refusal(why)
    return _judge_hold(order, journeys) if isinstance(order, HoldOrder) else _judge_release(order, journeys)


def _objection(order: Order, situation: Situation) -> str | None:
    """What speaks against any order, whatever it asks for."""
    if order.vehicle != situation.vehicle:
        return NOT_OURS
    if situation.is_carried_out:
        return CARRIED_OUT
    if not situation.is_clock_trusted:
        return None if isinstance(order, HoldOrder) else NO_TIME
    ahead_ns = HOLD_AHEAD_NS if isinstance(order, HoldOrder) else RELEASE_AHEAD_NS
    if order.issued_ns > situation.now_ns + ahead_ns:
        return NOT_YET
    return EXPIRED if order.expires_ns <= situation.now_ns else None


def _judge_hold(order: HoldOrder, journeys: Sequence[OnBoard]) -> Verdict:
    meant = [one for one in journeys if one.can_be_held and _means(order, one)]
    if meant:
        return HoldThese(tuple(meant))
    return Refusal(NOTHING_MEANT if order.journey is None else NOT_ON_BOARD)


def _means(order: HoldOrder, journey: OnBoard) -> bool:
    if order.journey is not None:
        return journey.is_called(order.journey)
    return order.scope == "all" or journey.may_touch(*order.span_ns)


def _judge_release(order: ReleaseOrder, journeys: Sequence[OnBoard]) -> Verdict:
    journey = next((one for one in journeys if one.is_called(order.journey)), None)
    if journey is None:
        return Refusal(NOT_ON_BOARD)
    if journey.hold is None:
        return Refusal(NOT_HELD)
    if journey.hold != order.hold:
        return Refusal(ANOTHER_HOLD)
    copy = next((one for one in reversed(journey.copies) if one.manifest_sha256 == order.manifest_sha256), None)
    if copy is None:
        return Refusal(UNKNOWN_COPY)
    if not copy.is_of_newest_hold:
        return Refusal(HELD_AGAIN)
    is_whole = copy.segments == journey.segments and not journey.goes_on
    return LetGo(journey) if is_whole else Refusal(NOT_ALL)
