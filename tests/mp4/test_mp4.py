"""Boxes are read with suspicion: what does not fit is a MediaError, never a hang, a crash or a wrong number."""

import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import MediaError
from recorder.mp4 import (
    MAX_BOX_BYTES,
    Box,
    BoxSplitter,
    BoxView,
    SampleDefaults,
    Track,
    free_box,
    iter_boxes,
    read_tracks,
)
from recorder.mp4_fragments import Run, TrackFragment, read_fragment
from tests.mp4.times import FragmentTimes, fragment_times


def box(kind: bytes, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, layout: str, *values: int, version: int = 0, flags: int = 0, tail: bytes = b"") -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), struct.pack(f">{layout}", *values), tail)


STSD = full(b"stsd", "I", 0)
MVHD = full(b"mvhd", "4I", 0, 0, 1000, 0)


def trak(
    *,
    tkhd: bytes = full(b"tkhd", "5I", 0, 0, 1, 0, 0),
    mdhd: bytes = full(b"mdhd", "4I", 0, 0, 90000, 0),
    hdlr: bytes = full(b"hdlr", "I4s", 0, b"vide"),  # type: ignore[arg-type]
    edts: bytes = b"",
    stbl: bytes = box(b"stbl", STSD),
) -> bytes:
    return box(b"trak", tkhd, edts, box(b"mdia", mdhd, hdlr, box(b"minf", stbl)))


def moov(*children: bytes) -> bytes:
    return box(b"moov", *children)


def trun(flags: int, *values: int, version: int = 0) -> bytes:
    return full(b"trun", f"{len(values)}I", *values, version=version, flags=flags)


def moof(*trafs: bytes) -> bytes:
    return box(b"moof", full(b"mfhd", "I", 1), *trafs)


def traf(*runs: bytes, tfhd: bytes = full(b"tfhd", "I", 1), tfdt: bytes = full(b"tfdt", "q", 0, version=1)) -> bytes:
    return box(b"traf", tfhd, tfdt, *runs)


def split(splitter: BoxSplitter, data: bytes | memoryview) -> Iterator[BoxView]:
    """The boxes that ``data`` completes."""
    splitter.append(data)
    return splitter.boxes()


# --- boxes -------------------------------------------------------------------------------------------------------


def test_boxes_come_out_as_they_went_in() -> None:
    """Kind, header and payload of ordinary and of 64-bit boxes."""
    large = struct.pack(">I4sQ", 1, b"mdat", 18) + b"xy"
    views = list(split(BoxSplitter(), box(b"ftyp", b"isom") + large))
    assert [(view.kind, view.data, view.header_bytes, view.payload) for view in views] == [
        ("ftyp", box(b"ftyp", b"isom"), 8, b"isom"),
        ("mdat", large, 16, b"xy"),
    ]
    assert list(iter_boxes(box(b"ftyp", b"isom") + large)) == [
        Box("ftyp", box(b"ftyp", b"isom"), 8),
        Box("mdat", large, 16),
    ]
    assert [found.payload for found in iter_boxes(large)] == [b"xy"]


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_a_stream_in_any_pieces_gives_the_same_boxes(payloads: list[bytes], data: st.DataObject) -> None:
    """Where the pieces are cut makes no difference, nor who copied them; what is not whole yet is counted."""
    boxes = [box(b"free", payload) for payload in payloads]
    stream = b"".join(boxes)
    splitter = BoxSplitter()
    splitter._memory = memoryview(bytearray(data.draw(st.integers(1, 100))))  # so that it is moved about, and grows
    found: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(stream):
        piece: bytes | memoryview = stream[position : position + data.draw(st.integers(0, len(stream) - position))]
        if data.draw(st.booleans()):
            room = splitter.room(len(piece))
            room[:] = piece
            piece = room
        position += len(piece)
        found += [(bytes(view.data), bytes(view.payload)) for view in split(splitter, piece)]
        assert sum(len(whole) for whole, _ in found) + splitter.pending_bytes == position
    assert found == list(zip(boxes, payloads, strict=True))
    assert splitter.pending_bytes == 0


def test_a_splitter_begins_anew() -> None:
    """Whatever the stream before it left behind."""
    splitter = BoxSplitter()
    assert not list(split(splitter, struct.pack(">I4sI", 100, b"free", 0)))
    room = splitter.room(11)
    room[:] = box(b"free", b"old")
    splitter.clear()
    assert not list(split(splitter, b""))
    assert [bytes(view.data) for view in split(splitter, room)] == [box(b"free", b"old")]  # copied, as any bytes
    assert [view.data for view in split(splitter, box(b"free", b"new"))] == [box(b"free", b"new")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(struct.pack(">I4s", 0, b"mdat"), id="to the end of the file"),
        pytest.param(struct.pack(">I4s", 7, b"mdat"), id="shorter than its header"),
        pytest.param(struct.pack(">I4sQ", 1, b"mdat", 15), id="64 bits, shorter than its header"),
        pytest.param(struct.pack(">I4s", MAX_BOX_BYTES + 1, b"mdat"), id="larger than any of ours"),
        pytest.param(struct.pack(">I4sQ", 1, b"mdat", 1 << 63), id="larger than any disk"),
        pytest.param(box(b"free", b"12345")[:-1], id="cut off"),
        pytest.param(struct.pack(">I4sI", 1, b"mdat", 0), id="cut off in a 64-bit header"),
        pytest.param(b"\0\0\0", id="cut off in its header"),
    ],
)
def test_what_is_no_box_is_refused(data: bytes) -> None:
    """A size that is not the box's is never believed."""
    with pytest.raises(MediaError):
        list(iter_boxes(data))


