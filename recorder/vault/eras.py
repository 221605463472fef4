"""What the ledger knows of time: boots, when they really were, clock eras, and how long there was power. PURE.

The ledger is a list of moments, one an entry; taking them in order, and no others, gives the same history each time.

Rules: only trusted clocks count, an RTC less than synchronised time. Within an era the differences between trusted
times are true; where they cannot be, a new era begins, and between two eras no age is proven. A boot has one time: that
of its best and newest trusted moment, before and after it. The README, "Retention", gives each rule its reason.
"""

from dataclasses import dataclass
from typing import Protocol

NS_PER_S = 1_000_000_000
AGREE_S = 60
"""Two clocks this close say the same: an RTC of 100 ppm drifts as far in a week without synchronised time."""
JUMP_S = 28 * 86_400
"""The shortest month: a calendar chip with a wrong month or year is off by at least this."""

_RANK = {"unproven": 0, "rtc": 1, "synchronised": 2}
_QUALITY = {rank: quality for quality, rank in _RANK.items()}
_SYNCHRONISED = _RANK["synchronised"]
_AGREE_NS, _JUMP_NS = AGREE_S * NS_PER_S, JUMP_S * NS_PER_S


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
    def quality(self) -> str:
        """Where the wall clock comes from: ``synchronised``, ``rtc`` or ``unproven``."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """How the present era began. ``step_s``: how far the clock was off, forward positive; None for the first era."""

    era: int
    quality: str
    step_s: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is known of footage whose age is not proven.

    ``powered_s``: with power since its age was last proven. ``unknown_gaps``: how often the power was off since then
    for nobody knows how long. ``least_age_s``: it is as old as this, or older.
    """

    powered_s: float
    unknown_gaps: int
    least_age_s: float


@dataclass(slots=True)
class _Boot:
    """``powered_before_ns``: of all boots before. ``gaps_before``: unknown ones, up to the boot before this one.

    ``noted_ns``: the newest boottime in the ledger. ``era``: None until there was a trusted clock.
    """

    powered_before_ns: int
    gaps_before: int
    noted_ns: int = 0
    noted: bool = False
    noted_rank: int = 0
    era: int | None = None
    offset_ns: int = 0
    rank: int = 0


@dataclass(frozen=True, slots=True)
class _Firm:
    """The newest synchronised time, of whichever era."""

    utc_ns: int
    era: int


