"""Power cuts while the whole recorder records at its nominal bitrate; a table of what they cost.

One recorder drives journey after journey on a card (:mod:`tests.powercut.card`): consent, picture, sometimes a hold,
ignition off; footage is deleted all the while, for it lives for a minute only. At random instants the card is cloned;
the clone is what a power cut at that instant leaves. It is mounted, recovered, read and compared with what the
recorder had said until then. The negative control is the same recorder on a system whose fsync does nothing.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recorder.config import load
from recorder.errors import RecorderError
from recorder.vault.age import X25519Identity
from tests.powercut import card as cards
from tests.powercut import shim
from tests.powercut.card import Card
from tests.powercut.forks import Nursery
from tests.powercut.hands import Gone, Hands
from tests.powercut.promises import Survey, restart
from tests.powercut.scene import write_config
from tests.powercut.shim import Cut, How

BITRATE_BPS = 4_000_000
FPS = 30
SEGMENT_S, MAX_AGE_S = 5, 60
LOST_AT_MOST_S = 1.0
_BETWEEN_S = (0.2, 2.0)
_JOURNEY_S = (3.0, 15.0)
_HELD = 0.25


@dataclass(frozen=True, slots=True)
class PowerCut:
    """``lost_s``: from the end of the newest picture that is left to the cut; None where none was being recorded.

    ``known_s``: how much of it the recorder itself had not yet called durable.
    """

    lost_s: float | None
    known_s: float
    torn: int
    broken: tuple[str, ...]
    cloning_s: float


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recorder that drives journey after journey on a card."""

    folder: Path
    card: Card
    hands: Hands
    identity: X25519Identity
    clip: Path

    def cut(self, number: int) -> PowerCut:
        """Cut the power now, in a clone of the card, and look at what is left."""
        told = self.hands.told
        clone = self.card.cut(number)
        self.hands.look()
        went_on = told.recording == self.hands.told.recording
        back = self.folder / "back"
        with cards.power_back(clone, back):
            config = load(nominal_config(self.folder / "after", back, self.identity, self.clip))
            try:
                survey = restart(config, self.identity, told)
            except (RecorderError, OSError) as error:
                survey = Survey((f"the card cannot be used: {error}",), 0, {}, {})
        lost_s = None
        if told.recording is not None and went_on:
            parts = survey.pictures.get(told.recording, ())
            left_ns = max((part.until_ns for part in parts), default=told.since_ns[told.recording])
            lost_s = max(0, clone.until_ns - left_ns) / 1e9
        durable_ns = told.durable_ns[told.recording] if told.recording is not None else clone.until_ns
        known_s = (clone.until_ns - durable_ns) / 1e9
        return PowerCut(lost_s, known_s, survey.torn, survey.broken, (clone.until_ns - clone.from_ns) / 1e9)


@contextmanager
def recorder(folder: Path, library: Path, chance: random.Random, *, syncs: bool = True) -> Iterator[Recorder]:
    """A recorder on a new card in ``folder``, recording. ``syncs``: whether its fsync does anything."""
    identity = X25519Identity.generate()
    clip = make_clip(folder / "clip.mp4")
    over = threading.Event()
    with cards.card(folder) as card, Nursery(library) as nursery:
        config = nominal_config(folder, card.root, identity, clip)
        pid = nursery.begin(config, card.root, Cut(How.IDLE if syncs else How.LIAR))
        hands = Hands(config)
        driver = threading.Thread(target=drive, args=(hands, chance, over), name="driver")
        try:
            hands.wait_for_start(Path(f"/proc/{pid}").exists)
            driver.start()
            hands.until(lambda status: status["state"] == "Recording")
            yield Recorder(folder, card, hands, identity, clip)
        finally:
            over.set()
            if driver.ident is not None:
                driver.join()
            hands.end(pid)
            ended = nursery.wait()
        assert ended.code == 0, f"the recorder ended with {ended.code}: {folder / 'recorder.log'}"


def cuts(running: Recorder, how_many: int, chance: random.Random) -> Iterator[PowerCut]:
    """So many power cuts at random instants."""
    pause = threading.Event()
    for number in range(1, how_many + 1):
        pause.wait(chance.uniform(*_BETWEEN_S))
        yield running.cut(number)


