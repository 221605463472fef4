"""The folder that is exported to, written and read back as if an enemy had prepared it and a driver will pull it out.

Rules: a name appears whole or not at all; nothing that is not a real folder or a regular file of ours is opened or
followed; what is read back comes from the device, not from the page cache; every failure is an ExportError whose
sentence says what to do. The only files ever removed are our own unfinished and faulty ones.
"""

import errno
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import ExportError, RecorderError
from recorder.export.hashing import Hasher

_BLOCK_BYTES = 1 << 20
_WRITE_OUT_BYTES = 8 << 20
_BATCH_BYTES = 64 << 20  # a few seconds' work of a slow stick: what is lost when it is pulled out
_PULLED_OUT = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ENOTCONN, errno.ESTALE)
_NO_DIRECT_READS = (errno.EINVAL, errno.EOPNOTSUPP)
_CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW

CountBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is on the target under a temporary name. ``sha256``: of what was written, hexadecimal."""

    path: Path
    temp: Path
    size_bytes: int
    sha256: str


class Target:
    """One folder to export to."""

    def __init__(self, root: Path) -> None:
        """ExportError where ``root`` is not a folder that can be written."""
        self.root = root
        if not root.is_dir():
            raise ExportError(f"{root} is not a folder; plug the stick in, or name a folder that exists.")
        probe = root / ".cabin-recorder.part"
        with _errors_of(probe):
            probe.unlink(missing_ok=True)
            os.close(os.open(probe, _CREATE, 0o600))
            probe.unlink()

    def free_bytes(self) -> int:
        """Room left for us."""
        with _errors_of(self.root):
            room = os.statvfs(self.root)
            return room.f_bavail * room.f_frsize

    def folder(self, *names: str) -> Path:
        """The folder ``names`` below the target, made where it is missing. ExportError where a link is in the way."""
        path = self.root
        for name in names:
            parent, path = path, path / name
            with _errors_of(path):
                with suppress(FileExistsError):
                    path.mkdir(mode=0o700)
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise ExportError(f"{path} is not a real folder; remove it from the stick, or use another one.")
                _sync(parent)
        return path

    def size_of(self, path: Path) -> int | None:
        """The size of a file, None where there is none. ExportError where something else has its name."""
        with _errors_of(path):
            try:
                status = path.lstat()
            except FileNotFoundError:
                return None
        if not stat.S_ISREG(status.st_mode):
            raise ExportError(f"{path} is not a file; remove it from the stick, or use another one.")
        return status.st_size

    def write(self, path: Path, pieces: Iterable[bytes]) -> Draft:
        """Write ``pieces`` beside ``path``; :meth:`publish` names it, durably. Errors of ``pieces`` go through."""
        temp = path.with_name(f".{path.name}.part")
        size_bytes = written_out_bytes = 0
        with _errors_of(path), Hasher() as sha256:
            temp.unlink(missing_ok=True)  # of an export that was interrupted
            fd = os.open(temp, _CREATE, 0o600)
            try:
                for piece in pieces:
                    sha256.update(piece)
                    _write_all(fd, piece)
                    size_bytes += len(piece)
                    if size_bytes - written_out_bytes >= _WRITE_OUT_BYTES:
                        _write_out(fd)
                        written_out_bytes = size_bytes
                _write_out(fd)
            except BaseException:
                with suppress(OSError):  # the first error is the one to tell; the next export removes it too
                    temp.unlink()
                raise
            finally:
                os.close(fd)
            return Draft(path, temp, size_bytes, sha256.hexdigest())

    def publish(self, *drafts: Draft) -> None:
        """Give ``drafts`` of one folder their names, in this order, durably."""
        for draft in drafts:
            with _errors_of(draft.path):
                _sync(draft.temp)
        for draft in drafts:
            self.size_of(draft.path)  # a folder or link under that name
            with _errors_of(draft.path):
                draft.temp.rename(draft.path)
        for draft in drafts:
            # FAT gives a new name to nothing, and says how long a file is and where it begins only with its inode
            # (Linux, fs/fat/namei_vfat.c, vfat_rename): pulled out before, the stick has a name and no bytes.
            with _errors_of(draft.path):
                _sync(draft.path)
        with _errors_of(drafts[0].path):
            _sync(drafts[0].path.parent)

    @contextmanager
    def publishing(self) -> Iterator[Callable[[Draft], None]]:
        """Publish what is handed over, many files at a time, for each wait for the device is long.

        All of it has its name when the block ends; also when it ends by an error, where the target still lets it.
        """
        waiting: list[Draft] = []

        def publish_all() -> None:
            if waiting:
                self.publish(*waiting)
                waiting.clear()

        def hand_over(draft: Draft) -> None:
            waiting.append(draft)
            if sum(draft.size_bytes for draft in waiting) >= _BATCH_BYTES:
                publish_all()

        try:
            yield hand_over
        except BaseException:
            with suppress(ExportError):  # the first error is the one to tell
                publish_all()
            raise
        publish_all()

    def check(self, path: Path, sha256: str, count: CountBytes) -> None:
        """Read ``path`` back from the device; ExportError, and ``path`` removed, where it is not what was written."""
        if self.sha256_on_device(path, count) == sha256:
            return
        with _errors_of(path):
            path.unlink()
        raise ExportError(f"{path} did not keep what was written to it; the stick is not reliable, use another one.")

    def sha256_on_device(self, path: Path, count: CountBytes) -> str:
        """SHA-256 (hexadecimal) of what the device holds of ``path``, not of what the kernel remembers."""
        with _errors_of(path), Hasher() as sha256:
            for block in _device_blocks(path):
                sha256.update(block)
                count(len(block))
            return sha256.hexdigest()


def _device_blocks(path: Path) -> Iterator[bytes]:
    with mmap.mmap(-1, _BLOCK_BYTES) as aligned:  # O_DIRECT wants a buffer at a page
        fd = _open_past_cache(path, aligned)
        try:
            size_bytes, position = os.fstat(fd).st_size, 0
            while position < size_bytes and (count := os.preadv(fd, [aligned], position)):
                yield aligned[:count]
                position += count
        finally:
            os.close(fd)


def _open_past_cache(path: Path, aligned: mmap.mmap) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW
    fd = None
    try:
        fd = os.open(path, flags | os.O_DIRECT)
        os.preadv(fd, [aligned], 0)  # some filesystems say no only here
        return fd
    except OSError as error:
        if fd is not None:
            os.close(fd)
        if error.errno not in _NO_DIRECT_READS:
            raise
    fd = os.open(path, flags)
    os.fsync(fd)  # what is clean can be dropped, nothing else
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    return fd


def _write_out(fd: int) -> None:
    """Have the kernel begin to write what is dirty, without waiting for it; posix_fadvise(2), mm/fadvise.c.

    Left to itself it collects a large part of memory first, and then whoever syncs waits for all of it: the recorder,
    whose own card is synced each second, as well.
    """
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except RecorderError:
        raise  # ours already, from here or from the card
    except OSError as error:
        raise ExportError(f"{path} cannot be written or read: {_plain(error)}") from error


def _plain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the stick is full; what is on it stays valid, go on with another one."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "it is write-protected; move the stick's switch, or use another one."
    if error.errno in _PULLED_OUT:
        return "the stick does not answer, it was perhaps pulled out; plug it in and export again."
    return f"{error.strerror or error}; use another stick."
