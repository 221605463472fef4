"""The sentinel in a real capture: each finding is told, recording goes on, and a sentinel that fails is a fault itself.

What the camera shows is a man in a car, made worse; time is that of the pictures, so that a minute takes a moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.cabin.signals import THREE_FLASHES, lamps
from recorder.capture.ports import AudioBlock
from recorder.capture.senses import Glimpse, Peephole
from recorder.capture.sentinel import BLURRED, COVERED, FROZEN, MOVED, SILENT, Patience
from recorder.commands import Note, Phrase, Say
from recorder.events import FaultCleared, FaultRaised, Sealed
from recorder.journey import CAPTURE_FAULTS, Journey, StateName, step
from recorder.journey_state import Capture as CaptureState
from recorder.timekeeping import boottime_ns
from tests.capture import sentinel_scenes as scenes
from tests.capture.clips import CARPHONE
from tests.capture.scripted import S
from tests.capture.sentinel_clips import Piece
from tests.capture.test_pipeline import Bench

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

WITHIN_S = 20.0
CAMERA_FINDINGS = (COVERED, BLURRED, MOVED, FROZEN)


class Lockstep(Peephole):
    """Shows the next picture when the one before was taken, so that none is missed."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = threading.Semaphore(0)

    def take(self, timeout_s: float) -> Glimpse | None:
        glimpse = super().take(timeout_s)
        if glimpse is not None:
            self._taken.release()
        return glimpse

    def show_all(self, pictures: Iterator[tuple[float, Plane]]) -> None:
        for at_s, plane in pictures:
            self.show(plane, round(at_s * S) + S)
            assert self._taken.acquire(timeout=WITHIN_S)


@pytest.fixture(scope="module")
def man_in_a_car() -> tuple[float, list[Plane]]:
    return Piece(CARPHONE, "").planes()


def played(
    man_in_a_car: tuple[float, list[Plane]], change: Callable[[scenes.Moment], None]
) -> Iterator[tuple[float, Plane]]:
    """Half a minute as it should be, half a minute of ``change``, and a while without it."""
    return scenes.Stage(*man_in_a_car, seed=1).looks([(30.0, 60.0, change)], 70.0)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (COVERED, scenes.hand(30.0, dark=0.3, share=1.0, seed=2)),
        (COVERED, scenes.cap),
        (BLURRED, scenes.defocus(2.0)),
        (MOVED, scenes.turned(0, 0.3)),
        (FROZEN, scenes.freeze),
    ],
)
def test_each_finding_is_told_and_recording_goes_on(
    man_in_a_car: tuple[float, list[Plane]], kind: str, change: Callable[[scenes.Moment], None]
) -> None:
    """Raised, cleared, and nothing else; a frozen camera is opened anew, once."""
    peephole = Lockstep()
    bench = Bench(watched=(peephole, Patience()))
    bench.capture.start()
    assert bench.durable("video")
    peephole.show_all(played(man_in_a_car, change))
    assert bench.inbox.wait(FaultRaised(kind))
    assert bench.inbox.wait(FaultCleared(kind))
    assert bench.newer("video")
    assert bench.newer("audio")
    bench.end()
    assert bench.inbox.events == [FaultRaised(kind), FaultCleared(kind), Sealed()]
    assert bench.camera.attempts == (2 if kind == FROZEN else 1)


def test_darkness_is_not_told(man_in_a_car: tuple[float, list[Plane]]) -> None:
    """A tunnel, then a lamp that goes out."""
    peephole = Lockstep()
    bench = Bench(watched=(peephole, Patience()))
    bench.capture.start()
    peephole.show_all(played(man_in_a_car, scenes.tunnel(30.0)))
    bench.end()
    assert bench.inbox.events == [Sealed()]


def test_a_microphone_that_hears_nothing_is_told_until_it_hears() -> None:
    """The scripted microphone's sound is a constant, which is none, until noise is heard beside it."""
    bench = Bench(watched=(Peephole(), Patience(silent_s=1.0, clear_s=0.5)))
    bench.capture.start()
    assert bench.inbox.wait(FaultRaised(SILENT))
    noise = np.random.default_rng(0).integers(-500, 500, 960, np.int16)
    assert bench.durable("audio")
    for _ in range(200):
        bench.microphone.deliver(AudioBlock(noise, boottime_ns(), 48_000))
        if bench.inbox.wait(FaultCleared(SILENT), timeout_s=0.05):
            break
    bench.end()
    assert bench.inbox.events[:2] == [FaultRaised(SILENT), FaultCleared(SILENT)]


def test_a_sentinel_that_fails_is_a_fault_of_its_own_and_costs_no_frame(caplog: pytest.LogCaptureFixture) -> None:
    """It is not one that makes a recording worthless, and not one that ends the process."""

    class Broken(Peephole):
        def take(self, timeout_s: float) -> Glimpse | None:
            raise ZeroDivisionError

    bench = Bench(watched=(Broken(), Patience()))
    bench.capture.start()
    assert bench.inbox.wait(FaultRaised("sentinel"))
    assert bench.newer("video")
    assert bench.capture.heartbeats().keys() == {"camera", "microphone", "mux", "card"}
    bench.end()
    assert bench.inbox.events == [FaultRaised("sentinel"), Sealed()]
    assert "sentinel" not in CAPTURE_FAULTS
    assert "nobody looks" in caplog.text


def test_the_camera_is_never_kept_waiting() -> None:
    """A sentinel's thread that hangs keeps nobody: pictures replace each other, and the capture ends in time."""
    hangs, release = threading.Event(), threading.Event()

    class Hanging(Peephole):
        def take(self, timeout_s: float) -> Glimpse | None:
            hangs.set()
            release.wait(WITHIN_S)
            return super().take(timeout_s)

    peephole = Hanging()
    bench = Bench(watched=(peephole, Patience()))
    bench.capture.start()
    assert hangs.wait(WITHIN_S)
    for number in range(100):
        peephole.show(np.zeros((240, 320), np.uint8), number * S)
    assert bench.newer("video")
    bench.capture.stop("stop")
    assert bench.inbox.wait(Sealed())
    release.set()
    bench.end()


@pytest.mark.parametrize("kind", [*CAMERA_FINDINGS, SILENT])
def test_a_finding_is_spoken_logged_and_shown(kind: str) -> None:
    """The journey goes on, impaired: both media are safe, one is worthless."""
    recording = Journey(
        name=StateName.RECORDING, capture=CaptureState.OPEN, fresh=frozenset({"video", "audio"}), consented=True
    )
    found, commands = step(recording, FaultRaised(kind))
    assert (found.name, lamps(found).recording.rhythm) == (StateName.IMPAIRED, THREE_FLASHES)
    assert commands[0] == Note("fault", {"kind": kind})
    assert Say(Phrase.IMPAIRED) in commands
    over, commands = step(found, FaultCleared(kind))
    assert (over.name, commands[0]) == (StateName.RECORDING, Note("fault-cleared", {"kind": kind}))


def test_where_it_is_switched_off_nobody_looks() -> None:
    """There is no thread to do it."""
    for watched, there in ((None, False), ((Peephole(), Patience()), True)):
        bench = Bench(watched=watched)
        bench.capture.start()
        assert ("capture-sentinel" in {thread.name for thread in threading.enumerate()}) is there
        bench.end()
