"""How much less to ask of a computer that cannot keep up, and when to ask for more again. PURE.

Rules: fewer frames first, then a smaller picture, one step at a time; down after two seconds in which the encoder fell
behind, or at once where the computer slows itself down for heat; up after a minute of calm. A step up that does not
hold doubles the calm that the next one needs: a computer that is a little too slow is not tried every minute.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

_S = 1_000_000_000
LATE_NS = _S // 2  # a frame that leaves the encoder later than this is late; the drivers of webcams keep a second
CALM_NS = _S // 4  # and one that leaves it sooner than this is not
GAINING_NS = _S // 20  # so much sooner than at the look before: the encoder catches up
DOWN_AFTER_NS = 2 * _S
HOT_AGAIN_NS = 30 * _S  # heat takes its time to go
UP_AFTER_NS = 60 * _S
UP_AFTER_AT_MOST_NS = 16 * UP_AFTER_NS

Reason = Literal["slow", "hot", "calm"]


@dataclass(frozen=True, slots=True)
class Step:
    """One of ``every`` frames is recorded; ``size``: of each side; ``bitrate``: of the configured one."""

    every: int
    size: Fraction
    bitrate: Fraction

    def side(self, dots: int) -> int:
        """A side of the picture at this step: even, as 4:2:0 wants it, and at least 64."""
        return max(min(dots, 64), int(dots * self.size) // 2 * 2)


STEPS = (
    Step(1, Fraction(1), Fraction(1)),
    Step(2, Fraction(1), Fraction(3, 5)),
    Step(2, Fraction(3, 4), Fraction(2, 5)),
    Step(3, Fraction(1, 2), Fraction(1, 5)),
)
"""Work for the encoder: all, 1/2, 9/32, 1/12. Half the frames of a cabin need more than half of the bits."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at ``at_ns``.

    ``late_ns``: after its capture the newest frame left the encoder; ``losing``: more than one frame in ten was lost in
    front of it; ``hot``: the computer slows itself down for heat.
    """

    at_ns: int
    late_ns: int
    losing: bool = False
    hot: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where we stand. ``level``: index of the step; ``reason``: why the last change was made, at ``changed_ns``.

    ``behind_ns``, ``calm_ns``: since when without a pause (None: not now); ``patience_ns``: the calm that the next
    step up needs.
    """

    level: int = 0
    reason: Reason = "calm"
    changed_ns: int | None = None
    late_ns: int = 0
    behind_ns: int | None = None
    calm_ns: int | None = None
    patience_ns: int = UP_AFTER_NS


def judge(was: Standing, seen: Look, steps: int) -> Standing:
    """The standing after one more look, where there are so many steps."""
    late = seen.late_ns > LATE_NS and seen.late_ns > was.late_ns - GAINING_NS
    behind = seen.losing or late
    calm = seen.late_ns <= CALM_NS and not seen.losing and not seen.hot
    now = replace(
        was,
        late_ns=seen.late_ns,
        behind_ns=_since(was.behind_ns, seen.at_ns, is_so=behind),
        calm_ns=_since(was.calm_ns, seen.at_ns, is_so=calm),
    )
    if now.level + 1 < steps and _lasts(now.behind_ns, seen.at_ns, DOWN_AFTER_NS):
        return _down(now, seen.at_ns, "slow")
    if now.level + 1 < steps and seen.hot and _may_cool(now, seen.at_ns):
        return _down(now, seen.at_ns, "hot")
    if now.level and _lasts(now.calm_ns, seen.at_ns, now.patience_ns):
        return _changed(now, now.level - 1, seen.at_ns, "calm")
    return now


def opened(was: Standing) -> Standing:
    """The camera was opened anew: what was seen before says nothing about now, but the step stands."""
    return replace(was, late_ns=0, behind_ns=None, calm_ns=None)


def _since(since_ns: int | None, at_ns: int, *, is_so: bool) -> int | None:
    if not is_so:
        return None
    return at_ns if since_ns is None else since_ns


def _lasts(since_ns: int | None, at_ns: int, long_ns: int) -> bool:
    return since_ns is not None and at_ns - since_ns >= long_ns


def _may_cool(now: Standing, at_ns: int) -> bool:
    """Whether the last step down for heat has had its time to help."""
    return now.changed_ns is None or now.reason != "hot" or at_ns - now.changed_ns >= HOT_AGAIN_NS


def _down(now: Standing, at_ns: int, reason: Reason) -> Standing:
    return replace(_changed(now, now.level + 1, at_ns, reason), patience_ns=_patience_ns(now, at_ns))


def _patience_ns(now: Standing, at_ns: int) -> int:
    """The calm to wait for after a step down: longer where it undoes a step up, as ever where that held."""
    if now.changed_ns is None or now.reason != "calm":
        return now.patience_ns
    if _lasts(now.changed_ns, at_ns, now.patience_ns):
        return UP_AFTER_NS
    return min(2 * now.patience_ns, UP_AFTER_AT_MOST_NS)


def _changed(now: Standing, level: int, at_ns: int, reason: Reason) -> Standing:
    return replace(now, level=level, reason=reason, changed_ns=at_ns, behind_ns=None, calm_ns=None)
