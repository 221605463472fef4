"""Fragments that do not fit are refused with nothing taken; whatever comes in, the index can be written."""

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.errors import MediaError
from recorder.mp4 import BoxSplitter, BoxView, iter_boxes
from recorder.office.join import Joiner
from recorder.office.movie import MovieWriter
from tests.mp4.test_mp4 import MVHD, box, full, moof, moov, split, traf, trak, trun
from tests.office.footage import Recording

TRACK = trak(tkhd=full(b"tkhd", "5I", 0, 0, 1, 0, 0, tail=bytes(60)), mdhd=full(b"mdhd", "5I", 0, 0, 90000, 0, 0))
MOOV = moov(MVHD, TRACK)


def mdat(size: int = 100) -> BoxView:
    (view,) = split(BoxSplitter(), box(b"mdat", bytes(size)))
    return view


def at(time: int, *sizes: int, duration: int = 3000, offset: int | None = None) -> bytes:
    """One fragment of track 1 that begins at ``time``; its samples follow the mdat's header."""
    values = [value for size in sizes for value in (duration, size)]

    def build(data_offset: int) -> bytes:
        run = trun(0x301, len(sizes), data_offset, *values)
        return moof(traf(run, tfdt=full(b"tfdt", "q", time, version=1)))

    return build(len(build(0)) + 8 if offset is None else offset)


def movie(*fragments: bytes) -> tuple[bytes, MovieWriter]:
    out = BytesIO()
    writer = MovieWriter(out, MOOV)
    for fragment in fragments:
        writer.add(writer.read(fragment), mdat())
    writer.finish()
    return out.getvalue(), writer


def table(data: bytes) -> dict[str, bytes]:
    """The boxes of the first track's stbl."""
    path = ["moov", "trak", "mdia", "minf", "stbl"]
    for kind in path:
        data = next(child.payload for child in iter_boxes(data) if child.kind == kind)
    return {child.kind: child.payload for child in iter_boxes(data)}


def test_the_index_of_a_film() -> None:
    """Sizes, durations, places: as the fragments said, the gap before the third included."""
    data, writer = movie(at(0, 10, 20), at(6000, 30), at(10_000, 40))
    assert writer.sample_count == 4
    boxes = table(data)
    first_place = len(data) - len(data[data.index(b"mdat") + 12 :])
    assert boxes["stsz"] == struct.pack(">7I", 0, 0, 4, 10, 20, 30, 40)
    assert boxes["stts"] == struct.pack(">8I", 0, 3, 2, 3000, 1, 4000, 1, 3000)
    assert boxes["stsc"] == struct.pack(">8I", 0, 2, 1, 2, 1, 2, 1, 1)
    assert boxes["co64"] == struct.pack(">2I3Q", 0, 3, first_place, first_place + 100, first_place + 200)
    assert "ctts" not in boxes
    assert "stss" not in boxes


def test_frames_that_are_shown_later_than_decoded() -> None:
    """Composition offsets, where a camera has B-frames."""
    size = len(moof(traf(trun(0xB01, 2, 0, 3000, 10, 6000, 3000, 10, 0))))
    data, _ = movie(moof(traf(trun(0xB01, 2, size + 8, 3000, 10, 6000, 3000, 10, 0))))
    assert table(data)["ctts"] == struct.pack(">6I", 1 << 24, 2, 1, 6000, 1, 0)


def test_a_track_without_samples_is_left_out() -> None:
    """Sound that was switched off: no empty track, which some players stumble over."""
    second = trak(tkhd=full(b"tkhd", "5I", 0, 0, 2, 0, 0, tail=bytes(60)), mdhd=full(b"mdhd", "5I", 0, 0, 48000, 0, 0))
    out = BytesIO()
    writer = MovieWriter(out, moov(MVHD, TRACK, second))
    writer.add(writer.read(at(0, 10)), mdat())
    writer.finish()
    inside = next(child for child in iter_boxes(out.getvalue()) if child.kind == "moov")
    assert [child.kind for child in iter_boxes(inside.payload)] == ["mvhd", "trak"]


