from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.export.disks import Port
from tests.export.van import Van
from tests.office.footage import Recording


@pytest.fixture(scope="session")
def recording() -> Recording:
    return Recording(6)


@pytest.fixture(scope="session")
def segments(recording: Recording) -> list[bytes]:
    """Three segments of two seconds, each of several age chunks."""
    return recording.segments(2, 3)


@pytest.fixture
def van(tmp_path: Path) -> Van:
    return Van.build(tmp_path / "van")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


@pytest.fixture
def usb(tmp_path: Path) -> Iterator[Port]:
    """Where a stick with ext4 can be plugged in."""
    port = Port(tmp_path)
    yield port
    port.unplug()
