"""The whole recorder, stopped below Python at its n-th call that changes the card: every promise, at the next start.

Here n is spread over the journey, from a random first one; ``scripts/powercut calls`` takes every single one.
"""

import random
import shutil
from pathlib import Path

import pytest

from recorder.config import load
from recorder.watchdog import EXIT_STUCK
from tests.powercut.every_call import campaign, counted, journey
from tests.powercut.forks import Nursery
from tests.powercut.hands import Hands
from tests.powercut.promises import PLAINTEXT_MARKS, restart
from tests.powercut.scene import make_scene
from tests.powercut.shim import Cut, How

LOST_AT_MOST_S = 1.0
GENEROUS = 2.0  # for busy machines; a campaign measures what it really costs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "times", "cuts"), [(How.KILL, 1, 9), (How.HALF, 1, 9), (How.FULL, 1, 9), (How.FULL, 12, 4)]
)
def test_stopped_at_the_nth_call(library: Path, tmp_path: Path, how: How, times: int, cuts: int) -> None:
    """Killed before it, killed in the middle of it, refused for want of space: nothing that was told is untrue.

    Where it was refused the journey goes on to its end, with new picture that is durable (``every_call.journey``).
    """
    scene = make_scene(tmp_path / "scene")
    total = counted(library, scene, tmp_path, how)
    step = total // cuts
    first = random.randint(1, step)
    print(f"{total} calls, from the {first}th on every {step}th")
    outcomes = list(campaign(library, scene, tmp_path, [Cut(how, at, times) for at in range(first, total, step)]))
    assert [(outcome.cut, outcome.ended, outcome.broken) for outcome in outcomes if outcome.broken] == []
    lost_s = [outcome.lost_s for outcome in outcomes if outcome.lost_s is not None]
    assert max(lost_s) <= LOST_AT_MOST_S * GENEROUS
    if how is How.FULL:
        assert {outcome.ended.code for outcome in outcomes} <= {0, EXIT_STUCK}, (
            "full up to its end: the next start mends"
        )
    else:
        assert sum(outcome.ended.code == -9 for outcome in outcomes) >= len(outcomes) - 1


@pytest.mark.slow
def test_a_promise_that_is_broken_is_noticed(library: Path, tmp_path: Path) -> None:
    """The negative control: a journey that ended well, and then somebody tampers with what lies on the card."""
    scene = make_scene(tmp_path / "scene").copy_to(tmp_path / "whole")
    with Nursery(library) as nursery:
        pid = nursery.begin(scene.config, scene.card, Cut(How.IDLE))
        hands = Hands(scene.config)
        journey(hands, pid)
        assert nursery.wait().code == 0
    told = hands.told
    [recorded] = told.durable_ns

    found: dict[str, str] = {}
    for name in ("untouched", "cut short", "gone", "ledger", "plaintext"):
        here = scene.copy_to(tmp_path / name)
        store = here.card / "store"
        path = store / "journeys" / recorded
        match name:
            case "cut short":
                last = max(path.glob("*.body"))
                last.write_bytes(last.read_bytes()[:1000])
            case "gone":
                shutil.rmtree(path)
            case "ledger":
                lines = (store / "ledger.jsonl").read_bytes().splitlines(keepends=True)
                (store / "ledger.jsonl").write_bytes(b"".join(line for line in lines if b"tombstone-done" not in line))
            case "plaintext":
                (store / "left-behind").write_bytes(PLAINTEXT_MARKS[0])
        found[name] = " ".join(restart(load(here.config), here.identity, told).broken)
    assert found["untouched"] == ""
    assert "hash was signed" in found["cut short"]
    assert "is not there" in found["gone"]
    assert "line" in found["ledger"]
    assert "left-behind holds plaintext" in found["plaintext"]
