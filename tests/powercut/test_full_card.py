"""A card that fills up while it is recorded on, and has room again later."""

import contextlib
import os
from pathlib import Path

import pytest

from recorder.config import load
from recorder.timekeeping import boottime_ns
from recorder.vault.age import X25519Identity
from tests.powercut.card import small_card
from tests.powercut.forks import Nursery
from tests.powercut.hands import Hands
from tests.powercut.promises import restart
from tests.powercut.scene import write_config
from tests.powercut.shim import Cut, How

CARD_BYTES = 32 << 20
LOST_AT_MOST_S = 1.0
GENEROUS = 2.0  # for busy machines


@pytest.mark.slow
@pytest.mark.usefixtures("cards")
def test_a_card_that_fills_up_and_has_room_again(library: Path, tmp_path: Path) -> None:
    """It costs the running second; the status says so; what was there stays; recording goes on by itself."""
    identity = X25519Identity.generate()
    with small_card(tmp_path, CARD_BYTES) as card, Nursery(library) as nursery:
        config = write_config(tmp_path, identity, card=card)
        pid = nursery.begin(config, card, Cut(How.IDLE))
        hands = Hands(config)
        hands.wait_for_start(Path(f"/proc/{pid}").exists)
        hands.press("ignition on", "press consent")
        hands.until(lambda status: status["state"] == "Recording")
        hands.press("press hold")  # so that no room can be made
        hands.until(lambda status: status["held"])
        hands.watch(2.0)

        full_ns = _fill(card / "holiday.jpg")
        hands.until(lambda status: "card-full" in status["faults"])
        hands.until(lambda status: status["state"] != "Recording")
        (card / "holiday.jpg").unlink()
        room_ns = boottime_ns()
        hands.until(lambda status: status["state"] == "Recording" and not status["faults"])
        hands.watch(2.0)

        hands.press("ignition off")
        hands.until(lambda status: status["state"] == "Parked")
        hands.end(pid)
        assert nursery.wait().code == 0
        survey = restart(load(config), identity, hands.told)
    assert survey.broken == ()
    [journey] = hands.told.durable_ns
    before = [part for part in survey.pictures[journey] if part.newest_ns <= full_ns]
    assert full_ns - before[-1].until_ns <= LOST_AT_MOST_S * GENEROUS * 1e9
    assert sum(part.until_ns - part.from_ns for part in before) >= 2e9
    assert sum(part.newest_ns > room_ns for part in survey.pictures[journey]) > 0


def _fill(path: Path) -> int:
    """Take all the room there is; since when there was none for so much as a piece (boottime ns)."""
    full_ns: int | None = None
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for piece_bytes in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    began_ns = boottime_ns()
                    os.write(fd, bytes(piece_bytes))
            full_ns = full_ns or began_ns
    finally:
        os.close(fd)
    assert full_ns is not None
    return full_ns
