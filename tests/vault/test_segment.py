"""One segment on a real disk: what is durable when, what a cut leaves, what stock tools make of it."""

import hashlib
import os
import random
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import StoreError
from recorder.mp4 import free_box, iter_boxes
from recorder.vault import diskio, words
from recorder.vault.age import CHUNK_BYTES, NONCE_BYTES, X25519Identity
from recorder.vault.journal import read_entries
from recorder.vault.padding import BoxTracker, padding
from recorder.vault.sealing import epoch_of
from recorder.vault.segment import RESERVE_BYTES, SegmentWriter
from recorder.vault.store import Store
from tests.vault.kit import Facts, FakeClock, age_file, fragment, header_of, init_segment, plaintext, whole_chunks

SEALED_CHUNK_BYTES = CHUNK_BYTES + 16


@pytest.fixture
def writer(store: Store, journey_id: str, clock: FakeClock) -> SegmentWriter:
    return store.open_segment(journey_id, 1, clock.now_ns)


@pytest.fixture
def path(store: Store, journey_id: str) -> Path:
    return store.journey(journey_id).path


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each file at each of its fdatasyncs."""
    sizes: list[int] = []
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        real(fd)
        sizes.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    return sizes


def test_a_sealed_segment_is_a_stock_age_file(
    writer: SegmentWriter, path: Path, clock: FakeClock, identity: X25519Identity, tmp_path: Path
) -> None:
    """Header and body, put one behind the other, open with ``age -d`` and give back every byte."""
    mp4 = init_segment() + b"".join(fragment(40_000) for _ in range(5))
    writer.write(mp4, "all")
    assert writer.seal("rotation", Facts(clock.now_ns, clock.now_ns)) == "all"
    (tmp_path / "identity.txt").write_text(identity.text + "\n")
    joined = age_file(path, 1)
    age = shutil.which("age")
    assert age is not None, "Debian's age is part of the test machine"
    opened = subprocess.run([age, "-d", "-i", tmp_path / "identity.txt"], input=joined, capture_output=True, check=True)
    assert opened.stdout == mp4


def test_the_log_knows_header_and_body(writer: SegmentWriter, path: Path, clock: FakeClock) -> None:
    """Opening and seal are signed entries: hashes, sizes, times, counts, gaps."""
    first_ns = clock.now_ns
    writer.write(fragment(1000), 1)
    clock.advance(10)
    writer.seal("withdrawn", Facts(first_ns, clock.now_ns, 299, 479_000, ({"medium": "audio", "length_ns": 5},)))
    body = (path / "00001.body").read_bytes()
    opened, sealed = read_entries(path / "log.jsonl")[-2:]
    assert (opened.event, opened.data) == (
        words.SEGMENT_OPENED,
        {
            "number": 1,
            "header_sha256": hashlib.sha256(header_of(path, 1)).hexdigest(),
            "epoch": epoch_of((path / "00001.head").read_bytes()),
            "first_utc": "2026-11-22T13:11:43.000Z",
            "first_boottime_ns": first_ns,
        },
    )
    assert (sealed.event, sealed.data) == (
        words.SEGMENT_SEALED,
        {
            "number": 1,
            "reason": "withdrawn",
            "body_sha256": hashlib.sha256(body).hexdigest(),
            "size_bytes": len(body),
            "first_utc": "2026-11-22T13:11:43.000Z",
            "first_boottime_ns": first_ns,
            "last_utc": "2026-11-22T13:11:53.000Z",
            "last_boottime_ns": clock.now_ns,
            "video_frames": 299,
            "audio_samples": 479_000,
            "gaps": [{"medium": "audio", "length_ns": 5}],
        },
    )


def test_a_mark_comes_back_when_what_it_marks_is_synced(
    writer: SegmentWriter, path: Path, clock: FakeClock, syncs: list[int]
) -> None:
    """Not when it is written, not when it is encrypted: when its last byte lies in a synced whole chunk."""
    body = path / "00001.body"
    writer.write(fragment(CHUNK_BYTES), "first")
    assert writer.maintain(clock.now_ns) is None
    writer.write(fragment(1000), "second")
    assert body.stat().st_size == NONCE_BYTES + SEALED_CHUNK_BYTES
    assert writer.maintain(clock.now_ns) is None
    clock.advance(0.29)
    assert writer.maintain(clock.now_ns) is None
    assert syncs == []
    clock.advance(0.01)
    assert writer.maintain(clock.now_ns) == "first"
    assert syncs == [NONCE_BYTES + SEALED_CHUNK_BYTES]
    writer.write(fragment(CHUNK_BYTES), "third")
    assert writer.maintain(clock.now_ns) is None
    clock.advance(0.3)
    assert writer.maintain(clock.now_ns) == "second"
    assert writer.seal("stop", Facts(0, 0)) == "third"


def test_three_chunks_are_synced_as_soon_as_they_are_written(
    writer: SegmentWriter, clock: FakeClock, syncs: list[int]
) -> None:
    """A lively scene waits for no clock, and no sync is made for less; nor is any without new data."""
    for number in range(30):
        writer.write(fragment(CHUNK_BYTES), number)
        clock.advance(0.1)
        assert writer.maintain(clock.now_ns) == (number - 1 if number and number % 3 == 0 else None)
    assert len(syncs) == 9
    for _ in range(3):
        clock.advance(0.3)
        writer.maintain(clock.now_ns)
    assert len(syncs) == 11  # two chunks, and the last fragment, which waited for its chunk and was padded


@pytest.mark.parametrize("chunks", [1, 2, 4])
def test_what_comes_together_now_and_then_is_synced_when_it_comes(
    writer: SegmentWriter, clock: FakeClock, syncs: list[int], chunks: int
) -> None:
    """However few chunks it fills: what waited in capture has waited, and none is left for the next time."""
    writer.write(fragment(100), (0, "all"))
    for number in range(1, 11):
        clock.advance(0.4)
        writer.write(fragment(chunks * CHUNK_BYTES - 200), (number, "most"))
        writer.write(fragment(200), (number, "all"))
        assert writer.maintain(clock.now_ns) == (number, "most")
        assert len(syncs) == number


def test_room_is_reserved_and_what_is_left_of_it_given_back(
    writer: SegmentWriter, path: Path, clock: FakeClock
) -> None:
    """So that a sync need not note new blocks; the size is always what was written, and the seal keeps no more."""
    body = path / "00001.body"
    writer.write(fragment(CHUNK_BYTES), 1)
    writer.write(fragment(100), 2)
    assert body.stat().st_size == NONCE_BYTES + SEALED_CHUNK_BYTES
    assert body.stat().st_blocks * 512 >= RESERVE_BYTES
    writer.seal("stop", Facts(0, 0))
    assert body.stat().st_blocks * 512 < RESERVE_BYTES // 8


def test_a_card_without_room_to_reserve_is_written_all_the_same(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it matter whether the file system can."""
    monkeypatch.setattr(diskio, "reserve", lambda *_: False)
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    piece = fragment(CHUNK_BYTES * 2)
    writer.write(piece, None)
    writer.seal("stop", Facts(0, 0))
    assert plaintext(store.journey(journey_id).path, 1, identity) == piece


