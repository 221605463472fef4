"""What a look measures, on a real picture: light does not change it, blur and covers do, noise is told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from recorder.capture.look import measure
from recorder.capture.sentinel import TILES
from tests.capture.clips import CARPHONE
from tests.capture.sentinel_clips import Piece

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

BLACK = 16


@pytest.fixture(scope="module")
def cabin() -> Plane:
    """A man in a car."""
    return Piece(CARPHONE, "", until_s=0.1).planes()[1][0]


def dimmed(plane: Plane, light: float) -> Plane:
    return np.round(BLACK + (plane.astype(float) - BLACK) * light).astype(np.uint8)


def strength(plane: Plane) -> float:
    return float(np.sqrt(measure(plane, 0).edges).sum())


def test_a_look_says_when_and_how_bright_and_has_so_many_tiles(cabin: Plane) -> None:
    look = measure(cabin, 7_500_000_000)
    assert (look.at_s, len(look.edges), len(look.noise), len(look.relief)) == (7.5, TILES, TILES, TILES)
    assert look.brightness == pytest.approx(float(cabin.mean()), abs=1.0)
    assert measure(np.full((240, 320), 90, np.uint8), 0).brightness == 90.0


def test_half_the_light_changes_little(cabin: Plane) -> None:
    """Edges and layout are those of the logarithm."""
    bright, dim = measure(cabin, 0), measure(dimmed(cabin, 0.5), 0)
    assert strength(dimmed(cabin, 0.5)) == pytest.approx(strength(cabin), rel=0.2)
    assert np.corrcoef(bright.relief, dim.relief)[0, 1] > 0.97


def test_blur_takes_the_edges_and_leaves_the_layout(cabin: Plane) -> None:
    blurred = cv2.GaussianBlur(cabin, (0, 0), 3)
    assert strength(blurred) < 0.4 * strength(cabin)
    assert np.corrcoef(measure(cabin, 0).relief, measure(blurred, 0).relief)[0, 1] > 0.9


@pytest.mark.parametrize("size", [(160, 90), (229, 187), (320, 240)])
def test_a_picture_of_another_size_has_the_same_layout(cabin: Plane, size: tuple[int, int]) -> None:
    """Where a camera steps down to fewer dots it has not moved."""
    resized = cv2.resize(cabin, size, interpolation=cv2.INTER_AREA)
    assert np.corrcoef(measure(cabin, 0).relief, measure(resized, 0).relief)[0, 1] > 0.95


def test_another_view_has_another_layout(cabin: Plane) -> None:
    turned = np.ascontiguousarray(cabin[::-1, ::-1])
    assert abs(np.corrcoef(measure(cabin, 0).relief, measure(turned, 0).relief)[0, 1]) < 0.3


def test_noise_is_no_edge() -> None:
    """A grey card in the dark: what is measured is explained by the noise, in nearly every tile."""
    noise = np.random.default_rng(1).normal(0, 6, (240, 320))
    look = measure(np.clip(np.round(60 + noise), 0, 255).astype(np.uint8), 0)
    assert sum(edges > 3 * noise for edges, noise in zip(look.edges, look.noise, strict=True)) <= 2
    assert max(map(abs, look.relief)) < 0.15


def test_a_picture_that_is_clipped_everywhere_has_no_noise_and_no_edges() -> None:
    for level in (BLACK, 235):
        look = measure(np.full((120, 160), level, np.uint8), 0)
        assert max(map(abs, look.edges + look.noise + look.relief)) < 1e-6


def test_only_equal_pictures_have_one_digest(cabin: Plane) -> None:
    other = cabin.copy()
    other[0, 0] ^= 1
    assert measure(cabin, 0).digest == measure(cabin.copy(), 5).digest
    assert measure(cabin, 0).digest != measure(other, 0).digest


def test_tiles_are_row_by_row() -> None:
    """Bright in the tile at the right above: its relief is the highest."""
    plane = np.full((240, 320), 60, np.uint8)
    plane[:16, -16:] = 200
    relief = measure(plane, 0).relief
    assert relief.index(max(relief)) == 19
