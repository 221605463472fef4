"""Copies onto a stick, each killed at its n-th call that changes the stick: ``python -m tests.powercut.copies``.

Runs under the shim. A copy is a fork of this process, so that nothing it had in memory survives; this process then
looks at what is left, copies again and verifies. Prints one line of JSON: the calls of a copy, and what was broken.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from recorder.errors import RecorderError
from recorder.office.bundle import verify
from tests.export.van import Van
from tests.powercut import shim
from tests.powercut.shim import Cut, How
from tests.vault.kit import assert_logs_sound

_MEMORY = "/dev/shm"  # noqa: S108 - only a directory of tempfile's own in it
_FAILED = 9
_SEGMENT_BYTES = 200_000


class Copies:
    """One van with two held journeys, and a new stick for each copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._van = Van.build(folder / "van")
        self._journeys = [self._van.held_journey(os.urandom(_SEGMENT_BYTES)) for _ in range(2)]
        shutil.copytree(self._van.store.root, folder / "before")
        self._good = set(self._whole(self._copied(folder / "good")))

    def cut_at(self, cut: Cut) -> tuple[bool, list[str]]:
        """Whether the copy came so far, and what is broken after it and the next one."""
        stick = self._folder / "stick"
        stick.mkdir()
        shutil.rmtree(self._van.store.root)  # what copies have logged makes each take longer than the last
        shutil.copytree(self._folder / "before", self._van.store.root)
        pid = os.fork()
        if pid == 0:
            self._copy_and_end(cut, stick)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        broken = [] if code in {0, -9} else [f"{cut}: the copy ended with {code}"]
        if not set(self._whole(stick)) <= self._good:
            broken.append(f"{cut}: what has a segment's name is not whole")
        report = verify(self._copied(stick), self._van.trust, [self._van.identity])
        if (report.exit_code, report.findings) != (0, ()):
            broken.append(f"{cut}: verify says {report.findings}")
        if set(self._whole(stick)) != self._good or list(stick.rglob(".*")):
            broken.append(f"{cut}: the next copy left something out, or over")
        assert_logs_sound(self._van.store, self._van.store.key)
        shutil.rmtree(stick)
        return code != 0, broken

    def _copied(self, stick: Path) -> Path:
        stick.mkdir(exist_ok=True)
        self._van.export(stick, *self._journeys)
        return stick

    def _copy_and_end(self, cut: Cut, stick: Path) -> None:
        """Be the copy; never returns."""
        code = _FAILED
        try:
            shim.arm(cut, stick)
            self._copied(stick)
            code = 0
        except RecorderError as error:
            print(error, file=sys.stderr)
        finally:
            os._exit(code)

    @staticmethod
    def _whole(stick: Path) -> list[bytes]:
        """The segments that have their names."""
        return [path.read_bytes() for path in stick.rglob("[0-9]*.mp4.age")]


def main(folder: Path) -> None:
    """Every call, killed before it and in the middle of it by turns, until a copy comes through."""
    copies, broken, at, reached = Copies(folder), list[str](), 0, True
    while reached:
        at += 1
        reached, found = copies.cut_at(Cut(How.KILL if at % 2 else How.HALF, at))
        broken += found
    print(json.dumps({"calls": at - 1, "broken": broken}))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=_MEMORY if Path(_MEMORY).is_dir() else None) as name:
        main(Path(name))
