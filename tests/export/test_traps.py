"""A stick that somebody prepared: everything a filesystem can hold, under each of our names and beside them."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.errors import ExportError
from recorder.office.bundle import verify
from tests.export.disks import Port
from tests.export.van import Van
from tests.vault.kit import assert_logs_sound

OUTSIDE = "precious"


def link_to_folder(path: Path) -> None:
    path.symlink_to(_outside(path), target_is_directory=True)


def link_to_file(path: Path) -> None:
    path.symlink_to(_outside(path) / OUTSIDE)


def link_to_nothing(path: Path) -> None:
    path.symlink_to(_outside(path) / "missing")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def socket_of_nobody(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def endless_device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # zero


def folder_with_something(path: Path) -> None:
    path.mkdir()
    (path / "something").write_bytes(b"")


def huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


TRAPS = (
    *(link_to_folder, link_to_file, link_to_nothing, pipe, socket_of_nobody, endless_device),
    *(folder_with_something, huge_file),
)


def _outside(path: Path) -> Path:
    """The folder that no export may touch: beside the stick, wherever in it ``path`` is."""
    return next(parent for parent in path.parents if (parent / "outside").is_dir()) / "outside"


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_under_each_of_our_names(
    van: Van, segments: list[bytes], usb: Port, tmp_path: Path, trap: Callable[[Path], None]
) -> None:
    """Refused with a sentence, or replaced where the name is a temporary one of ours; never opened, never followed.

    Nothing beside the stick is touched, and once the thing is gone the export goes through.
    """
    journey = van.held_journey(segments[0][:50_000])
    files, folders, temporary = _layout(_learn(van, journey))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / OUTSIDE).write_bytes(b"precious")
    root = usb.plug()
    for names in [temporary, *([name] for name in files), *([name] for name in folders)]:
        if names[0] in folders and trap is folder_with_something:
            continue  # that is what belongs there
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            trap(root / name)
        refused = _refused(van, root, journey)
        assert refused is None or names is not temporary or trap is folder_with_something, refused
        if refused:
            for path in (root / name for name in names):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            van.export(root, journey)
        report = verify(root, van.trust, [van.identity])
        assert (report.exit_code, report.findings) == (0, ()), names
        assert [path.name for path in (tmp_path / "outside").iterdir()] == [OUTSIDE], names
        assert (tmp_path / "outside" / OUTSIDE).read_bytes() == b"precious"
        shutil.rmtree(root / "CABIN-EXPORT")
        (root / "HOW-TO-OPEN.txt").unlink()
    assert_logs_sound(van.store, van.store.key)


def _refused(van: Van, root: Path, journey: str) -> str | None:
    """The sentence; None where the export went through."""
    try:
        van.export(root, journey)
    except ExportError as error:
        return str(error)
    return None


def _learn(van: Van, journey: str) -> Path:
    """What an export leaves on a folder that gives no trouble."""
    folder = van.store.root.parent / "learnt"
    folder.mkdir()
    van.export(folder, journey)
    return folder


def _layout(good: Path) -> tuple[list[str], list[str], list[str]]:
    """Every name that an export uses: of files, of folders, and temporary ones."""
    paths = sorted(path.relative_to(good) for path in good.rglob("*"))
    files = [path for path in paths if (good / path).is_file()]
    temporary = [*(file.with_name(f".{file.name}.part") for file in files), Path(".cabin-recorder.part")]
    return [str(path) for path in files], [str(path) for path in paths if path not in files], list(map(str, temporary))


def test_what_else_is_on_it(van: Van, segments: list[bytes], usb: Port) -> None:
    """Names that are no UTF-8, trees as deep as a path can be, a thousand files, between ours: not our business."""
    journey = van.held_journey(*segments)
    root = usb.plug()
    van.export(root, journey)
    for folder in (root, *(path for path in list(root.rglob("*")) if path.is_dir() and path.name != "lost+found")):
        os.mkdir(os.fsencode(folder) + b"/\xff\xfe\x80")  # noqa: PTH102 - pathlib's names would pass through UTF-8
        (folder / "line\nbreak\x1b[2J").write_bytes(b"")
        (folder / ("x" * 255)).symlink_to("/etc/passwd")
        deep = folder
        while len(os.fsencode(deep)) < 3900:
            deep /= "d" * 100
        deep.mkdir(parents=True)
        pipe(folder / "pipe")
        huge_file(folder / "huge")
    van.export(root, journey)
    good = {path.read_bytes() for path in _learn(van, journey).rglob("*.mp4.age")}
    assert {path.read_bytes() for path in root.rglob("0000?.mp4.age")} == good
