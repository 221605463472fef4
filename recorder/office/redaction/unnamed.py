"""A file that has no name until it is whole.

Why: what a redaction is about must not lie about half made. Linux's own file systems make files without a name
(open(2), ``O_TMPFILE``): the kernel forgets them with the process, however that ends, and linking one replaces nothing.
Elsewhere it has a hidden name meanwhile, which is removed on the way out, or by the next run after a kill.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder.errors import OutputError, UsageError
from recorder.office.output import rename_to_new

_NO_SUCH = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


class Unnamed:
    """A file to be, at ``path``. ``place``: the name under which a library can open it meanwhile."""

    def __init__(self, path: Path, fd: int, hidden: Path | None) -> None:
        self._path, self._fd, self._hidden = path, fd, hidden

    @property
    def place(self) -> Path:
        """Where it can be opened, for writing and reading, until it has its name."""
        return self._hidden or Path(f"/proc/self/fd/{self._fd}")

    def name(self) -> None:
        """Make it durable and give it its name. OSError, FileExistsError among them: then it has none."""
        os.fsync(self._fd)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if self._hidden is None:
                # Only with a folder does Python call linkat(2), which follows the link that /proc shows.
                os.link(self.place, self._path.name, dst_dir_fd=folder, follow_symlinks=True)
            else:
                rename_to_new(self._hidden, self._path)
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def unnamed(path: Path) -> Iterator[Unnamed]:
    """A file for ``path``, for its owner alone; without :meth:`Unnamed.name` nothing is left of it.

    UsageError where its folder is none; OutputError where it cannot be made there.
    """
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; make it, or name another.")
    hidden = path.with_name(f".{path.name}.part")
    try:
        fd, name = _created(path.parent, hidden)
    except OSError as error:
        raise OutputError(
            f"{path.parent} cannot be written: {error.strerror or error}; name another folder."
        ) from error
    file = Unnamed(path, fd, name)
    try:
        yield file
    finally:
        os.close(fd)
        if name is not None:
            name.unlink(missing_ok=True)


def _created(folder: Path, hidden: Path) -> tuple[int, Path | None]:
    hidden.unlink(missing_ok=True)  # of a run that was killed
    flag = getattr(os, "O_TMPFILE", None)
    if flag is not None and Path("/proc/self/fd").is_dir():
        try:
            return os.open(folder, flag | os.O_RDWR, 0o600), None
        except OSError as error:
            if error.errno not in _NO_SUCH:
                raise
    return os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), hidden
