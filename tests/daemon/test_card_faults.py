"""A card that stands still under a whole recorder, in real time: ext4 on a loop device, frozen with FIFREEZE.

What writes to a frozen filesystem waits inside the kernel, where no signal reaches it, as on a card that collects its
garbage. ``tests/capture/test_card_stalls.py`` has the same in simulated time, and runs everywhere.
"""

import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recorder.demo.measure import measure
from tests.daemon.cabin import CHECKOUT, WATCHDOG_S, Cabin, Fault
from tests.daemon.vehicle import CLI
from tests.powercut import card as cards

pytestmark = [pytest.mark.hour, pytest.mark.timeout(1200)]
_FIFREEZE, _FITHAW = 0xC0045877, 0xC0045878  # linux/fs.h
CARD_BYTES = 700 << 20
SLOW_AFTER_S = 2.0
CAMERA = 'kind = "synthetic"\nwidth = 640\nheight = 360\nfps = 30.0\nstep_down = false'


@pytest.fixture
def cabin(tmp_path: Path) -> Iterator[Cabin]:
    why_not = cards.why_not()
    if why_not is not None:
        pytest.skip(why_not)
    with cards.small_card(tmp_path, CARD_BYTES) as card:
        made = Cabin(tmp_path, camera=CAMERA, card=card.name, length_s=20)
        yield made
        made.close()


@contextmanager
def frozen(card: Path) -> Iterator[None]:
    """The filesystem takes no write for as long as the block lasts."""
    fd = os.open(card, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, _FIFREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(fd, _FITHAW, 0)
    finally:
        os.close(fd)


def stands_still(cabin: Cabin, seconds: float) -> float:
    """The card does, for so long; after how long the lamp said so."""
    over, freezing = threading.Event(), threading.Event()

    def freeze() -> None:
        with frozen(cabin.folder / cabin.card):
            freezing.set()
            over.wait()

    thread = threading.Thread(target=freeze)

    def provoke() -> None:
        thread.start()
        assert freezing.wait(30)
        timer = threading.Timer(seconds, over.set)
        timer.start()

    try:
        seen = cabin.suffers("card-slow", Fault(provoke, thread.join))
    finally:
        over.set()
        thread.join()
    assert seen.lamp_s is not None
    assert seen.fault_s is not None
    print(
        f"{seconds:g} s: lamp {seen.lamp_s:.1f} s, fault {seen.fault_s:.1f} s, recording {seen.back_s:.2f} s after it"
    )
    return min(seen.lamp_s, seen.fault_s)


def lost(cabin: Cabin, journey: str) -> tuple[int, float]:
    """Frames whose counters are missing in the film that the office opens, and seconds of gaps in the signed log."""
    bundle, out = cabin.folder / "stick", cabin.folder / "office"
    identity = cabin.folder / "identity.txt"
    identity.write_text(cabin.identity.text + "\n")
    for command in (["export", bundle, "--config", cabin.config], ["open", bundle, "-i", identity, "-o", out]):
        done = subprocess.run([*CLI, *command], cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    picture = measure(out / f"{journey}.mp4").picture
    assert picture is not None
    sealed = [entry["data"] for entry in cabin.entries(journey) if entry["event"] == "segment-sealed"]
    gaps_ns = [gap["until_ns"] - gap["from_ns"] for data in sealed for gap in data["gaps"]]
    return picture.missing, sum(gaps_ns) / 1e9


@pytest.mark.parametrize(
    ("stalls_s", "pause_s"),
    [pytest.param((4.0, 10.0), 3.0, id="two"), pytest.param((10.0,) * 10 + (60.0,), 50.0, id="eleven-minutes")],
)
def test_nothing_is_lost(cabin: Cabin, stalls_s: tuple[float, ...], pause_s: float) -> None:
    """Ten seconds of every minute for ten minutes, then a whole minute: told each time, and every frame is there."""
    cabin.start()
    journey = cabin.record()
    cabin.hands.press("press hold")
    cabin.hands.until(lambda now: now["held"])
    fed_since_s = cabin.manager.fed_s[-1]
    for seconds in stalls_s:
        assert stands_still(cabin, seconds) < SLOW_AFTER_S + 1.5
        cabin.hands.watch(pause_s)
    assert cabin.manager.starved_s(fed_since_s) < WATCHDOG_S, "a declared fault never starves the watchdog"
    cabin.park()
    missing, gaps_s = lost(cabin, journey)
    print(f"{missing} frames missing, {gaps_s:.2f} s of gaps")
    assert (missing, gaps_s) == (0, 0)
    told = [(e["event"], e["data"]["kind"]) for e in cabin.entries(journey) if e["event"].startswith("fault")]
    assert told.count(("fault", "card-slow")) == told.count(("fault-cleared", "card-slow")) == len(stalls_s)
