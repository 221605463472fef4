"""A real hour: real PortAudio on a sound card whose clock is off, beside a camera, read back second by second.

``HOUR_S`` in the environment shortens it: ``HOUR_S=600 pytest -m hour``.
"""

import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.capture.pipeline import Capture
from recorder.capture.portaudio import PortAudioMicrophone
from recorder.capture.synthetic import SyntheticCamera
from recorder.demo.measure import measure
from recorder.events import Sealed
from recorder.soundhost import SoundHost
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.pipe_source import RATE_HZ, PipeMicrophone
from tests.capture.scripted import Inbox
from tests.capture.urgency import hurried
from tests.contract.pulse import PulseAudio, portaudio_on, require_pulse

LENGTH_S = float(os.environ.get("HOUR_S", "3600"))
OFF_PPM = 500.0
OFFSET_MS = 20.0
_PRIORITY = 5  # where real time may be had: a machine that others keep busy shows nothing of ours

pytestmark = [pytest.mark.hour, pytest.mark.sound, pytest.mark.timeout(LENGTH_S * 1.5 + 600)]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[PipeMicrophone]:
    """A sound card that hears the synthetic scene, by a clock of its own."""
    require_pulse()
    pulse = PulseAudio(tmp_path)
    pulse.ask("unload-module", "module-null-sink")  # PulseAudio moves a stream to its monitor rather than end it
    pulse.hurry(_PRIORITY + 1)
    with portaudio_on(pulse), hurried(_PRIORITY):
        source = PipeMicrophone(pulse, "mic_hour", off_ppm=OFF_PPM, scene=True)
        yield source
        source.pull_out()
    pulse.stop()


def test_picture_and_sound_stay_in_step(source: PipeMicrophone, tmp_path: Path) -> None:
    """Every second's beep within 20 ms of its white frame; no sample lost or doubled, no silence filled in.

    All of it in real time, as root, so that the machine keeps up. README, "A microphone whose clock is off", says what
    becomes of it on one that does not.
    """
    inbox, card = Inbox(), MemoryCard()
    capture = Capture(
        camera=SyntheticCamera(176, 144, Fraction(10), 100_000, "VAN-7"),
        microphone=PortAudioMicrophone(source.name, RATE_HZ, host=SoundHost()),
        open_segment=card,
        post=inbox.post,
        origin_ns=boottime_ns(),
        segment_length_s=60,
    )
    capture.start()
    assert not threading.Event().wait(LENGTH_S), "recording takes the time it takes"
    capture.stop("stop")
    assert inbox.wait(Sealed())
    assert capture.join(10)

    offsets_ms: list[float] = []
    slips: list[str] = []
    for number, segment in card.segments.items():
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(segment.data)
        found = measure(path)
        path.unlink()
        assert found.sound is not None
        offsets_ms += [offset.sound_late_ms for offset in found.offsets]
        slips += [f"segment {number} at {second:.2f} s" for second in found.sound.slips_s]
        slips += [f"segment {number}: {silence}" for silence in found.sound.silences]
    gaps = [gap for segment in card.segments.values() if segment.facts for gap in segment.facts.gaps]
    early, late = min(offsets_ms), max(offsets_ms)
    beyond = [offset_ms for offset_ms in offsets_ms if abs(offset_ms) > OFFSET_MS]
    print(
        f"{len(offsets_ms)} seconds in {LENGTH_S:g}, clock {OFF_PPM:+g} ppm: sound {early:+.1f} to {late:+.1f} ms "
        f"after the picture, mean {np.mean(offsets_ms):+.1f}; beyond {OFFSET_MS:g} ms "
        f"{len(beyond)}; jumps {slips}; gaps {gaps}"
    )
    assert len(offsets_ms) > LENGTH_S - 10
    assert max(-early, late) <= OFFSET_MS
    assert (gaps, slips, inbox.events) == ([], [], [Sealed()])
