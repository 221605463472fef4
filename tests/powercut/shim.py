"""The shim below Python (``shim.c``): compiled where it is needed, loaded by LD_PRELOAD, armed from inside."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


class How(IntEnum):
    """What happens at the n-th call; the same numbers as in ``shim.c``."""

    IDLE = 0
    KILL = 1
    HALF = 2
    FULL = 3
    LIAR = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """``at``: the number of the call, 0 for never. ``times``: for how many calls a full card stays full."""

    how: How
    at: int = 0
    times: int = 1


def why_not() -> str | None:
    """Why the shim cannot be used here; None where it can."""
    return None if shutil.which("gcc") else "the shim is compiled with gcc, which is not here; scripts/setup --test"


def compile_shim(folder: Path) -> Path:
    """The library, made in ``folder``."""
    library = folder / "shim.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result", "-o", library, SOURCE],
        check=True,
    )
    return library


def preloaded(library: Path) -> dict[str, str]:
    """The environment of a process that has the shim."""
    return {**os.environ, "LD_PRELOAD": str(library), "OPENBLAS_NUM_THREADS": "1"}


def arm(cut: Cut, folder: Path, report_fd: int = -1) -> None:
    """From here on calls about files below ``folder`` are counted, in this process."""
    ctypes.CDLL(None).cut_arm(
        os.fsencode(folder), int(cut.how), ctypes.c_long(cut.at), ctypes.c_long(cut.times), report_fd
    )


def count() -> int:
    """How many calls have been counted since :func:`arm`."""
    counted = ctypes.CDLL(None).cut_count
    counted.restype = ctypes.c_long
    return int(counted())