def test_a_still_scene_is_pushed_out_by_a_free_box(
    writer: SegmentWriter, path: Path, clock: FakeClock, identity: X25519Identity, syncs: list[int]
) -> None:
    """What has waited 0.35 s for its chunk to fill is padded, written and synced; the MP4 stays one."""
    scene = [init_segment(), fragment(6000), fragment(6000), fragment(6000)]
    for number, piece in enumerate(scene):
        writer.maintain(clock.now_ns)
        writer.write(piece, number)
        clock.advance(0.08)
        assert writer.maintain(clock.now_ns) is None
    clock.advance(0.03)
    assert syncs == []
    assert writer.maintain(clock.now_ns) == 3
    assert syncs == [NONCE_BYTES + SEALED_CHUNK_BYTES]
    shutil.copyfile(path / "00001.body", path / "durable.body")
    writer.seal("stop", Facts(0, 0))
    mp4 = plaintext(path, 1, identity)
    boxes = list(iter_boxes(mp4))
    assert [box.kind for box in boxes] == ["ftyp", "free", *["moof", "mdat"] * 3, "free"]
    assert len(mp4) == CHUNK_BYTES + 1  # the box ends one byte into the next chunk, for only that byte ends the first
    assert b"".join(box.data for box in boxes[:-1]) == b"".join(scene)
    assert set(boxes[-1].payload) <= {0}


def test_padding_alone_is_never_padded(writer: SegmentWriter, path: Path, clock: FakeClock) -> None:
    """A scene with nothing new writes nothing new, however long it lasts."""
    writer.write(fragment(6000), None)
    for _ in range(100):
        clock.advance(0.1)
        writer.maintain(clock.now_ns)
    assert (path / "00001.body").stat().st_size == NONCE_BYTES + SEALED_CHUNK_BYTES