def table(name: str, done: Sequence[PowerCut]) -> str:
    """One row, for people."""
    lost_s = sorted(cut.lost_s for cut in done if cut.lost_s is not None)
    torn = sum(cut.torn for cut in done)
    damaged = sum(bool(cut.broken) for cut in done)
    p50, p99 = (lost_s[min(len(lost_s) - 1, int(len(lost_s) * share))] for share in (0.5, 0.99))
    frames = f"{p50 * FPS:.0f} / {lost_s[-1] * FPS:.0f}"
    return (
        f"| {name} | {len(done)} | {len(lost_s)} | {p50:.2f} | {p99:.2f} | {lost_s[-1]:.2f} | {frames} "
        f"| {torn} | {damaged} |"
    )


HEADING = """\
| recorder | cuts | while recording | lost, s: p50 | p99 | max | frames: p50 / max | torn segments | stores damaged |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def drive(
    hands: Hands, chance: random.Random, over: threading.Event, journey_s: tuple[float, float] = _JOURNEY_S
) -> None:
    """Journeys until ``over``, the first one held; the recorder is parked when this returns."""
    held = 1.0
    try:
        while not over.is_set():
            hands.press("ignition on", "press consent")
            hands.until(lambda status: status["state"] == "Recording")
            hands.watch(chance.uniform(*journey_s), over)
            if chance.random() < held:
                hands.press("press hold")
                hands.until(lambda status: status["held"])
                hands.watch(chance.uniform(*journey_s), over)
            hands.press("ignition off")
            hands.until(lambda status: status["state"] == "Parked")
            held = _HELD
    except Gone:
        return  # who waits for the recorder's end says so


def nominal_config(
    folder: Path,
    card: Path,
    identity: X25519Identity,
    clip: Path,
    *,
    length_s: float = SEGMENT_S,
    max_age_s: float = MAX_AGE_S,
) -> Path:
    """A recorder at its nominal bitrate, whose footage lives for a minute, or as long as told."""
    return write_config(
        folder,
        identity,
        card=card,
        camera=f'kind = "file"\npath = "{clip}"\nbitrate_bps = {BITRATE_BPS}',
        kind="file",
        width=640,
        height=360,
        fps=FPS,
        length_s=length_s,
        max_age_s=max_age_s,
        epoch_s=max_age_s / 10,
    )


def make_clip(path: Path) -> Path:
    """A scene so restless that a small picture takes the whole bitrate: what costs is bytes, not dots."""
    picture = f"testsrc2=s=640x360:r={FPS}:d=4,noise=alls=60:allf=t"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "anoisesrc=r=48000:d=4:a=0.1",
         "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "8M", "-pix_fmt", "yuv420p", "-c:a", "aac", path],
        check=True,
    )  # fmt: skip
    return path


def main() -> None:
    """``scripts/powercut N``: so many cuts, and a tenth of it on a system that never syncs."""
    parser = argparse.ArgumentParser(prog="scripts/powercut", description=main.__doc__)
    parser.add_argument("cuts", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    reason = cards.why_not() or shim.why_not()
    if reason is not None:
        sys.exit(f"No power can be cut here: {reason}.")
    print(f"seed {arguments.seed}; 640x360 at {FPS} frames and {BITRATE_BPS / 1e6:g} Mb/s, segments of {SEGMENT_S} s")
    rows, damaged = [HEADING], 0
    for name, how_many, syncs in (
        ("as it is", arguments.cuts, True),
        ("never syncs", max(3, arguments.cuts // 10), False),
    ):
        folder = Path(tempfile.mkdtemp(prefix="powercut"))
        chance = random.Random(arguments.seed)
        with recorder(folder, shim.compile_shim(folder), chance, syncs=syncs) as running:
            done = []
            for cut in cuts(running, how_many, chance):
                done.append(cut)
                if syncs and (cut.lost_s or 0) > LOST_AT_MOST_S:
                    print(f"cut {len(done)}: {cut}", flush=True)
                for sentence in cut.broken if syncs else ():
                    damaged += 1
                    print(f"cut {len(done)}: {sentence}", flush=True)
        rows.append(table(name, done))
        print(rows[-1], f"cloning took at most {max(cut.cloning_s for cut in done) * 1e3:.1f} ms", flush=True)
        shutil.rmtree(folder)
    print("\n".join(rows))
    sys.exit(1 if damaged else 0)


if __name__ == "__main__":
    main()
