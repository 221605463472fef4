"""Stops a process at its n-th system call that writes, as a killed process or a power cut would.

The action runs in a forked child, so that the kernel drops its locks as it does for any dead process. Three ways to
die: ``killed`` before the call; ``half``: a write that got half of its bytes out; ``unsynced``: before the call, and
what was written but never synced is gone, as it is from a card whose power failed.
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

Death = Literal["killed", "half", "unsynced"]
DEATHS: tuple[Death, ...] = ("killed", "half", "unsynced")

_WRITING = ("write", "fsync", "fdatasync", "rename", "unlink", "mkdir", "rmdir", "ftruncate")
_CUT, _DONE, _FAILED = 77, 0, 1


class _Cutter:
    """Counts writing calls and dies at the n-th. Lives in the child only."""

    def __init__(self, at: int, death: Death) -> None:
        self._left = at
        self._death = death
        self._real = {name: getattr(os, name) for name in (*_WRITING, "open")}
        self._synced_bytes: dict[str, int] = {}

    def install(self) -> None:
        for name in _WRITING:
            setattr(os, name, self._counting(name))
        os.open = self._open

    def _counting(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*args: Any, **more: Any) -> Any:
            self._count(name, args)
            result = real(*args, **more)
            if name in {"fsync", "fdatasync"}:
                self._note_synced(args[0])
            elif name == "rename":
                self._follow(str(args[0]), str(args[1]))
            elif name == "unlink":
                self._synced_bytes.pop(str(args[0]), None)
            return result

        return call

    def _open(self, path: Any, flags: int, *args: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            self._count("open", ())
        fd: int = self._real["open"](path, flags, *args, **more)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self._synced_bytes.setdefault(str(path), os.fstat(fd).st_size)
        return fd

    def _note_synced(self, fd: int) -> None:
        path = str(Path(f"/proc/self/fd/{fd}").readlink())
        if path in self._synced_bytes:
            self._synced_bytes[path] = os.fstat(fd).st_size

    def _follow(self, source: str, target: str) -> None:
        for path in [p for p in self._synced_bytes if p == source or p.startswith(source + "/")]:
            self._synced_bytes[target + path[len(source) :]] = self._synced_bytes.pop(path)

    def _count(self, call: str, args: tuple[Any, ...]) -> None:
        self._left -= 1
        if self._left:
            return
        if self._death == "half" and call == "write":
            self._real["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
        if self._death == "unsynced":
            for name, size_bytes in self._synced_bytes.items():
                path = Path(name)
                if path.exists() and path.stat().st_size > size_bytes:
                    os.truncate(path, size_bytes)
        os._exit(_CUT)


def run_and_cut(action: Callable[[], object], at: int, death: Death) -> bool:
    """Run ``action`` in a child that dies at its ``at``-th writing call; whether it was cut, and not done before."""
    child = os.fork()
    if child == 0:
        try:
            _Cutter(at, death).install()
            action()
        except BaseException:  # noqa: BLE001 - the child must never return into pytest
            traceback.print_exc(file=sys.__stderr__)
            os._exit(_FAILED)
        os._exit(_DONE)
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