@pytest.mark.parametrize("missing_bytes", range(10))
def test_a_nearly_full_chunk_is_pushed_out_too(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity, missing_bytes: int
) -> None:
    """Where fewer bytes are missing than the smallest box has, the box reaches into the next chunk."""
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    piece = fragment(CHUNK_BYTES - missing_bytes)
    writer.write(piece, "it")
    clock.advance(0.5)
    assert writer.maintain(clock.now_ns) == "it"
    writer.seal("stop", Facts(0, 0))
    box_bytes = max(8, missing_bytes + 1)
    assert plaintext(store.journey(journey_id).path, 1, identity) == piece + free_box(box_bytes)


def test_padding_waits_for_a_place_where_it_may_stand(
    writer: SegmentWriter, path: Path, clock: FakeClock, identity: X25519Identity
) -> None:
    """Never inside a box and never between a moof and its mdat, whose offsets would point beside the samples."""
    whole = fragment(6000)
    for piece in (whole[:5], whole[5:16], whole[16:30], whole[30:-1]):
        writer.write(piece, "part")
        clock.advance(1)
        assert writer.maintain(clock.now_ns) is None
    writer.write(whole[-1:], "whole")
    clock.advance(0.1)
    assert writer.maintain(clock.now_ns) == "whole"
    writer.seal("stop", Facts(0, 0))
    assert [box.kind for box in iter_boxes(plaintext(path, 1, identity))] == ["moof", "mdat", "free"]


@pytest.mark.parametrize("level", ["lively", "still"])
def test_a_killed_writer_loses_less_than_a_second(
    writer: SegmentWriter, path: Path, clock: FakeClock, identity: X25519Identity, level: str
) -> None:
    """A still scene is as safe as a lively one: what was written a second ago is in the body, whole."""
    size_bytes = {"lively": 125_000, "still": 6_500}[level]  # 4 Mb/s and 0.2 Mb/s, in pieces of 0.25 s
    written: list[tuple[int, bytes]] = []
    rng = random.Random(1)
    for tick in range(200):
        if tick % 3 == 0:
            piece = fragment(size_bytes)
            writer.write(piece, tick)
            written.append((clock.now_ns, piece))
        clock.advance(rng.uniform(0.05, 0.1))
        writer.maintain(clock.now_ns)
        durable = whole_chunks(path, 1, identity)
        older = b"".join(piece for at_ns, piece in written if clock.now_ns - at_ns > 700_000_000)
        assert _without_padding(durable).startswith(older)


def _without_padding(mp4: bytes) -> bytes:
    """The boxes that are no padding; the last one may be cut off."""
    footage = bytearray()
    at = 0
    while at + 8 <= len(mp4):
        size_bytes = int.from_bytes(mp4[at : at + 4], "big")
        if mp4[at + 4 : at + 8] != b"free":
            footage += mp4[at : at + size_bytes]
        at += size_bytes
    return bytes(footage)


def test_nothing_of_the_plaintext_is_on_the_card(writer: SegmentWriter, store: Store, clock: FakeClock) -> None:
    """Neither the footage nor a word that MP4, H.264 or AAC are known by, while writing and after the seal."""
    secret = b"\x00\x00\x00\x01\x67\x42SECRET-PICTURE-AND-SOUND"
    for tick in range(40):
        writer.write((init_segment() if tick == 0 else b"") + fragment(9000, secret), tick)
        clock.advance(0.3)
        writer.maintain(clock.now_ns)
    _hunt(store.root, secret)
    writer.seal("stop", Facts(0, 0))
    _hunt(store.root, secret)


def _hunt(root: Path, secret: bytes) -> None:
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) == 6  # ledger, two copies of the keyring, log, header, body
    for path in files:
        data = path.read_bytes()
        for marker in (secret[4:], b"SECRET", b"moof", b"mdat", b"ftyp", b"moov", b"\x00\x00\x00\x01\x67"):
            assert marker not in data, (path, marker)


def test_two_segments_of_the_same_footage_have_nothing_in_common(
    store: Store, journey_id: str, clock: FakeClock
) -> None:
    """A key and a nonce are used once."""
    bodies = []
    for number in (1, 2):
        writer = store.open_segment(journey_id, number, clock.now_ns)
        writer.write(fragment(200_000, b"same"), None)
        writer.seal("stop", Facts(0, 0))
        bodies.append((store.journey(journey_id).path / f"{number:05d}.body").read_bytes())
    first, second = ({body[at : at + 16] for at in range(0, len(body) - 16, 16)} for body in bodies)
    assert not first & second


