"""A sound card's clock: writes the synthetic scene's sound into a pipe at its own pace, whatever else the machine does.

A process of its own, at real-time priority where it may: a card does not wait for a busy interpreter.
Run as ``python -m tests.capture.pacer PIPE OFF_PPM``; it ends when it is told to, or nobody reads any more.
"""

import os
import sys
import time
from contextlib import suppress

import numpy as np

from recorder.capture.testtone import sound_at
from recorder.timekeeping import NS_PER_S, boottime_ns

RATE_HZ = 48_000
_BLOCK = 480


def main(path: str, off_ppm: float) -> None:
    """Write for ever; what the pipe has no room for is lost, as with a card whose driver is frozen."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    pipe = os.open(path, os.O_WRONLY)
    os.set_blocking(pipe, False)
    began_ns, count = boottime_ns(), 0
    block_ns = _BLOCK * NS_PER_S / (RATE_HZ * (1 + off_ppm * 1e-6))
    within_ns = np.arange(_BLOCK) * (block_ns / _BLOCK)
    while True:
        at_ns = began_ns + count * block_ns
        time.sleep(max(0.0, (at_ns + block_ns - boottime_ns()) / NS_PER_S))
        samples = sound_at((at_ns % NS_PER_S + within_ns) / NS_PER_S)
        with suppress(BlockingIOError):
            os.write(pipe, samples.astype("<i2").tobytes())
        count += 1


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(sys.argv[1], float(sys.argv[2]))
