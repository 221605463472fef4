"""The hands on the virtual vehicle's parts: pins, microphone, camera.

Each part is a kernel driver that stands where a Raspberry Pi has a chip; what talks to it is the real library. The
machine fits them itself, at every start (image/machine/usr/local/lib/rig/fit).
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from tests.rig.guest import Guest

MICROPHONE = "hw:7,1"
SOUND_RATE_HZ = 48_000
CPUINFO = "/usr/local/lib/rig/cpuinfo"  # of a Raspberry Pi, for gpiozero

_WATCH = """
import json, os, sys, time
watch_s, *pins = sys.argv[1:]
files = [os.open(f"/run/rig-pins/sim_gpio{pin}/value", os.O_RDONLY) for pin in pins]
began = time.monotonic()
seen = []
while (at := time.monotonic() - began) < float(watch_s):
    levels = [os.pread(file, 1, 0) == b"1" for file in files]
    if not seen or seen[-1][1] != levels:
        seen.append((at, levels))
    time.sleep(0.01)
print(json.dumps({"seen": seen, "ended_s": time.monotonic() - began}))
"""


class Spell(NamedTuple):
    """A pin stayed ``high`` or low for so long."""

    high: bool
    lasted_s: float


class Pins:
    """The header's pins (gpio-sim), by their GPIO number."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def high(self, pin: int) -> None:
        """Let the pin go up."""
        self._guest.shell(f"echo pull-up >/run/rig-pins/sim_gpio{pin}/pull")

    def low(self, pin: int) -> None:
        """Pull the pin to ground."""
        self._guest.shell(f"echo pull-down >/run/rig-pins/sim_gpio{pin}/pull")

    def press(self, pin: int, for_s: float = 0.3) -> None:
        """Press a button to ground, and let it go."""
        self._guest.shell(f"cd /run/rig-pins/sim_gpio{pin}; echo pull-down >pull; sleep {for_s}; echo pull-up >pull")

    def watch(self, pins: Sequence[int], watch_s: float) -> list[list[Spell]]:
        """What each pin did for so many seconds of the machine, whoever drives it; at least one spell."""
        printed = json.loads(self._guest.run("python3", "-c", _WATCH, str(watch_s), *map(str, pins)))
        return [
            _spells([(at_s, levels[n]) for at_s, levels in printed["seen"]], printed["ended_s"])
            for n in range(len(pins))
        ]


def _spells(changes: Sequence[tuple[float, bool]], ended_s: float) -> list[Spell]:
    """``changes``: when a pin was seen at which level, some of them at the level it had."""
    spells: list[Spell] = []
    for (at_s, high), next_s in zip(changes, [*(at_s for at_s, _ in changes[1:]), ended_s], strict=True):
        before_s = spells.pop().lasted_s if spells and spells[-1].high == high else 0.0
        spells.append(Spell(high, before_s + next_s - at_s))
    return spells


class Sound:
    """A microphone and a loudspeaker (snd-aloop): what is played to one end comes out of the other."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def hum(self, hertz: int) -> None:
        """Let the cabin sound of one tone, whenever the microphone is there."""
        tone = f"sine=frequency={hertz}:sample_rate={SOUND_RATE_HZ}"
        self._guest.run(
            *("systemd-run", "--quiet", "--unit=rig-hum", "--property=Restart=always", "--property=RestartSec=1"),
            *("ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", tone, "-ac", "2", "-f", "alsa", "hw:7,0"),
        )
        self._guest.until("grep -q RUNNING /proc/asound/card7/pcm0p/sub0/status")

    def lose(self) -> None:
        """Pull the microphone's plug."""
        self._guest.shell("echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind")

    def find(self) -> None:
        """Plug it in again."""
        self._guest.shell("echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/bind")


class Camera:
    """A camera (vimc) that libcamera knows; it writes each frame's number into its picture (image/vimc.patch)."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def look_at_one_thing(self) -> None:
        """From its next start each frame shows the same, but for its number: at an easy pace, and rendered once.

        The kernel renders for half a second, in which the machine's one core does nothing else, lamps included.
        """
        self._guest.shell("cd /sys/module/vimc/parameters; echo 5 >fps; echo 1000000 >render_every")

    def lose(self) -> None:
        """Pull its cable."""
        self._guest.shell("echo vimc.0 >/sys/bus/platform/drivers/vimc/unbind")

    def find(self) -> None:
        """Put it in again."""
        self._guest.shell("echo vimc.0 >/sys/bus/platform/drivers/vimc/bind; udevadm settle")


class ClockChip:
    """A clock chip with battery-backed memory: the DS1307's driver, on registers that i2c-stub keeps in memory.

    Its clock stands still, and the memory lives as long as the machine runs.
    """

    memory = "/sys/bus/nvmem/devices/ds1307_nvram0/nvmem"

    def __init__(self, guest: Guest) -> None:
        """Fit it."""
        guest.shell(
            "modprobe rtc-ds1307 && modprobe i2c-stub chip_addr=0x68 && "
            "bus=$(dirname $(grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name)) && "
            "echo ds1307 0x68 >$bus/new_device && udevadm settle"
        )


def make_noise(guest: Guest, width: int, height: int) -> str:
    """A clip of pure noise, which no encoder makes small, for a journey of many megabytes in a minute; its path."""
    path = "/opt/noise.mkv"
    guest.run(
        *("ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"),
        *("-r", "5", "-i", "/dev/urandom", "-t", "4", "-c:v", "rawvideo", "-allow_raw_vfw", "1", path),
    )
    return path
