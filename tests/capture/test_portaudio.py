"""The PortAudio microphone on real PortAudio, with PulseAudio for a sound card."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.capture.devices import make_devices
from recorder.capture.opening import RELEASE_WITHIN_S
from recorder.capture.pipeline import Capture
from recorder.capture.portaudio import PortAudioMicrophone, delay_of_first_ns
from recorder.capture.ports import AudioBlock, DeviceFailure
from recorder.capture.synthetic import SyntheticCamera
from recorder.config import load
from recorder.errors import DeviceAbsentError, DeviceLostError
from recorder.events import Sealed
from recorder.soundhost import SoundHost
from recorder.timekeeping import NS_PER_S, boottime_ns
from recorder.vault.age import X25519Identity
from tests.capture.cards import MemoryCard
from tests.capture.pipe_source import RATE_HZ, PipeMicrophone, numbered, numbers
from tests.capture.scripted import Inbox
from tests.contract.pulse import PulseAudio, portaudio_on, require_pulse

WITHIN_S = 10.0


@dataclass
class Ear:
    """What a microphone calls back with."""

    blocks: "queue.SimpleQueue[AudioBlock]" = field(default_factory=queue.SimpleQueue)
    failures: "queue.SimpleQueue[DeviceFailure]" = field(default_factory=queue.SimpleQueue)

    def open(self, microphone: PortAudioMicrophone) -> "Ear":
        microphone.open(self.blocks.put, self.failures.put)
        return self

    def hear(self, seconds: float) -> list[AudioBlock]:
        heard = [self.blocks.get(timeout=WITHIN_S)]
        while sum(len(block.samples) for block in heard) < seconds * heard[0].rate_hz:
            heard.append(self.blocks.get(timeout=WITHIN_S))
        return heard


def samples_of(blocks: list[AudioBlock]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks])


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseAudio]:
    require_pulse()
    daemon = PulseAudio(tmp_path_factory.mktemp("pulse"))
    daemon.ask("unload-module", "module-null-sink")  # PulseAudio moves a stream to its monitor rather than end it
    with portaudio_on(daemon):
        yield daemon
    daemon.stop()


@pytest.fixture
def plugged(pulse: PulseAudio, request: pytest.FixtureRequest) -> Iterator[PipeMicrophone]:
    """A microphone that was not there when PortAudio made its list of devices."""
    name = "mic_" + "".join(character for character in request.node.name if character.isalnum())
    source = PipeMicrophone(pulse, name, **getattr(request, "param", {}))
    yield source
    source.pull_out()  # lest PulseAudio moves another's stream to it


@pytest.fixture
def microphone(plugged: PipeMicrophone) -> Iterator[PortAudioMicrophone]:
    made = PortAudioMicrophone(plugged.name, RATE_HZ, plugged.channels, SoundHost())
    yield made
    with suppress(DeviceLostError):
        made.close()


@pytest.mark.sound
def test_every_sample_is_found_again(plugged: PipeMicrophone, microphone: PortAudioMicrophone) -> None:
    """What was written is what is delivered: each sample once, in order, unchanged, through a device found by name."""
    blocks = Ear().open(microphone).hear(3.0)
    assert {block.rate_hz for block in blocks} == {RATE_HZ}
    samples = samples_of(blocks)
    first = int(numbers(samples[:1])[0])
    np.testing.assert_array_equal(samples, numbered(first, len(samples)))


@pytest.mark.sound
def test_times_are_those_of_the_first_sample(plugged: PipeMicrophone, microphone: PortAudioMicrophone) -> None:
    """Each block says when its first sample was captured; PulseAudio knows its own delay to a few tens of ms."""
    late_ms = []
    for block in Ear().open(microphone).hear(4.0):
        written_ns = plugged.when_written_ns(int(numbers(block.samples[:1])[0]), block.captured_ns)
        late_ms.append((block.captured_ns - written_ns) / 1e6)
    assert -100 < min(late_ms) <= max(late_ms) < 100, late_ms


@pytest.mark.sound
@pytest.mark.slow
@pytest.mark.parametrize("plugged", [{"off_ppm": 5_000.0}, {"off_ppm": 0.0}], indirect=True, ids=["off", "right"])
def test_a_clock_that_is_off_shows_in_the_times(plugged: PipeMicrophone, microphone: PortAudioMicrophone) -> None:
    """Times are the recorder's, not the device's: its samples come so much faster as its clock runs too fast."""
    blocks = Ear().open(microphone).hear(20.0)[20:]  # two seconds
    counts = np.cumsum([len(block.samples) for block in blocks[:-1]])
    times_s = np.array([block.captured_ns - blocks[0].captured_ns for block in blocks[1:]]) / NS_PER_S
    off_ppm = (np.polyfit(times_s, counts, 1)[0] / RATE_HZ - 1) * 1e6
    print(f"measured {off_ppm:.0f} ppm of {plugged.off_ppm:.0f}")
    assert abs(off_ppm - plugged.off_ppm) < 2_000


@pytest.mark.sound
@pytest.mark.parametrize("plugged", [{"channels": 2}], indirect=True)
def test_several_channels_become_their_mean(plugged: PipeMicrophone, microphone: PortAudioMicrophone) -> None:
    """The second channel here is minus half of the first, so their mean is a quarter of it."""
    samples = samples_of(Ear().open(microphone).hear(0.5))
    quarters = (numbered(0, 65_536).astype(float) / 4)[numbers_of_quarters(samples)]
    assert np.abs(samples - quarters).max() <= 1
    assert samples.std() > 1_000


def numbers_of_quarters(samples: np.ndarray) -> np.ndarray:
    """The numbers (modulo 65536) that follow the one which fits the first few samples best."""
    whole = numbered(0, 2 * 65_536).astype(float) / 4
    likeness = [np.abs(whole[n : n + 16] - samples[:16]).sum() for n in range(65_536)]
    return (int(np.argmin(likeness)) + np.arange(len(samples))) % 65_536


@pytest.mark.sound
def test_a_plug_that_is_pulled_is_a_failure(plugged: PipeMicrophone, microphone: PortAudioMicrophone) -> None:
    """One sentence, within seconds; then opening says that it is absent; plugged in again, it opens again."""
    ear = Ear().open(microphone)
    ear.hear(0.2)
    plugged.pull_out()
    failure = ear.failures.get(timeout=WITHIN_S)
    assert failure == DeviceFailure(f"The microphone {plugged.name} has stopped; it may be unplugged.")
    microphone.close()
    assert ear.failures.empty()
    with pytest.raises(DeviceAbsentError, match=plugged.name):
        microphone.open(ear.blocks.put, ear.failures.put)
    plugged.plug_in()
    samples = samples_of(Ear().open(microphone).hear(0.5))
    np.testing.assert_array_equal(np.diff(numbers(samples)) % 65_536, 1)


class CountingHost(SoundHost):
    """How often the list of devices was made anew."""

    count = 0

    def refresh(self) -> bool:
        done = super().refresh()
        self.count += done
        return done


@pytest.mark.sound
def test_after_a_pulled_plug_the_old_list_is_not_trusted(plugged: PipeMicrophone) -> None:
    """A name that is on the list still may stand for a number that another card has by now: the list is made anew."""
    host = CountingHost()
    microphone = PortAudioMicrophone(plugged.name, RATE_HZ, host=host)
    ear = Ear().open(microphone)
    ear.hear(0.1)
    known = host.count
    plugged.pull_out()
    ear.failures.get(timeout=WITHIN_S)
    microphone.close()
    plugged.plug_in()
    Ear().open(microphone).hear(0.1)
    microphone.close()
    assert host.count == known + 1
    Ear().open(microphone).hear(0.1)
    microphone.close()
    assert host.count == known + 1  # what was not pulled need not be looked for


@pytest.mark.sound
def test_a_microphone_that_falls_silent_can_be_closed(plugged: PipeMicrophone, microphone: PortAudioMicrophone) -> None:
    """No failure is reported, for PortAudio sees none: the keeper does; and closing it is as quick as ever."""
    ear = Ear().open(microphone)
    ear.hear(0.2)
    plugged.fall_silent()
    while True:
        try:
            ear.blocks.get(timeout=1.0)
        except queue.Empty:
            break
    assert ear.failures.empty()
    microphone.close()
    assert ear.failures.empty()


@pytest.mark.sound
def test_devices_plugged_in_later_are_not_looked_for_under_a_stream(pulse: PulseAudio, plugged: PipeMicrophone) -> None:
    """The list is made anew only while nobody uses PortAudio: a loudspeaker that plays keeps its stream."""
    host = SoundHost()
    late = PortAudioMicrophone(plugged.name, RATE_HZ, host=host)
    with host.in_use(), pytest.raises(DeviceAbsentError, match=plugged.name):
        late.open(Ear().blocks.put, Ear().failures.put)
    Ear().open(late).hear(0.1)
    late.close()


@pytest.mark.sound
def test_an_absent_microphone_is_named(pulse: PulseAudio) -> None:
    """The sentence names what was looked for and what there is."""
    with pytest.raises(DeviceAbsentError, match=r"no microphone no such one; those found: .*'default'"):
        PortAudioMicrophone("no such one", RATE_HZ, host=SoundHost()).open(Ear().blocks.put, Ear().failures.put)


@pytest.mark.sound
def test_a_rate_nobody_gives_is_absence(plugged: PipeMicrophone) -> None:
    """The sentence names the keys to mend."""
    with pytest.raises(DeviceAbsentError, match=r"at 7 Hz: .*microphone\.rate_hz and microphone\.channels"):
        PortAudioMicrophone(plugged.name, 7, host=SoundHost()).open(Ear().blocks.put, Ear().failures.put)


CONFIGURED = """
vehicle = "VAN-7"
[store]
path = "store"
runtime = "runtime"
[keys]
recipients = ["{recipient}"]
[camera]
kind = "synthetic"
[microphone]
kind = "portaudio"
device = "{device}"
[panel]
kind = "simulated"
[audio]
mode = "{mode}"
"""


@pytest.mark.sound
@pytest.mark.parametrize("mode", ["off", "on-hold", "always"])
def test_the_sound_card_knows_when_it_is_listened_to(
    pulse: PulseAudio, plugged: PipeMicrophone, tmp_path: Path, mode: str
) -> None:
    """By its own word: in mode off nobody ever opens it, even where sound is asked for; in on-hold not yet."""
    path = tmp_path / "recorder.toml"
    recipient = X25519Identity.generate().recipient.text
    path.write_text(CONFIGURED.format(recipient=recipient, device=plugged.name, mode=mode))
    devices, card, inbox = make_devices(load(path)), MemoryCard(), Inbox()
    capture = Capture(
        camera=SyntheticCamera(64, 64, Fraction(10), 100_000, "VAN-7"),
        microphone=devices.microphone,
        open_segment=card,
        post=inbox.post,
        origin_ns=boottime_ns(),
        sound=mode != "on-hold",
    )
    capture.start()
    assert card.wait(lambda: capture.durable().video_ns is not None)
    if mode == "always":
        assert card.wait(lambda: capture.durable().audio_ns is not None)
    assert len(pulse.ask("list", "short", "source-outputs").splitlines()) == (mode == "always")
    capture.stop("stop")
    assert inbox.wait(Sealed())
    assert capture.join(5)
    assert pulse.ask("list", "short", "source-outputs") == ""
    assert (devices.microphone is None) == (mode == "off")


@pytest.mark.parametrize(
    ("now_s", "adc_s", "delay_ms"),
    [
        (100.050, 100.0, 50),
        (100.015, 100.0, 20),  # less than the samples last
        (100.0, 100.1, 20),  # captured in the future
        (100.0, 0.0, 20),  # no ADC time
    ],
)
def test_delay_of_the_first_sample(now_s: float, adc_s: float, delay_ms: int) -> None:
    """The difference of two readings of PortAudio's clock, where it can be true."""
    assert delay_of_first_ns(now_s, adc_s, 960, RATE_HZ) // 1_000 == delay_ms * 1_000


