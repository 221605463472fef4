"""At most one capture: nothing opens for a plan that is no longer wanted, and every stop is answered once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from recorder import recordings as module
from recorder.capture.ports import Durable
from recorder.clerk import CapturePlan
from recorder.events import Sealed
from recorder.recordings import Recordings

PLAN = CapturePlan("20261122T131143Z-7f3a", 0, 1)


@dataclass
class Capture:
    """Remembers what it was asked."""

    asked: list[str] = field(default_factory=list)
    devices_open: bool = True

    def start(self) -> None:
        self.asked.append("start")

    def stop(self, reason: str) -> None:
        self.asked.append(f"stop {reason}")

    def record_sound(self, *, wanted: bool) -> None:
        self.asked.append(f"sound {wanted}")

    def durable(self) -> Durable:
        return Durable(1, 2)

    def heartbeats(self) -> Mapping[str, float]:
        return {"mux": 1.0}


class Stage:
    """Recordings with a capture that remembers."""

    def __init__(self) -> None:
        self.capture = Capture()
        self.begun: list[tuple[CapturePlan, bool]] = []
        self.posted: list[Sealed] = []
        self.recordings = Recordings(self._begin, self.posted.append)

    def _begin(self, plan: CapturePlan, sound: bool) -> Capture:
        self.begun.append((plan, sound))
        return self.capture


def test_a_capture_begins_when_its_plan_arrives() -> None:
    """And gives what it knows while it runs; sound may be wanted before or after."""
    stage = Stage()
    stage.recordings.plan(PLAN.journey, sound=False)
    stage.recordings.record_sound(wanted=False)
    stage.recordings.record_sound(wanted=True)
    assert (stage.recordings.durable(), stage.recordings.heartbeats()) == (Durable(), {})
    stage.recordings.begin(PLAN)
    stage.recordings.record_sound(wanted=True)
    stage.recordings.record_sound(wanted=False)
    assert stage.begun == [(PLAN, True)]
    assert stage.capture.asked == ["start", "sound True", "sound False"]
    assert (stage.recordings.durable(), stage.recordings.heartbeats()) == (Durable(1, 2), {"mux": 1.0})


def test_a_plan_that_comes_after_the_stop_opens_nothing() -> None:
    """Withdrawn while the card was slow: sealed at once, and the late plan is dropped."""
    stage = Stage()
    stage.recordings.plan(PLAN.journey, sound=True)
    stage.recordings.stop("withdrawn")
    assert stage.posted == [Sealed()]
    stage.recordings.begin(PLAN)
    assert stage.begun == []


def test_a_plan_for_another_journey_opens_nothing() -> None:
    """Only what is wanted now begins."""
    stage = Stage()
    stage.recordings.plan("another", sound=True)
    stage.recordings.begin(PLAN)
    assert stage.begun == []


def test_a_stopped_capture_tells_nothing_more() -> None:
    """What a closing capture still writes lights no lamp; the seal is the capture's own to post."""
    stage = Stage()
    stage.recordings.plan(PLAN.journey, sound=True)
    stage.recordings.begin(PLAN)
    stage.recordings.stop("stop")
    assert (stage.recordings.durable(), stage.posted) == (Durable(), [])
    stage.recordings.sealed()
    assert stage.recordings.heartbeats() == {}


@pytest.mark.parametrize(
    ("waited_s", "devices_open", "ends"),
    [(2.9, True, False), (3.1, True, True), (59.0, False, False), (61.0, False, True)],
)
def test_what_does_not_let_go_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, waited_s: float, devices_open: bool, ends: bool
) -> None:
    """Devices have three seconds, the seal a minute."""
    ended: list[str] = []
    now_s = [1000.0]
    monkeypatch.setattr(module, "end_process", ended.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s[0])
    stage = Stage()
    stage.recordings.plan(PLAN.journey, sound=True)
    stage.recordings.begin(PLAN)
    stage.recordings.check()
    stage.recordings.stop("stop")
    stage.capture.devices_open = devices_open
    now_s[0] += waited_s
    stage.recordings.check()
    assert bool(ended) == ends
