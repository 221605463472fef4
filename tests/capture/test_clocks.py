"""The sound's timeline: every sample where it belongs, silence for what is missing, never silence taken for sound."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.capture.clocks import ONE, RATE_HZ, RUN_IN, TOLERANCE_NS, Placement, SoundClock, Stretch

S = 1_000_000_000
ORIGIN = 7 * S


def at(seconds: float) -> int:
    return ORIGIN + round(seconds * S)


def joins(placement: Placement) -> tuple[int, int, bool]:
    """Silence before, samples cut off, and whether it is a seam."""
    return placement.silence, placement.skip, placement.restart


def plain(count: int) -> Stretch:
    """Samples at 48 kHz, each where it was."""
    return Stretch(0, ONE, count)


def test_an_exact_source_is_placed_sample_by_sample() -> None:
    """Times that are true to the sample move nothing, though they are rounded."""
    clock = SoundClock(ORIGIN)
    placements = [clock.place(at(1 + n / 50) + (-1) ** n * 9_000, 960, RATE_HZ) for n in range(50)]
    assert placements == [Placement(0, 0, restart=n == 0, stretch=plain(960)) for n in range(50)]
    assert (clock.begin, clock.position) == (RATE_HZ, 2 * RATE_HZ)
    assert clock.silences(0, 10 * RATE_HZ) == ()


@pytest.mark.parametrize("off_ppm", [500, -500, 1_500])
def test_a_clock_that_is_off_is_followed_without_a_seam(off_ppm: int) -> None:
    """Its samples are moved closer or further apart; each stays within three milliseconds of its time."""
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 960, RATE_HZ)
    for n in range(1, 3_000):
        captured_ns = at(1 + n / 50 / (1 + off_ppm * 1e-6))
        placement = clock.place(captured_ns, 960, RATE_HZ)
        assert joins(placement) == (0, 0, False)
        assert placement.stretch is not None
        assert clock.position is not None
        began = clock.position - placement.stretch.count - Fraction(placement.stretch.at, placement.stretch.step)
        late_s = began / RATE_HZ - Fraction(captured_ns - ORIGIN, S)
        assert abs(late_s) < Fraction(4, 1000)
    step = placement.stretch.step if placement.stretch else 0
    assert step / ONE == pytest.approx(1 + off_ppm * 1e-6, abs=2e-6)


def test_nothing_is_stretched_by_more_than_nobody_hears() -> None:
    """A step of 14 ms is mended at 0.2 %, 3.5 cents: the least that a trained ear tells apart is 5."""
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 960, RATE_HZ)
    late = clock.place(at(1.034), 960, RATE_HZ).stretch
    assert late == Stretch(0, ONE - ONE * 2 // 1000, 962)
    early = clock.place(at(1.026), 960, RATE_HZ).stretch
    assert early is not None
    assert early.step == ONE + ONE * 2 // 1000 + 1


def test_places_on_the_input_go_on_from_block_to_block() -> None:
    """Whatever the blocks' lengths: the next output sample is one step after the last."""
    clock = SoundClock(ORIGIN)
    begin, last = 0, None
    for n, count in enumerate([960, 1, 7, 0, 4_410, 960, 2, 1, 1] * 20):
        stretch = clock.place(at(1) + begin * S // 44_100 + n * 10_000, count, 44_100).stretch
        assert stretch is not None
        if stretch.count:
            place = (begin << 32) + stretch.at
            assert last is None or place == last
            last = place + stretch.count * stretch.step
        begin += count


def test_a_gap_is_filled_with_as_many_samples_as_it_lasted() -> None:
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 4800, RATE_HZ)
    assert clock.place(at(1.5), 4800, RATE_HZ) == Placement(19_200, 0, restart=True, stretch=plain(4800))
    assert clock.position == round(1.6 * RATE_HZ)
    assert clock.silences(0, 10 * RATE_HZ) == ((52_800, 72_000),)


def test_what_overlaps_is_cut_off_the_newer_block() -> None:
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 4800, RATE_HZ)
    assert clock.place(at(1.05), 4800, RATE_HZ) == Placement(0, 2400, restart=True, stretch=plain(2400))
    assert clock.position == round(1.15 * RATE_HZ)
    assert clock.place(at(1.0), 960, RATE_HZ) == Placement(0, 960, restart=True, stretch=None), "wholly known already"
    assert clock.position == round(1.15 * RATE_HZ)


def test_another_rate_continues_the_timeline_to_the_sample() -> None:
    """A microphone at 44.1 kHz takes over from one at 48 kHz."""
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 4800, RATE_HZ)
    assert joins(clock.place(at(1.1), 4410, 44_100)) == (0, 0, True)
    for n in range(1, 10):
        assert joins(clock.place(at(1.1 + n / 10), 4410, 44_100)) == (0, 0, False)
    assert clock.position in (round(2.1 * RATE_HZ), round(2.1 * RATE_HZ) + 1)