def test_boxes_before_a_broken_one_are_given_out() -> None:
    """Damage takes nothing with it that came before."""
    boxes = split(BoxSplitter(), box(b"free", b"good") + struct.pack(">I4s", 3, b"evil"))
    assert next(boxes).data == box(b"free", b"good")
    with pytest.raises(MediaError):
        next(boxes)


@pytest.mark.parametrize("size", [8, 9, 65536])
def test_a_free_box_has_the_size_asked_for(size: int) -> None:
    """Padding fills exactly what it is to fill."""
    (found,) = iter_boxes(free_box(size))
    assert (found.kind, len(found.data), set(found.payload) <= {0}) == ("free", size, True)


@pytest.mark.parametrize("size", [-1, 0, 7, MAX_BOX_BYTES + 1])
def test_a_free_box_that_cannot_be_is_refused(size: int) -> None:
    """Fewer bytes than a header make no box."""
    with pytest.raises(ValueError, match="a free box has 8 to"):
        free_box(size)


# --- tracks ------------------------------------------------------------------------------------------------------


def test_tracks_are_read_in_both_versions() -> None:
    """32-bit and 64-bit headers, defaults and edits, as libavformat and others write them."""
    sound = trak(
        tkhd=full(b"tkhd", "QQIIQ", 0, 0, 2, 0, 0, version=1),
        mdhd=full(b"mdhd", "QQIQ", 0, 0, 48000, 0, version=1),
        hdlr=full(b"hdlr", "I4s", 0, b"soun"),  # type: ignore[arg-type]
        edts=box(b"edts", full(b"elst", "IQqIQqI", 2, 40, -1, 0x10000, 0, 1024, 0x10000, version=1)),
    )
    video = trak(edts=box(b"edts", full(b"elst", "IIiI", 1, 0, 0, 0x10000)))
    mvex = box(b"mvex", full(b"mehd", "I", 0), full(b"trex", "5I", 2, 1, 1024, 7, 0x10000))
    assert read_tracks(moov(MVHD, video, sound, mvex)) == {
        1: Track(1, "vide", 90000, STSD, SampleDefaults(), 1000, 0, 0),
        2: Track(2, "soun", 48000, STSD, SampleDefaults(1024, 7, 0x10000), 1000, 1024, 40),
    }


def test_tracks_are_read_from_boxes_of_either_length() -> None:
    """A large header on a small box is allowed, and nobody's."""
    large = struct.pack(">I4sQ", 1, b"free", 18) + b"xy"
    assert read_tracks(moov(large, MVHD, trak())) == read_tracks(moov(MVHD, trak()))


def test_an_edit_list_of_waiting_alone_shows_from_the_start() -> None:
    """Empty edits without one that follows still delay."""
    edts = box(b"edts", full(b"elst", "IIiI", 1, 40, -1, 0x10000))
    track = read_tracks(moov(MVHD, trak(edts=edts)))[1]
    assert (track.delay, track.media_start) == (40, 0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(box(b"free"), id="another box"),
        pytest.param(moov(trak()), id="no mvhd"),
        pytest.param(moov(MVHD, MVHD, trak()), id="two mvhd"),
        pytest.param(moov(full(b"mvhd", "4I", 0, 0, 0, 0), trak()), id="timescale of zero"),
        pytest.param(moov(box(b"mvhd"), trak()), id="mvhd too short"),
        pytest.param(moov(MVHD, trak(), trak()), id="a track twice"),
        pytest.param(moov(MVHD, trak(tkhd=b"")), id="no tkhd"),
        pytest.param(moov(MVHD, trak(stbl=box(b"stbl"))), id="no stsd"),
        pytest.param(moov(MVHD, trak(edts=box(b"edts"))), id="no elst"),
        pytest.param(moov(MVHD, trak(edts=box(b"edts", full(b"elst", "I", 4)))), id="elst too short"),
        pytest.param(moov(MVHD, box(b"mvex", full(b"trex", "I", 1))), id="trex too short"),
    ],
)
def test_a_moov_that_does_not_fit_is_refused(data: bytes) -> None:
    """What a movie must declare is there once and whole."""
    with pytest.raises(MediaError):
        read_tracks(data)


# --- fragments ---------------------------------------------------------------------------------------------------


