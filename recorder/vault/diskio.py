"""Durable creation, deletion and locking: the few system calls the vault rests on.

Rules: what a function here did survives a power cut once it has returned; a name appears whole or not at all
(temp → fsync → rename → fsync directory); a lock is the kernel's (flock(2)), so it ends with the process that held
it; a failure is a StoreError whose sentence names the path, and whose ``errno`` says what the system said.
"""

import ctypes
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recorder.errors import LockTimeoutError, StoreError

LOCK_TIMEOUT_S = 10.0
_LOCK_RETRY_S = 0.005
_KEEP_SIZE = 1  # linux/falloc.h
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn the system's error into a StoreError that says what was being done and why it could not be."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        translated = StoreError(f"{doing}: {error.strerror or error}.")
        translated.errno = error.errno
        raise translated from error


def is_full(error: StoreError) -> bool:
    """Whether the system refused for want of space."""
    return error.errno in _FULL


def write_all(fd: int, data: bytes) -> None:
    """All of ``data``; write(2) may take less at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def reserve(fd: int, from_bytes: int, size_bytes: int) -> bool:
    """Set room aside for what will be appended to a file, whose size stays; False where that cannot be.

    fallocate(2), FALLOC_FL_KEEP_SIZE, for which Python has no function. Blocks that are there already need no entry in
    the file system's journal when they are written: on ext4 a sync then writes 16 KiB beside the data instead of 24.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    answer: int = libc.fallocate64(fd, _KEEP_SIZE, ctypes.c_longlong(from_bytes), ctypes.c_longlong(size_bytes))
    return answer == 0


def sync_directory(path: Path) -> None:
    """Make the names in ``path`` durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(path: Path) -> None:
    """``path`` and what is missing above it, each 0700 and durable. One that is there stays as it is."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_directory(path.parent)
    with suppress(FileExistsError):  # made by another process since we looked
        path.mkdir(mode=0o700)
    sync_directory(path.parent)


def temp_path(path: Path) -> Path:
    """A name beside ``path`` for what is to become it; recovery drops such names (:func:`is_temp`)."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def is_temp(name: str) -> bool:
    """Whether ``name`` is half of something that never came to be."""
    return name.startswith(".") and name.endswith(".tmp")


def create_file(path: Path, data: bytes) -> None:
    """``path`` with ``data``, whole or not at all, 0600; what was under that name is replaced."""
    temp = temp_path(path)
    fd = os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        temp.rename(path)
    except OSError:
        with suppress(OSError):  # the first error is the one to tell; recovery drops what stays
            temp.unlink()
        raise
    sync_directory(path.parent)


def remove_file(path: Path) -> None:
    """No file at ``path``; that there was none is as good. Durable after :func:`sync_directory` of its directory."""
    path.unlink(missing_ok=True)


def lock_fd(fd: int, path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> None:
    """The exclusive lock on an open file; LockTimeoutError where others keep it for longer than ``timeout_s``."""
    deadline_s = time.monotonic() + timeout_s
    while not try_lock_fd(fd, fcntl.LOCK_EX):
        if time.monotonic() >= deadline_s:
            raise LockTimeoutError(f"{path} has been locked by another process for {timeout_s:g} s; try again.")
        time.sleep(_LOCK_RETRY_S)


def try_lock_fd(fd: int, kind: int) -> bool:
    """The lock of ``kind`` (LOCK_EX, LOCK_SH) on an open file, if it can be had at once."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def is_locked(path: Path) -> bool:
    """Whether a process holds the exclusive lock on ``path``; a file that is not there is not locked."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not try_lock_fd(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


@contextmanager
def locked(path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the exclusive lock on ``path``, a file or a directory; LockTimeoutError as :func:`lock_fd`."""
    with disk_errors(f"{path} cannot be locked"):
        fd = os.open(path, os.O_RDONLY)
    try:
        with disk_errors(f"{path} cannot be locked"):
            lock_fd(fd, path, timeout_s)
        yield
    finally:
        os.close(fd)