def test_nothing_lies_before_the_origin() -> None:
    """The encoder's run-in needs room: what is older than it is cut off."""
    clock = SoundClock(ORIGIN)
    assert joins(clock.place(ORIGIN - S // 10, 9600, RATE_HZ)) == (0, 4800 + RUN_IN, True)
    assert (clock.begin, clock.position) == (RUN_IN, 4800)


def test_silence_takes_the_place_of_a_dead_microphone_and_is_never_sound() -> None:
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 4800, RATE_HZ)
    assert clock.fill(at(0), at(2)) == round(0.9 * RATE_HZ)
    assert clock.fill(at(0), at(2.5)) == round(0.5 * RATE_HZ)
    assert clock.fill(at(0), at(2.5)) == 0
    assert clock.silences(0, 10 * RATE_HZ) == ((52_800, 120_000),), "one stretch, however often it was filled"
    assert clock.newest_sound(120_000) == 52_800
    assert clock.newest_sound(121_000) == 52_800, "what an encoder pads is no sound either"
    assert clock.newest_sound(60_000) == 52_800
    assert clock.newest_sound(50_000) == 50_000
    assert joins(clock.place(at(2.4), 9600, RATE_HZ)) == (0, 4800, True), "back before the silence ended"
    assert clock.newest_sound(round(2.6 * RATE_HZ)) == round(2.6 * RATE_HZ)


def test_a_microphone_that_never_came_gives_a_track_of_silence_without_any_sound() -> None:
    clock = SoundClock(ORIGIN)
    assert clock.fill(at(1), at(3)) == 2 * RATE_HZ
    assert clock.begin == RATE_HZ
    assert clock.newest_sound(3 * RATE_HZ) is None


def test_after_a_pause_another_track_begins_without_silence_between() -> None:
    clock = SoundClock(ORIGIN)
    clock.place(at(1), 4800, RATE_HZ)
    clock.pause()
    assert clock.position is None
    assert joins(clock.place(at(9), 4800, RATE_HZ)) == (0, 0, True)
    assert (clock.begin, clock.silences(0, 10 * RATE_HZ)) == (9 * RATE_HZ, ())


def test_silences_are_cut_to_what_is_asked_and_forgotten_when_told() -> None:
    clock = SoundClock(ORIGIN)
    for second in (1, 2, 3):
        clock.place(at(second), 24_000, RATE_HZ)
    assert clock.silences(80_000, 130_000) == ((80_000, 96_000), (120_000, 130_000))
    clock.forget(96_000)
    assert clock.silences(0, 200_000) == ((120_000, 144_000),)
    clock.forget(200_000)
    assert clock.silences(0, 200_000) == ((120_000, 144_000),), "the newest may go on, and must not be taken for sound"


def test_index_and_moment_are_inverse() -> None:
    clock = SoundClock(ORIGIN)
    assert [clock.index(clock.moment_ns(n)) for n in (0, 1, 47_999, 48_000, 10**9)] == [0, 1, 47_999, 48_000, 10**9]


blocks = st.lists(
    st.tuples(
        st.integers(-S // 5, 2 * S),  # how far from where the last one ended
        st.integers(1, 5000),
        st.sampled_from([8_000, 44_100, 48_000]),
        st.booleans(),  # whether silence is filled in first
    ),
    min_size=1,
    max_size=30,
)


@given(blocks)
def test_the_timeline_has_neither_holes_nor_overlaps_and_stays_true_to_the_clock(
    script: list[tuple[int, int, int, bool]],
) -> None:
    """Whatever comes, the position is where the newest sample was captured, within the tolerance, and only grows."""
    clock = SoundClock(ORIGIN)
    end_ns = at(1)
    placed = 0
    for step_ns, count, rate_hz, fills in script:
        captured_ns = end_ns + step_ns
        before = clock.position
        if fills:
            placed += clock.fill(at(1), captured_ns)
        placement = clock.place(captured_ns, count, rate_hz)
        assert clock.position is not None
        assert before is None or clock.position >= before
        placed += placement.silence
        end_ns = captured_ns + count * S // rate_hz
        late = Fraction(clock.position, RATE_HZ) - Fraction(end_ns - ORIGIN, S)
        if placement.skip < count:
            assert abs(late) <= Fraction(TOLERANCE_NS, S) + Fraction(2, 8000)
        else:
            assert late >= -Fraction(2, 8000), "it was known already"
        assert 0 <= placement.skip <= count
    silent = sum(b - a for a, b in clock.silences(0, clock.position or 0))
    assert silent == placed
