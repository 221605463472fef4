"""The sentinel's judgement: what lasts counts, what is over is over, darkness is no fault. Looks are made up here."""

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.capture.sentinel import (
    BLURRED,
    COVERED,
    FROZEN,
    MOVED,
    SILENT,
    TILES,
    Finding,
    Look,
    Patience,
    Sentinel,
    Suspicion,
)

PATIENCE = Patience()
STEP_S = 0.5
LEARNED_S = PATIENCE.learn_s + 2 * STEP_S


class Scene:
    """Looks, half a second apart, at a picture whose edges and layout can be taken away."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._layout = self._chance.choices((-0.6, -0.3, 0.3, 0.6), k=TILES)
        self._other = self._chance.choices((-0.6, -0.3, 0.3, 0.6), k=TILES)
        self._wavers = [[self._chance.gauss(0, 0.02) for _ in range(TILES)] for _ in range(7)]
        self._number = 0

    def look(
        self,
        *,
        edges: float = 1.0,
        layout: float = 1.0,
        brightness: float = 100.0,
        noise: float = 0.0001,
        still: bool = False,
    ) -> Look:
        """``edges``: strength of what is usual. ``layout``: how much of it; the rest is another's."""
        self._number += 1
        wavers = self._wavers[self._number % len(self._wavers)]
        shares = zip(self._layout, self._other, wavers, strict=True)
        return Look(
            at_s=self._number * STEP_S,
            brightness=brightness,
            edges=tuple(edges**2 * (0.1 + waver) for waver in wavers),
            noise=(noise,) * TILES,
            relief=tuple(layout * mine + (1 - layout) * other + waver for mine, other, waver in shares),
            digest=0 if still else self._number,
        )


def watched(sentinel: Sentinel, looks: Iterable[Look]) -> list[tuple[str, bool, float]]:
    """What is found: kind, whether it begins, and seconds since the first look."""
    found, first_s = [], None
    for look in looks:
        first_s = look.at_s if first_s is None else first_s
        found += [(finding.kind, finding.begins, look.at_s - first_s) for finding in sentinel.look(look)]
    return found


def lasting(scene: Scene, seconds: float, **what: float | bool) -> list[Look]:
    return [scene.look(**what) for _ in range(round(seconds / STEP_S))]


def learned(scene: Scene) -> Sentinel:
    sentinel = Sentinel(PATIENCE)
    assert watched(sentinel, lasting(scene, LEARNED_S)) == []
    return sentinel


@pytest.mark.parametrize(
    ("kind", "what", "hold_s"),
    [
        (BLURRED, {"edges": 0.2}, PATIENCE.blurred_s),
        (MOVED, {"layout": 0.0}, PATIENCE.moved_s),
        (COVERED, {"edges": 0.1, "layout": 0.0}, PATIENCE.covered_s),
        (COVERED, {"edges": 0.0, "layout": 0.0}, PATIENCE.covered_s),
        (FROZEN, {"still": True}, PATIENCE.frozen_s),
    ],
)
def test_each_finding_counts_when_it_has_lasted_and_is_over_when_it_has_gone(
    kind: str, what: dict[str, float], hold_s: float
) -> None:
    """One finding, once, after its time; half of that is nothing; and over three seconds after the picture is back."""
    scene = Scene()
    sentinel = learned(scene)
    assert watched(sentinel, lasting(scene, hold_s / 2, **what)) == []
    assert watched(sentinel, lasting(scene, PATIENCE.clear_s + hold_s)) == []
    (begins,) = watched(sentinel, lasting(scene, hold_s + 30, **what))
    assert begins[:2] == (kind, True)
    assert hold_s - STEP_S <= begins[2] <= hold_s
    (over,) = watched(sentinel, lasting(scene, 30))
    assert over[:2] == (kind, False)
    assert over[2] <= PATIENCE.clear_s


def test_nothing_is_compared_before_the_usual_is_known() -> None:
    """A camera that is turned while it learns has looked there all along."""
    scene = Scene()
    sentinel = Sentinel(PATIENCE)
    assert watched(sentinel, lasting(scene, 5) + lasting(scene, 60, layout=0.0)) == []


def test_a_lens_that_is_covered_from_the_start_is_found_in_the_light() -> None:
    scene = Scene()
    sentinel = Sentinel(PATIENCE)
    assert [found[:2] for found in watched(sentinel, lasting(scene, 20, edges=0.0, layout=0.0))] == [(COVERED, True)]
    assert [found[:2] for found in watched(sentinel, lasting(scene, 60))] == [(COVERED, False)]


