"""Orders cut at every writing call, and given again, late, twice, after releases, by any history there can be."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from recorder.order import HoldOrder, Order
from recorder.timekeeping import NS_PER_S, ClockQuality
from recorder.vault import words
from recorder.vault.recovery import recover
from recorder.vault.rotation import look_after_ledger
from tests.export.ordering import DAY_S, MEMORY, Office, about_orders, answer_to, at, entries_of
from tests.export.van import Van
from tests.vault.cuts import Death, each_cut
from tests.vault.kit import START_UTC_NS, assert_logs_sound, fragment, init_segment, open_like

QUALITIES: tuple[ClockQuality, ...] = ("synchronised", "unproven")
WORST: tuple[Death, ...] = ("half", "forgotten")  # each loses all that a milder one of the four does
FOOTAGE = init_segment() + fragment(2000)


def ended(van: Van) -> str:
    journey = van.begin()
    van.record(journey, FOOTAGE)
    van.store.end_journey(journey, "ignition-off")
    return journey


def about(van: Van, journey: str, event: str, order: Order) -> int:
    """How often the log says that this order did this."""
    log = entries_of(van, journey)
    return sum(entry.event == event and entry.data.get("order") == order.number for entry in log)


class World:
    """A van, a stick, and an order on it; as it was at first for each cut."""

    def __init__(self, folder: Path, made: Callable[[Office, Van, Path], Order]) -> None:
        self.office, self._as_it_was, self._folder = Office(), folder / "as-it-was", folder / "world"
        self.stick = self._folder / "stick"
        self.stick.mkdir(parents=True)
        self.van = Van.build(self._folder)
        self.order = made(self.office, self.van, self.stick)
        self.office.put(self.stick, self.order)
        self._then = self.van.clock.now()
        shutil.copytree(self._folder, self._as_it_was)

    def begin(self) -> None:
        shutil.rmtree(self._folder)
        shutil.copytree(self._as_it_was, self._folder)
        self.van.clock._now = self._then
        self.van.store = open_like(self.van.store)

    def insert(self) -> None:
        self.office.insert(self.van, self.stick)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In memory where there is any: it is cut by us, not by a disk. What the cutter keeps lies beside it."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def a_hold(office: Office, van: Van, _: Path) -> Order:
    ended(van)
    return office.hold()


def a_release(office: Office, van: Van, stick: Path) -> Order:
    journey = ended(van)
    van.store.hold(journey, "driver", "hold button")
    (done,) = van.export(stick, journey).journeys
    return office.release(van, journey, done.manifest_sha256)


@pytest.mark.parametrize("death", WORST)
@pytest.mark.parametrize("made", [a_hold, a_release])
def test_cut_anywhere_an_order_counts_once(
    folder: Path, death: Death, made: Callable[[Office, Van, Path], Order]
) -> None:
    """At every writing call: the next insertion, with a start before it or without, brings it to its end, once."""
    world = World(folder, made)
    for call in each_cut(world.insert, death, world.begin):
        van, order = world.van, world.order
        van.store = open_like(van.store)
        if call % 2 or death in {"unsynced", "forgotten"}:  # the power was off
            van.clock.reboot("boot-2")
            recover(van.store)
        world.insert()
        (journey,) = van.store.journeys()
        is_hold = isinstance(order, HoldOrder)
        assert journey.held is is_hold
        assert about(van, journey.id, words.HOLD if is_hold else words.RELEASE, order) == 1, call
        applied = [data["number"] for event, data in about_orders(van) if event == words.ORDER_APPLIED]
        assert applied == [order.number], call
        answer = answer_to(world.stick, order.number)
        assert answer is not None
        assert answer.outcome == "applied"
        assert_logs_sound(van.store, van.store.key)
    assert call > 10


class Replays(RuleBasedStateMachine):
    """Whatever happens to a recorder and to sticks, an order is carried out at most once, and no logs break."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.van = Van.build(self.folder)
        self.stick = self.folder / "stick"
        self.stick.mkdir()
        self.office = Office()
        self.given: list[Order] = []
        self.boots = 1
        ended(self.van)

    def teardown(self) -> None:
        assert_logs_sound(self.van.store, self.van.store.key)
        shutil.rmtree(self.folder)

    def _times(self) -> dict[str, str]:
        now_s = (self.van.clock.now().utc_ns - START_UTC_NS) / NS_PER_S
        return {"issued": at(now_s), "expires": at(now_s + 14 * DAY_S)}

    @rule()
    def drive(self) -> None:
        ended(self.van)

    @rule()
    def order_a_hold(self) -> None:
        self.given.append(self.office.hold(**self._times()))

    @rule()
    def order_a_release(self) -> None:
        held = [journey.id for journey in self.van.store.journeys() if journey.held]
        if held:
            (done,) = self.van.export(self.stick, held[0]).journeys
            self.given.append(self.office.release(self.van, held[0], done.manifest_sha256, **self._times()))

    @precondition(lambda self: self.given)
    @rule(data=st.data(), is_new_stick=st.booleans())
    def insert(self, data: st.DataObject, is_new_stick: bool) -> None:
        if is_new_stick:
            shutil.rmtree(self.stick / "CABIN-ORDERS", ignore_errors=True)
        self.office.put(self.stick, *data.draw(st.lists(st.sampled_from(self.given), max_size=3)))
        assert self.office.insert(self.van, self.stick).problems == ()

    @rule()
    def release_by_hand(self) -> None:
        for journey in self.van.store.journeys():
            if journey.held:
                self.van.store.release(journey.id, "uid 0", "by hand")

    @rule(days=st.sampled_from([0, 1, 40]), quality=st.sampled_from(QUALITIES))
    def restart(self, days: int, quality: ClockQuality) -> None:
        self.boots += 1
        self.van.store = open_like(self.van.store)
        self.van.clock.reboot(f"boot-{self.boots}", off_s=days * DAY_S, quality=quality)
        recover(self.van.store)
        look_after_ledger(self.van.store)

    @invariant()
    def each_counts_once(self) -> None:
        applied = [data["number"] for event, data in about_orders(self.van) if event == words.ORDER_APPLIED]
        assert len(applied) == len(set(applied))
        for order in self.given:
            event = words.HOLD if isinstance(order, HoldOrder) else words.RELEASE
            for journey in self.van.store.journeys():
                assert about(self.van, journey.id, event, order) <= (order.number in applied)


TestReplays = Replays.TestCase
TestReplays.settings = settings(max_examples=8, stateful_step_count=14, deadline=None)
