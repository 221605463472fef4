"""A microphone made of PulseAudio's pipe source and a writer that paces it: real PortAudio without a sound card.

What is written says of each sample which one it is, and when it was written is remembered, so that what a microphone
delivers can be found again, and its times checked.
"""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recorder.timekeeping import NS_PER_S, boottime_ns
from tests.contract.pulse import PulseAudio

RATE_HZ = 48_000
STEP = 7_919  # odd: samples count through all 16-bit values before one comes again
_BLOCK = 480


def numbered(first: int, count: int) -> np.ndarray:
    """Samples ``first`` and following of the sound that is written."""
    return (np.arange(first, first + count) * STEP % 65_536 - 32_768).astype("<i2")


def numbers(samples: np.ndarray) -> np.ndarray:
    """Which samples these are, modulo 65536 (1.4 s)."""
    return (samples.astype(np.int64) + 32_768) * pow(STEP, -1, 65_536) % 65_536


@dataclass
class PipeMicrophone:
    """One pipe source of ``pulse`` and the PCM that ALSA shows of it, both called ``name``; plugged in at once.

    ``off_ppm``: how much too fast its clock runs. With two channels the second one is the first one's negative half.
    ``scene``: the synthetic scene is heard, from a process of its own, instead of samples that say which they are.
    """

    pulse: PulseAudio
    name: str
    channels: int = 1
    off_ppm: float = 0.0
    scene: bool = False
    written_ns: list[int] = field(default_factory=list)  # boottime at which each block began

    def __post_init__(self) -> None:
        with self.pulse.alsa.open("a") as conf:
            conf.write(
                f'pcm.{self.name} {{ type pulse server "{self.pulse.server}" device "{self.name}" '
                f'hint {{ show on description "{self.name}" }} }}\n'
            )
        self.plug_in()

    @property
    def path(self) -> Path:
        return self.pulse.folder / f"{self.name}.pipe"

    def plug_in(self) -> None:
        """The source is there, and sound comes from it."""
        self._module: str | None = self.pulse.ask(
            "load-module",
            "module-pipe-source",
            f"source_name={self.name}",
            f"file={self.path}",
            "format=s16le",
            f"rate={RATE_HZ}",
            f"channels={self.channels}",
        )
        self.written_ns.clear()
        self._stop = threading.Event()
        self._writer = threading.Thread(target=self._pace if self.scene else self._write, daemon=True)
        self._writer.start()

    def fall_silent(self) -> None:
        """No more samples, and no word of it."""
        self._stop.set()
        self._writer.join()

    def pull_out(self) -> None:
        """The source is gone, like a card whose plug is pulled."""
        self.fall_silent()
        if self._module is not None:
            self.pulse.ask("unload-module", self._module)
            self._module = None

    def when_written_ns(self, number: int, near_ns: int) -> int:
        """When the sample of this number (modulo 65536) was due, the one of that number nearest to a moment."""
        turns = range(number, len(self.written_ns) * _BLOCK, 65_536)
        times = [self.written_ns[n // _BLOCK] + n % _BLOCK * NS_PER_S // RATE_HZ for n in turns]
        return min(times, key=lambda at: abs(at - near_ns))

    def _pace(self) -> None:
        with subprocess.Popen([sys.executable, "-m", "tests.capture.pacer", self.path, str(self.off_ppm)]) as pacer:
            self._stop.wait()
            pacer.terminate()

    def _write(self) -> None:
        pipe = os.open(self.path, os.O_WRONLY)
        os.set_blocking(pipe, False)
        began_s, began_ns = time.monotonic(), boottime_ns()
        rate_hz = RATE_HZ * (1 + self.off_ppm * 1e-6)
        count = 0
        while not self._stop.wait(max(0.0, began_s + (count + _BLOCK) / rate_hz - time.monotonic())):
            samples = numbered(count, _BLOCK)
            if self.channels == 2:
                samples = np.stack([samples, -(samples // 2)], axis=1)
            self.written_ns.append(began_ns + round(count / rate_hz * NS_PER_S))
            with suppress(BlockingIOError):  # nobody takes it, as when the daemon is frozen
                os.write(pipe, samples.tobytes())
            count += _BLOCK
        os.close(pipe)
