"""The orders on a stick and the answers beside them, read as if an enemy had prepared it; on recorder and office alike.

Rules: nothing is followed, and nothing opened but regular files; names, sizes and counts are bounded before anything is
believed of them. What is in a file is :mod:`recorder.order`'s.
"""

import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from recorder.order import (
    ANSWER_SUFFIX,
    FOLDER,
    MAX_ANSWER_BYTES,
    MAX_ORDER_BYTES,
    ORDER_SUFFIX,
    number_of,
    orders_folder,
)

MAX_NAMES: Final = 10_000
MAX_ORDERS: Final = 64
_SHOWN: Final = 60
_VEHICLE_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A file whose name is an order's. ``data``: what was read of it; ``problem``: why that is not all, a sentence.

    ``answer``: what is in the answer's file beside it, empty where there is none that can be read.
    """

    number: str
    data: bytes
    problem: str | None
    answer: bytes

    @property
    def sha256(self) -> str:
        """Of what was read, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a vehicle's folder of orders.

    ``strange``: a sentence on what is no order though it is meant as one, None where there is nothing of that kind;
    ``strange_count``: how many names that are.
    """

    files: tuple[OrderFile, ...] = ()
    strange: str | None = None
    strange_count: int = 0


def read_orders(root: Path, vehicle: str) -> Found:
    """The orders for ``vehicle`` below the folder ``root``. Never raises for what lies there."""
    fds: list[int] = []
    try:
        fds.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        for name in orders_folder(vehicle):
            fds.append(os.open(name, _FOLDER, dir_fd=fds[-1]))
        return _read_all(fds[-1])
    except FileNotFoundError:
        return Found()
    except OSError as error:
        if len(fds) == 0:
            return Found()  # whoever writes to it will say what is wrong with it
        return Found(strange=f"Its folder of orders cannot be read: {error.strerror or error}.", strange_count=1)
    finally:
        for fd in fds:
            os.close(fd)


def vehicles_with_orders(root: Path) -> tuple[str, ...]:
    """The names of the folders of orders below ``root``, as far as they are a vehicle's. Never raises."""
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return ()
    try:
        orders = os.open(FOLDER, _FOLDER, dir_fd=folder)
    except OSError:
        return ()
    finally:
        os.close(folder)
    try:
        with os.scandir(orders) as scan:
            found = [entry.name for entry in islice(scan, MAX_NAMES) if entry.is_dir(follow_symlinks=False)]
    finally:
        os.close(orders)
    return tuple(sorted(name for name in found if _VEHICLE_FOLDER.fullmatch(name)))


def _read_all(folder: int) -> Found:
    with os.scandir(folder) as scan:
        names = [entry.name for entry in islice(scan, MAX_NAMES)]
    meant = sorted(name for name in names if name.endswith(ORDER_SUFFIX) and not name.startswith("."))
    answered = {name.removesuffix(ANSWER_SUFFIX) for name in names if name.endswith(ANSWER_SUFFIX)}
    numbers = [number for number in map(number_of, meant) if number is not None]
    numbers.sort(key=lambda number: (number in answered, number))  # years of old orders crowd out no new one
    strange = [name for name in meant if number_of(name) is None]
    sentences = []
    if strange:
        sentences.append(f"{_shown(strange[0])} is not named as an order is.")
    if len(numbers) > MAX_ORDERS:
        sentences.append(f"There are {len(numbers)} orders; only the first {MAX_ORDERS} were read.")
    count = len(strange) + max(0, len(numbers) - MAX_ORDERS)
    files = tuple(_read_order(folder, number) for number in numbers[:MAX_ORDERS])
    return Found(files, " ".join(sentences) or None, count)


def _read_order(folder: int, number: str) -> OrderFile:
    problem = None
    try:
        data = _read(folder, f"{number}{ORDER_SUFFIX}", MAX_ORDER_BYTES + 1)
    except OSError as error:
        data, problem = b"", f"It cannot be read: {error.strerror or error}."
    if data is None:
        data, problem = b"", "It is a link, a folder or a device instead of a file, and was not opened."
    answer = None
    with suppress(OSError):  # then it is written anew
        answer = _read(folder, f"{number}{ANSWER_SUFFIX}", MAX_ANSWER_BYTES + 1)
    return OrderFile(number, data, problem, answer or b"")


def _read(folder: int, name: str, at_most: int) -> bytes | None:
    """The beginning of a regular file, None where it is something else. OSError."""
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return None
    with os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb") as file:
        return file.read(at_most) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None


def _shown(name: str) -> str:
    text = name if name.isascii() and name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
