"""Years of a vehicle's life in seconds: the clocks, the ledger and the plan of the recorder, and a time it never sees.

What runs here is the recorder's own: what it knows of time (:mod:`recorder.vault.eras`, `clockledger`) and what it
plans (:mod:`recorder.vault.retention`). What is simulated is the world: ignition, parking, a clock chip, NTP, holds,
a card. Footage is a number with a true age. After every sweep the promises are checked against the true time:

- no unheld footage older than 24 hours is left, unless no clock can prove its age: then for no longer than the grace
- no held and no live footage is deleted
- footage that trusted clocks prove to be young is deleted for space only, with its epoch, oldest first

``python -m tests.vault.years`` prints the table of the vault's README; ``--years 5`` lives longer.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recorder.timekeeping import NS_PER_S, ClockQuality, Instant
from recorder.vault.clockledger import POWER_NOTES_A_GRACE, ClockLedger
from recorder.vault.eras import AGREE_S, JUMP_S
from recorder.vault.retention import Footage, Plan, Policy, Reason, plan

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
START_UTC_S = 1_795_000_000
SEGMENT_S, EPOCH_S, SEGMENT_BYTES = 300, 600, 150_000_000
FPS = 30
POLICY = Policy(max_age_s=DAY_S, sweep_s=300, clock_grace_s=900, min_free_bytes=500_000_000)
LATEST_S = DAY_S - 2 * 300  # what is older must be gone: the next sweep, coming late, would be too late
NEVER_RIGHT_S = -400 * DAY_S  # what a clock without a source says, against the truth
CHIP_SET_AFTER_S = 11 * MINUTE_S  # Linux writes synchronised time to the chip (kernel/time/ntp.c)


class BrokenPromiseError(AssertionError):
    """What must not happen has happened."""


@dataclass
class Chip:
    """A clock chip. ``error_s``: how far it is ahead of the truth. ``stopped``: it says that it cannot be believed."""

    fitted: bool = True
    ppm: float = 20.0
    error_s: float = 0.0
    stopped: bool = False

    def pass_time(self, seconds: float) -> None:
        self.error_s += seconds * self.ppm * 1e-6


@dataclass(frozen=True)
class Scenario:
    """One kind of life.

    ``parked``: how long the ignition stays off. ``ntp``: whether there is a network, by true time and seconds since the
    boot. ``mishap``: what happens to the chip while parked.
    """

    name: str
    parked: Callable[[random.Random], float]
    driven: Callable[[random.Random], float]
    ntp: Callable[[float, float], bool]
    chip: Chip = field(default_factory=Chip)
    mishap: Callable[["Vehicle"], None] = lambda vehicle: None
    hold_chance: float = 0.05
    card_bytes: int = 128_000_000_000
    latest_s: float = POLICY.sweep_s  # between two sweeps
    share: float = 1.0  # of the years asked for: what never ends takes long to compute
    lies: bool = False  # a source that calls itself synchronised and is wrong


@dataclass
class Segment:
    """One segment on the card, and the truth about it."""

    footage: Footage
    true_s: float
    boot: int
    doubtful_s: float = 0.0  # with power, unheld, while nothing could prove its age
    overdue_s: float = 0.0  # with power, unheld, older than 24 hours
    waiting_s: float = 0.0  # with power, in its grace

    @property
    def key(self) -> tuple[str, int]:
        return self.footage.journey, self.footage.number


@dataclass(frozen=True)
class Entry:
    """An entry of the simulated ledger."""

    instant: Instant
    event: str
    data: Mapping[str, Any]


@dataclass
class Tally:
    """What was seen."""

    boots: int = 0
    sweeps: int = 0
    segments: int = 0
    deleted: Counter[Reason] = field(default_factory=Counter)
    held: int = 0
    eras: int = 1
    notes: int = 0
    oldest_proven_s: float = 0.0
    longest_overdue_s: float = 0.0


@dataclass
class Truth:
    """What this boot's clocks really knew. ``chip_error_s``: how far a chip that runs was off; None without one."""

    synchronised: bool = False
    chip_error_s: float | None = None


