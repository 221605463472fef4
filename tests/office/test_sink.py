"""A film's bytes are where they belong, and what the disk refuses is not passed over."""

import errno
import mmap
import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.office.sink import FileSink, _pass_by_cache

PIECE = bytes(range(256)) * 200  # 51 200 bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "film"


@pytest.fixture
def sink(path: Path) -> Iterator[FileSink]:
    sink = FileSink(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    yield sink
    sink.close()


@pytest.mark.parametrize("by", ["past the cache", "the cache"])
def test_pieces_become_one_file(sink: FileSink, path: Path, by: str) -> None:
    """Large ones and many small ones, and a beginning that is written again; also where there is no O_DIRECT."""
    if by == "the cache":
        assert _pass_by_cache(sink._fd, wanted=False)
    piece = bytearray(PIECE)
    for _ in range(400):  # 20 MB: some of it is on its way to the disk by then
        piece[:] = PIECE
        sink.write(memoryview(piece))
        piece[:] = bytes(len(piece))  # a copy was taken
    for _ in range(2000):
        sink.write(b"x")
    sink.seek(4)
    sink.write(b"again")
    sink.sync()
    expected = bytearray(PIECE * 400 + b"x" * 2000)
    expected[4:9] = b"again"
    assert path.read_bytes() == expected


def test_blocks_pass_by_the_cache(sink: FileSink, path: Path) -> None:
    """All that is whole pages."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=True).stdout
    if kind.strip() == "tmpfs":
        pytest.skip("a tmpfs lies in the cache, and nowhere else")
    size_bytes = len(PIECE) * 200
    for _ in range(200):
        sink.write(PIECE)
    sink.sync()
    probe = ["fincore", "--bytes", "--noheadings", "--output", "res", str(path)]
    cached_bytes = int(subprocess.run(probe, capture_output=True, text=True, check=True).stdout)
    assert path.stat().st_size == size_bytes
    assert cached_bytes < size_bytes // 2


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.integers(0, 9000), max_size=12), taken=st.integers(1, 9000))
def test_a_disk_that_takes_a_part_is_asked_again(tmp_path: Path, pieces: list[int], taken: int) -> None:
    """pwrite(2) may take less than it was given, and O_DIRECT refuses what are no whole pages; nothing is lost."""
    path = tmp_path / "short"
    path.unlink(missing_ok=True)
    whole_write = os.pwrite
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recorder.office.sink._BLOCK_BYTES", mmap.PAGESIZE)
        patch.setattr(os, "pwrite", lambda fd, data, position: whole_write(fd, data[:taken], position))
        sink = FileSink(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        for number, size in enumerate(pieces):
            sink.write(bytes((number + at) % 251 for at in range(size)))
        sink.sync()
        sink.close()
    assert path.read_bytes() == b"".join(
        bytes((number + at) % 251 for at in range(size)) for number, size in enumerate(pieces)
    )


def test_a_full_disk_is_said() -> None:
    """Early: nobody opens a day of footage to learn at its end that the disk was full."""
    sink = FileSink(os.open("/dev/full", os.O_WRONLY))
    written = count()

    def write_a_day() -> None:
        for _ in zip(range(30_000), written, strict=False):
            sink.write(PIECE)

    try:
        with pytest.raises(OSError, match="No space left") as refused:
            write_a_day()
        assert refused.value.errno == errno.ENOSPC
        assert next(written) < 200
    finally:
        sink.close()


def test_a_small_film_on_a_full_disk_is_said() -> None:
    """It is written when it is whole."""
    sink = FileSink(os.open("/dev/full", os.O_WRONLY))
    try:
        sink.write(PIECE)
        with pytest.raises(OSError, match="No space left"):
            sink.sync()
    finally:
        sink.close()


def test_what_the_kernel_does_not_take_at_all_is_said(sink: FileSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once more, by the cache."""
    asked = []

    def refuse(_: int, data: memoryview, position: int) -> int:
        asked.append((len(data), position))
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "pwrite", refuse)
    sink.write(PIECE)
    assert _pass_by_cache(sink._fd, wanted=False)
    with pytest.raises(OSError, match="Invalid argument"):
        sink.sync()
    assert asked == [(len(PIECE), 0)]


def test_closing_twice_is_as_good_as_once(sink: FileSink, path: Path) -> None:
    """What was written stays; whether it has a name is not the sink's to say."""
    sink.write(b"a little")
    sink.sync()
    sink.close()
    sink.close()
    assert path.read_bytes() == b"a little"
