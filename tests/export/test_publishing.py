"""Files get their names many at a time: never before they are synced, and whatever ends the export in between."""

import os
from pathlib import Path

import pytest

from recorder.errors import ExportError, StoreError
from recorder.export import target as target_module
from recorder.export.target import Target
from tests.export.van import names_in

KIB = 1 << 10


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "_BATCH_BYTES", 64 * KIB)


def test_in_batches(stick: Path) -> None:
    """Names appear as soon as enough is waiting, and for the rest at the end."""
    target = Target(stick)
    with target.publishing() as publish:
        for number in range(5):
            publish(target.write(stick / f"{number}", [bytes(30 * KIB)]))
            named = [name for name in names_in(stick) if not name.startswith(".")]
            assert named == (["0", "1", "2"] if number >= 2 else []), number
    assert names_in(stick) == ["0", "1", "2", "3", "4"]


def test_one_wait_for_the_folder_and_none_before_the_files(stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is synced before any has its name, and once more with it, which FAT needs; then the folder."""
    target, done, syncing, renaming = Target(stick), list[str](), os.fsync, Path.rename

    def fsync(fd: int) -> None:
        done.append("sync " + Path(f"/proc/self/fd/{fd}").readlink().name)
        syncing(fd)

    def rename(path: Path, new: Path) -> Path:
        done.append(f"name {new.name}")
        return renaming(path, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    with target.publishing() as publish:
        for name in "ab":
            publish(target.write(stick / name, [b"x"]))
    named = ["name a", "name b", "sync a", "sync b"]
    assert done == ["sync .a.part", "sync .b.part", *named, f"sync {stick.name}"]


@pytest.mark.parametrize("error", [StoreError("The card cannot be read."), KeyboardInterrupt()])
def test_what_is_whole_when_it_ends_has_its_name(stick: Path, error: BaseException) -> None:
    """The next export finds it there."""
    target = Target(stick)

    def export() -> None:
        with target.publishing() as publish:
            publish(target.write(stick / "whole", [b"whole"]))
            raise error

    with pytest.raises(type(error)):
        export()
    assert names_in(stick) == ["whole"]


def test_the_first_error_is_told(stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of naming what is left, which follows from it."""
    target = Target(stick)

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    def export() -> None:
        with target.publishing() as publish:
            publish(target.write(stick / "whole", [b"whole"]))
            monkeypatch.setattr(os, "fsync", refuse)
            raise ExportError("the first")

    with pytest.raises(ExportError, match="the first"):
        export()
    assert names_in(stick) == [".whole.part"]
