"""A copy that is killed anywhere, below Python: what it left is whole, and the next one is attested."""

import json
import subprocess
import sys
from pathlib import Path

from tests.powercut.shim import preloaded

CALLS = 40
"""A copy of two journeys makes more than this: folders, files, writes, syncs, names."""


def test_killed_at_every_call(library: Path) -> None:
    """Before each call that changes the stick, and in the middle of each write."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.powercut.copies"],
        env=preloaded(library), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["broken"] == []
    assert told["calls"] > CALLS
