"""A vehicle for each test, whose recorder ends with it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.vehicle import Vehicle


@pytest.fixture
def make_vehicle(tmp_path: Path) -> Iterator[Callable[..., Vehicle]]:
    """Vehicles with their own configuration."""
    made: list[Vehicle] = []

    def make(**changes: Any) -> Vehicle:
        made.append(Vehicle(tmp_path / f"vehicle{len(made)}", **changes))
        return made[-1]

    yield make
    for vehicle in made:
        vehicle.end()


@pytest.fixture
def vehicle(make_vehicle: Callable[..., Vehicle]) -> Vehicle:
    """A vehicle as it comes."""
    return make_vehicle()
