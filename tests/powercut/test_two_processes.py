"""Recorder, timer, export and people who ask, at once on one store. For an hour: ``scripts/soak``."""

import random
from pathlib import Path

import pytest

from tests.powercut.soak import LOCKED_AT_MOST_S, Soaked, soak

SECONDS = 20.0
GENEROUS = 2.0  # for busy machines; scripts/soak measures
SLOW_SYNC_S = 0.1  # a card takes 2 to 20 ms


@pytest.mark.slow
def test_all_at_once(tmp_path: Path) -> None:
    """Nothing is damaged, no command fails, and no lock is held for a second."""
    done = soak(tmp_path, SECONDS, random.Random())
    print(done.table)
    assert done.survey.broken == ()
    failed = {name: set(report["ended"]) - {"0"} for name, report in done.reports.items() if name != "export"}
    assert {name: codes for name, codes in failed.items() if codes and not _is_device_fault(done, name)} == {}
    assert done.exports > 0
    assert min(done.reports[name]["locks"] for name in ("recorder", "pruner", "export")) > 0
    slow_disk_s = max(report["longest_sync_s"] for report in done.reports.values())
    if slow_disk_s < SLOW_SYNC_S:  # else the disk is what holds the locks, and only what is ours can be judged
        assert max(done.longest_s("longest_held_s", kind) for kind in ("store", "log")) < LOCKED_AT_MOST_S * GENEROUS
    assert max(done.longest_s("longest_own_s", kind) for kind in ("store", "log")) < LOCKED_AT_MOST_S * GENEROUS


def _is_device_fault(done: Soaked, name: str) -> bool:
    """Whether it is `check` that said no, and only of a camera or microphone that was slow to open."""
    said = done.reports[name]["said"]
    return name == "check" and bool(said) and all(line.startswith("FAIL  recorder: Starting") for line in said)
