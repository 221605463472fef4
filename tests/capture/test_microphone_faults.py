"""What a microphone does to a recorder, on real PortAudio: absent, torn out, frozen, in every audio mode; and back."""

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from recorder.capture.keeper import SILENT_AFTER_S
from recorder.capture.pipeline import Capture
from recorder.capture.portaudio import PortAudioMicrophone
from recorder.capture.synthetic import SyntheticCamera
from recorder.events import Event, FaultCleared, FaultRaised, Sealed
from recorder.soundhost import SoundHost
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.pipe_source import RATE_HZ, PipeMicrophone
from tests.capture.scripted import Inbox
from tests.contract.pulse import PulseAudio, portaudio_on, require_pulse

BROKEN, MENDED = FaultRaised("microphone"), FaultCleared("microphone")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[PipeMicrophone]:
    require_pulse()
    pulse = PulseAudio(tmp_path)
    pulse.ask("unload-module", "module-null-sink")  # PulseAudio moves a stream to its monitor rather than end it
    with portaudio_on(pulse):
        source = PipeMicrophone(pulse, "mic_faults")
        yield source
        source.pull_out()
    pulse.stop()


class Bench:
    """A capture in mode on-hold beside a camera that never stops."""

    def __init__(self, source: PipeMicrophone) -> None:
        self.inbox, self.card = Inbox(), MemoryCard()
        self.capture = Capture(
            camera=SyntheticCamera(64, 64, Fraction(10), 100_000, "VAN-7"),
            microphone=PortAudioMicrophone(source.name, RATE_HZ, host=SoundHost()),
            open_segment=self.card,
            post=self.inbox.post,
            origin_ns=boottime_ns(),
            sound=False,
        )
        self.capture.start()
        self.newer("video")
        self.told: list[Event] = []

    def newer(self, medium: str) -> None:
        """Something captured from now on is durable."""
        now_ns = boottime_ns()
        assert self.card.wait(lambda: (getattr(self.capture.durable(), f"{medium}_ns") or 0) > now_ns, 30)

    def until(self, event: Event, what: str) -> float:
        """How long until the next thing that is told is ``event``; seconds."""
        began_s = time.monotonic()
        self.told.append(event)
        assert self.inbox.wait(event, self.told.count(event), 30), f"{what}: {self.inbox.events}"
        assert self.inbox.events == self.told, what
        took_s = time.monotonic() - began_s
        print(f"{what}: {type(event).__name__} after {took_s:.1f} s")
        return took_s


@pytest.mark.sound
def test_a_microphone_that_fails_and_comes_back(source: PipeMicrophone) -> None:
    """Each fault is told once, and ends by itself; the picture misses no frame; while no sound is wanted, none is told.

    Torn out it is known at once, frozen after three seconds of silence.
    """
    source.pull_out()
    bench = Bench(source)
    bench.newer("video")
    assert bench.inbox.events == [], "absent, but nobody listens"

    bench.capture.record_sound(wanted=True)
    bench.until(BROKEN, "absent when hold is pressed")
    bench.newer("video")
    source.plug_in()
    bench.until(MENDED, "plugged in")
    bench.newer("audio")

    source.pull_out()
    assert bench.until(BROKEN, "torn out") < SILENT_AFTER_S
    bench.newer("video")
    bench.capture.record_sound(wanted=False)
    bench.until(MENDED, "torn out, and the hold released: nobody listens")
    source.plug_in()

    bench.capture.record_sound(wanted=True)
    bench.newer("audio")
    source.fall_silent()
    bench.until(BROKEN, "frozen")
    source.pull_out()
    source.plug_in()
    bench.until(MENDED, "a frozen one exchanged")
    bench.newer("audio")

    bench.capture.stop("stop")
    assert bench.inbox.wait(Sealed())
    assert bench.capture.join(10)
    gaps = [gap for segment in bench.card.segments.values() if segment.facts for gap in segment.facts.gaps]
    assert {(gap["medium"], gap["filled"]) for gap in gaps} == {("audio", True)}
