"""The runtime folder: one owner, and a consent that is there or not."""

import subprocess
import sys
from pathlib import Path

import pytest

from recorder.clockwatch import ClockWatch
from recorder.errors import AlreadyRunningError, StoreError
from recorder.events import ClockChanged
from recorder.runtime import Runtime
from recorder.timekeeping import Instant


def test_the_consent_is_there_until_it_is_forgotten(tmp_path: Path) -> None:
    """What one process persisted the next one finds; forgotten twice is forgotten."""
    first, second = Runtime(tmp_path), Runtime(tmp_path)
    assert second.consented_journey() is None
    first.persist_consent("20261122T131143Z-7f3a")
    assert second.consented_journey() == "20261122T131143Z-7f3a"
    first.forget_consent()
    first.forget_consent()
    assert second.consented_journey() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_consent_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    """And is removed: capture needs a consent that is certain."""
    (tmp_path / "journey.json").write_bytes(content)
    assert Runtime(tmp_path).consented_journey() is None
    assert list(tmp_path.iterdir()) == []


def test_one_recorder_a_folder(tmp_path: Path) -> None:
    """A second process is refused while the first lives, whatever became of files."""
    owner = Runtime(tmp_path)
    owner.take()
    code = (
        "import sys; from pathlib import Path; from recorder.runtime import Runtime; Runtime(Path(sys.argv[1])).take()"
    )
    second = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "AlreadyRunningError" in second.stderr
    with pytest.raises(AlreadyRunningError, match="already runs"):
        Runtime(owner.folder).take()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """One sentence with the key."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"store\.runtime: .*file/sub"):
        Runtime(tmp_path / "file" / "sub").take()


class Steps:
    """A clock that tells prepared moments."""

    def __init__(self, *moments: Instant) -> None:
        self.moments = list(moments)

    def now(self) -> Instant:
        """The next one."""
        return self.moments.pop(0)


def at(utc_s: float, boottime_s: float, quality: str = "synchronised") -> Instant:
    return Instant(int(utc_s * 1e9), int(boottime_s * 1e9), "boot", quality)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("then", "events"),
    [
        (at(101.0, 11.0), ()),
        (at(101.4, 11.0), ()),
        (at(3701.0, 11.0), (ClockChanged(3600.0, "synchronised"),)),
        (at(91.0, 11.0), (ClockChanged(-10.0, "synchronised"),)),
        (at(101.0, 11.0, "unproven"), (ClockChanged(0.0, "unproven"),)),
    ],
)
def test_a_step_of_the_wall_clock_is_noticed(then: Instant, events: tuple[ClockChanged, ...]) -> None:
    """Either way, and a change of quality too; slewing is not a step. At most one look a second."""
    watch = ClockWatch(Steps(at(100.0, 10.0), then))
    assert watch.look() == events
    assert watch.look() == ()


def test_ownership_ends_with_the_process(tmp_path: Path) -> None:
    """After a kill the next one owns the folder at once: the kernel drops the lock."""
    code = (
        "import os, sys; from pathlib import Path; from recorder.runtime import Runtime\n"
        "owner = Runtime(Path(sys.argv[1])); owner.take(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == -9
    Runtime(tmp_path).take()
