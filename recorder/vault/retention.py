"""What is kept, what goes, and why. PURE: decides and gives reasons, deletes nothing, asks no clock.

The rule in one sentence: footage is kept only while it is held, or while its age is proven to be under ``max_age_s``.

Rules: age counts from the oldest frame, and goes early enough that a sweep that comes late is still in time. What is
unheld in one epoch goes together, when its oldest frame must, for its key is erased as a whole; an epoch that is still
being written stays. Each segment gets exactly one verdict. The table is in the README, "Retention".
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf

from recorder.vault.eras import AGREE_S, ClockHistory, Doubt, Moment

_SHARE = 20  # a sweep may come late, and two clocks differ, by a twentieth of max_age_s where that is less


class Reason(Enum):
    """Why a segment is kept or goes."""

    LIVE = "live"
    HELD = "held"
    YOUNG = "young"
    GRACE = "grace"
    DUE = "due"
    UNPROVEN = "unproven"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class Footage:
    """One segment, as far as retention cares. ``first``: its oldest frame; None where nobody knows any more.

    ``epoch``: the epoch whose key seals its header; None where none does.
    """

    journey: str
    number: int
    size_bytes: int
    first: Moment | None
    live: bool
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How long, how often looked at, how patient with a clock, how much room to leave.

    ``hold_quota``: the share of the card that holds may take before somebody is told.
    """

    max_age_s: float
    sweep_s: float
    clock_grace_s: float
    min_free_bytes: int
    hold_quota: float = 0.5

    @property
    def due_age_s(self) -> float:
        """The age at which footage goes: the sweep after this one, somewhat late, would be too late."""
        return self.max_age_s - self.sweep_s - min(self.sweep_s, self.max_age_s / _SHARE)

    @property
    def due_age_elsewhere_s(self) -> float:
        """The same for footage of another boot: two clocks that agree may differ."""
        return self.due_age_s - min(AGREE_S, self.max_age_s / _SHARE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one segment and why. ``goes_in_s``: when time alone will take it; None where it will not."""

    footage: Footage
    reason: Reason
    sentence: str
    goes_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A verdict for every segment. ``delete`` is in the order of deletion, oldest epoch first.

    ``short_bytes``: what will still be missing of ``min_free_bytes`` when all of ``delete`` is gone.
    ``held_over_bytes``: how much more is held than the quota of the card; 0 also where its size is unknown.
    ``next_due_s``: seconds until the next segment is due by time; None where none will be.
    """

    keep: tuple[Verdict, ...]
    delete: tuple[Verdict, ...]
    short_bytes: int
    held_over_bytes: int
    next_due_s: float | None


def plan(
    segments: Sequence[Footage],
    held: Collection[str],
    now: Moment,
    policy: Policy,
    free_bytes: int | None,
    *,
    clocks: ClockHistory,
    card_bytes: int | None = None,
) -> Plan:
    """A verdict for each of ``segments``.

    ``held``: ids of held journeys. ``free_bytes``, ``card_bytes``: room on the card and its size, None where
    unreadable. ``clocks``: what the ledger knows of time; it has taken ``now``.
    """
    writing = {footage.epoch for footage in segments if footage.live} - {None}
    keep: list[Verdict] = []
    units: dict[object, list[Footage]] = {}
    for footage in segments:
        if footage.live:
            keep.append(Verdict(footage, Reason.LIVE, "it is being written"))
        elif footage.journey in held:
            keep.append(Verdict(footage, Reason.HELD, "its journey is held"))
        elif footage.epoch in writing:
            keep.append(Verdict(footage, Reason.LIVE, "its epoch is being written"))
        else:
            name = (footage.journey, footage.number) if footage.epoch is None else footage.epoch
            units.setdefault(name, []).append(footage)
    judge = _Judge(now, policy, clocks)
    fates = sorted((judge.fate(members) for members in units.values()), key=lambda fate: fate.seniority)
    missing_bytes = 0 if free_bytes is None else policy.min_free_bytes - free_bytes
    missing_bytes -= sum(fate.size_bytes for fate in fates if fate.reason in _DELETING)
    delete: list[Verdict] = []
    for fate in fates:
        if fate.reason in _DELETING:
            delete += fate.verdicts
        elif missing_bytes > 0:
            missing_bytes -= fate.size_bytes
            sentence = f"fewer than {policy.min_free_bytes} bytes are free, and this is the oldest that nobody holds"
            delete += [Verdict(footage, Reason.SPACE, sentence) for footage in fate.members]
        else:
            keep += fate.verdicts
    return Plan(
        keep=tuple(sorted(keep, key=lambda verdict: (verdict.footage.journey, verdict.footage.number))),
        delete=tuple(delete),
        short_bytes=max(0, missing_bytes),
        held_over_bytes=_held_over_bytes(keep, policy, card_bytes),
        next_due_s=min((verdict.goes_in_s for verdict in keep if verdict.goes_in_s is not None), default=None),
    )


_DELETING = frozenset({Reason.DUE, Reason.UNPROVEN})


def _held_over_bytes(keep: Iterable[Verdict], policy: Policy, card_bytes: int | None) -> int:
    if card_bytes is None:
        return 0
    held_bytes = sum(verdict.footage.size_bytes for verdict in keep if verdict.reason is Reason.HELD)
    return max(0, held_bytes - int(card_bytes * policy.hold_quota))


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of segments that share it, and how old the oldest of them is: infinitely, where nobody can say."""

    members: tuple[Footage, ...]
    reason: Reason
    sentence: str
    goes_in_s: float | None
    age_s: float

    @property
    def size_bytes(self) -> int:
        return sum(footage.size_bytes for footage in self.members)

    @property
    def seniority(self) -> tuple[float, str, int]:
        return (-self.age_s, self.members[0].journey, self.members[0].number)

    @property
    def verdicts(self) -> list[Verdict]:
        return [Verdict(footage, self.reason, self.sentence, self.goes_in_s) for footage in self.members]


class _Judge:
    """What time decides, at one moment."""

    def __init__(self, now: Moment, policy: Policy, clocks: ClockHistory) -> None:
        self._now = now
        self._policy = policy
        self._clocks = clocks
        self._doubts: dict[str | None, Doubt] = {}

    def fate(self, members: Iterable[Footage]) -> _Fate:
        """That of the oldest: what must go before what may stay, and what goes sooner before what goes later."""
        ordered = tuple(sorted(members, key=lambda footage: (footage.journey, footage.number)))
        return min((self._fate(footage, ordered) for footage in ordered), key=_urgency)

    def _fate(self, footage: Footage, members: tuple[Footage, ...]) -> _Fate:
        policy, first = self._policy, footage.first
        age_s = None if first is None else self._clocks.age_s(first, self._now)
        if age_s is None:
            return self._doubtful(None if first is None else first.boot_id, members)
        here = first is not None and first.boot_id == self._now.boot_id
        due_age_s = policy.due_age_s if here else policy.due_age_elsewhere_s
        if age_s >= due_age_s:
            sentence = f"its oldest frame is {age_s:.0f} s old, of {policy.max_age_s:g} s allowed"
            return _Fate(members, Reason.DUE, sentence, None, age_s)
        return _Fate(members, Reason.YOUNG, f"it goes in {due_age_s - age_s:.0f} s", due_age_s - age_s, age_s)

    def _doubtful(self, boot_id: str | None, members: tuple[Footage, ...]) -> _Fate:
        """Footage of another boot, or of nobody knows when."""
        if boot_id not in self._doubts:
            self._doubts[boot_id] = self._clocks.doubt(boot_id, self._now)
        doubt, policy = self._doubts[boot_id], self._policy
        if doubt.least_age_s >= policy.due_age_elsewhere_s:
            sentence = f"its oldest frame is at least {doubt.least_age_s:.0f} s old, of {policy.max_age_s:g} s allowed"
            return _Fate(members, Reason.DUE, sentence, None, inf)
        if doubt.unknown_gaps > 1:
            sentence = "no clock proves its age, and the power has been off again for an unknown time"
            return _Fate(members, Reason.UNPROVEN, sentence, None, inf)
        if doubt.powered_s >= policy.clock_grace_s:
            sentence = f"no clock proves its age, after {policy.clock_grace_s:g} s with power"
            return _Fate(members, Reason.UNPROVEN, sentence, None, inf)
        goes_in_s = min(policy.clock_grace_s - doubt.powered_s, policy.due_age_elsewhere_s - doubt.least_age_s)
        return _Fate(
            members, Reason.GRACE, f"no clock proves its age yet; it goes in {goes_in_s:.0f} s", goes_in_s, inf
        )


def _urgency(fate: _Fate) -> tuple[float, float]:
    """Smallest for the fate that the others share."""
    return (-inf if fate.goes_in_s is None else fate.goes_in_s, -fate.age_s)
