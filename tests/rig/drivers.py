"""The virtual vehicle's parts inside the machine, and the hands on them: pins, microphone, loudspeaker, camera.

Each is a kernel driver that stands where a Raspberry Pi has a chip; what talks to it is the real library.
"""

from tests.rig.guest import Guest

GPIO_LINES = 28  # as a Raspberry Pi's header has
MICROPHONE = "hw:7,1"
LOUDSPEAKER = "hw:8,0"
SOUND_RATE_HZ = 48_000

_SIMULATED_CHIP = "/sys/kernel/config/gpio-sim/header"
# gpiozero knows its pins by the board's revision: c03115 is a Raspberry Pi 4.
CPUINFO = "/usr/local/lib/rig/cpuinfo"


class Pins:
    """The header's pins (gpio-sim), by their GPIO number."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def fit(self) -> None:
        """Put the chip in, all its lines pulled up, as buttons to ground are."""
        self._guest.shell(
            "modprobe irq-sim; modprobe gpio-sim\n"
            "mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config\n"
            f"mkdir -p {_SIMULATED_CHIP}/bank0; cd {_SIMULATED_CHIP}\n"
            f"echo {GPIO_LINES} >bank0/num_lines; echo pinctrl-bcm2711 >bank0/label; echo 1 >live\n"
            "for pull in $(realpath /sys/devices/platform/$(cat dev_name)/$(cat bank0/chip_name))/sim_gpio*/pull; do\n"
            "    echo pull-up >$pull\n"
            "done\n"
            f"(cat /proc/cpuinfo; printf 'Hardware\\t: BCM2835\\nRevision\\t: c03115\\n') >{CPUINFO}"
        )

    def _line(self, pin: int) -> str:
        return f"/sys/devices/platform/$(cat {_SIMULATED_CHIP}/dev_name)/gpiochip*/sim_gpio{pin}"

    def high(self, pin: int) -> None:
        """Let the pin go up."""
        self._guest.shell(f"echo pull-up >$(echo {self._line(pin)}/pull)")

    def low(self, pin: int) -> None:
        """Pull the pin to ground."""
        self._guest.shell(f"echo pull-down >$(echo {self._line(pin)}/pull)")

    def press(self, pin: int, for_s: float = 0.3) -> None:
        """Press a button to ground, and let it go."""
        self._guest.shell(f"cd {self._line(pin)}; echo pull-down >pull; sleep {for_s}; echo pull-up >pull")

    def is_high(self, pin: int) -> bool:
        """The pin's level, whoever drives it."""
        return self._guest.shell(f"cat {self._line(pin)}/value").strip() == "1"


class Sound:
    """A microphone and a loudspeaker (snd-aloop): what is played to one end comes out of the other."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def fit(self) -> None:
        """Plug both in."""
        self._guest.run("modprobe", "snd-aloop", "enable=1,1", "index=7,8", "pcm_substreams=1,1")

    def hum(self, hertz: int) -> None:
        """Let the cabin sound of one tone until :meth:`hush`."""
        tone = f"sine=frequency={hertz}:sample_rate={SOUND_RATE_HZ}"
        self._guest.run(
            *("systemd-run", "--quiet", "--unit=rig-hum", "--property=Restart=always", "ffmpeg", "-loglevel", "error"),
            *("-re", "-f", "lavfi", "-i", tone, "-ac", "2", "-f", "alsa", "hw:7,0"),
        )
        self._guest.until("grep -q RUNNING /proc/asound/card7/pcm0p/sub0/status")

    def hush(self) -> None:
        """End it."""
        self._guest.run("systemctl", "stop", "rig-hum")


class Camera:
    """A camera (vimc) that libcamera knows; it writes each frame's number into its picture (image/vimc.patch)."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def fit(self, fps: int = 10) -> None:
        """Plug it in; and the buffers a Raspberry Pi has for it, under the name picamera2 looks for."""
        self._guest.run("modprobe", "vimc", f"fps={fps}")
        self._guest.shell("ln -sf system /dev/dma_heap/linux,cma; udevadm settle")

    def lose(self) -> None:
        """Pull its cable."""
        self._guest.shell("echo vimc.0 >/sys/bus/platform/drivers/vimc/unbind")