NOTHING_LOADED = """
import sys
import threading
import time
import recorder.capture.portaudio
assert "sounddevice" not in sys.modules
"""


def test_portaudio_is_loaded_only_when_a_microphone_is_opened() -> None:
    """It asks every device for its abilities, and the microphone stays untouched until consent."""
    subprocess.run([sys.executable, "-c", NOTHING_LOADED], check=True)


@pytest.mark.sound
def test_a_frozen_sound_card_is_told_of(
    pulse: PulseAudio, plugged: PipeMicrophone, microphone: PortAudioMicrophone
) -> None:
    """It raises nothing by itself; closing it does, in seconds; it is never opened again, and nothing is delivered."""
    ear = Ear().open(microphone)
    ear.hear(0.2)
    pulse.freeze()
    try:
        began_s = time.monotonic()
        with pytest.raises(DeviceLostError, match="must be restarted"):
            microphone.close()
        assert time.monotonic() - began_s < RELEASE_WITHIN_S + 1.0
    finally:
        pulse.thaw()
    for thread in threading.enumerate():
        if thread.name == "release-microphone":
            thread.join(WITHIN_S)
    count = ear.blocks.qsize()
    with pytest.raises(DeviceLostError, match="restart the recorder"):
        microphone.open(ear.blocks.put, ear.failures.put)
    with pytest.raises(DeviceLostError, match="restart the recorder"):
        microphone.close()
    assert (ear.blocks.qsize(), ear.failures.empty()) == (count, True)
