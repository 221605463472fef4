"""A film's bytes are where they belong, and what the disk refuses is not passed over."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.office.sink import FileSink

PIECE = bytes(range(256)) * 200  # 51 200 bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "film"


@pytest.fixture
def sink(path: Path) -> Iterator[FileSink]:
    sink = FileSink(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    yield sink
    sink.close()


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_pieces_become_one_file(sink: FileSink, path: Path, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large ones and many small ones, and a beginning that is written again; also where the kernel takes no hint."""
    if system == "macos":
        monkeypatch.delattr(os, "posix_fadvise")
    for _ in range(400):  # 20 MB: some of it is on its way to the disk by then
        sink.write(memoryview(PIECE))
        sink.flush()
    for _ in range(2000):
        sink.write(b"x")
    sink.seek(4)
    sink.write(b"again")
    sink.sync()
    expected = bytearray(PIECE * 400 + b"x" * 2000)
    expected[4:9] = b"again"
    assert path.read_bytes() == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.binary(max_size=50), max_size=20),
    flushed=st.sets(st.integers(0, 19)),
    page=st.integers(1, 60),
    taken=st.integers(1, 30),
    together=st.integers(1, 3),
)
def test_a_disk_that_takes_a_part_is_asked_again(
    tmp_path: Path, *, pieces: list[bytes], flushed: set[int], page: int, taken: int, together: int
) -> None:
    """writev(2) may take less than it was given; nothing is lost or twice there, wherever pages end.

    What was flushed may change: it is written, or was copied.
    """
    path = tmp_path / "short"
    path.unlink(missing_ok=True)
    sink = FileSink(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    given_away: list[bytearray] = []
    with pytest.MonkeyPatch.context() as patch:

        def short(fd: int, buffers: list[bytes]) -> int:
            assert len(buffers) <= together
            return os.write(fd, b"".join(buffers)[:taken])

        patch.setattr(os, "writev", short)
        patch.setattr("recorder.office.sink._PAGE_BYTES", page)
        patch.setattr("recorder.office.sink._MAX_PIECES", together)
        for number, piece in enumerate(pieces):
            given_away.append(bytearray(piece))
            sink.write(memoryview(given_away[-1]))
            if number in flushed:
                sink.flush()
                assert path.stat().st_size == sum(map(len, given_away)) // page * page
                for memory in given_away:
                    memory[:] = bytes(len(memory))
        sink.sync()
    sink.close()
    assert path.read_bytes() == b"".join(pieces)


def test_a_full_disk_is_said() -> None:
    """Early: nobody opens a day of footage to learn at its end that the disk was full."""
    sink = FileSink(os.open("/dev/full", os.O_WRONLY))
    try:
        sink.write(PIECE)
        with pytest.raises(OSError, match="No space left") as refused:
            sink.flush()
        assert refused.value.errno == errno.ENOSPC
    finally:
        sink.close()


def test_closing_twice_is_as_good_as_once(sink: FileSink, path: Path) -> None:
    """What was written stays; whether it has a name is not the sink's to say."""
    sink.write(b"a little")
    sink.sync()
    sink.close()
    sink.close()
    assert path.read_bytes() == b"a little"