class Vehicle:
    """One vehicle from new. ``true_s`` is the time that the recorder never sees."""

    def __init__(self, scenario: Scenario, seed: int, plan_by: Callable[..., Plan] = plan) -> None:
        self.scenario = scenario
        self.random = random.Random(f"{scenario.name}/{seed}")
        self.chip = replace(scenario.chip)
        self.true_s = 0.0
        self.tally = Tally()
        self.ledger: list[Entry] = []
        self.segments: dict[tuple[str, int], Segment] = {}
        self.held: set[str] = set()
        self.truths: list[Truth] = []
        self.troubles_s: list[float] = []  # when a chip was set, jumped or stood still
        self._plan = plan_by
        self._journeys = self._epochs = 0
        self._booted_s = 0.0
        self._synchronised_s: float | None = None
        self._ever_synchronised = self._doubtful = False
        self._lie_s = self._checked_s = 0.0
        self._read = 0

    # --- the world -----------------------------------------------------------------------------------------------

    def live(self, years: float) -> Tally:
        """So many years; raises BrokenPromiseError."""
        while self.true_s < years * self.scenario.share * 365 * DAY_S:
            self._drive()
            self._park()
        return self.tally

    def _park(self) -> None:
        off_s = self.scenario.parked(self.random)
        self._pass(off_s)
        self.scenario.mishap(self)

    def _pass(self, seconds: float) -> None:
        self.true_s += seconds
        self.chip.pass_time(seconds)

    def disturb_chip(self, step_s: float = 0.0, *, stopped: bool | None = None) -> None:
        """The chip jumps, stands still, or gets a new cell."""
        self.chip.error_s += step_s
        self.chip.stopped = self.chip.stopped if stopped is None else stopped
        self.troubles_s.append(self.true_s)

    def _drive(self) -> None:
        self.tally.boots += 1
        self.truths.append(Truth())
        self._booted_s, self._synchronised_s = self.true_s, None
        self._lie_s = self.random.choice([-40, -3, 3, 200]) * DAY_S if self.scenario.lies else 0.0
        self._read = 0
        self.clocks = ClockLedger(self.append, self.follow)
        self._pass(10)
        self.append("start", {})
        ends_s = self.true_s + self.scenario.driven(self.random)
        self._pass(5)
        self._sweep(None)
        while self.true_s < ends_s:
            self._journey(ends_s) if self.random.random() < 0.8 else self._idle(ends_s)

    def _idle(self, ends_s: float) -> None:
        """Ignition on, nobody agrees."""
        until_s = min(ends_s, self.true_s + self.random.choice([5, 20, 60]) * MINUTE_S)
        while self.true_s < until_s:
            self._tick(None)

    def _journey(self, ends_s: float) -> None:
        self._journeys += 1
        journey, number = f"j{self._journeys:06d}", 0
        until_s = min(ends_s, self.true_s + self.random.choice([10, 25, 40, 90]) * MINUTE_S)
        self.append("journey-began", {})
        hold_at_s = self.true_s + self.random.random() * 2 * HOUR_S
        holds = self.random.random() < self.scenario.hold_chance
        epoch_began_s = -1e9
        while self.true_s < until_s:
            number += 1
            if self.true_s - epoch_began_s >= EPOCH_S:
                self._epochs, epoch_began_s = self._epochs + 1, self.true_s
            live = self._record(journey, number)
            sealed_s = min(ends_s, self.true_s + SEGMENT_S)
            while self.true_s < sealed_s:
                self._tick(live)
                if holds and self.true_s >= hold_at_s:
                    self._hold(journey)
                    holds = False
            self.segments[live] = replace(self.segments[live], footage=replace(self.segments[live].footage, live=False))
        if self.random.random() < 0.7:  # else the power is cut, and recovery says so at the next start
            self.append("journey-ended", {})

    def _record(self, journey: str, number: int) -> tuple[str, int]:
        footage = Footage(journey, number, SEGMENT_BYTES, self.now(), True, self._epochs)
        segment = Segment(footage, self.true_s, self.tally.boots)
        self.segments[segment.key] = segment
        self.tally.segments += 1
        return segment.key

    def _hold(self, journey: str) -> None:
        self.held.add(journey)
        self.tally.held += 1
        self.append("hold", {})

    def _release_some(self) -> None:
        if self.held and self.random.random() < 0.002:
            journey = self.random.choice(sorted(self.held))
            self.held.remove(journey)
            self.append("release", {})

    def _tick(self, live: tuple[str, int] | None) -> None:
        step_s = MINUTE_S if self._doubtful or self.true_s - self._booted_s < 20 * MINUTE_S else self.scenario.latest_s
        self._pass(step_s)
        if self.scenario.ntp(self.true_s, self.true_s - self._booted_s):
            self._synchronise()
        self._sweep(live)
        self._release_some()

    def _synchronise(self) -> None:
        lie_s = self._lie_s
        self._ever_synchronised = True
        if self._synchronised_s is None:
            self._synchronised_s = self.true_s
            if self.chip.fitted and not self.chip.stopped and abs(self.chip.error_s - lie_s) > AGREE_S / 2:
                self.troubles_s.append(self.true_s)  # it is found out, and a new era begins
        if self.true_s - self._synchronised_s >= CHIP_SET_AFTER_S and abs(self.chip.error_s - lie_s) > 1:
            if abs(self.chip.error_s - lie_s) > AGREE_S / 2 or self.chip.stopped:
                self.troubles_s.append(self.true_s)
            self.chip.error_s, self.chip.stopped = lie_s, False

    # --- what the recorder sees of it ----------------------------------------------------------------------------

    def now(self) -> Instant:
        """As :class:`recorder.timekeeping.SystemClock` would tell it."""
        quality: ClockQuality = "unproven"
        error_s = NEVER_RIGHT_S
        if self._synchronised_s is not None and self.true_s - self._synchronised_s < 9 * HOUR_S:
            quality, error_s = "synchronised", self._lie_s
        elif self.chip.fitted and not self.chip.stopped:
            quality, error_s = "rtc", self.chip.error_s
        self.truths[-1].synchronised |= quality == "synchronised" and not error_s
        if quality == "rtc":
            self.truths[-1].chip_error_s = error_s
        boottime_ns = round((self.true_s - self._booted_s) * NS_PER_S)
        return Instant(
            round((START_UTC_S + self.true_s + error_s) * NS_PER_S), boottime_ns, f"boot-{self.tally.boots}", quality
        )

    def append(self, event: str, data: Mapping[str, Any]) -> None:
        self.ledger.append(Entry(self.now(), event, data))

    def follow(self) -> tuple[bool, list[Entry]]:
        begin, self._read = self._read, len(self.ledger)
        return False, self.ledger[begin:]

    def _sweep(self, live: tuple[str, int] | None) -> None:
        """What the pruner does, step by step."""
        now, written = self.now(), len(self.ledger)
        clocks = self.clocks.look(now)
        decided = self._plan(
            [segment.footage for segment in self.segments.values()],
            self.held,
            now,
            POLICY,
            self.free_bytes,
            clocks=clocks,
            card_bytes=self.scenario.card_bytes,
        )
        self.clocks.note()
        self._check_deletions(decided, live)
        for verdict in decided.delete:
            self.tally.deleted[verdict.reason] += 1
            del self.segments[verdict.footage.journey, verdict.footage.number]
        if decided.delete:
            self.append("tombstone-done", {})
        self._doubtful = any(verdict.reason is Reason.GRACE for verdict in decided.keep)
        if self._doubtful:
            self.clocks.note_power(now, POLICY.clock_grace_s)
        self.tally.sweeps += 1
        self.tally.notes += sum(entry.event in NOTES for entry in self.ledger[written:])
        self.tally.eras = max(self.tally.eras, clocks.era)
        waiting = {(v.footage.journey, v.footage.number) for v in decided.keep if v.reason is Reason.GRACE}
        self._check_what_is_left(live, waiting)

    @property
    def free_bytes(self) -> int:
        return self.scenario.card_bytes - sum(segment.footage.size_bytes for segment in self.segments.values())

    # --- the promises, by the true time --------------------------------------------------------------------------

    def _provable(self, segment: Segment) -> bool | None:
        """Whether truthful clocks prove its age. None: they might, but a clock was wrong between; either is right."""
        if segment.boot == self.tally.boots:
            return True
        then, present = self.truths[segment.boot - 1], self.truths[-1]
        if self.scenario.lies or any(trouble_s >= segment.true_s - DAY_S for trouble_s in self.troubles_s[-9:]):
            return None
        if then.synchronised and present.synchronised:
            proof = True
        elif then.chip_error_s is not None and present.chip_error_s is not None:
            proof = abs(then.chip_error_s - present.chip_error_s) < AGREE_S / 2
            if max(abs(then.chip_error_s), abs(present.chip_error_s)) > AGREE_S / 2 and self._ever_synchronised:
                return None  # wrong, and caught at it
        else:
            error_s = then.chip_error_s if present.synchronised else present.chip_error_s
            known = (then.synchronised or then.chip_error_s is not None) and error_s is not None
            proof = known and abs(error_s or 0) < AGREE_S / 2
            if known and not proof:
                return None
        return None if proof and self.true_s - segment.true_s > JUMP_S / 2 else proof

    def _check_deletions(self, decided: Plan, live: tuple[str, int] | None) -> None:
        gone = {(verdict.footage.journey, verdict.footage.number) for verdict in decided.delete}
        if any(journey in self.held for journey, _ in gone):
            raise BrokenPromiseError(f"{self}: held footage was deleted")
        if live in gone:
            raise BrokenPromiseError(f"{self}: live footage was deleted")
        if live is not None and self._epoch_of(live) in {self.segments[key].footage.epoch for key in gone}:
            raise BrokenPromiseError(f"{self}: of the epoch that is being written something was deleted")
        left = {key: segment for key, segment in self.segments.items() if self._is_free(segment) and key not in gone}
        oldest_left_s = {segment.footage.epoch: segment.true_s for segment in reversed(list(left.values()))}
        oldest_s = dict(oldest_left_s)
        for key in gone:
            epoch, true_s = self.segments[key].footage.epoch, self.segments[key].true_s
            if epoch in oldest_left_s:
                raise BrokenPromiseError(f"{self}: an epoch was deleted in part")
            oldest_s[epoch] = min(true_s, oldest_s.get(epoch, true_s))
        early_s = POLICY.due_age_elsewhere_s - AGREE_S
        for verdict in decided.delete:
            segment = self.segments[verdict.footage.journey, verdict.footage.number]
            age_s = self.true_s - oldest_s[segment.footage.epoch]
            if verdict.reason is not Reason.SPACE and age_s < early_s and self._provable(segment):
                raise BrokenPromiseError(f"{self}: {age_s:.0f} s old, and went: {verdict.sentence}")
            older = [true_s for true_s in oldest_left_s.values() if true_s < self.true_s - age_s]
            if verdict.reason is Reason.SPACE and older and not self._doubtful:
                raise BrokenPromiseError(f"{self}: older footage was left when this went for space")

    def _is_free(self, segment: Segment) -> bool:
        return not segment.footage.live and segment.footage.journey not in self.held

    def _check_what_is_left(self, live: tuple[str, int] | None, waiting: set[tuple[str, int]]) -> None:
        step_s, note_s = self.true_s - self._checked_s, POLICY.clock_grace_s / POWER_NOTES_A_GRACE
        self._checked_s = self.true_s
        for segment in self.segments.values():
            if not self._is_free(segment) or segment.footage.epoch == self._epoch_of(live):
                segment.doubtful_s = segment.overdue_s = segment.waiting_s = 0.0
                continue
            age_s, provable = self.true_s - segment.true_s, self._provable(segment)
            lived_s = min(step_s, self.true_s - self._booted_s)
            if provable:
                self.tally.oldest_proven_s = max(self.tally.oldest_proven_s, age_s)
                if age_s > LATEST_S + 1:
                    raise BrokenPromiseError(f"{self}: {segment.key} is {age_s:.0f} s old, and is left")
            if not (self._ever_synchronised or self.scenario.chip.fitted) and segment.boot < self.tally.boots - 1:
                raise BrokenPromiseError(f"{self}: {segment.key} has outlived two unknown gaps, and is left")
            segment.doubtful_s = segment.doubtful_s + lived_s if provable is False else 0.0
            segment.overdue_s = segment.overdue_s + lived_s if age_s > POLICY.max_age_s else 0.0
            segment.waiting_s = segment.waiting_s + lived_s if segment.key in waiting else 0.0
            self.tally.longest_overdue_s = max(self.tally.longest_overdue_s, segment.overdue_s)
            boots = self.tally.boots - segment.boot
            limit_s = POLICY.clock_grace_s + self.scenario.latest_s + boots * (note_s + 2 * MINUTE_S)
            if max(segment.doubtful_s, segment.overdue_s, segment.waiting_s) > limit_s:
                raise BrokenPromiseError(
                    f"{self}: {segment.key}, {age_s:.0f} s old, nobody knows how old for {segment.doubtful_s:.0f} s, "
                    f"too old for {segment.overdue_s:.0f} s, and is left"
                )

    def _epoch_of(self, live: tuple[str, int] | None) -> int | None:
        return None if live is None else self.segments[live].footage.epoch

    def __str__(self) -> str:
        return f"{self.scenario.name}, day {self.true_s / DAY_S:.3f}, boot {self.tally.boots}"


