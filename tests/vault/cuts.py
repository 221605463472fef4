"""Stops a process at its n-th system call that writes, as a killed process or a power cut would.

The action runs in a forked child, so that the kernel drops its locks as it does for any dead process. Four ways to die:

- ``killed``: before the call;
- ``half``: the same, but a write got half of its bytes out;
- ``unsynced``: before the call, and bytes that were written and not synced are gone, as from a card that lost power;
- ``forgotten``: the same, and names made, moved or removed in a directory that was not synced since are as they were.

An action that comes to its end dies too, behind its last call: what it promised must be durable by then.
"""

import itertools
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

Death = Literal["killed", "half", "unsynced", "forgotten"]
DEATHS: tuple[Death, ...] = ("killed", "half", "unsynced", "forgotten")

WRITING = ("write", "pwrite", "fsync", "fdatasync", "rename", "link", "unlink", "mkdir", "rmdir", "ftruncate")
_CUT, _DONE, _FAILED = 77, 0, 1


class _Cutter:
    """Counts writing calls and dies at the n-th. Lives in the child only."""

    def __init__(self, at: int, death: Death) -> None:
        self._left = at
        self._death = death
        self._real = {name: getattr(os, name) for name in (*WRITING, "open")}
        self._synced_bytes: dict[Path, int] = {}
        self._overwritten: dict[Path, list[tuple[int, bytes]]] = {}  # what lay there before, since the last sync
        self._undo: list[tuple[Path, Callable[[], object]]] = []  # per directory, in order
        self._backup = Path(tempfile.mkdtemp(prefix="cuts"))
        self._backup_numbers = itertools.count()

    def install(self) -> None:
        for name in WRITING:
            setattr(os, name, getattr(self, f"_{name}"))
        os.open = self._open

    def die(self, code: int) -> None:
        """Lose what this way of dying loses. The process ends here."""
        if self._death in {"unsynced", "forgotten"}:
            for path, size_bytes in self._synced_bytes.items():
                if path.exists() and path.stat().st_size > size_bytes:
                    os.truncate(path, size_bytes)
            for path, before in self._overwritten.items():
                for offset, data in reversed(before):
                    self._restore(path, offset, data)
        for name, real in self._real.items():
            setattr(os, name, real)
        if self._death == "forgotten":
            for _, undo in reversed(self._undo):
                undo()
        shutil.rmtree(self._backup)
        os._exit(code)

    def _count(self) -> None:
        self._left -= 1
        if not self._left:
            self.die(_CUT)

    def _write(self, fd: int, data: bytes) -> int:
        if self._left == 1 and self._death == "half":
            self._real["write"](fd, bytes(data)[: len(data) // 2])
        self._count()
        return int(self._real["write"](fd, data))

    def _pwrite(self, fd: int, data: bytes, offset: int) -> int:
        before = os.pread(fd, len(data), offset)
        self._overwritten.setdefault(Path(f"/proc/self/fd/{fd}").readlink(), []).append((offset, before))
        if self._left == 1 and self._death == "half":
            self._real["pwrite"](fd, bytes(data)[: len(data) // 2], offset)
        self._count()
        return int(self._real["pwrite"](fd, data, offset))

    def _restore(self, path: Path, offset: int, data: bytes) -> None:
        fd = self._real["open"](path, os.O_WRONLY)
        self._real["pwrite"](fd, data, offset)
        os.close(fd)

    def _fsync(self, fd: int) -> None:
        self._count()
        self._real["fsync"](fd)
        self._note_synced(fd)

    def _fdatasync(self, fd: int) -> None:
        self._count()
        self._real["fdatasync"](fd)
        self._note_synced(fd)

    def _ftruncate(self, fd: int, size_bytes: int) -> None:
        self._count()
        self._real["ftruncate"](fd, size_bytes)

    def _open(self, path: Any, flags: int, *args: Any, **more: Any) -> int:
        path = Path(path)
        is_new = bool(flags & os.O_CREAT) and not path.exists()
        if flags & os.O_CREAT:
            self._count()
        fd: int = self._real["open"](path, flags, *args, **more)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self._synced_bytes.setdefault(path, os.fstat(fd).st_size)
        if is_new:
            self._undo.append((path.parent, lambda: path.unlink(missing_ok=True)))
        return fd

    def _mkdir(self, path: Any, *args: Any, **more: Any) -> None:
        self._count()
        self._real["mkdir"](path, *args, **more)
        self._undo.append((Path(path).parent, lambda: shutil.rmtree(path)))

    def _rmdir(self, path: Any, **more: Any) -> None:
        self._count()
        self._real["rmdir"](path, **more)
        self._undo.append((Path(path).parent, lambda: Path(path).mkdir(mode=0o700)))

    def _unlink(self, path: Any, **more: Any) -> None:
        self._count()
        restore = self._restoring(Path(path))
        self._real["unlink"](path, **more)
        self._undo.append((Path(path).parent, restore))

    def _rename(self, source: Any, target: Any, **more: Any) -> None:
        self._count()
        source, target = Path(source), Path(target)
        restore = self._restoring(target)
        self._real["rename"](source, target, **more)
        for path in [p for p in self._synced_bytes if p.is_relative_to(source)]:
            self._synced_bytes[target / path.relative_to(source)] = self._synced_bytes.pop(path)
        self._undo.append((target.parent, lambda: (target.rename(source), restore())))

    def _link(self, source: Any, target: Any, **more: Any) -> None:
        self._count()
        self._real["link"](source, target, **more)
        self._undo.append((Path(target).parent, lambda: Path(target).unlink(missing_ok=True)))

    def _restoring(self, path: Path) -> Callable[[], object]:
        """What brings the file at ``path`` back after it was removed or replaced."""
        if not path.is_file():
            return lambda: None
        backup = self._backup / str(next(self._backup_numbers))
        self._real["link"](path, backup)
        return lambda: path.parent.is_dir() and os.link(backup, path)  # or its whole directory is durably gone

    def _note_synced(self, fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_dir():
            self._undo = [(directory, undo) for directory, undo in self._undo if directory != path]
        elif path in self._synced_bytes:
            self._synced_bytes[path] = os.fstat(fd).st_size
            self._overwritten.pop(path, None)


def run_and_cut(action: Callable[[], object], at: int, death: Death) -> bool:
    """Run ``action`` in a child that dies at its ``at``-th writing call; whether it was cut, and not done before."""
    child = os.fork()
    if child == 0:
        try:
            cutter = _Cutter(at, death)
            cutter.install()
            action()
            cutter.die(_DONE)
        except BaseException:  # noqa: BLE001 - the child must never return into pytest
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(_FAILED)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {_CUT, _DONE}, f"the child ended with {code}"
    return code == _CUT


def each_cut(action: Callable[[], object], death: Death, fresh: Callable[[], object]) -> Iterator[int]:
    """Cut ``action`` at its first, second, ... writing call until it gets through, in a ``fresh`` world each time.

    Yields the number of the call after each cut, and once more after the run that was not cut.
    """
    at = 0
    cut = True
    while cut:
        at += 1
        fresh()
        cut = run_and_cut(action, at, death)
        yield at
