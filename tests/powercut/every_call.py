"""One short journey, stopped at its n-th call that changes the card; and what the next start finds.

The whole recorder runs, as ``cabin-recorder run`` starts it, with every thread it has: it recovers, sweeps, records a
journey with a hold, rotates, seals and ends. Only its start is shortened (:mod:`tests.powercut.forks`).
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from recorder.config import load
from recorder.timekeeping import boottime_ns
from tests.powercut import shim
from tests.powercut.forks import Ended, Nursery
from tests.powercut.hands import Gone, Hands, Told
from tests.powercut.promises import Survey, restart
from tests.powercut.scene import Scene, make_scene
from tests.powercut.shim import Cut, How


@dataclass(frozen=True, slots=True)
class Outcome:
    """One journey and its end. ``broken``: promises, a sentence each.

    ``off_ns``: when the ignition went off (boottime), where it came so far.
    """

    cut: Cut
    ended: Ended
    off_ns: int | None
    told: Told
    survey: Survey
    broken: tuple[str, ...]

    @property
    def lost_s(self) -> float | None:
        """Seconds from the newest picture that is left to the cut; None where it did not cut into a recording."""
        if not self.ended.at_ns or (self.off_ns is not None and self.ended.at_ns > self.off_ns):
            return None
        parts = [
            part
            for journey in self.told.durable_ns
            for part in self.survey.pictures.get(journey, ())
            if part.newest_ns <= self.ended.at_ns
        ]
        lost_s = (self.ended.at_ns - max((part.until_ns for part in parts), default=0)) / 1e9
        return max(0.0, lost_s) if parts else None


def stop_at(nursery: Nursery, scene: Scene, folder: Path, cut: Cut) -> Outcome:
    """Run the journey with ``cut`` on a copy of ``scene`` in ``folder``, restart, and compare."""
    here = scene.copy_to(folder)
    pid = nursery.begin(here.config, here.card, cut)
    hands = Hands(here.config)
    off_ns = journey(hands, pid)
    ended = nursery.wait()
    shutil.rmtree(hands.config.store.runtime, ignore_errors=True)
    survey = restart(load(here.config), here.identity, hands.told)
    broken = [*survey.broken, *_what_lay_there(here, survey)]
    return Outcome(cut, ended, off_ns, hands.told, survey, tuple(broken))


def journey(hands: Hands, pid: int) -> int | None:
    """Ignition, consent, picture, hold, some more segments, ignition off, end; as far as the recorder lives.

    When the ignition went off (boottime); None where it ended before.
    """
    off_ns: int | None = None
    try:
        hands.wait_for_start(Path(f"/proc/{pid}").exists)
        hands.press("ignition on", "press consent")
        hands.until(lambda status: status["state"] == "Recording")
        hands.press("press hold")
        hands.until(lambda status: status["held"])
        hands.watch(1.5 * hands.config.segments.length_s)
        hands.until_newer()  # a card that was full meanwhile has had room again
        off_ns = boottime_ns()
        hands.press("ignition off")
        hands.until(lambda status: status["state"] == "Parked")
        hands.end(pid)
    except Gone:
        return off_ns
    return off_ns


def _what_lay_there(scene: Scene, survey: Survey) -> list[str]:
    broken = []
    if survey.plaintext_sha256.get((scene.held, 1)) != scene.held_sha256:
        broken.append(f"{scene.held}, held long before, is not what it was")
    if (scene.card / "store" / "journeys" / scene.due).exists():
        broken.append(f"{scene.due} was due, and is still there")
    return broken


def campaign(library: Path, scene: Scene, folder: Path, cuts: Iterable[Cut], at_once: int = 4) -> Iterator[Outcome]:
    """All of ``cuts``, several at once, in their order."""
    with ExitStack() as stack, ThreadPoolExecutor(at_once) as threads:
        idle: SimpleQueue[Nursery] = SimpleQueue()
        for _ in range(at_once):
            idle.put(stack.enter_context(Nursery(library)))

        def one(cut: Cut) -> Outcome:
            nursery = idle.get()
            here = folder / f"{cut.how.name}-{cut.at}-{cut.times}"
            try:
                return stop_at(nursery, scene, here, cut)
            finally:
                idle.put(nursery)
                shutil.rmtree(here)

        yield from threads.map(one, cuts)


def counted(library: Path, scene: Scene, folder: Path, how: How) -> int:
    """How many calls the journey makes that ``how`` counts."""
    [outcome] = campaign(library, scene, folder, [Cut(how)], at_once=1)
    assert outcome.broken == (), outcome.broken
    assert outcome.ended.code == 0
    return outcome.ended.counted


def row(how: How, times: int, outcomes: Sequence[Outcome]) -> str:
    """What came of one campaign, for people."""
    lost_s = sorted(lost for outcome in outcomes if (lost := outcome.lost_s) is not None)
    reached = sum(outcome.ended.at_ns > 0 for outcome in outcomes)
    torn, broken = (sum(counts) for counts in zip(*((o.survey.torn, len(o.broken)) for o in outcomes), strict=True))
    return (
        f"| {how.name} x{times} | {len(outcomes)} | {reached} | {len(lost_s)} | {lost_s[len(lost_s) // 2]:.2f} "
        f"| {lost_s[-1]:.2f} | {torn} | {broken} |"
    )


def main() -> None:
    """Every call: killed before it, killed in the middle of it, and refused for want of space. Prints a table."""
    broken = 0
    print("| how | cuts | reached | while recording | lost, s: p50 | max | torn segments | broken promises |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="every-call") as name:
        folder = Path(name)
        library = shim.compile_shim(folder)
        scene = make_scene(folder / "scene")
        for how, times in ((How.KILL, 1), (How.HALF, 1), (How.FULL, 1), (How.FULL, 12)):
            total = counted(library, scene, folder, how)
            cuts = [Cut(how, at, times) for at in range(1, total + 1)]
            outcomes = []
            for outcome in campaign(library, scene, folder, cuts):
                outcomes.append(outcome)
                for sentence in outcome.broken:
                    broken += 1
                    print(f"{outcome.cut}, {outcome.ended}: {sentence}", flush=True)
            print(row(how, times, outcomes), flush=True)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