NOTES = frozenset({"clock-known", "clock-era", "powered"})


# --- the lives -------------------------------------------------------------------------------------------------------


def _a_days_work(life: random.Random) -> float:
    """Stops of minutes and hours, nights, week-ends."""
    return life.choice([5 * MINUTE_S, 20 * MINUTE_S, HOUR_S, 3 * HOUR_S, 14 * HOUR_S, 14 * HOUR_S, 62 * HOUR_S])


def _long_parking(life: random.Random) -> float:
    return life.choice([HOUR_S, 14 * HOUR_S, 23 * HOUR_S, 25 * HOUR_S, 3 * DAY_S, 20 * DAY_S, 40 * DAY_S, 120 * DAY_S])


def _hours(life: random.Random) -> float:
    return life.choice([5 * MINUTE_S, 25 * MINUTE_S, HOUR_S, 2 * HOUR_S, 3 * HOUR_S])


def _minutes(life: random.Random) -> float:
    return life.choice([2, 4, 6, 9]) * MINUTE_S


def _days(life: random.Random) -> float:
    return life.choice([8 * HOUR_S, 30 * HOUR_S, 3 * DAY_S])


def _never(true_s: float, uptime_s: float) -> bool:
    return False


def _always(true_s: float, uptime_s: float) -> bool:
    return uptime_s > 30


