"""The shim, compiled once; and what a machine must have for these tests. Continuous integration must have all of it."""

import os
from pathlib import Path

import pytest

from tests.powercut import card, shim


def _require(reason: str | None) -> None:
    if reason is not None:
        assert "CI" not in os.environ, f"continuous integration must run these: {reason}"
        pytest.skip(reason)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim."""
    _require(shim.why_not())
    return shim.compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def cards() -> None:
    """Cards can be made here."""
    _require(card.why_not())
