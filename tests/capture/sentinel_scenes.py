"""What happens before a camera, made from clips: light that changes, a vehicle that shakes, night, and faults.

A frame becomes light again (gamma taken out), the light is changed as the scene says, and a camera looks at it:
automatic exposure with a limit, noise of the photons and of the sensor, gamma. Everything is drawn from one seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

LOOKS_PER_S = 2
Light = npt.NDArray[np.float32]
_GAMMA = 2.2
_MID = 0.16  # mean light that automatic exposure aims at
_MOST_GAIN = 16.0
_FULL_WELL = 4000.0  # photons of white at gain 1
_READ_NOISE = 0.0012  # of white, at gain 1
_EXPOSURE_S = 1.0
_CODES = 4096  # of the sensor, before gamma


@dataclass
class Moment:
    """What one look is made of: the light of the scene, seconds since the beginning, and chance."""

    light: Light
    at_s: float
    chance: np.random.Generator


Change = Callable[[Moment], None]


class Stage:
    """Plays a clip forwards and backwards without end, shaken and lit as in a vehicle, through a camera of its own."""

    def __init__(self, rate: float, planes: list[Plane], seed: int) -> None:
        self._rate, self._planes = rate, planes
        self._chance = np.random.default_rng(seed)
        self._phase = self._chance.uniform(0, 100)
        self._gain = 1.0
        self._to_light = (np.clip(np.arange(256, dtype=np.float32) - 16, 0, 219) / 219) ** _GAMMA
        self._to_grey = np.round(16 + 219 * (np.arange(_CODES) / (_CODES - 1)) ** (1 / _GAMMA)).astype(np.uint8)

    def looks(self, changes: list[tuple[float, float, Change]], length_s: float) -> Iterator[tuple[float, Plane]]:
        """Planes and their times. Each change acts from and until a time."""
        frozen: Plane | None = None
        for number in range(round(length_s * LOOKS_PER_S)):
            at_s = number / LOOKS_PER_S
            moment = Moment(self._shaken(at_s), at_s, self._chance)
            self._daylight(moment)
            acting = [change for from_s, until_s, change in changes if from_s <= at_s < until_s]
            for change in acting:
                change(moment)
            plane = self._expose(moment.light)
            if freeze in acting:
                plane = frozen = plane if frozen is None else frozen
            yield at_s, plane

    def _shaken(self, at_s: float) -> Light:
        place = int(at_s * self._rate) % max(1, 2 * len(self._planes) - 2)
        plane = self._planes[min(place, 2 * len(self._planes) - 2 - place) if len(self._planes) > 1 else 0]
        light = self._to_light[plane]
        height, width = light.shape
        by = self._chance.normal(0, width / 400, 2)
        turn = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
        return cv2.warpAffine(light, turn, (width, height), borderMode=cv2.BORDER_REFLECT)

    def _daylight(self, moment: Moment) -> None:
        """Clouds, trees that are passed, and a patch of sun that wanders through the cabin."""
        at_s = moment.at_s + self._phase
        clouds = 1 + 0.4 * math.sin(at_s / 14) * math.sin(at_s / 5.3)
        trees = 0.6 if moment.chance.random() < 0.15 else 1.0
        moment.light *= clouds * trees
        height, width = moment.light.shape
        down, across = np.ogrid[0:height, 0:width]
        left, top = width * (0.5 + 0.6 * math.sin(at_s / 17)), height * (0.6 + 0.5 * math.sin(at_s / 11))
        patch = np.exp(-((across - left) ** 2 / (width / 8) ** 2 + (down - top) ** 2 / (height / 5) ** 2))
        moment.light *= 1 + 1.2 * patch * max(0.0, math.sin(at_s / 23))

    def _expose(self, light: Light) -> Plane:
        seen = float(np.clip(light * self._gain, 0, 1).mean())
        speed = 1 - math.exp(-1 / LOOKS_PER_S / _EXPOSURE_S)
        wanted = np.clip(self._gain * _MID / max(seen, 1e-4), 0.25, _MOST_GAIN)
        self._gain *= float(wanted / self._gain) ** speed
        signal = light * self._gain
        sigma = np.sqrt(signal * self._gain / _FULL_WELL + (_READ_NOISE * self._gain) ** 2)
        noisy = signal + self._chance.standard_normal(light.shape, np.float32) * sigma
        return self._to_grey[(np.clip(noisy, 0, 1) * (_CODES - 1)).astype(np.int16)]


# --- darkness, which is no fault ----------------------------------------------------------------------------------


def night(level: float, *, lamps: bool = True, glow: bool = True) -> Change:
    """``level``: of daylight. Street lamps go by, headlights sweep, the dashboard glows."""

    def change(moment: Moment) -> None:
        light, at_s = moment.light, moment.at_s
        light *= level
        height, width = light.shape
        down, across = np.ogrid[0:height, 0:width]
        if glow:
            dash = np.exp(-((across - 0.2 * width) ** 2 / (0.1 * width) ** 2 + (down - 0.9 * height) ** 2 / 90))
            light += 0.01 * dash
        if lamps:
            street = max(0.0, math.sin(at_s * 0.9)) ** 4
            light *= 1 + 4 * street
            sweep = (at_s % 13) / 2
            if sweep < 1:
                left = width * (1.2 * sweep - 0.1)
                light += 0.25 * np.exp(-((across - left) ** 2 / 300 + (down - 0.35 * height) ** 2 / 200))
                light *= 1 + 6 * np.exp(-((across - left) ** 2) / (0.3 * width) ** 2)

    return change


def dusk(from_s: float, lasts_s: float, level: float) -> Change:
    """Daylight goes, to ``level``."""

    def change(moment: Moment) -> None:
        moment.light *= level ** min(1.0, max(0.0, (moment.at_s - from_s) / lasts_s))

    return change


def dawn(from_s: float, lasts_s: float, level: float) -> Change:
    """Daylight comes, from ``level``."""

    def change(moment: Moment) -> None:
        moment.light *= level ** max(0.0, 1 - (moment.at_s - from_s) / lasts_s)

    return change


def tunnel(from_s: float) -> Change:
    """Within a second to a twentieth of the light; lamps go by."""

    def change(moment: Moment) -> None:
        depth = min(1.0, moment.at_s - from_s)
        moment.light *= (1 - depth) + depth * 0.05 * (1 + 2 * max(0.0, math.sin(moment.at_s * 5)) ** 2)

    return change


def lights_out(level: float) -> Change:
    """The lamp in the cabin goes out; what is left comes through the windows."""

    def change(moment: Moment) -> None:
        moment.light *= level

    return change


# --- faults ---------------------------------------------------------------------------------------------------------


def hand(from_s: float, *, dark: float, share: float, seed: int) -> Change:
    """A hand, or a cloth, that grows over the lens within a second or so: out of focus, lit by what leaks past it."""
    chance = np.random.default_rng(seed)
    side, takes_s = chance.uniform(0, 2 * math.pi), chance.uniform(0.3, 1.5)
    lean = chance.uniform(0.3, 1.0)

    def change(moment: Moment) -> None:
        light = moment.light
        height, width = light.shape
        down, across = np.ogrid[0:height, 0:width]
        along = ((across / width - 0.5) * math.cos(side) + (down / height - 0.5) * math.sin(side)) * 1.2 + 0.5
        reach = share * min(1.0, (moment.at_s - from_s + 0.2) / takes_s) * 1.15
        mask = 1 / (1 + np.exp(-(reach - along) / 0.03))
        ambient = float(light.mean())
        skin = ambient * dark * (1 - lean * 0.8 * (1 - np.clip(along, 0, 1)))
        tremble = 1 + 0.05 * math.sin(moment.at_s * 3)
        light *= 1 - mask
        light += mask * skin * tremble

    return change


def cap(moment: Moment) -> None:
    """Tape or a cap: no light at all."""
    moment.light *= 0


def defocus(sigma: float) -> Change:
    """``sigma``: of the blur, in hundredths of the picture's width."""

    def change(moment: Moment) -> None:
        moment.light[:] = cv2.GaussianBlur(moment.light, (0, 0), sigma * moment.light.shape[1] / 100)

    return change


def turned(degrees: float, across: float, zoom: float = 1.0) -> Change:
    """The camera is turned about its axis, and aside by a share of the picture's width."""

    def change(moment: Moment) -> None:
        height, width = moment.light.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
        turn[:, 2] += across * width, across * width / 3
        moment.light[:] = cv2.warpAffine(moment.light, turn, (width, height), borderMode=cv2.BORDER_REFLECT)

    return change


def freeze(moment: Moment) -> None:
    """From here on the stage gives the same plane, noise and all."""
