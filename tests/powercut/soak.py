"""A recorder, the timer's pruner, an export and people who ask, all at once on one store, for as long as wanted.

Each is a process of its own, its locks measured (:mod:`tests.powercut.metered`). Journeys follow one another, some are
held, footage lives for a quarter of a minute. In the end all that is on the card is read, and compared with what was
said.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.config import load
from recorder.vault.age import X25519Identity
from tests.powercut.forks import CHECKOUT
from tests.powercut.hands import Hands
from tests.powercut.power_cuts import drive, make_clip, nominal_config
from tests.powercut.promises import Survey, restart

LOCKED_AT_MOST_S = 1.0
SEGMENT_S, MAX_AGE_S = 2, 15
JOURNEY_S = (1.0, 5.0)
_STOP_WITHIN_S = 600.0  # after an hour an export reads back hundreds of journeys before it ends


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it. ``reports``: of each process, by its name, as :class:`tests.powercut.metered.Report`."""

    journeys: int
    survey: Survey
    reports: dict[str, dict[str, Any]]
    exports: int

    def longest_s(self, measure: str, kind: str) -> float:
        """The longest that a lock was held or waited for, by any process."""
        return max(float(report[measure][kind]) for report in self.reports.values())

    @property
    def table(self) -> str:
        """For people."""
        lines = [
            "| process | runs by exit code | locks | store held, s | log held | besides syncs: store | log "
            "| store waited for | log waited for | one sync |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, report in self.reports.items():
            ended = ", ".join(f"{code}: {count}" for code, count in report["ended"].items())
            measures = ("longest_held_s", "longest_own_s", "longest_waited_s")
            times = [*(report[m][k] for m in measures for k in ("store", "log")), report["longest_sync_s"]]
            lines.append(f"| {name} | {ended} | {report['locks']} | {' | '.join(f'{time:.3f}' for time in times)} |")
        lines.append("")
        for name, report in self.reports.items():
            lines += [f"{name} held a {kind}'s lock longest in {by}" for kind, by in report["held_by"].items()]
            lines += [f"{name}: {sentence}" for sentence in report["said"]]
        left = len(self.survey.plaintext_sha256)
        lines.append(f"{self.journeys} journeys, {left} segments left, {self.exports} exports")
        lines += [f"BROKEN: {sentence}" for sentence in self.survey.broken]
        return "\n".join(lines)


def soak(folder: Path, seconds: float, chance: random.Random) -> Soaked:
    """All of it for ``seconds``, in ``folder``."""
    identity = X25519Identity.generate()
    clip = make_clip(folder / "clip.mp4")
    config = nominal_config(folder, folder / "card", identity, clip, length_s=SEGMENT_S, max_age_s=MAX_AGE_S)
    hands, over = Hands(config), threading.Event()
    commands = {
        "recorder": ("run",),
        "pruner": ("--every", "1", "prune"),
        "export": ("--every", "2", "export", str(folder / "stick")),
        "status": ("--every", "0.5", "status", "--json"),
        "journeys": ("--every", "0.5", "journeys", "--json"),
        "check": ("--every", "1", "check"),
    }
    with ExitStack() as stack:
        processes = {"recorder": _begin(folder, "recorder", commands.pop("recorder"))}
        stack.callback(_stop_all, processes)
        hands.wait_for_start(lambda: processes["recorder"].poll() is None)
        processes |= {name: _begin(folder, name, command) for name, command in commands.items()}
        driver = threading.Thread(target=drive, args=(hands, chance, over, JOURNEY_S), name="driver")
        driver.start()
        threading.Event().wait(seconds)
        over.set()
        driver.join()
        codes = _stop_all(processes)
    assert set(codes.values()) == {0}, codes
    reports = {name: json.loads((folder / f"{name}.json").read_text()) for name in processes}
    exports = int(reports["export"]["ended"].get("0", 0))
    return Soaked(len(hands.told.durable_ns), restart(load(config), identity, hands.told), reports, exports)


def _begin(folder: Path, name: str, command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    options = command[:2] if command[0] == "--every" else ()
    arguments = [*options, "--", *command[len(options) :], "--config", str(folder / "recorder.toml")]
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.powercut.metered", str(folder / f"{name}.json"), *arguments],
            cwd=CHECKOUT,
            stdout=log,
            stderr=log,
        )


def _stop_all(processes: "dict[str, subprocess.Popen[bytes]]") -> dict[str, int]:
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    return {name: process.wait(_STOP_WITHIN_S) for name, process in processes.items()}


def main() -> None:
    """``scripts/soak --seconds N``: prints how long locks were held."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak"))
    print(f"seed {arguments.seed}, {arguments.seconds:g} s, in {folder}", flush=True)
    done = soak(folder, arguments.seconds, random.Random(arguments.seed))
    print(done.table)
    if done.survey.broken:
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
