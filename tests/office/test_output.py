"""A new file is whole or not there, and never in the place of another."""

import errno
import os
from pathlib import Path

import pytest

from recorder.office.output import write_new


def test_it_is_for_its_owner_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_new(path, b"one")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one", 0o600)
    with pytest.raises(FileExistsError):
        write_new(path, b"two")
    assert path.read_bytes() == b"one"


def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_new(tmp_path / "report.html", b"one")
    assert list(tmp_path.iterdir()) == []