def test_no_track_is_no_film() -> None:
    """A movie must declare something."""
    with pytest.raises(MediaError, match="declares no track"):
        MovieWriter(BytesIO(), moov(MVHD))


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        (at(0, 60, 41), "claims bytes that it does not have"),
        (at(0, 10, offset=8), "claims bytes that it does not have"),
        (at(0, 10, offset=2**32 - 100), "claims bytes that it does not have"),
        (at(-10, 10), "does not lie after the one before it"),
        (at(1 << 39, 10), "does not lie after the one before it"),
        (at(1 << 41, 10), "lies at a time that no journey reaches"),
        (at(-(1 << 62), 10), "lies at a time that no journey reaches"),
        (moof(traf(), traf()), "has a track twice"),
        (moof(traf(tfhd=full(b"tfhd", "I", 7))), "belongs to track 7, which is not declared"),
    ],
)
def test_a_fragment_that_does_not_fit_changes_nothing(fragment: bytes, said: str) -> None:
    """It is refused before a byte of it is written."""
    out = BytesIO()
    writer = MovieWriter(out, MOOV)
    writer.add(writer.read(at(0, 10)), mdat())
    before = out.getvalue()
    with pytest.raises(MediaError, match=said):
        writer.add(writer.read(fragment), mdat())
    assert (out.getvalue(), writer.sample_count) == (before, 1)


def test_an_overlap_of_less_than_a_sample_is_taken() -> None:
    """Clocks round; the last sample is shortened by as much."""
    data, _ = movie(at(0, 10), at(2990, 10))
    assert table(data)["stts"] == struct.pack(">6I", 0, 2, 1, 2990, 1, 3000)


def test_an_empty_fragment_is_nothing() -> None:
    """A run of no samples."""
    _, writer = movie(at(0, 10), at(5000), moof(traf()))
    assert writer.sample_count == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (at(0, 10) + box(b"mdat", bytes(10)), "It comes before the description of its tracks"),
        (MOOV + at(0, 99) + box(b"mdat", bytes(10)), "claims bytes that it does not have"),
        (moov(MVHD) + at(0, 1) + box(b"mdat", bytes(10)), "declares no track"),
    ],
)
def test_a_fragment_that_cannot_be_used_is_left_out_and_counted(tmp_path: Path, data: bytes, said: str) -> None:
    """With its size, and with nothing left behind."""
    with Joiner(tmp_path, "journey") as joiner:
        (problem,) = joiner.add_segment([data])
        assert joiner.finish() == ()
    assert problem.startswith("A fragment of ")
    assert said in problem
    assert list(tmp_path.iterdir()) == []


def test_a_film_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    """Even if it came while we worked."""
    with Joiner(tmp_path, "journey") as joiner:
        joiner.add_segment([MOOV + at(0, 10) + box(b"mdat", bytes(10))])
        (tmp_path / "journey.mp4").write_bytes(b"precious")
        with pytest.raises(FileExistsError):
            joiner.finish()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"precious"]


@pytest.fixture(scope="module")
def small() -> bytes:
    return Recording(1, size=(64, 64)).segment(0, 1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=5))
def test_whatever_comes_in_a_film_or_a_problem_comes_out(
    small: bytes, tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    """A hostile recording is no reason to fall over: every field is checked before it is used."""
    data = bytearray(small)
    for position, value in changes:
        data[position] = value
    with Joiner(tmp_path, "journey") as joiner:
        problems = joiner.add_segment([bytes(data)])
        movies = joiner.finish()
    assert movies or problems
    for path in tmp_path.iterdir():
        path.unlink()


def chunked(size: int) -> Callable[[bytes], list[bytes]]:
    return lambda data: [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_pieces_of_any_size_give_the_same_film(small: bytes, tmp_path: Path, size: int) -> None:
    """Decryption's chunks do not know where boxes begin."""
    films = []
    for name, pieces in (("whole", [small]), ("pieces", chunked(size)(small))):
        with Joiner(tmp_path, name) as joiner:
            assert joiner.add_segment(pieces) == ()
            (made,) = joiner.finish()
        films.append(made.path.read_bytes())
    assert films[0] == films[1]


def test_a_stretch_without_a_camera_stays_in_the_film() -> None:
    """A segment of fewer tracks can follow; one of more, or of another codec's timescale, begins another part."""
    second = trak(tkhd=full(b"tkhd", "5I", 0, 0, 2, 0, 0, tail=bytes(60)), mdhd=full(b"mdhd", "5I", 0, 0, 48000, 0, 0))
    other = trak(tkhd=full(b"tkhd", "5I", 0, 0, 1, 0, 0, tail=bytes(60)), mdhd=full(b"mdhd", "5I", 0, 0, 600, 0, 0))
    both = moov(MVHD, TRACK, second)
    assert MovieWriter(BytesIO(), both).has_parameters_of(MOOV)
    assert not MovieWriter(BytesIO(), MOOV).has_parameters_of(both)
    assert not MovieWriter(BytesIO(), both).has_parameters_of(moov(MVHD, other))