def test_a_failed_write_is_said_again_and_again(
    writer: SegmentWriter, store: Store, journey_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one error nothing more is written, every call repeats it, and the segment is a torn one, whole so far."""

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    writer.write(fragment(CHUNK_BYTES + 1), "kept")
    clock.advance(0.3)
    assert writer.maintain(clock.now_ns) is None
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        writer.write(fragment(CHUNK_BYTES), "lost")
    assert caught.value.errno == 28
    monkeypatch.undo()
    for call in (
        lambda: writer.write(b"more", "more"),
        lambda: writer.maintain(clock.now_ns),
        lambda: writer.seal("stop", Facts(0, 0)),
    ):
        with pytest.raises(StoreError) as again:
            call()
        assert again.value is caught.value
    (segment,) = store.journey(journey_id).segments
    assert (segment.torn, segment.live, segment.signed) == (True, False, False)


def test_a_body_that_cannot_be_begun_is_let_go(
    store: Store, journey_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that fails at the first sync gives one error, and no body that looks as if somebody wrote it."""
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        if os.fstat(fd).st_size == NONCE_BYTES:
            raise OSError(5, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with pytest.raises(StoreError, match=r"00001\.body cannot be created: Input/output error\."):
        store.open_segment(journey_id, 1, clock.now_ns)
    (segment,) = store.journey(journey_id).segments
    assert (segment.torn, segment.live) == (True, False)
    monkeypatch.undo()
    assert store.journey(journey_id).next_segment == 2


def test_facts_that_cannot_be_logged_close_the_segment_as_torn(
    writer: SegmentWriter, store: Store, journey_id: str
) -> None:
    """A seal that fails for any reason leaves no body locked behind."""
    with pytest.raises(TypeError):
        writer.seal("stop", Facts(0, 0, gaps=({"what": object()},)))
    (segment,) = store.journey(journey_id).segments
    assert (segment.torn, segment.live) == (True, False)


def test_a_sealed_segment_takes_nothing_more(writer: SegmentWriter) -> None:
    """Not even a second seal."""
    writer.write(fragment(100), "it")
    writer.seal("stop", Facts(0, 0))
    with pytest.raises(StoreError, match="is sealed"):
        writer.seal("stop", Facts(0, 0))
    with pytest.raises(StoreError, match="is sealed"):
        writer.write(b"more", "more")


def test_a_segment_without_data_seals_too(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity
) -> None:
    """A camera may die before its first frame; the mark is then the one given for nothing."""
    writer = store.open_segment(journey_id, 1, clock.now_ns, nothing="nothing")
    assert writer.seal("fault", Facts(0, 0, 0, 0)) == "nothing"
    assert plaintext(store.journey(journey_id).path, 1, identity) == b""


def test_a_segment_is_live_until_it_is_sealed(writer: SegmentWriter, store: Store, journey_id: str) -> None:
    """Everyone can see that somebody writes it."""

    def seen() -> tuple[bool, bool, bool]:
        (segment,) = store.journey(journey_id).segments
        return segment.live, segment.torn, segment.signed

    assert seen() == (True, False, False)
    writer.seal("stop", Facts(0, 0))
    assert seen() == (False, False, True)


# --- padding -----------------------------------------------------------------------------------------------------


def large_box(payload: bytes) -> bytes:
    return (1).to_bytes(4, "big") + b"mdat" + (16 + len(payload)).to_bytes(8, "big") + payload


@given(
    st.lists(
        st.sampled_from([free_box(8), free_box(30), large_box(b""), large_box(b"12345"), fragment(40)[:16]]), max_size=8
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200)
def test_the_tracker_knows_each_place_between_boxes(boxes: list[bytes], rng: random.Random) -> None:
    """Fed in pieces of any size, it allows padding exactly at the ends of boxes that are no moof."""
    allowed, end = {0}, 0
    for box in boxes:
        end += len(box)
        if box[4:8] != b"moof":
            allowed.add(end)
    stream = b"".join(boxes)
    cuts = sorted({0, len(stream), *(rng.randrange(len(stream) + 1) for _ in range(12))})
    tracker = BoxTracker()
    for start, stop in pairwise(cuts):
        tracker.feed(stream[start:stop])
        assert tracker.may_pad == (stop in allowed)


@pytest.mark.parametrize("header", [b"\x00\x00\x00\x00mdat", b"\x00\x00\x00\x07free", large_box(b"")[:8] + bytes(8)])
def test_what_is_no_mp4_or_has_no_end_is_never_padded(header: bytes) -> None:
    """Padding in the wrong place would destroy footage; none at all only delays it."""
    tracker = BoxTracker()
    tracker.feed(header)
    assert not tracker.may_pad
    tracker.feed(free_box(8))
    assert not tracker.may_pad


def test_padding_has_the_size_asked_for_or_the_smallest_there_is() -> None:
    """Eight bytes are the smallest box."""
    assert [len(padding(size)) for size in (0, 1, 7, 8, 9, 65_537)] == [8, 8, 8, 8, 9, 65_537]