@pytest.mark.parametrize("what", [{"edges": 1.0}, {"edges": 0.2}, {"edges": 0.0}, {"layout": 0.0}])
def test_darkness_that_comes_slowly_is_no_fault(what: dict[str, float]) -> None:
    """Whatever is left to be seen in it; and what it hides is not forgotten."""
    scene = Scene()
    sentinel = learned(scene)
    dusk = [scene.look(brightness=100 - 0.5 * step, noise=0.0002 * step) for step in range(150)]
    night = lasting(scene, 60, brightness=20, noise=1.0, **what)
    assert watched(sentinel, dusk + night + lasting(scene, 60)) == []


def test_light_that_goes_out_at_once_but_leaves_something_to_be_seen_is_no_fault() -> None:
    """A tunnel, or the lamp in the cabin."""
    scene = Scene()
    sentinel = learned(scene)
    dark = lasting(scene, 60, brightness=22, noise=0.01, edges=0.6, layout=0.3)
    assert watched(sentinel, dark + lasting(scene, 60)) == []


def test_light_that_goes_out_at_once_and_leaves_nothing_is_shut_out() -> None:
    """A cap. It stays shut out until there is something to be seen, in the dark or in the light."""
    for after in ({"brightness": 25.0, "noise": 0.01}, {}):
        scene = Scene()
        sentinel = learned(scene)
        black = lasting(scene, 60, brightness=16, edges=0.0, layout=0.0, noise=1.0)
        (begins,) = watched(sentinel, black)
        assert begins == (COVERED, True, PATIENCE.covered_s - STEP_S)
        assert [found[:2] for found in watched(sentinel, lasting(scene, 30, **after))] == [(COVERED, False)]


def test_a_hand_that_closes_to_black_is_one_finding() -> None:
    """First smooth and bright, then black: the second does not end the first."""
    scene = Scene()
    sentinel = learned(scene)
    bright = lasting(scene, 10, edges=0.0, layout=0.0)
    black = lasting(scene, 60, brightness=16, edges=0.0, layout=0.0, noise=1.0)
    assert [found[:2] for found in watched(sentinel, bright + black)] == [(COVERED, True)]


def test_a_picture_black_from_the_start_is_darkness() -> None:
    scene = Scene()
    black = lasting(scene, 60, brightness=16, edges=0.0, layout=0.0, noise=1.0, still=True)
    assert watched(Sentinel(PATIENCE), black) == []


def test_in_a_grainy_picture_neither_sharpness_nor_place_is_judged() -> None:
    """Night with the gain turned up; what noise hides has not gone."""
    scene = Scene()
    sentinel = learned(scene)
    assert watched(sentinel, lasting(scene, 60, noise=0.2, edges=0.7, layout=0.0)) == []


def test_a_night_from_the_start_in_which_noise_hides_all_is_no_fault() -> None:
    """The gain turned up makes it bright, and nothing is seen in it."""
    scene = Scene()
    assert watched(Sentinel(PATIENCE), lasting(scene, 60, noise=0.2, edges=0.2, layout=0.0)) == []


def test_what_is_learned_slowly_follows_the_day() -> None:
    """The layout turns into another within ten minutes, and nothing is found; the new one is the usual then."""
    scene = Scene()
    sentinel = learned(scene)
    turning = [scene.look(layout=1 - step / 1_200) for step in range(1_200)]
    assert watched(sentinel, turning + lasting(scene, 240, layout=0.0)) == []
    assert [found[:2] for found in watched(sentinel, lasting(scene, 30))] == [(MOVED, True)]


def test_a_camera_that_stays_moved_is_accepted_after_a_while() -> None:
    """What it shows then is the usual, and moving it back is a move."""
    scene = Scene()
    sentinel = Sentinel(Patience(accept_s=60))
    assert watched(sentinel, lasting(scene, LEARNED_S)) == []
    begins, over = watched(sentinel, lasting(scene, 120, layout=0.0))
    assert (begins[:2], over[:2]) == ((MOVED, True), (MOVED, False))
    assert over[2] - begins[2] == pytest.approx(60, abs=STEP_S)
    assert [found[:2] for found in watched(sentinel, lasting(scene, 30))] == [(MOVED, True)]


