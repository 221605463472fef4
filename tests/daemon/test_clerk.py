"""The clerk drops nothing: a card that refuses is asked again until it takes what people decided."""

import queue
import shutil
from collections.abc import Iterator, Mapping
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
from recorder.vault.deletion import delete_log
from recorder.vault.journal import DeviceKey, Entry, read_entries
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


def test_the_end_of_a_journey_that_a_sweep_deleted_meanwhile_keeps_nobody_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log was closed, the ledger refused, and a sweep was quicker than the next try: later consents are taken."""
    journey = desk.begin()
    end_journey = desk.store.end_journey

    def refused_once(journey_id: str, reason: str) -> None:
        monkeypatch.setattr(desk.store, "end_journey", end_journey)
        end_journey(journey_id, reason)
        assert delete_log(desk.store, journey_id)
        raise StoreError("The card is full.")

    monkeypatch.setattr(desk.store, "end_journey", refused_once)
    desk.clerk.end_journey(journey, "ignition-off")
    assert [desk.next(), desk.next()] == [FaultRaised("log"), FaultCleared("log")]
    assert desk.begin() != journey


def test_no_job_waits_for_a_journey_that_somebody_removed(desk: Desk) -> None:
    """Where capture would go on cannot be said: a fault. A note goes into the ledger, a consent begins anew."""
    journey = desk.begin()
    shutil.rmtree(desk.store.journeys_path / journey)
    desk.clerk.plan_capture(journey)
    assert [desk.next(), desk.next()] == [FaultRaised("log"), FaultCleared("log")]
    desk.clerk.note("run-on", {})
    assert desk.begin() != journey
    assert [e.event for e in read_entries(desk.store.ledger.path)][-2:] == ["run-on", "journey-began"]


def test_a_consent_that_the_card_refused_begins_one_journey(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far the first try came, the second is no second journey."""
    append, refusals = desk.store.ledger.append, iter([True])

    def refusing(event: str, data: Mapping[str, Any]) -> Entry:
        if next(refusals, False):
            raise StoreError("The card is full.")
        return append(event, data)

    monkeypatch.setattr(desk.store.ledger, "append", refusing)
    desk.clerk.record_consent({"notice_finished": True})
    assert desk.next() == FaultRaised("log")
    recorded = desk.next()
    assert isinstance(recorded, ConsentRecorded)
    assert [journey.id for journey in desk.store.journeys()] == [recorded.journey]


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
        return JourneyRecord("id", Path(), None, None, first, None, True, {}, False, None, (), 1, ())

    assert timeline_origin_ns(record(began), now) == 9_000_000_000 - 30_000_000_000
    with pytest.raises(NoSuchJourneyError, match="no readable beginning"):
        timeline_origin_ns(record(None), now)
