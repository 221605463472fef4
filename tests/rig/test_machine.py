"""The virtual vehicle itself: what it is trusted with elsewhere is shown here, without the recorder."""

import hashlib
import itertools
import re
from pathlib import Path

import pytest

from tests.rig.drivers import MICROPHONE, Pins, Sound
from tests.rig.stick import make_stick
from tests.rig.vehicle import Vehicle

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

WRITER = """
import itertools, os
console = os.open("/dev/ttyS0", os.O_WRONLY | os.O_NOCTTY)
careful, careless = (os.open(f"/root/{name}", os.O_CREAT | os.O_WRONLY) for name in ("careful", "careless"))
folder = os.open("/root", os.O_RDONLY)
os.fsync(folder)
for number in itertools.count(1):
    record = number.to_bytes(8, "little") * 512
    os.write(careless, record)
    os.write(careful, record)
    os.fsync(careful)
    os.write(console, b"written %d\\n" % number)
"""


def intact(records: bytes) -> int:
    """How many whole records stand at the beginning."""
    count = 0
    while records[count * 4096 : (count + 1) * 4096] == (count + 1).to_bytes(8, "little") * 512:
        count += 1
    return count


def test_a_power_cut_takes_what_was_not_flushed_and_nothing_else(bare: Vehicle) -> None:
    """The negative control of every power cut: acknowledged without fsync is lost here, with fsync it stays."""
    bare.guest.write("/root/writer.py", WRITER)
    bare.guest.run("sync")
    bare.guest.run("systemd-run", "--quiet", "python3", "/root/writer.py")
    bare.guest.until("[ $(stat -c %s /root/careful) -gt 400000 ]")

    bare.cut_power(seed=1)
    acknowledged = int(re.findall(r"written (\d+)", bare.console)[-1])
    bare.boot()

    assert intact(bare.guest.read("/root/careful")) >= acknowledged
    assert intact(bare.guest.read("/root/careless")) < acknowledged


@pytest.mark.parametrize("filesystem", ["exfat", "vfat", "ext4"])
def test_a_stick_keeps_what_was_written_and_can_be_pulled_out(bare: Vehicle, folder: Path, filesystem: str) -> None:
    """A plugged stick shows by its label; what was written is on it after it was out and in again."""
    stick = make_stick(folder / "stick.img", filesystem, "CABINEXPORT", 64)
    device = "/dev/disk/by-label/CABINEXPORT"
    content = bytes(range(256)) * 4096

    bare.machine.plug("stick", stick)
    bare.guest.until(f"[ -e {device} ]")
    bare.guest.run("mount", device, "/mnt")
    bare.guest.write("/mnt/file", content)
    bare.guest.run("umount", "/mnt")
    bare.machine.unplug("stick")
    bare.guest.until(f"[ ! -e {device} ]")

    bare.machine.plug("stick", stick)
    bare.guest.until(f"[ -e {device} ]")
    bare.guest.run("mount", "-o", "ro", device, "/mnt")
    assert hashlib.sha256(bare.guest.read("/mnt/file")).digest() == hashlib.sha256(content).digest()


def test_pins_are_pulled_and_read_from_outside(bare: Vehicle) -> None:
    """What a hand pulls a program reads through lgpio, and what the program drives a hand reads."""
    pins = Pins(bare.guest)
    program = "import lgpio; h = lgpio.gpiochip_open(0); lgpio.gpio_claim_input(h, 17); print(lgpio.gpio_read(h, 17))"
    pins.low(17)
    assert bare.guest.run("python3", "-c", program) == "0\n"
    pins.high(17)
    assert bare.guest.run("python3", "-c", program) == "1\n"

    lit = "import lgpio, time; h = lgpio.gpiochip_open(0); lgpio.gpio_claim_output(h, 22, {}); time.sleep(600)"
    for level in (0, 1):
        bare.guest.run("systemd-run", "--quiet", "--unit=lamp", "--collect", "python3", "-c", lit.format(level))
        bare.guest.until(f"[ $(cat /run/rig-pins/sim_gpio22/value) = {level} ]")
        bare.guest.run("systemctl", "stop", "lamp")


def test_the_microphone_hears_what_sounds_in_the_cabin(bare: Vehicle) -> None:
    """A tone played into the cabin is what the microphone records: its zero crossings say so."""
    Sound(bare.guest).hum(440)
    record = ["arecord", "-q", "-D", MICROPHONE, "-f", "S16_LE", "-r", "48000", "-c", "2", "-t", "raw", "-d", "2"]
    bare.guest.run(*record, "/root/heard")
    raw = memoryview(bare.guest.read("/root/heard")).cast("h")
    left = list(raw[48000::2])  # the second second: the beginning may be silence
    rising = sum(1 for a, b in itertools.pairwise(left) if a < 0 <= b)
    assert rising * 48000 / len(left) == pytest.approx(440, abs=5)


def test_the_camera_numbers_its_frames(bare: Vehicle) -> None:
    """The real picamera2 delivers frames of the virtual camera, each with its number in the picture, in order."""
    program = """
from picamera2 import Picamera2
camera = Picamera2()
camera.configure(camera.create_video_configuration(main={"size": (640, 480), "format": "BGR888"}, buffer_count=4))
camera.start()
for _ in range(12):
    grey = camera.capture_array("main").mean(axis=2)
    squares = grey[-6:-2, :256].reshape(4, 32, 8)[:, :, 2:6].mean(axis=(0, 2))
    print(sum(int(square > 127) << bit for bit, square in enumerate(squares)))
camera.stop()
camera.close()
"""
    numbers = [int(line) for line in bare.guest.run("python3", "-c", program).split()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 12
