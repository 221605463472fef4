import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from recorder.errors import LockTimeoutError, StoreError
from recorder.vault import diskio


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one stays, and no half of the new one is left beside it."""
    path = tmp_path / "file"
    diskio.create_file(path, b"old")

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError) as caught, diskio.disk_errors("file cannot be written"):
        diskio.create_file(path, b"new")
    assert str(caught.value) == "file cannot be written: No space left on device."
    assert diskio.is_full(caught.value)
    assert [(child.name, child.read_bytes()) for child in tmp_path.iterdir()] == [("file", b"old")]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """write(2) may take less than it was given."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    diskio.create_file(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_lock_is_seen_taken_and_let_go(tmp_path: Path) -> None:
    """While one has it nobody else gets it; a file that is not there is not locked."""
    path = tmp_path / "file"
    assert not diskio.is_locked(path)
    path.touch()
    assert not diskio.is_locked(path)
    with diskio.locked(path):
        assert diskio.is_locked(path)
        with pytest.raises(LockTimeoutError, match="try again"), diskio.locked(path, 0.02):
            pytest.fail("two had the lock")
    assert not diskio.is_locked(path)


def test_who_waits_for_a_lock_gets_it(tmp_path: Path) -> None:
    """A lock that is let go in time is no error."""
    waiting, done = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        with diskio.locked(tmp_path, 10):
            done.set()

    thread = threading.Thread(target=wait)
    with diskio.locked(tmp_path):
        thread.start()
        assert waiting.wait(5)
        assert not done.is_set()
    thread.join()
    assert done.is_set()


def test_a_lock_that_cannot_be_is_an_error_and_not_a_long_wait(tmp_path: Path) -> None:
    """Only a lock that somebody has is waited for."""
    path = tmp_path / "file"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        diskio.try_lock_fd(fd, fcntl.LOCK_EX)
    with pytest.raises(StoreError, match="absent cannot be locked: No such file"), diskio.locked(tmp_path / "absent"):
        pytest.fail("nothing there to lock")


def test_temp_names_are_known_as_such(tmp_path: Path) -> None:
    """Recovery drops them, listings pass them over; nothing else looks like one."""
    temp = diskio.temp_path(tmp_path / "log.jsonl")
    assert temp.parent == tmp_path
    assert diskio.is_temp(temp.name)
    assert diskio.temp_path(tmp_path / "log.jsonl") != temp
    assert not any(map(diskio.is_temp, ("log.jsonl", ".hidden", "file.tmp", "20261122T131143Z-7f3a")))
