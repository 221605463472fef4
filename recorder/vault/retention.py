"""What is kept, what goes, and why. PURE: decides and gives reasons, deletes nothing, asks no clock.

The rule in one sentence: footage is kept only while it is held, or while its age is proven to be under ``max_age_s``.
Age counts from a segment's oldest frame, and a segment goes early enough that a sweep that comes late is still in
time. Each segment gets exactly one verdict. The table is in the README, "Retention".
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Protocol

_NS_PER_S = 1_000_000_000
_LATEST_SHARE = 20  # a sweep may come late by a twentieth of max_age_s, or by one interval where that is less


class Moment(Protocol):
    """One moment by both clocks; :class:`recorder.timekeeping.Instant` is one."""

    @property
    def utc_ns(self) -> int:
        """Wall clock, ns since 1970."""
        ...

    @property
    def boottime_ns(self) -> int:
        """Ns since the boot began."""
        ...

    @property
    def boot_id(self) -> str:
        """Which boot."""
        ...

    @property
    def trusted(self) -> bool:
        """Whether the wall clock can be believed."""
        ...


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
    """One segment, as far as retention cares. ``first``: its oldest frame; None where nobody knows any more."""

    journey: str
    number: int
    size_bytes: int
    first: Moment | None
    live: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """How long, how often looked at, how patient with a clock, how much room to leave."""

    max_age_s: float
    sweep_s: float
    clock_grace_s: float
    min_free_bytes: int

    @property
    def due_age_s(self) -> float:
        """The age at which a segment goes: the sweep after this one, somewhat late, would be too late."""
        return self.max_age_s - self.sweep_s - min(self.sweep_s, self.max_age_s / _LATEST_SHARE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one segment and why. ``goes_in_s``: when time alone will take it; None where it will not."""

    footage: Footage
    reason: Reason
    sentence: str
    goes_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A verdict for every segment. ``delete`` is in the order of deletion, oldest first.

    ``short_bytes``: what will still be missing of ``min_free_bytes`` when all of ``delete`` is gone.
    ``next_due_s``: seconds until the next segment is due by time; None where none will be.
    """

    keep: tuple[Verdict, ...]
    delete: tuple[Verdict, ...]
    short_bytes: int
    next_due_s: float | None


def plan(
    segments: Sequence[Footage], held: Collection[str], now: Moment, policy: Policy, free_bytes: int | None
) -> Plan:
    """A verdict for each of ``segments``. ``held``: ids of held journeys. ``free_bytes``: None where unreadable."""
    oldest_first = sorted(segments, key=lambda footage: _seniority(footage, now))
    verdicts = [_judge(footage, footage.journey in held, now, policy) for footage in oldest_first]
    freed_bytes = sum(verdict.footage.size_bytes for verdict in verdicts if verdict.reason in _DELETING)
    missing_bytes = 0 if free_bytes is None else max(0, policy.min_free_bytes - free_bytes - freed_bytes)
    for index, verdict in enumerate(verdicts):
        if missing_bytes and verdict.reason in _YIELDING:
            verdicts[index] = Verdict(verdict.footage, Reason.SPACE, _SPACE_SENTENCE.format(policy.min_free_bytes))
            missing_bytes = max(0, missing_bytes - verdict.footage.size_bytes)
    keep = tuple(verdict for verdict in verdicts if verdict.reason not in _DELETING)
    delete = tuple(verdict for verdict in verdicts if verdict.reason in _DELETING)
    waits_s = [verdict.goes_in_s for verdict in keep if verdict.goes_in_s is not None]
    return Plan(keep, delete, missing_bytes, min(waits_s, default=None))


_DELETING = frozenset({Reason.DUE, Reason.UNPROVEN, Reason.SPACE})
_YIELDING = frozenset({Reason.YOUNG, Reason.GRACE})
_SPACE_SENTENCE = "fewer than {} bytes are free, and this is the oldest that nobody holds"


def proven_age_s(first: Moment | None, now: Moment) -> float | None:
    """How old a frame is, in seconds, where that is proven; else None."""
    if first is None:
        return None
    if first.boot_id == now.boot_id:
        return (now.boottime_ns - first.boottime_ns) / _NS_PER_S
    if first.trusted and now.trusted and first.utc_ns <= now.utc_ns:
        return (now.utc_ns - first.utc_ns) / _NS_PER_S
    return None


def _judge(footage: Footage, is_held: bool, now: Moment, policy: Policy) -> Verdict:
    if footage.live:
        return Verdict(footage, Reason.LIVE, "it is being written")
    if is_held:
        return Verdict(footage, Reason.HELD, "its journey is held")
    age_s = proven_age_s(footage.first, now)
    if age_s is None:
        return _judge_unproven(footage, now.boottime_ns / _NS_PER_S, policy)
    if age_s >= policy.due_age_s:
        return Verdict(footage, Reason.DUE, f"its oldest frame is {age_s:.0f} s old, of {policy.max_age_s:g} s allowed")
    goes_in_s = policy.due_age_s - age_s
    return Verdict(footage, Reason.YOUNG, f"it goes in {goes_in_s:.0f} s", goes_in_s)


def _judge_unproven(footage: Footage, uptime_s: float, policy: Policy) -> Verdict:
    """Footage of another boot, or of nobody knows when. It is at least about as old as this boot."""
    if uptime_s >= policy.clock_grace_s:
        sentence = f"no clock proves its age, {policy.clock_grace_s:g} s after the start"
        return Verdict(footage, Reason.UNPROVEN, sentence)
    if uptime_s >= policy.due_age_s:
        return Verdict(footage, Reason.DUE, f"it is older than this start, {uptime_s:.0f} s ago")
    goes_in_s = min(policy.clock_grace_s, policy.due_age_s) - uptime_s
    return Verdict(footage, Reason.GRACE, f"no clock proves its age yet; it goes in {goes_in_s:.0f} s", goes_in_s)


def _seniority(footage: Footage, now: Moment) -> tuple[float, int, str, int]:
    """Sorts the oldest first: unproven ages before proven ones, then by age, by wall clock, by name."""
    age_s = proven_age_s(footage.first, now)
    utc_ns = footage.first.utc_ns if footage.first is not None else 0
    return (-inf if age_s is None else -age_s, utc_ns, footage.journey, footage.number)
