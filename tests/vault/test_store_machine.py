"""Any life a store can have: journeys, holds, sweeps, reboots, wrong clocks, killed processes, in any order.

The model knows the true age of everything. A wall clock that calls itself synchronised is right here; one that does not
may say anything.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.pruner import Pruner
from recorder.vault.recovery import recover
from recorder.vault.retention import Policy
from recorder.vault.segment import SegmentWriter
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.vault.cuts import DEATHS, run_and_cut
from tests.vault.kit import CONSENT, START_UTC_NS, Facts, FakeClock, assert_logs_sound, fragment, open_like

POLICY = Policy(max_age_s=100, sweep_s=2, clock_grace_s=30, min_free_bytes=0)
EPOCH_S = 10


@dataclass
class Segment:
    """What the model knows of one: its true time, its boot, and what its body was when it was last looked at."""

    first_s: float
    boot_id: str
    epoch: int | None
    sha256: str | None = None


@dataclass
class Journey:
    """``held``: None where a hold or release was cut and either is right, until somebody looks."""

    held: bool | None = False
    ended: bool = False
    segments: dict[int, Segment] = field(default_factory=dict)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.true_s = 0.0
        self.boots = 1
        key = DeviceKey.load_or_create(self.folder / "device.key")
        self.store = Store(
            self.folder / "store",
            key,
            [X25519Identity.generate().recipient],
            self.clock,
            slots=[Slot.at(self.folder / "slot")],
            epoch_s=EPOCH_S,
        )
        self.store.prepare()
        self.journeys: dict[str, Journey] = {}
        self.live: tuple[str, int, SegmentWriter] | None = None

    def teardown(self) -> None:
        self.die()
        recover(self.store)
        assert set(recover(self.store).found) <= {"alarms"}  # of a HOLD removed by hand; nothing is left to mend
        assert_logs_sound(self.store, self.store.key)
        shutil.rmtree(self.folder)

    # --- time ----------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 1, 5, 20, 60, 120]))
    def wait(self, seconds: float) -> None:
        self.true_s += seconds
        self.clock.advance(seconds)

    @rule(step_s=st.integers(-10_000, 10_000))
    def lose_the_clock(self, step_s: int) -> None:
        self.clock.set_wall(step_s, "unproven")

    @rule()
    def find_the_clock(self) -> None:
        true_utc_ns = START_UTC_NS + round(self.true_s * 1e9)
        self.clock.set_wall((true_utc_ns - self.clock.now().utc_ns) / 1e9, "synchronised")

    @rule(off_s=st.sampled_from([1, 30, 200]), known=st.booleans())
    def cut_the_power(self, off_s: float, known: bool) -> None:
        self.die()
        self.boots += 1
        self.true_s += off_s + 10
        self.clock.reboot(f"boot-{self.boots}", off_s, "synchronised" if known else "unproven")
        if known:
            self.find_the_clock()
        self.start()

    def die(self) -> None:
        if self.live is not None:
            os.close(self.live[2]._fd)
            self.live = None

    def start(self) -> None:
        recover(open_like(self.store))
        for record in self.store.journeys():
            self.journeys[record.id].ended = record.ended is not None
            assert self.journeys[record.id].held in {None, record.held}
            self.journeys[record.id].held = record.held

    # --- recording -----------------------------------------------------------------------------------------------

    @rule()
    def begin(self) -> None:
        self.journeys[self.store.begin_journey(CONSENT)] = Journey()

    @precondition(lambda self: self.live is None and any(not j.ended for j in self.journeys.values()))
    @rule(data=st.data())
    def open_segment(self, data: st.DataObject) -> None:
        journey_id = data.draw(st.sampled_from([i for i, j in self.journeys.items() if not j.ended]))
        number = self.store.journey(journey_id).next_segment
        writer = self.store.open_segment(journey_id, number, self.clock.now_ns)
        writer.write(fragment(100), None)
        epoch = next(s.epoch for s in self.store.journey(journey_id).segments if s.number == number)
        self.journeys[journey_id].segments[number] = Segment(self.true_s, self.clock.now().boot_id, epoch)
        self.live = (journey_id, number, writer)

    @precondition(lambda self: self.live is not None)
    @rule()
    def seal(self) -> None:
        assert self.live is not None
        self.live[2].seal("rotation", Facts(self.clock.now_ns, self.clock.now_ns))
        self.live = None

    @precondition(lambda self: self.live is None and any(not j.ended for j in self.journeys.values()))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        journey_id = data.draw(st.sampled_from([i for i, j in self.journeys.items() if not j.ended]))
        self.store.end_journey(journey_id, "ignition-off")
        self.journeys[journey_id].ended = True

    # --- holds ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.journeys)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        journey_id = data.draw(st.sampled_from(list(self.journeys)))
        open_like(self.store).hold(journey_id, "panel", "button")
        self.journeys[journey_id].held = True

    @precondition(lambda self: any(j.held for j in self.journeys.values()))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        journey_id = data.draw(st.sampled_from([i for i, j in self.journeys.items() if j.held]))
        open_like(self.store).release(journey_id, "office", "copied")
        self.journeys[journey_id].held = False

    @precondition(lambda self: any(j.held for j in self.journeys.values()))
    @rule(data=st.data())
    def remove_the_hold_by_hand(self, data: st.DataObject) -> None:
        journey_id = data.draw(st.sampled_from([i for i, j in self.journeys.items() if j.held]))
        (self.store.journeys_path / journey_id / "HOLD").unlink(missing_ok=True)

    # --- deleting, and dying at it -------------------------------------------------------------------------------

    @rule()
    def sweep(self) -> None:
        self.settle(Pruner(open_like(self.store), POLICY, self.clock).sweep)
        uptime_s = self.clock.now_ns / 1e9
        writing = None if self.live is None else self.journeys[self.live[0]].segments[self.live[1]].epoch
        for journey_id, journey in self.journeys.items():
            for number, segment in journey.segments.items():
                if journey.held or (self.live is not None and self.live[:2] == (journey_id, number)):
                    continue
                if segment.epoch is not None and segment.epoch == writing:
                    continue  # as long as a segment may be; here it is as long as the machine likes
                in_time = self.true_s - segment.first_s < POLICY.max_age_s - POLICY.sweep_s
                in_grace = segment.boot_id != self.clock.now().boot_id and uptime_s < POLICY.clock_grace_s
                assert in_time or in_grace, (journey_id, number)

    @precondition(lambda self: self.live is None)
    @rule(at=st.integers(1, 25), death=st.sampled_from(DEATHS))
    def sweep_and_die(self, at: int, death: str) -> None:
        self.settle(lambda: run_and_cut(Pruner(open_like(self.store), POLICY, self.clock).sweep, at, death))
        self.settle(self.start)

    @precondition(lambda self: self.live is None and self.journeys)
    @rule(data=st.data(), at=st.integers(1, 25), death=st.sampled_from(DEATHS))
    def hold_or_release_and_die(self, data: st.DataObject, at: int, death: str) -> None:
        journey_id = data.draw(st.sampled_from(list(self.journeys)))
        journey, child = self.journeys[journey_id], open_like(self.store)
        was_held = journey.held
        act = child.release if was_held else child.hold
        if run_and_cut(lambda: act(journey_id, "somebody", "a reason"), at, death):
            journey.held = None
        else:
            journey.held = not was_held
        self.settle(self.start)

    def settle(self, deleting: object) -> None:
        """Do something that may delete, and see that it deleted only what it may."""
        self.look()
        deleting()
        boot_id = self.clock.now().boot_id
        for journey_id in list(self.journeys):
            journey = self.journeys[journey_id]
            path = self.store.journeys_path / journey_id
            for number in list(journey.segments):
                segment = journey.segments[number]
                if (path / f"{number:05d}.body").exists():
                    continue
                assert journey.held is not True, "held footage was deleted"
                assert self.live is None or self.live[:2] != (journey_id, number), "live footage was deleted"
                if segment.boot_id == boot_id:
                    age_s = self.true_s - segment.first_s
                    assert age_s >= POLICY.due_age_s - EPOCH_S - 0.01, "young footage was deleted"
                del journey.segments[number]
            if not path.exists():
                assert journey.ended
                assert not journey.held
                assert not journey.segments
                del self.journeys[journey_id]

    def look(self) -> None:
        for journey_id, journey in self.journeys.items():
            for number, segment in journey.segments.items():
                if self.live is None or self.live[:2] != (journey_id, number):
                    body = (self.store.journeys_path / journey_id / f"{number:05d}.body").read_bytes()
                    sha256 = hashlib.sha256(body).hexdigest()
                    assert segment.sha256 in {None, sha256}, "a body has changed"
                    segment.sha256 = sha256

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        records = {record.id: record for record in self.store.journeys()}
        assert set(records) == set(self.journeys)
        for journey_id, journey in self.journeys.items():
            record = records[journey_id]
            assert {segment.number for segment in record.segments} == set(journey.segments)
            assert record.held == journey.held
            live = [(journey_id, segment.number) for segment in record.segments if segment.live]
            assert live == ([self.live[:2]] if self.live is not None and self.live[0] == journey_id else [])


StoreMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestStore = StoreMachine.TestCase