def test_where_nothing_stays_in_its_place_nothing_can_be_missed_from_it() -> None:
    """Light that turns into dark with each look has no layout."""
    scene = Scene()
    sentinel = Sentinel(PATIENCE)
    seen = lasting(scene, 60)
    restless = [replace(look, relief=tuple(-value for value in look.relief)) for look in seen[::2]]
    assert watched(sentinel, sorted([*seen[1::2], *restless], key=lambda look: look.at_s)) == []
    assert watched(sentinel, lasting(scene, 60, edges=0.1, layout=0.0)) == []


def test_a_doubtful_sign_lets_a_finding_stand_and_a_suspicion_fade() -> None:
    suspicion = Suspicion("kind", "reason", hold_s=10.0, clear_s=3.0)
    assert suspicion.weigh(True, 9.0) == ()
    assert suspicion.weigh(None, 9.0) == ()
    assert not suspicion.is_open
    assert suspicion.weigh(True, 10.0) == (Finding("kind", begins=True, reason="reason"),)
    assert suspicion.weigh(None, 1e9) == ()
    assert suspicion.stands
    assert suspicion.drop() == (Finding("kind", begins=False, reason="reason"),)
    assert suspicion.drop() == ()


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 2)), max_size=200))
def test_findings_alternate_and_never_come_before_their_time(signs: list[tuple[bool | None, float]]) -> None:
    """Begin, over, begin: between them the signs for it, or against it, have lasted at least so long in all."""
    suspicion = Suspicion("kind", "reason", hold_s=5.0, clear_s=3.0)
    stands, for_s, against_s = False, 0.0, 0.0
    for sign, step_s in signs:
        for_s += step_s if sign else 0.0
        against_s += step_s if sign is False else 0.0
        for finding in suspicion.weigh(sign, step_s):
            assert finding.begins is not stands
            assert (for_s if finding.begins else against_s) >= (5.0 if finding.begins else 3.0) - 1e-6
            stands, for_s, against_s = finding.begins, 0.0, 0.0
    assert suspicion.stands is stands


@given(
    st.lists(
        st.builds(
            dict,
            edges=st.floats(0, 3),
            layout=st.floats(-2, 2),
            brightness=st.floats(16, 235),
            noise=st.floats(0, 2),
            still=st.booleans(),
        ),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=25)
def test_whatever_is_seen_each_finding_begins_before_it_is_over(pictures: list[dict[str, float | bool]]) -> None:
    """Five seconds of each picture, after an ordinary minute: no two findings of one kind stand at a time."""
    scene = Scene()
    standing: set[str] = set()
    sentinel = learned(scene)
    for what in pictures:
        for kind, begins, _ in watched(sentinel, lasting(scene, 5, **what)):
            assert (kind in standing) is not begins
            standing ^= {kind}


def test_looks_that_are_far_apart_count_for_two_seconds() -> None:
    """A camera that was away for an hour was not covered for an hour."""
    scene = Scene()
    sentinel = learned(scene)
    scene._number += 7200
    assert watched(sentinel, lasting(scene, 2, edges=0.0, layout=0.0)) == []


def listened(sentinel: Sentinel, spans: list[int], from_s: float = 0.0) -> list[tuple[str, bool, float]]:
    found = []
    for number, span in enumerate(spans):
        at_s = from_s + number * STEP_S
        found += [(finding.kind, finding.begins, at_s) for finding in sentinel.listen(at_s, span)]
    return found


def test_a_microphone_that_hears_nothing_for_minutes_is_a_fault_until_it_hears() -> None:
    """Zeros, or the last bit's dither; a click now and then is no hearing, the quietest of rooms is."""
    sentinel = Sentinel(PATIENCE)
    assert listened(sentinel, [40] * 600) == []
    muted = [0, 2, 1, 4] * 100
    muted[::200] = [3_000, 3_000]
    ((kind, begins, at_s),) = listened(sentinel, muted, 1_000)
    assert (kind, begins) == (SILENT, True)
    assert 120 <= at_s - 1_000 < 200
    ((kind, begins, at_s),) = listened(sentinel, [16] * 20, 2_000)
    assert (kind, begins, at_s <= 2_000 + PATIENCE.clear_s) == (SILENT, False, True)


def test_a_patience_without_end_never_finds() -> None:
    """For a clip's sound, which may be silence."""
    assert listened(Sentinel(Patience(silent_s=math.inf)), [0] * 10_000) == []
