"""Recorders to be stopped: each a fork of one process that has everything loaded, so that a start takes no second."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.powercut import shim
from tests.powercut.shim import Cut

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a recorder ended: its exit code (-9: killed), at which call its cut began and when (boottime).

    ``counted``: how many calls it made, where it came to its own end.
    """

    code: int
    call: str
    at_ns: int
    counted: int


class Nursery:
    """A process (:mod:`tests.powercut.forked`) that forks recorders, one at a time."""

    def __init__(self, library: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.powercut.forked"],
            cwd=CHECKOUT,
            env=shim.preloaded(library),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def begin(self, config: Path, card: Path, cut: Cut) -> int:
        """Begin a recorder that ``cut`` will stop; its pid. Its log lies beside ``config``."""
        order = {"config": str(config), "card": str(card), "how": int(cut.how), "at": cut.at, "times": cut.times}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._answer()["pid"])

    def wait(self) -> Ended:
        """Wait for its end."""
        return Ended(**self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has died"
        answer: dict[str, Any] = json.loads(line)
        return answer
