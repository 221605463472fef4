"""How well the sentinel sees, on real cameras' pictures with faults, darkness and daylight put into them.

    scripts/bench sentinel            the table of README.md, on the clips kept for it
    scripts/bench sentinel --tuning   the same on the clips its numbers were chosen on

A fault begins after 60 s of an undisturbed journey, lasts 60 s, and is taken away. "Other" counts the runs in which
something else was found beside or instead.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from recorder.capture.look import measure
from recorder.capture.sentinel import BLURRED, COVERED, FROZEN, MOVED, Finding, Patience, Sentinel
from recorder.timekeeping import NS_PER_S
from tests.capture import sentinel_clips as clips
from tests.capture import sentinel_scenes as scenes
from tests.capture.sentinel_scenes import Change

CLIPS = Path("out/sentinel-clips")
BEGINS_S, ENDS_S, WATCHED_S = 60.0, 120.0, 150.0
SEEDS = 3
Told = tuple[float, Finding]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must be found, and as what."""

    name: str
    kinds: tuple[str, ...]
    change: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Something that is no fault."""

    name: str
    changes: list[tuple[float, float, Change]]
    length_s: float


def faults(seed: int) -> list[Fault]:
    """What is done to the camera; a seed moves hands."""
    by_hand = [scenes.hand(BEGINS_S, dark=dark, share=1.0, seed=seed) for dark in (0.6, 0.2, 0.05)]
    partly = [scenes.hand(BEGINS_S, dark=dark, share=0.85, seed=seed) for dark in (0.6, 0.2)]
    sign = 1 if seed % 2 else -1
    return [
        Fault("covered by a hand or a cloth, light, dark, darker", (COVERED,), by_hand),
        Fault("of which a sixth stays free", (COVERED,), partly),
        Fault("covered by a cap: black", (COVERED,), [scenes.cap]),
        Fault("out of focus, 2 % of the width", (BLURRED,), [scenes.defocus(2)]),
        Fault("out of focus, 1 %", (BLURRED,), [scenes.defocus(1)]),
        Fault("out of focus, 0.5 %", (BLURRED,), [scenes.defocus(0.5)]),
        Fault("turned aside by 30 % of the view", (MOVED,), [scenes.turned(0, 0.3 * sign)]),
        Fault("turned aside by 10 %", (MOVED,), [scenes.turned(0, 0.1 * sign)]),
        Fault("turned aside by 5 %", (MOVED,), [scenes.turned(0, 0.05 * sign)]),
        Fault("turned about its axis by 25°", (MOVED,), [scenes.turned(25 * sign, 0)]),
        Fault("turned about its axis by 10°", (MOVED,), [scenes.turned(10 * sign, 0)]),
        Fault("pushed nearer, by a third", (MOVED,), [scenes.turned(0, 0, 1.33)]),
        Fault("frozen", (FROZEN,), [scenes.freeze]),
    ]


def quiet() -> list[Quiet]:
    """Ten minutes each."""
    whole = 0.0, 1e9
    tunnels = [(at_s, at_s + 40.0, scenes.tunnel(at_s)) for at_s in range(60, 600, 120)]
    lamp = [(at_s, at_s + 60.0, scenes.lights_out(level)) for at_s, level in ((100, 0.01), (300, 0.003), (450, 0.001))]

    def to_and_fro(level: float, *, lamps: bool) -> list[tuple[float, float, Change]]:
        return [
            (120.0, 400.0, scenes.dusk(120, 120, level)),
            (240.0, 400.0, scenes.night(1.0, lamps=lamps)),
            (400.0, 520.0, scenes.dawn(400, 120, level)),
        ]

    return [
        Quiet("day", [], 600),
        Quiet("tunnels", tunnels, 600),
        Quiet("night, lit streets", [(*whole, scenes.night(0.02))], 600),
        Quiet("night, dark lanes", [(*whole, scenes.night(0.003, lamps=False))], 600),
        Quiet("night, headlights only", [(*whole, scenes.night(0.0005, glow=False))], 600),
        Quiet("day, dusk, lit streets, dawn", to_and_fro(0.02, lamps=True), 600),
        Quiet("day, dusk, dark lanes, dawn", to_and_fro(0.003, lamps=False), 600),
        Quiet("light goes out, to 1/100, 1/300, 1/1000", lamp, 600),
    ]


class Clip:
    """One clip, decoded."""

    def __init__(self, piece: clips.Piece) -> None:
        self.piece = piece
        self._rate, self._planes = piece.planes()

    def play(self, changes: list[tuple[float, float, Change]], length_s: float, seed: int) -> list[Told]:
        """What the sentinel tells, and when."""
        sentinel, told = Sentinel(Patience()), []
        for at_s, plane in scenes.Stage(self._rate, self._planes, seed).looks(changes, length_s):
            told += [(at_s, finding) for finding in sentinel.look(measure(plane, round(at_s * NS_PER_S)))]
        return told

    def cost_us(self) -> tuple[float, float]:
        """Of measuring, and of deciding: median µs of a look."""
        sentinel, costs = Sentinel(Patience()), []
        for at_s, plane in scenes.Stage(self._rate, self._planes, 0).looks([], 120):
            began_ns = time.perf_counter_ns()
            look = measure(plane, round(at_s * NS_PER_S))
            measured_ns = time.perf_counter_ns()
            sentinel.look(look)
            costs.append((measured_ns - began_ns, time.perf_counter_ns() - measured_ns))
        measuring, deciding = (statistics.median(part) / 1_000 for part in zip(*costs[120:], strict=True))
        return measuring, deciding


def fault_rows(shown: list[Clip], seeds: int) -> list[str]:
    """One row a fault: how many were found, how fast, what else was."""
    rows = []
    for number, fault in enumerate(faults(0)):
        runs = found = other = over = 0
        after_s: list[float] = []
        for clip in shown:
            for seed in range(seeds):
                for change in faults(seed)[number].change:
                    told = clip.play([(BEGINS_S, ENDS_S, change)], WATCHED_S, seed)
                    begun = [
                        at_s - BEGINS_S for at_s, finding in told if finding.begins and finding.kind in fault.kinds
                    ]
                    runs += 1
                    found += bool(begun)
                    after_s += begun[:1]
                    other += any(finding.begins and finding.kind not in fault.kinds for _, finding in told)
                    ended = [at_s for at_s, finding in told if not finding.begins]
                    over += bool(begun) and len(ended) == sum(finding.begins for _, finding in told)
        times = f"{statistics.median(after_s):.1f} / {max(after_s):.1f} s" if after_s else "-"
        rows.append(f"| {fault.name} | {found} of {runs} | {times} | {over} of {found} | {other} |")
    return rows


def quiet_rows(shown: list[Clip], seeds: int) -> list[str]:
    """One row a scene: false alarms an hour."""
    rows = []
    for scene in quiet():
        told = [
            finding
            for clip in shown
            for seed in range(seeds)
            for _, finding in clip.play(scene.changes, scene.length_s, seed)
            if finding.begins
        ]
        hours = scene.length_s * len(shown) * seeds / 3600
        kinds = ", ".join(sorted({finding.kind for finding in told})) or "none"
        rows.append(f"| {scene.name} | {hours:.1f} h | {len(told)} | {len(told) / hours:.1f} | {kinds} |")
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuning", action="store_true", help="the clips the numbers were chosen on")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each scene on each clip")
    parser.add_argument("--clips", type=Path, default=CLIPS, help="where fetched clips lie, or will")
    asked = parser.parse_args()
    os.nice(10)
    cv2.setNumThreads(1)
    clips.fetch(asked.clips)
    shown = [Clip(piece) for piece in (clips.tuning if asked.tuning else clips.testing)(asked.clips)]
    print("Clips:", "; ".join(f"{clip.piece.path.name} ({clip.piece.shows})" for clip in shown), end=".\n\n")
    print("| done to the camera | found | after, median / worst | over again in 30 s | other |")
    print("| --- | --- | --- | --- | --- |", *fault_rows(shown, asked.seeds), sep="\n", end="\n\n")
    print("| no fault | watched | false alarms | an hour | of kind |")
    print("| --- | --- | --- | --- | --- |", *quiet_rows(shown, asked.seeds), sep="\n", end="\n\n")
    costs = [clip.cost_us() for clip in shown]
    measuring, deciding = (max(part) for part in zip(*costs, strict=True))
    print(f"One look: {measuring:.0f} µs to measure, {deciding:.0f} µs to decide (median; the dearest clip).")


if __name__ == "__main__":
    main()