def _a_minute_a_week(true_s: float, uptime_s: float) -> bool:
    return uptime_s > 30 and true_s % (7 * DAY_S) < 3 * HOUR_S and uptime_s < 3 * MINUTE_S


def _some_days(true_s: float, uptime_s: float) -> bool:
    return uptime_s > 60 and int(true_s / DAY_S) % 3 == 0


def _cell_dies_and_is_changed(vehicle: Vehicle) -> None:
    """Its time is gone; it says so until it is set."""
    if vehicle.random.random() < 0.02:
        vehicle.disturb_chip(-vehicle.random.random() * 30 * DAY_S, stopped=True)


def _flat_battery(vehicle: Vehicle) -> None:
    """The chip stands still while the vehicle does, and says so."""
    if vehicle.random.random() < 0.1:
        vehicle.disturb_chip(-vehicle.random.random() * DAY_S, stopped=True)


def _set_by_hand(vehicle: Vehicle) -> None:
    """Somebody sets it months on, months back, right again, or says that a stopped one is right."""
    chance = vehicle.random.random()
    if chance < 0.03:
        vehicle.disturb_chip(vehicle.random.choice([-400, -90, 45, 200]) * DAY_S, stopped=False)
    elif chance < 0.08:
        vehicle.disturb_chip(-vehicle.chip.error_s, stopped=False)