class ClockHistory:
    """All of it, as far as it has been told. One owner; asking changes nothing."""

    def __init__(self) -> None:
        self.change = Change(1, "unproven", None, "the ledger begins")
        self.announced = 1
        self._boots: list[_Boot] = []
        self._places: dict[str, int] = {}
        self._begun = 1
        self._marks_utc_ns: dict[int, int] = {}  # by era
        self._firm: _Firm | None = None
        self._doubted: int | None = None  # the era before, where this boot's clock left it and nothing confirms that
        self._chip_wrong = False  # when it was last compared with synchronised time
        self._proven_until_ns: dict[int, int] = {}  # by era: how much power there had been at its newest trusted moment

    # --- being told ----------------------------------------------------------------------------------------------

    def take(self, moment: Moment, *, announces: int | None = None, noted: bool = True) -> None:
        """Learn of the next moment. ``announces``: the era that its entry names. ``noted``: it stands in the ledger.

        A moment of a boot that is over says nothing.
        """
        boot = self._boot_of(moment.boot_id)
        if boot is None:
            return
        if noted:
            boot.noted_ns, boot.noted = max(boot.noted_ns, moment.boottime_ns), True
        self._look_at(moment, boot)
        if announces is not None:
            self.announced = announces
            if announces > self._begun:
                self._obey(announces, boot, moment.quality)
                self._look_at(moment, boot)
        if noted and _RANK[moment.quality] == boot.rank:
            boot.noted_rank = boot.rank

    def _look_at(self, moment: Moment, boot: _Boot) -> None:
        rank = _RANK[moment.quality]
        step_ns = self._step_ns(moment, boot, rank) if rank else None
        if step_ns is None:
            return
        is_first = boot.era is None
        if step_ns or (is_first and rank < _SYNCHRONISED and self._chip_wrong):
            self._begin_after(moment, boot, rank, step_ns)
        elif not is_first and rank != boot.rank:
            self._agree(moment.quality)
        if step_ns or rank >= boot.rank:
            boot.offset_ns, boot.rank = moment.utc_ns - moment.boottime_ns, rank
        boot.era = self.era
        self._marks_utc_ns[self.era] = max(moment.utc_ns, self._marks_utc_ns.get(self.era, 0))
        if rank == _SYNCHRONISED:
            self._firm = _Firm(moment.utc_ns, self.era)
        self._proven_until_ns[self.era] = boot.powered_before_ns + moment.boottime_ns

    def _boot_of(self, boot_id: str) -> _Boot | None:
        """The boot that runs, made known where it is new; None for one that is over."""
        place = self._places.get(boot_id)
        if place is None:
            place = self._places[boot_id] = len(self._boots)
            gaps, powered_ns = 0, 0
            if self._boots:
                last = self._boots[-1]
                gaps, powered_ns = self._gaps_until(place - 1), last.powered_before_ns + last.noted_ns
            self._boots.append(_Boot(powered_ns, gaps))
            self._doubted = None
        return self._boots[place] if place == len(self._boots) - 1 else None

    def _step_ns(self, moment: Moment, boot: _Boot, rank: int) -> int | None:
        """How far a trusted clock is off; 0 where it may be right, None where a better one knows that it is wrong."""
        if boot.era is not None:
            step_ns = moment.utc_ns - (boot.offset_ns + moment.boottime_ns)
            if abs(step_ns) <= _AGREE_NS:
                return 0
            return step_ns if rank >= boot.rank else None
        firm = self._firm
        if (
            firm is not None
            and firm.era == self.era
            and rank < _SYNCHRONISED
            and moment.utc_ns < firm.utc_ns - _AGREE_NS
        ):
            return None
        mark_utc_ns = self.mark_utc_ns
        if mark_utc_ns is None or _fits(moment.utc_ns, mark_utc_ns):
            return 0
        return moment.utc_ns - mark_utc_ns

    def _begin_after(self, moment: Moment, boot: _Boot, rank: int, step_ns: int) -> None:
        """Begin an era, or go back to the one in which there was synchronised time, where the clock since was wrong."""
        firm, before = self._firm, self.era
        is_back = (
            rank == _SYNCHRONISED
            and firm is not None
            and firm.era != before
            and _fits(moment.utc_ns, self._marks_utc_ns[firm.era])
        )
        is_doubtful = not is_back and boot.era is None and step_ns >= 0
        if firm is not None and is_back:
            era, why = firm.era, "synchronised time goes on where it was; the clock between was wrong"
        else:
            era = self._begun = self._begun + 1
            why = "the clock was set, or was wrong before"
        if is_doubtful:
            why = "the clock jumped, and nothing else says so" if step_ns else "the clock chip was wrong before"
        self._begin(era, moment.quality, step_ns, why)
        self._doubted = before if is_doubtful else None
        self._chip_wrong = rank == _SYNCHRONISED

    def _agree(self, quality: str) -> None:
        """A second source says the same: where the one was doubted, the era before goes on."""
        self._chip_wrong = False
        if self._doubted is not None:
            era, self._doubted = self._doubted, None
            if self._firm is not None and self._firm.era == self.era:
                self._firm = _Firm(self._firm.utc_ns, era)
            self._begin(era, quality, None, "a second source confirms the clock")

    def _obey(self, era: int, boot: _Boot, quality: str) -> None:
        """Begin the era that an entry names: as the first of a ledger that goes on from another one does."""
        self._begun = era
        self._begin(era, quality, None, "the ledger says so")
        self._firm, boot.era, boot.rank = None, None, 0

    def _begin(self, era: int, quality: str, step_ns: int | None, why: str) -> None:
        self.change = Change(era, quality, None if step_ns is None else step_ns / NS_PER_S, why)

    # --- being asked ---------------------------------------------------------------------------------------------

    @property
    def era(self) -> int:
        """The present era; eras count from 1."""
        return self.change.era

    @property
    def mark_utc_ns(self) -> int | None:
        """The high-water mark: the latest trusted time of the present era, ns since 1970; None before the first."""
        return self._marks_utc_ns.get(self.era)

    @property
    def quality(self) -> str:
        """The best source that this boot has had."""
        return _QUALITY[self._boots[-1].rank] if self._boots else "unproven"

    @property
    def noted_quality(self) -> str:
        """The best source that this boot has had in the ledger."""
        return _QUALITY[self._boots[-1].noted_rank] if self._boots else "unproven"

    @property
    def noted_ns(self) -> int | None:
        """The newest boottime of this boot in the ledger; None where the ledger has none of it."""
        return self._boots[-1].noted_ns if self._boots and self._boots[-1].noted else None

    def age_s(self, first: Moment, now: Moment) -> float | None:
        """How old a frame is, in seconds, where that is proven; else None. ``now``: a moment of the newest boot."""
        if first.boot_id == now.boot_id:
            return (now.boottime_ns - first.boottime_ns) / NS_PER_S
        place = self._places.get(first.boot_id)
        then, present = None if place is None else self._boots[place], self._boots[-1]
        if then is None or then.era is None or then.era != present.era:
            return None
        age_ns = present.offset_ns + now.boottime_ns - (then.offset_ns + first.boottime_ns)
        return None if age_ns < -_AGREE_NS else max(0, age_ns) / NS_PER_S

    def doubt(self, boot_id: str | None, now: Moment) -> Doubt:
        """What is known of a frame of another boot whose age is not proven; None: nobody knows of which.

        A boot that the ledger does not know counts as before all that it knows, but for its least age, which is then
        that of this boot. ``now``: a moment of the newest boot.
        """
        last = len(self._boots) - 1
        powered_ns = self._boots[last].powered_before_ns + now.boottime_ns
        place = None if boot_id is None else self._places.get(boot_id)
        if place is None:
            return Doubt(powered_ns / NS_PER_S, self._gaps_until(last), now.boottime_ns / NS_PER_S)
        over_ns = proven_until_ns = self._boots[place + 1].powered_before_ns
        era = self._boots[place].era
        if era is not None and era != self._boots[last].era:
            proven_until_ns = max(over_ns, self._proven_until_ns[era])
        return Doubt(
            powered_s=max(0, powered_ns - proven_until_ns) / NS_PER_S,
            unknown_gaps=self._gaps_until(last) - self._gaps_until(place),
            least_age_s=max(powered_ns - over_ns, self._known_ns(place + 1, now)) / NS_PER_S,
        )

    def _known_ns(self, place: int, now: Moment) -> int:
        """How long ago the first boot from this place on began that has the time of the newest; 0 where none has."""
        present = self._boots[-1]
        if present.era is None:
            return 0
        first = next(boot for boot in self._boots[place:] if boot.era == present.era)
        return present.offset_ns + now.boottime_ns - first.offset_ns

    def _gaps_until(self, place: int) -> int:
        """Unknown gaps before the boot in this place, the one before the first boot included."""
        boot = self._boots[place]
        known = place > 0 and boot.era is not None and boot.era == self._boots[place - 1].era
        return boot.gaps_before + (0 if known else 1)


def _fits(utc_ns: int, mark_utc_ns: int) -> bool:
    """Whether a clock that has said ``mark_utc_ns`` may say this later: not back, and not months on."""
    return -_AGREE_NS <= utc_ns - mark_utc_ns <= _JUMP_NS
