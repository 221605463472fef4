"""A sound card made of PulseAudio: a null sink that real PortAudio plays into, and whose monitor is recorded.

The daemon is private: its own folder, no user's configuration, ended with the fixture. ALSA reaches it by a
configuration of its own, so nothing outside the folder is read or changed.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tests.capture.urgency import hurry

RATE_HZ = 22_050
NEEDED = ("pulseaudio", "parec")
PLUGIN = "libasound_module_pcm_pulse.so"
WITHIN_S = 10.0


def require_pulse() -> None:
    """Skip, saying what is missing."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if not any(Path("/usr/lib").glob(f"*/alsa-lib/{PLUGIN}")):
        missing.append(PLUGIN)
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (packages pulseaudio, pulseaudio-utils, libasound2-plugins)")


class Recording:
    """What the sink's monitor hears, as it comes."""

    def __init__(self, server: str, environment: dict[str, str]) -> None:
        command = ["parec", "-s", server, "-d", "cabin.monitor", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1"]
        self._process = subprocess.Popen([*command, "--latency-msec=20"], stdout=subprocess.PIPE, env=environment)
        self._heard = bytearray()
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(1)

    def _read(self) -> None:
        while chunk := os.read(self._process.stdout.fileno(), 65_536):
            with self._more:
                self._heard += chunk
                self._more.notify_all()

    @property
    def count(self) -> int:
        """Samples heard so far."""
        with self._more:
            return len(self._heard) // 2

    def wait_for(self, count: int) -> None:
        """Until ``count`` samples were heard."""
        with self._more:
            assert self._more.wait_for(lambda: len(self._heard) // 2 >= count, WITHIN_S), "the monitor is silent"

    def wait_for_sound(self) -> None:
        """Until something else than silence was heard."""
        with self._more:
            assert self._more.wait_for(lambda: any(self._heard), WITHIN_S), "nothing is played"

    def stop(self) -> np.ndarray:
        """All samples, int16."""
        self._process.terminate()
        self._reader.join(WITHIN_S)
        self._process.stdout.close()
        self._process.wait(WITHIN_S)
        return np.frombuffer(bytes(self._heard[: len(self._heard) // 2 * 2]), dtype=np.int16)


class PulseAudio:
    """One running daemon with the sink ``cabin``, the default output of ALSA's and PortAudio's world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = f"unix:{folder}/native"
        own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self._environment = {**os.environ, **own}
        for name in ("PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"):
            self._environment.pop(name, None)
        self._process = subprocess.Popen(
            [
                *(
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--log-level=error",
                ),
                f"--load=module-native-protocol-unix auth-anonymous=1 socket={folder}/native",
                f"--load=module-null-sink sink_name=cabin format=s16le rate={RATE_HZ} channels=1",
            ],
            env=self._environment,
            stderr=subprocess.PIPE,
        )
        self.alsa = folder / "asound.conf"
        self.alsa.write_text(
            "</usr/share/alsa/alsa.conf>\n"
            f'pcm.!default {{ type pulse server "{self.server}" }}\n'
            f'ctl.!default {{ type pulse server "{self.server}" }}\n'
        )
        self._wait()

    def _wait(self) -> None:
        """Nothing says when it is ready: ask until the sink is there."""
        command = ["pactl", "-s", self.server, "get-sink-volume", "cabin"]
        ticks = threading.Event()
        for _ in range(200):
            if subprocess.run(command, env=self._environment, capture_output=True, check=False).returncode == 0:
                return
            assert self._process.poll() is None, self._process.stderr.read()
            ticks.wait(0.05)
        raise AssertionError("PulseAudio did not start")

    def ask(self, *arguments: str) -> str:
        """What pactl answers."""
        command = ["pactl", "-s", self.server, *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True).stdout.strip()

    def record(self) -> Recording:
        """Begin to record what is played."""
        return Recording(self.server, self._environment)

    def hurry(self, priority: int) -> None:
        """Run in real time, if root may: a sound card does not wait for whoever keeps the machine busy."""
        hurry(self._process.pid, priority)

    def freeze(self) -> None:
        """The sound card stops without a word."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the daemon."""
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stderr.close()


@contextmanager
def portaudio_on(pulse: PulseAudio) -> Iterator[None]:
    """PortAudio finds ``pulse`` as its default device, and afterwards what it found before."""
    before = os.environ.get("ALSA_CONFIG_PATH")
    os.environ["ALSA_CONFIG_PATH"] = str(pulse.alsa)
    try:
        _look_again()
        yield
    finally:
        del os.environ["ALSA_CONFIG_PATH"]
        if before is not None:
            os.environ["ALSA_CONFIG_PATH"] = before
        _look_again()


def _look_again() -> None:
    """PortAudio lists its devices once, when it is initialised."""
    import sounddevice  # noqa: PLC0415 - not before ALSA_CONFIG_PATH is set

    with suppress(sounddevice.PortAudioError):  # it was not initialised
        sounddevice._terminate()
    sounddevice._initialize()