SCENARIOS = (
    Scenario("a good clock chip, no network ever", _a_days_work, _hours, _never, Chip(ppm=5)),
    Scenario("a good clock chip, network at every start", _a_days_work, _hours, _always),
    Scenario("a drifting chip, NTP for a minute a week", _a_days_work, _hours, _a_minute_a_week, Chip(ppm=40)),
    Scenario("no chip, network at every start", _a_days_work, _hours, _always, Chip(fitted=False)),
    Scenario("no chip, network every third day", _a_days_work, _hours, _some_days, Chip(fitted=False)),
    Scenario("no clock at all", _a_days_work, _hours, _never, Chip(fitted=False)),
    Scenario("no clock at all, trips of minutes", _a_days_work, _minutes, _never, Chip(fitted=False)),
    Scenario("no clock at all, switched on for days", _a_days_work, _days, _never, Chip(fitted=False), share=0.05),
    Scenario("parked for days to months", _long_parking, _hours, _some_days),
    Scenario("parked for days to months, no network", _long_parking, _minutes, _never, Chip(ppm=5)),
    Scenario("the chip's cell dies", _a_days_work, _hours, _some_days, mishap=_cell_dies_and_is_changed),
    Scenario("flat battery, NTP for a minute a week", _long_parking, _hours, _a_minute_a_week, mishap=_flat_battery),
    Scenario("the chip is set by months, either way", _a_days_work, _hours, _some_days, mishap=_set_by_hand),
    Scenario("the chip is set, trips of minutes, no network", _a_days_work, _minutes, _never, mishap=_set_by_hand),
    Scenario("NTP itself is wrong, by days or months", _a_days_work, _hours, _some_days, lies=True),
    Scenario("held and released all the time", _a_days_work, _hours, _some_days, hold_chance=0.7),
    Scenario("a card too small", _a_days_work, _hours, _always, card_bytes=4_000_000_000, hold_chance=0.01),
    Scenario("a card full of holds", _a_days_work, _hours, _always, card_bytes=9_000_000_000, hold_chance=0.9),
    Scenario("sweeps twice as late as they may be early", _a_days_work, _hours, _always, latest_s=2 * POLICY.sweep_s),
)


def table(years: float, seed: int) -> str:
    """What was seen in each life, as Markdown."""
    lines = [
        "| life | starts | frames | due | unproven | space | eras | oldest left, proven | too old with power |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for scenario in SCENARIOS:
        seen = Vehicle(scenario, seed).live(years)
        frames = seen.segments * SEGMENT_S * FPS / 1e6
        gone = " | ".join(str(seen.deleted[reason]) for reason in (Reason.DUE, Reason.UNPROVEN, Reason.SPACE))
        oldest = f"{int(seen.oldest_proven_s // HOUR_S)} h {int(seen.oldest_proven_s % HOUR_S // 60):02d} min"
        lines.append(
            f"| {scenario.name} | {seen.boots} | {frames:.1f} M | {gone} | {seen.eras} | {oldest} "
            f"| {seen.longest_overdue_s:.0f} s |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--years", type=float, default=2)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    print(table(chosen.years, chosen.seed))
