"""The clerk drops nothing: a card that refuses is asked again until it takes what people decided."""

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder import clerk as module
from recorder.clerk import CapturePlan, Clerk, Recovered, timeline_origin_ns
from recorder.control import ControlRequest
from recorder.errors import NoSuchJourneyError, StoreError
from recorder.events import ConsentRecorded, Event, FaultCleared, FaultRaised, HoldDurable, HoldReleased
from recorder.timekeeping import Instant, SystemClock
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.records import JourneyRecord
from recorder.vault.slots import Slot
from recorder.vault.store import Store

WITHIN_S = 20.0


class Desk:
    """A clerk at work on a real store."""

    def __init__(self, folder: Path) -> None:
        key = DeviceKey.load_or_create(folder / "device.key")
        self.store = Store(
            folder / "store",
            key,
            (X25519Identity.generate().recipient,),
            SystemClock(),
            slots=[Slot.at(folder / "slot")],
        )
        self.store.prepare()
        self.posted: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.clerk = Clerk(self.store, SystemClock(), self.posted.put)
        self.clerk.recover({"version": "test"}, None)
        self.clerk.start()
        assert isinstance(self.posted.get(timeout=WITHIN_S), Recovered)

    def next(self) -> Event | CapturePlan:
        return self.posted.get(timeout=WITHIN_S)

    def begin(self) -> str:
        self.clerk.record_consent({"notice_finished": True})
        recorded = self.next()
        assert isinstance(recorded, ConsentRecorded)
        return recorded.journey


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    desk = Desk(tmp_path)
    yield desk
    assert desk.clerk.stop(WITHIN_S)


def test_jobs_are_done_in_order(desk: Desk) -> None:
    """Consent, hold, note and end, all asked at once, stand in the log in that order."""
    desk.clerk.record_consent({"notice_finished": True})
    desk.clerk.hold("journey")
    desk.clerk.note("run-on", {})
    recorded = desk.next()
    assert isinstance(recorded, ConsentRecorded)
    assert desk.next() == HoldDurable("journey", (recorded.journey,))
    desk.clerk.end_journey(recorded.journey, "ignition-off")
    desk.clerk.record_consent({"notice_finished": False})
    following = desk.next()
    assert isinstance(following, ConsentRecorded)
    assert following.journey != recorded.journey
    log = (desk.store.root / "journeys" / recorded.journey / "log.jsonl").read_text()
    order = [log.index(f'"event":"{event}"') for event in ("consent", "hold", "run-on", "journey-ended")]
    assert order == sorted(order)


def test_a_refused_hold_is_tried_until_it_is_durable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is raised once, cleared when the card takes it, and the hold is never lost."""
    journey = desk.begin()
    refusals = iter([True, True, False])
    hold = desk.store.hold

    def refusing(*arguments: Any, **named: Any) -> None:
        if next(refusals):
            raise StoreError("The card is read-only.")
        hold(*arguments, **named)

    monkeypatch.setattr(desk.store, "hold", refusing)
    desk.clerk.hold("journey")
    assert [desk.next() for _ in range(3)] == [
        FaultRaised("log"),
        HoldDurable("journey", (journey,)),
        FaultCleared("log"),
    ]
    assert desk.store.journey(journey).held


def test_hold_means_the_last_on_board_or_everything(desk: Desk) -> None:
    """Nothing on board is said; a journey without footage counts only while it is the current one."""
    desk.clerk.hold("last")
    desk.clerk.hold("all")
    assert [desk.next(), desk.next()] == [HoldDurable("last", ()), HoldDurable("all", ())]
    journey = desk.begin()
    desk.clerk.hold("last")
    assert desk.next() == HoldDurable("last", (journey,))


def test_the_command_line_is_answered(desk: Desk) -> None:
    """Held and released by request; an unknown journey is refused at once and never retried."""
    journey = desk.begin()
    for ask, event in (
        (desk.clerk.hold_asked, HoldDurable("journey", (journey,))),
        (desk.clerk.release_asked, HoldReleased(journey)),
    ):
        request = ControlRequest("x", {}, 0)
        ask(request, journey, "because")
        assert desk.next() == event
        assert request.wait()["ok"] is True
    unknown = ControlRequest("x", {}, 0)
    desk.clerk.hold_asked(unknown, "20200101T000000Z-0000", "because")
    assert unknown.wait()["exit_code"] == 1


def test_capture_goes_on_behind_the_last_segment(desk: Desk) -> None:
    """With the journey's own zero, so that its timeline goes on."""
    journey = desk.begin()
    first = desk.store.journey(journey).first
    assert first is not None
    desk.clerk.plan_capture(journey)
    assert desk.next() == CapturePlan(journey, first.boottime_ns, 1)
    desk.store.open_segment(journey, 1, first.boottime_ns)
    desk.clerk.plan_capture(journey)
    assert desk.next() == CapturePlan(journey, first.boottime_ns, 2)


def test_the_timeline_goes_on_across_a_power_cut() -> None:
    """The zero of an earlier boot, seen from this one, is so far in the past as the wall clocks say."""
    began = Instant(utc_ns=1_000_000_000_000, boottime_ns=500, boot_id="one", quality="synchronised")
    now = Instant(utc_ns=1_030_000_000_000, boottime_ns=9_000_000_000, boot_id="two", quality="synchronised")

    def record(first: Instant | None) -> JourneyRecord:
        return JourneyRecord("id", Path(), None, None, first, None, True, False, None, (), 1, ())

    assert timeline_origin_ns(record(began), now) == 9_000_000_000 - 30_000_000_000
    with pytest.raises(NoSuchJourneyError, match="no readable beginning"):
        timeline_origin_ns(record(None), now)
