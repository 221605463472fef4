"""A stick may be prepared by an enemy, and may lie. Each trouble is one sentence, and nothing outside is touched."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.errors import ExportError, StoreError
from recorder.export.target import Target
from tests.export.van import Van, names_in


@pytest.fixture
def target(stick: Path) -> Target:
    return Target(stick)


def uncounted(_size_bytes: int) -> None:
    pass


def test_a_name_appears_whole(target: Target, stick: Path) -> None:
    """Until it is published there is a temporary name, then there is only the real one."""
    draft = target.write(stick / "file", [b"one", b"two"])
    assert names_in(stick) == [".file.part"]
    target.publish(draft)
    assert names_in(stick) == ["file"]
    assert (stick / "file").read_bytes() == b"onetwo"
    assert (draft.size_bytes, draft.sha256) == (6, target.sha256_on_device(stick / "file", uncounted))


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_what_is_read_back_is_all_of_it(target: Target, stick: Path, size: int) -> None:
    """Every length, whether or not it fills the blocks that reading past the cache wants."""
    data = os.urandom(size)
    draft = target.write(stick / "file", [data])
    counted: list[int] = []
    target.check(draft.temp, draft.sha256, counted.append)
    assert sum(counted) == size


def test_reading_back_where_the_filesystem_has_no_direct_reads(target: Target, stick: Path) -> None:
    """The pages are dropped instead."""
    draft = target.write(stick / "file", [b"x" * 5000])
    opening = os.open

    def without_direct(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no O_DIRECT here")
        return opening(path, flags, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", without_direct)
        assert target.sha256_on_device(draft.temp, uncounted) == draft.sha256


def test_a_stick_that_forgets_is_caught(target: Target, stick: Path) -> None:
    """What differs is removed, so that nobody takes it for evidence, and the stick is called unreliable."""
    draft = target.write(stick / "file", [b"written"])
    target.publish(draft)
    (stick / "file").write_bytes(b"wrotten")
    with pytest.raises(ExportError, match="did not keep what was written to it; the stick is not reliable"):
        target.check(stick / "file", draft.sha256, uncounted)
    assert names_in(stick) == []


def test_an_interrupted_write_leaves_nothing(target: Target, stick: Path) -> None:
    """The card's error goes through as it is, and no half file stays."""

    def failing() -> Iterator[bytes]:
        yield b"half"
        raise StoreError("the card cannot be read")

    with pytest.raises(StoreError, match="the card cannot be read"):
        target.write(stick / "file", failing())
    assert names_in(stick) == []


def link_to_elsewhere(path: Path) -> None:
    path.symlink_to("/etc", target_is_directory=True)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def file(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("make", [link_to_elsewhere, pipe, file])
@pytest.mark.parametrize("place", ["CABIN-EXPORT", "CABIN-EXPORT/Van 3"])
def test_what_is_no_folder_is_not_followed(
    van: Van, stick: Path, segments: list[bytes], make: Callable[[Path], None], place: str
) -> None:
    """A link out of the stick would let it choose where the recorder writes."""
    (stick / place).parent.mkdir(exist_ok=True)
    make(stick / place)
    journey = van.held_journey(segments[0])
    with pytest.raises(ExportError, match="another"):
        van.export(stick, journey)


@pytest.mark.parametrize("make", [link_to_elsewhere, pipe, Path.mkdir])
@pytest.mark.parametrize("name", ["00001.mp4.age", "log.jsonl.age", "manifest.json"])
def test_what_is_no_file_is_not_opened(
    van: Van, stick: Path, segments: list[bytes], make: Callable[[Path], None], name: str
) -> None:
    """A pipe would hang the export, a link would read or write elsewhere."""
    journey = van.held_journey(segments[0])
    van.folder(stick, journey).mkdir(parents=True)
    make(van.folder(stick, journey) / name)
    with pytest.raises(ExportError, match="is not a file; remove it from the stick"):
        van.export(stick, journey)


def test_a_link_under_a_temporary_name_is_replaced(target: Target, stick: Path, tmp_path: Path) -> None:
    """Writing through it would destroy what it points to."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (stick / ".file.part").symlink_to(precious)
    target.publish(target.write(stick / "file", [b"new"]))
    assert (precious.read_bytes(), (stick / "file").read_bytes()) == (b"precious", b"new")


def test_a_target_that_is_no_folder(tmp_path: Path) -> None:
    """Missing, or a file."""
    (tmp_path / "file").write_bytes(b"")
    for name in ("missing", "file"):
        with pytest.raises(ExportError, match="is not a folder; plug the stick in, or name a folder that exists"):
            Target(tmp_path / name)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the stick is full"),
        (errno.EROFS, "it is write-protected"),
        (errno.EIO, "the stick does not answer, it was perhaps pulled out"),
        (errno.ENAMETOOLONG, "File name too long; use another stick"),
    ],
)
def test_what_the_system_says_becomes_a_mend(target: Target, stick: Path, number: int, said: str) -> None:
    """Full, write-protected, pulled out, or anything else: one sentence, and no half file."""

    def refuse(fd: int, data: object) -> int:
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(ExportError, match=said):
            target.write(stick / "file", [b"x"])
    assert names_in(stick) == []


def test_a_write_protected_target_is_refused_at_once(stick: Path) -> None:
    """Before anything is logged or copied."""

    def refuse(*_arguments: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(ExportError, match="it is write-protected; move the stick's switch"):
            Target(stick)
