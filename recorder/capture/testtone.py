"""The sound of the synthetic scene, made and read back: a beep on every whole second over a quiet pilot tone.

The scene repeats itself every second, so a sample's place within its second is all that is needed to make it. The beep
marks the second; the pilot runs through it all, so that silence filled in, or samples lost, show wherever they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from recorder.capture.ports import Samples

BEEP_HZ, BEEP_S = 1_000, 0.1
PILOT_HZ = 500
_BEEP_LEVEL, _PILOT_LEVEL = 12_000, 1_000
_WINDOW_S = 0.01  # a whole number of periods of both tones
_PILOT_FROM, _BEEP_FROM, _ONSET_FROM = _PILOT_LEVEL * 0.3, _BEEP_LEVEL * 0.3, _BEEP_LEVEL * 0.25
_LOUD_RMS = _PILOT_LEVEL  # more than the pilot alone, and less than a tenth of a window of beep
_SMEARED = 5  # windows before and after a beep in which AAC smears it over the pilot: its own have 2048 samples, 43 ms
_SLIP_RAD = 0.4  # six samples at 48 kHz


def one_second(rate_hz: int) -> Samples:
    """The scene's sound from a whole second to the next, at ``rate_hz``."""
    return sound_at(np.arange(rate_hz) / rate_hz)


def sound_at(seconds: npt.NDArray[np.float64]) -> Samples:
    """The scene's sound at these moments: seconds since any whole one."""
    at_s = seconds % 1.0
    pilot = _PILOT_LEVEL * np.sin(2 * np.pi * PILOT_HZ * at_s)
    beep = np.where(at_s < BEEP_S, _BEEP_LEVEL * np.sin(2 * np.pi * BEEP_HZ * at_s), 0)
    sound: Samples = np.round(pilot + beep).astype(np.int16)
    return sound


@dataclass(frozen=True, slots=True)
class Heard:
    """What one stretch of the scene's sound says; places are samples since its beginning.

    ``pilot``: whether the pilot is under most of it, so that it is this scene. ``beeps``: where each begins.
    ``silences``: from and to, where even the pilot is missing. ``slips``: where the pilot jumps, for samples are
    missing or too many, by less than it takes to be silent.
    """

    pilot: bool
    beeps: tuple[int, ...]
    silences: tuple[tuple[int, int], ...]
    slips: tuple[int, ...]


def read(samples: Samples, rate_hz: int) -> Heard:
    """Listen to the recorded scene. Places of beeps are true to a millisecond, of the others to a hundredth second."""
    window = round(rate_hz * _WINDOW_S)
    if len(samples) < 2 * window:
        return Heard(pilot=False, beeps=(), silences=(), slips=())
    windows = samples[: len(samples) // window * window].reshape(-1, window).astype(np.float64)
    at_s = np.arange(windows.size).reshape(windows.shape) / rate_hz
    pilot, beep = (2 * np.mean(windows * np.exp(-2j * np.pi * hz * at_s), axis=1) for hz in (PILOT_HZ, BEEP_HZ))
    beeping = np.abs(beep) > _BEEP_FROM
    # Where a beep fills part of a window it can cancel the pilot there, as far as that can be measured; it is loud.
    silent = (np.abs(pilot) < _PILOT_FROM) & ~beeping & (np.sqrt(np.mean(windows**2, axis=1)) < _LOUD_RMS)
    onsets = np.flatnonzero(beeping[1:] & ~beeping[:-1]) + 1
    return Heard(
        pilot=float(np.mean(np.abs(pilot) > _PILOT_FROM)) > 0.5,
        beeps=tuple(_onset(samples, int(index) * window, window) for index in onsets),
        silences=tuple((begin * window, end * window) for begin, end in _stretches(silent)),
        slips=tuple(int(index) * window for index in _jumps(pilot, beeping | silent)),
    )


def _onset(samples: Samples, at: int, window: int) -> int:
    """Where the beep that fills the window at ``at`` begins: in it, or in the one before."""
    begin = max(0, at - window)
    return begin + int(np.argmax(np.abs(samples[begin : at + window].astype(np.int32)) > _ONSET_FROM))


def _stretches(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """From and to of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _jumps(pilot: npt.NDArray[np.complex128], unclear: npt.NDArray[np.bool_]) -> list[int]:
    """Windows whose pilot does not continue that of the one before; windows near unclear ones are left out."""
    spread = np.convolve(unclear, np.ones(2 * _SMEARED + 1, bool))[_SMEARED : _SMEARED + len(unclear)].astype(bool)
    turned = np.abs(np.angle(pilot[1:] * np.conj(pilot[:-1]))) > _SLIP_RAD
    return [int(index) for index in np.flatnonzero(turned & ~spread[1:] & ~spread[:-1]) + 1]
