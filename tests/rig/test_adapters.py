"""The recorder's own adapters, as installed, on the machine's devices: each frame, tone and press found again.

They run as the recorder's user with the service's groups, outside its sandbox; the journeys run inside it.
"""

import io

import numpy as np
import pytest

from tests.rig.cabin import Cabin
from tests.rig.drivers import CPUINFO, MICROPHONE, SOUND_RATE_HZ, Sound
from tests.rig.film import frame_numbers, loudest_hz
from tests.rig.guest import Guest
from tests.rig.recorder import Recorder

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

CAMERA = """
import sys, threading
from fractions import Fraction
from recorder.capture.picamera import PiCamera
from recorder.capture.picamera_settings import PiCameraSettings

packets, enough, failures = [], threading.Event(), []
def take(packet):
    packets.append(packet)
    if len(packets) == 40:
        enough.set()
def fail(failure):
    failures.append(failure.reason)
    enough.set()
camera = PiCamera(PiCameraSettings(640, 480, Fraction(10), 2_000_000), "VAN-1")
camera.open(1, take, fail)
enough.wait()
camera.close()
if failures:
    sys.exit(failures[0])
times = [packet.captured_ns for packet in packets]
assert times == sorted(set(times)), times
sys.stdout.buffer.write(b"".join(packet.data for packet in packets))
"""

MICROPHONE_PROGRAM = """
import sys, threading
from recorder.capture.portaudio import PortAudioMicrophone

blocks, enough, failures = [], threading.Event(), []
def take(block):
    blocks.append(block)
    if sum(len(block.samples) for block in blocks) > 3 * 48000:
        enough.set()
def fail(failure):
    failures.append(failure.reason)
    enough.set()
microphone = PortAudioMicrophone({name!r}, 48000)
microphone.open(take, fail)
enough.wait()
microphone.close()
if failures:
    sys.exit(failures[0])
sys.stdout.buffer.write(b"".join(block.samples.tobytes() for block in blocks))
"""

PANEL = """
import queue
from pathlib import Path
from recorder.cabin.board import open_board
from recorder.cabin.panel import GpioPanel
from recorder.cabin.pins import Wiring

events = queue.SimpleQueue()
panel = GpioPanel(Wiring(ignition_off_s=0.5), lambda: open_board(Path("/run/rig")))
panel.start(events.put)
print("ready", flush=True)
for _ in range(4):
    print(type(events.get()).__name__, flush=True)
panel.close()
"""


def as_recorder(program: str, *how: str) -> list[str]:
    """The command that runs a Python program as the recorder's user, in its installed environment."""
    return [
        *("systemd-run", "--quiet", "--collect", "--uid=cabin-recorder", *how),
        *("--property=SupplementaryGroups=video audio gpio", "--property=RuntimeDirectory=rig"),
        *(f"--property=BindReadOnlyPaths={CPUINFO}:/proc/cpuinfo", "/opt/cabin-recorder/current/bin/python"),
        *("-c", program),
    ]


def output_of(guest: Guest, program: str) -> bytes:
    """What a program that must succeed writes to its standard output."""
    done = guest.try_(*as_recorder(program, "--pipe", "--wait"))
    assert done.code == 0, done.errors.decode()[-4000:]
    return done.output


def test_every_frame_of_picamera2_is_found_again(recorder: Recorder) -> None:
    """Forty frames and more, through libcamera, picamera2, our stamp and the encoder: all there, in order."""
    numbers = frame_numbers(io.BytesIO(output_of(recorder.vehicle.guest, CAMERA)), "h264")

    assert len(numbers) >= 40
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_the_tone_in_the_cabin_is_found_again(recorder: Recorder) -> None:
    """What comes through ALSA and PortAudio is the tone that sounds in the cabin."""
    Sound(recorder.vehicle.guest).hum(440)
    heard = output_of(recorder.vehicle.guest, MICROPHONE_PROGRAM.format(name=MICROPHONE))

    samples = np.frombuffer(heard, np.int16)[SOUND_RATE_HZ:]
    assert loudest_hz(samples, SOUND_RATE_HZ) == pytest.approx(440, abs=2)


def test_hands_on_the_pins_are_events(recorder: Recorder) -> None:
    """The key turned, consent pressed, hold pressed, the key turned back: four events, in this order, through lgpio."""
    guest, cabin = recorder.vehicle.guest, Cabin(recorder.vehicle.guest)
    guest.run(*as_recorder(PANEL, "--unit=rig-panel", "--property=StandardOutput=file:/run/rig-panel.events"))
    guest.until("grep -q ready /run/rig-panel.events")

    cabin.turn_key_on()
    cabin.press_consent()
    cabin.press_hold()
    cabin.turn_key_off()

    guest.until("[ $(wc -l </run/rig-panel.events) = 5 ]")
    events = guest.read("/run/rig-panel.events").decode().split()
    assert events == ["ready", "IgnitionOn", "ConsentPressed", "HoldPressed", "IgnitionOff"]
