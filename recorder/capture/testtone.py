"""The sound of the synthetic scene, made and read back: a beep on every whole second over a quiet pilot tone.

The scene repeats itself every second, so a sample's place within its second is all that is needed to make it. The beep
marks the second; the pilot runs through it all, so that silence filled in, or samples lost, show wherever they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recorder.capture.ports import Samples

BEEP_HZ, BEEP_S = 1_000, 0.1
PILOT_HZ = 500
_BEEP_LEVEL, _PILOT_LEVEL = 12_000, 1_000
_WINDOW_S = 0.01  # a whole number of periods of both tones
_PILOT_FROM, _BEEP_FROM = _PILOT_LEVEL * 0.3, _BEEP_LEVEL * 0.3


def one_second(rate_hz: int) -> Samples:
    """The scene's sound from a whole second to the next, at ``rate_hz``."""
    at_s = np.arange(rate_hz) / rate_hz
    pilot = _PILOT_LEVEL * np.sin(2 * np.pi * PILOT_HZ * at_s)
    beep = np.where(at_s < BEEP_S, _BEEP_LEVEL * np.sin(2 * np.pi * BEEP_HZ * at_s), 0)
    sound: Samples = np.round(pilot + beep).astype(np.int16)
    return sound
