"""Power cuts on ext4 while the whole recorder records at its nominal bitrate. Campaigns: ``scripts/powercut N``."""

import random
from pathlib import Path
from statistics import median

import pytest

from tests.powercut.power_cuts import cuts, recorder

CUTS, CONTROLS = 5, 3
LOST_AT_MOST_S = 1.0
GENEROUS = 3.0  # for busy machines; a campaign measures what it really costs


@pytest.mark.slow
@pytest.mark.usefixtures("cards")
def test_power_cuts_cost_the_running_second(library: Path, tmp_path: Path) -> None:
    """No store is damaged, nothing that was told is untrue; where nothing is synced, more is lost, and noticed."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for name in ("synced", "unsynced"):
        (tmp_path / name).mkdir()
    with recorder(tmp_path / "synced", library, chance) as running:
        done = list(cuts(running, CUTS, chance))
    assert [cut.broken for cut in done if cut.broken] == []
    lost_s = [cut.lost_s for cut in done if cut.lost_s is not None]
    print("lost:", ", ".join(f"{lost:.2f} s" for lost in lost_s))
    assert max(lost_s) <= LOST_AT_MOST_S * GENEROUS

    with recorder(tmp_path / "unsynced", library, chance, syncs=False) as running:
        running.hands.watch(2 * max(lost_s))
        controls = list(cuts(running, CONTROLS, chance))
    assert all(cut.broken for cut in controls)
    assert median(cut.lost_s for cut in controls if cut.lost_s is not None) > max(lost_s)
