"""A new file of the office's: whole or not at all, for its owner alone, and never in the place of another."""

import errno
import os
from pathlib import Path


def write_new(path: Path, content: bytes) -> None:
    """``path`` with ``content``, 0600, durable once this returns.

    OSError, FileExistsError among them: then there is no half of it.
    """
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def rename_to_new(temp: Path, path: Path) -> None:
    """``temp`` gets the name ``path``. OSError, FileExistsError among them: then it keeps its own."""
    if os.path.lexists(path):  # no filesystem of a stick has a rename that refuses
        raise FileExistsError(errno.EEXIST, f"{path.name} is in the way")
    temp.rename(path)