def test_a_run_with_everything_in_it() -> None:
    """Duration, size, flags and composition offset of each sample."""
    run = trun(0x1 | 0xF00, 2, 100, 10, 500, 0, 0, 20, 600, 0x10000, 2**32 - 5, version=1)
    tfdt = full(b"tfdt", "I", 77)
    assert read_fragment(moof(traf(run, tfdt=tfdt))) == (
        TrackFragment(1, 77, (Run(100, (10, 20), (500, 600), (True, False), (0, -5)),)),
    )


def test_defaults_come_from_the_fragment_before_the_movie() -> None:
    """What tfhd says is nearer than what trex says; a description index in between is passed over."""
    tfhd = full(b"tfhd", "5I", 1, 9, 1024, 300, 0x10000, flags=0x2 | 0x8 | 0x10 | 0x20)
    (part,) = read_fragment(moof(traf(trun(0x1, 2, 8), tfhd=tfhd)), {1: SampleDefaults(1, 2, 0)})
    assert part.runs == (Run(8, (1024, 1024), (300, 300), (False, False), (0, 0)),)
    tfhd = full(b"tfhd", "2I", 1, 300, flags=0x10)
    (part,) = read_fragment(moof(traf(trun(0x1, 2, 8), tfhd=tfhd)), {1: SampleDefaults(1, 2, 0)})
    assert part.runs == (Run(8, (1, 1), (300, 300), (True, True), (0, 0)),)
    (part,) = read_fragment(moof(traf(trun(0x1, 2, 8))), {1: SampleDefaults(1, 2, 0)})
    assert part.runs == (Run(8, (1, 1), (2, 2), (True, True), (0, 0)),)


def test_boxes_that_say_nothing_of_samples_are_passed_over() -> None:
    """In a fragment and in what it holds of a track."""
    run = trun(0x1, 1, 8)
    plain = read_fragment(moof(traf(run)))
    assert read_fragment(box(b"moof", box(b"free", b"word"), traf(box(b"free"), run, box(b"sdtp", b"word")))) == plain


def test_the_first_sample_may_have_flags_of_its_own() -> None:
    """A keyframe before frames that depend on it, as libavformat writes a GOP."""
    defaults = {1: SampleDefaults(flags=0x10000)}
    (part,) = read_fragment(moof(traf(trun(0x5, 3, 8, 0))), defaults)
    assert part.runs[0].sync == (True, False, False)
    (part,) = read_fragment(moof(traf(trun(0x5, 0, 8, 0))), defaults)
    assert part.runs[0].sync == ()


def test_times_of_a_fragment() -> None:
    """How far it reaches in each track; time before zero is the priming of an audio encoder."""
    video = traf(trun(0x101, 2, 8, 3000, 3003), trun(0x101, 1, 9, 4), tfdt=full(b"tfdt", "q", 90000, version=1))
    sound = traf(tfhd=full(b"tfhd", "I", 2), tfdt=full(b"tfdt", "q", -1024, version=1))
    assert fragment_times(moof(video, sound)) == {1: FragmentTimes(90000, 6007, 3), 2: FragmentTimes(-1024, 0, 0)}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(moov(), id="another box"),
        pytest.param(moof(box(b"traf")), id="empty traf"),
        pytest.param(moof(struct.pack(">I4sQ", 1, b"free", 16), traf()), id="a 64-bit length"),
        pytest.param(moof(box(b"free", b"odd!?"), box(b"free", b"abc"), traf()), id="boxes that are no words"),
        pytest.param(moof(traf()) + b"\0", id="a byte behind it"),
        pytest.param(moof(traf(full(b"tfdt", "q", 0, version=1))), id="two tfdt"),
        pytest.param(moof(box(b"traf", full(b"tfhd", "I", 1))), id="no tfdt"),
        pytest.param(moof(traf(tfhd=full(b"tfhd", "IQ", 1, 0, flags=1))), id="bytes counted from elsewhere"),
        pytest.param(moof(traf(tfhd=full(b"tfhd", "I", 1, flags=8))), id="tfhd too short"),
        pytest.param(moof(traf(trun(0x0, 1))), id="no place"),
        pytest.param(moof(traf(trun(0x1, 2**32 - 1, 8))), id="four billion samples"),
        pytest.param(moof(traf(trun(0x101, 3, 8, 1, 2))), id="fewer samples than counted"),
    ],
)
def test_a_moof_that_does_not_fit_is_refused(data: bytes) -> None:
    """Counts are checked against the bytes at hand."""
    with pytest.raises(MediaError):
        fragment_times(data)


@pytest.mark.parametrize("read", [lambda data: list(iter_boxes(data)), read_tracks, read_fragment])
@given(
    base=st.sampled_from([moov(MVHD, trak()), moof(traf(trun(0x101, 2, 8, 1, 2)))]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 400),
)
def test_damage_is_a_media_error_or_nothing(
    read: Callable[[bytes], object], base: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    """Whatever bytes come in, the answer is a value or a MediaError."""
    data = bytearray(base)
    for position, value in changes:
        data[position % len(data)] = value
    said = "The MP4 is as it should be"
    try:
        read(bytes(data[: len(data) - cut % len(data)]))
    except MediaError as error:
        said = str(error)
    assert said.startswith(("The MP4", "This is not"))
