"""What the ledger proves about time: each sentence of the README's "Retention" on clocks is a test here."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.timekeeping import NS_PER_S, ClockQuality, Instant
from recorder.vault.eras import Change, ClockHistory, Doubt

HOUR_S, DAY_S = 3600, 86_400
BEGAN_UTC_S = 1_795_000_000


@dataclass
class Ledger:
    """Takes moments as a vehicle would note them; ``true_s`` runs, and the clocks are told how far they are off."""

    clocks: ClockHistory = field(default_factory=ClockHistory)
    true_s: float = 0
    booted_s: float = 0
    boots: int = 0

    def boot(self, off_s: float = 0) -> "Ledger":
        self.true_s += off_s
        self.boots, self.booted_s = self.boots + 1, self.true_s
        return self

    def at(self, quality: ClockQuality, off_by_s: float = 0) -> Instant:
        utc_ns = round((BEGAN_UTC_S + self.true_s + off_by_s) * NS_PER_S)
        boottime_ns = round((self.true_s - self.booted_s) * NS_PER_S)
        return Instant(utc_ns, boottime_ns, f"boot-{self.boots}", quality)

    def note(self, quality: ClockQuality, off_by_s: float = 0, *, after_s: float = 10) -> Instant:
        self.true_s += after_s
        moment = self.at(quality, off_by_s)
        self.clocks.take(moment)
        return moment

    def age_s(self, first: Instant) -> float | None:
        return self.clocks.age_s(first, self.at("unproven"))

    def doubt(self, first: Instant | None) -> Doubt:
        return self.clocks.doubt(None if first is None else first.boot_id, self.at("unproven"))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger().boot()


# --- ages ----------------------------------------------------------------------------------------------------------


def test_within_one_boot_no_wall_clock_has_a_say(ledger: Ledger) -> None:
    """Neither one that is set forward nor one that is set back, trusted or not."""
    first = ledger.note("unproven")
    for quality, off_by_s in (("synchronised", 90 * DAY_S), ("rtc", -90 * DAY_S), ("unproven", 0)):
        ledger.note(quality, off_by_s)
    assert ledger.age_s(first) == 30


@pytest.mark.parametrize("then", ["synchronised", "rtc", "unproven"])
@pytest.mark.parametrize("now", ["synchronised", "rtc", "unproven"])
def test_across_boots_both_ends_need_a_trusted_clock(ledger: Ledger, then: ClockQuality, now: ClockQuality) -> None:
    """Synchronised, or a chip that has run."""
    first = ledger.note(then)
    ledger.boot(HOUR_S).note(now)
    assert ledger.age_s(first) == (None if "unproven" in (then, now) else HOUR_S + 10)


def test_a_trusted_moment_tells_the_time_of_its_whole_boot(ledger: Ledger) -> None:
    """Before it and after it, whatever the wall clock said and says."""
    first = ledger.note("unproven", -400 * DAY_S)
    ledger.note("synchronised")
    ledger.note("unproven", 90 * DAY_S)
    ledger.boot(HOUR_S).note("rtc")
    ledger.note("unproven", -DAY_S)
    assert ledger.age_s(first) == HOUR_S + 40


def test_synchronised_time_is_better_than_a_chip_in_one_boot(ledger: Ledger) -> None:
    """Of two that agree the better one counts, whichever came last."""
    first = ledger.note("rtc", 20)
    ledger.note("synchronised")
    ledger.note("rtc", 20)
    ledger.boot(HOUR_S).note("synchronised")
    assert (ledger.age_s(first), ledger.clocks.quality) == (HOUR_S + 30, "synchronised")


def test_a_boot_that_nobody_noted_proves_nothing(ledger: Ledger) -> None:
    """A damaged ledger is no proof."""
    ledger.note("synchronised")
    stranger = Instant(BEGAN_UTC_S * NS_PER_S, 0, "another", "synchronised")
    assert ledger.age_s(stranger) is None
    assert ledger.doubt(stranger) == Doubt(powered_s=10, unknown_gaps=1, least_age_s=10) == ledger.doubt(None)


def test_a_boot_that_is_over_says_nothing_more(ledger: Ledger) -> None:
    """A stray line cannot move the clock of today."""
    stray = ledger.note("synchronised")
    ledger.boot(HOUR_S).note("synchronised")
    ledger.clocks.take(Instant(stray.utc_ns + 90 * DAY_S * NS_PER_S, stray.boottime_ns, stray.boot_id, "synchronised"))
    assert ledger.clocks.era == 1
    assert ledger.age_s(stray) == HOUR_S + 10


def test_two_clocks_that_differ_by_seconds_make_no_negative_age(ledger: Ledger) -> None:
    """A chip may lag: what was recorded a moment ago is new. What is far in the future is of unknown age."""
    first = ledger.note("synchronised")
    ledger.boot(5).note("rtc", -30)
    assert ledger.age_s(first) == 0
    future = Instant(0, first.boottime_ns + HOUR_S * NS_PER_S, first.boot_id, "unproven")
    assert ledger.age_s(future) is None
    assert ledger.doubt(future) == Doubt(powered_s=10, unknown_gaps=0, least_age_s=10)


# --- the high-water mark and eras ----------------------------------------------------------------------------------


def test_the_mark_rises_by_trusted_clocks_only(ledger: Ledger) -> None:
    """An invented time in the far future moves nothing."""
    assert ledger.clocks.mark_utc_ns is None
    ledger.note("unproven", 400 * DAY_S)
    assert ledger.clocks.mark_utc_ns is None
    trusted = ledger.note("rtc")
    ledger.note("unproven", 400 * DAY_S)
    assert (ledger.clocks.mark_utc_ns, ledger.clocks.era) == (trusted.utc_ns, 1)


def test_a_chip_behind_synchronised_time_is_not_believed(ledger: Ledger) -> None:
    """It has stood still or was set back: the better source knows. No era begins, the boot has no clock."""
    first = ledger.note("synchronised")
    ledger.boot(HOUR_S).note("rtc", -2 * HOUR_S)
    assert (ledger.age_s(first), ledger.clocks.era, ledger.clocks.quality) == (None, 1, "unproven")
    ledger.note("synchronised")
    assert ledger.age_s(first) == HOUR_S + 20


def test_a_chip_that_differs_from_synchronised_time_in_the_same_boot_is_not_believed(ledger: Ledger) -> None:
    """When the network is gone for hours, the chip is read again; it has no say."""
    first = ledger.note("synchronised")
    ledger.note("rtc", DAY_S)
    ledger.boot(HOUR_S).note("synchronised")
    assert (ledger.age_s(first), ledger.clocks.era) == (HOUR_S + 20, 1)


def test_synchronised_time_that_contradicts_the_chip_begins_an_era(ledger: Ledger) -> None:
    """What the chip told before is worth nothing; what was recorded in this boot gets its true time."""
    by_chip = ledger.note("rtc", 2 * HOUR_S)
    ledger.boot(HOUR_S)
    mine = ledger.note("rtc", 2 * HOUR_S)
    ledger.note("synchronised")
    assert ledger.clocks.change == Change(2, "synchronised", -2 * HOUR_S, "the clock was set, or was wrong before")
    assert ledger.age_s(by_chip) is None
    ledger.boot(HOUR_S).note("synchronised")
    assert ledger.age_s(mine) == HOUR_S + 20


def test_a_chip_that_was_wrong_is_compared_again_before_it_is_mixed_with_synchronised_time(ledger: Ledger) -> None:
    """Else footage of a synchronised boot would look younger by all that a slow chip has lost."""
    ledger.note("rtc", -HOUR_S)
    first = ledger.note("synchronised")
    ledger.boot(5 * HOUR_S).note("rtc", -HOUR_S)
    assert ledger.clocks.change == Change(3, "rtc", 0, "the clock chip was wrong before")
    assert ledger.age_s(first) is None
    ledger.note("synchronised")
    assert (ledger.clocks.era, ledger.age_s(first)) == (2, 5 * HOUR_S + 20)


def test_a_chip_that_was_set_right_is_believed_once_a_second_source_agrees(ledger: Ledger) -> None:
    """Linux sets the chip while it is synchronised; the next comparison shows it, and the era goes on."""
    ledger.note("rtc", -HOUR_S)
    first = ledger.note("synchronised")
    ledger.boot(HOUR_S).note("rtc")
    ledger.note("synchronised")
    assert (ledger.clocks.era, ledger.age_s(first)) == (2, HOUR_S + 20)
    ledger.boot(HOUR_S).note("rtc")
    assert (ledger.clocks.era, ledger.age_s(first)) == (2, 2 * HOUR_S + 30)


@pytest.mark.parametrize("quality", ["synchronised", "rtc"])
def test_a_clock_that_goes_back_begins_an_era(ledger: Ledger, quality: ClockQuality) -> None:
    """Against its own kind there is no better knowledge: the old is unproven, the new counts from here."""
    old = ledger.note(quality)
    ledger.boot(HOUR_S)
    new = ledger.note(quality, -3 * DAY_S)
    assert (ledger.clocks.era, ledger.age_s(old)) == (2, None)
    ledger.boot(HOUR_S).note(quality, -3 * DAY_S)
    assert (ledger.clocks.era, ledger.age_s(new)) == (2, HOUR_S + 10)


def test_a_step_of_the_same_source_within_a_boot_begins_an_era(ledger: Ledger) -> None:
    """Of footage of other boots nobody knows which of the two times was right."""
    old = ledger.note("synchronised")
    ledger.boot(HOUR_S).note("synchronised")
    ledger.note("synchronised", HOUR_S)
    assert ledger.clocks.change == Change(2, "synchronised", HOUR_S, "the clock was set, or was wrong before")
    assert ledger.age_s(old) is None


@pytest.mark.parametrize("quality", ["synchronised", "rtc"])
def test_a_jump_of_months_proves_nothing_alone(ledger: Ledger, quality: ClockQuality) -> None:
    """28 days are a long parking; a wrong month or year is more."""
    first = ledger.note(quality)
    ledger.boot(28 * DAY_S - 10).note(quality)
    assert ledger.age_s(first) == 28 * DAY_S
    ledger.boot(28 * DAY_S).note(quality)
    assert (ledger.clocks.era, ledger.age_s(first)) == (2, None)
    assert ledger.clocks.change == Change(2, quality, 28 * DAY_S + 10, "the clock jumped, and nothing else says so")


@pytest.mark.parametrize(("one", "other"), [("rtc", "synchronised"), ("synchronised", "rtc")])
def test_a_second_source_confirms_a_jump(ledger: Ledger, one: ClockQuality, other: ClockQuality) -> None:
    """Then it was a long parking, and the era goes on: also for the clocks of later boots."""
    first = ledger.note(one)
    ledger.boot(90 * DAY_S).note(one)
    ledger.note(other)
    assert ledger.clocks.change == Change(1, other, None, "a second source confirms the clock")
    assert ledger.age_s(first) == 90 * DAY_S + 20
    ledger.boot(HOUR_S).note("rtc")
    assert (ledger.clocks.era, ledger.age_s(first)) == (1, 90 * DAY_S + HOUR_S + 30)


def test_synchronised_time_that_fits_the_time_before_a_jump_undoes_it(ledger: Ledger) -> None:
    """A chip was wrong for some boots: what it told is unproven, what synchronised time told is not."""
    first = ledger.note("synchronised")
    ledger.boot(HOUR_S)
    by_chip = ledger.note("rtc", 90 * DAY_S)
    ledger.boot(HOUR_S).note("synchronised")
    why = "synchronised time goes on where it was; the clock between was wrong"
    assert ledger.clocks.change == Change(1, "synchronised", HOUR_S + 10 - 90 * DAY_S, why)
    assert (ledger.age_s(first), ledger.age_s(by_chip)) == (2 * HOUR_S + 20, None)


def test_an_era_is_not_gone_back_to_where_its_own_chip_was_ahead(ledger: Ledger) -> None:
    """Footage that a chip dated into the future must not look new."""
    ledger.note("synchronised")
    ledger.boot(HOUR_S)
    ahead = ledger.note("rtc", 20 * DAY_S)
    ledger.boot(HOUR_S).note("rtc", 90 * DAY_S)
    ledger.boot(HOUR_S).note("synchronised")
    assert ledger.clocks.era == 3
    assert ledger.age_s(ahead) is None


def test_a_ledger_that_goes_on_from_another_begins_with_its_era(ledger: Ledger) -> None:
    """So an era has one number, and a boot of the old ledger is never taken for one of the new."""
    ledger.true_s += 10
    ledger.clocks.take(ledger.at("rtc"), announces=7)
    assert (ledger.clocks.era, ledger.clocks.announced) == (7, 7)
    assert ledger.clocks.change.why == "the ledger says so"
    first = ledger.note("rtc")
    ledger.boot(90 * DAY_S).note("rtc")
    assert (ledger.clocks.era, ledger.age_s(first)) == (8, None)
    ledger.clocks.take(ledger.at("unproven"), announces=8)
    assert (ledger.clocks.era, ledger.clocks.announced) == (8, 8)


# --- doubt ---------------------------------------------------------------------------------------------------------


def test_doubt_is_counted_in_powered_time_across_boots(ledger: Ledger) -> None:
    """From the end of a boot without a clock; the gap before it is unknown, those between trusted boots are not."""
    first = ledger.note("unproven")
    ledger.boot(HOUR_S).note("rtc", after_s=200)
    ledger.boot(HOUR_S).note("rtc", after_s=300)
    ledger.true_s += 50
    assert ledger.doubt(first) == Doubt(powered_s=550, unknown_gaps=1, least_age_s=200 + HOUR_S + 350)


def test_doubt_counts_from_the_last_moment_that_proved_the_age(ledger: Ledger) -> None:
    """A clock that dies does not make up for the hours in which it lived."""
    first = ledger.note("rtc")
    ledger.boot(HOUR_S).note("rtc", after_s=5 * HOUR_S)
    ledger.note("unproven", after_s=60)
    ledger.boot(HOUR_S).note("unproven", after_s=100)
    assert ledger.doubt(first) == Doubt(powered_s=160, unknown_gaps=1, least_age_s=5 * HOUR_S + 160)


def test_every_gap_without_trusted_clocks_at_both_ends_is_unknown(ledger: Ledger) -> None:
    """Each may have lasted a day."""
    first = ledger.note("unproven")
    for gaps, quality in enumerate(("rtc", "unproven", "unproven"), start=1):
        ledger.boot(HOUR_S).note(quality)
        assert ledger.doubt(first).unknown_gaps == gaps


def test_an_era_that_begins_makes_the_gap_before_its_boot_unknown(ledger: Ledger) -> None:
    """From that moment on the footage of other boots waits."""
    first = ledger.note("rtc", HOUR_S)
    ledger.boot(DAY_S).note("rtc", HOUR_S, after_s=1000)
    ledger.note("synchronised")
    ledger.true_s += 5
    assert ledger.doubt(first) == Doubt(powered_s=15, unknown_gaps=1, least_age_s=1015)


def test_what_is_only_in_memory_is_no_power_in_the_next_boot(ledger: Ledger) -> None:
    """Powered time is what the ledger says, so that every process counts the same."""
    first = ledger.note("unproven")
    ledger.true_s += 500
    ledger.clocks.take(ledger.at("unproven"), noted=False)
    assert ledger.clocks.noted_ns == 10 * NS_PER_S
    ledger.boot(HOUR_S).note("unproven")
    assert ledger.doubt(first).powered_s == 10


def test_what_the_ledger_has_of_this_boot_is_known(ledger: Ledger) -> None:
    """So that what it lacks can be written: the boot itself, its best clock."""

    def noted() -> tuple[int | None, str, str]:
        return ledger.clocks.noted_ns, ledger.clocks.noted_quality, ledger.clocks.quality

    assert noted() == (None, "unproven", "unproven")
    ledger.true_s += 5
    ledger.clocks.take(ledger.at("rtc"), noted=False)
    assert noted() == (None, "unproven", "rtc")
    ledger.note("unproven")
    assert noted() == (15 * NS_PER_S, "unproven", "rtc")
    ledger.note("rtc")
    assert noted() == (25 * NS_PER_S, "rtc", "rtc")


qualities = st.sampled_from(["synchronised", "rtc", "unproven"])


@given(st.lists(st.tuples(qualities, st.sampled_from([0, 600, DAY_S, 40 * DAY_S])), min_size=1, max_size=30))
def test_truthful_clocks_prove_true_ages(life: list[tuple[ClockQuality, int]]) -> None:
    """An age that is proven is the true one; one that is not is at least as high as is said."""
    ledger = Ledger().boot()
    firsts = []
    for quality, off_s in life:
        if off_s:
            ledger.boot(off_s)
        firsts.append((ledger.note(quality), ledger.true_s))
    for first, true_s in firsts:
        age_s = ledger.age_s(first)
        assert age_s in {None, ledger.true_s - true_s}
        if first.boot_id != f"boot-{ledger.boots}":
            doubt = ledger.doubt(first)
            assert 10 <= doubt.least_age_s <= ledger.true_s - true_s
            assert (doubt.unknown_gaps > 0) or age_s is not None


steps = st.tuples(qualities, st.sampled_from([0, 0, 0, 40, -40, 7200, -7200, 40 * DAY_S, -40 * DAY_S]), st.booleans())


@given(st.lists(steps, min_size=1, max_size=30))
def test_the_history_is_that_of_its_entries(life: list[tuple[ClockQuality, int, bool]]) -> None:
    """Told twice it is the same, whatever the clocks say; no age is negative."""
    one, other = Ledger().boot(), Ledger().boot()
    firsts = []
    for quality, off_by_s, boots in life:
        for ledger in (one, other):
            if boots:
                ledger.boot(600)
            moment = ledger.note(quality, off_by_s)
        firsts.append(moment)
    ages_s = [one.age_s(first) for first in firsts]
    assert ages_s == [other.age_s(first) for first in firsts]
    assert one.clocks.change == other.clocks.change
    assert all(age_s is None or age_s >= 0 for age_s in ages_s)
