"""What lies in a bundle, looked at as if anybody had put it there.

Rules: nothing is opened but regular files, and nothing is followed; a name that no recorder makes is a finding and is
left alone; what operating systems strew onto sticks is not worth a word.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, FileIO
from itertools import islice
from pathlib import Path

from recorder import manifest
from recorder.errors import BundleError
from recorder.office.findings import Finding, shown

MAX_FILES = 200_000  # a day of one-second segments, twice; beyond, a folder is an attack on patience
_VEHICLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_JOURNEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # a folder's, or a journey's: becomes that of a film
_STREWN = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|\.cabin-recorder\.part", re.IGNORECASE)
_OURS = (manifest.MANIFEST_NAME, manifest.LOG_NAME, manifest.LEDGER_NAME)


class BundleFile:
    """A regular file of a bundle, open for reading. What the stick refuses is a BundleError."""

    def __init__(self, file: FileIO | BufferedIOBase) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none only at the end."""
        with _reading():
            return self._file.read(size)

    def readinto(self, memory: memoryview, /) -> int:
        """How many bytes it put into ``memory``; none only at the end."""
        with _reading():
            return self._file.readinto(memory)

    def rewind(self) -> None:
        """Go back to the beginning."""
        with _reading():
            self._file.seek(0)


@dataclass(frozen=True, slots=True)
class JourneyFolder:
    """One journey's folder. ``name``: the folder's; which journey it is only the log inside tells.

    ``files``: sizes in bytes of the regular files that a recorder may have put there.
    """

    path: Path
    vehicle: str
    name: str
    files: dict[str, int]

    @property
    def segments(self) -> tuple[tuple[int, str], ...]:
        """Numbers and names of its segments, in order."""
        numbered = ((manifest.segment_number(name), name) for name in self.files)
        return tuple(sorted((number, name) for number, name in numbered if number is not None))

    @contextmanager
    def open(self, name: str) -> Iterator[BundleFile]:
        """One of its files. BundleError where it cannot be opened, or has become something else."""
        with _reading():  # a pipe put in its place does not hang us
            fd = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BundleError("is no regular file.")
            yield BundleFile(file)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bundle holds, and what is odd about it."""

    journeys: tuple[JourneyFolder, ...]
    findings: tuple[Finding, ...]


def look(bundle: Path) -> Contents:
    """Everything in ``bundle``: the folder that was exported to, or its CABIN-EXPORT. BundleError where it is none."""
    root = bundle if bundle.name == manifest.FOLDER else bundle / manifest.FOLDER
    if not bundle.is_dir():
        raise BundleError(f"{bundle} is not a folder; name the stick, or the folder it was copied to.")
    if root.is_symlink() or not root.is_dir():
        raise BundleError(f"{bundle} is not a bundle: it has no folder {manifest.FOLDER}.")
    findings: list[Finding] = []
    journeys: dict[str, JourneyFolder] = {}
    for vehicle in _folders(root, "", _VEHICLE_NAME, findings):
        for path in _folders(vehicle, vehicle.name, _JOURNEY_NAME, findings):
            if path.name in journeys:  # no two journeys have one name
                text = f"is here twice; only the one under {journeys[path.name].vehicle} was looked at."
                findings.append(Finding(vehicle.name, path.name, text, is_wrong=True))
            else:
                journeys[path.name] = JourneyFolder(path, vehicle.name, path.name, _files(path, findings))
    if not journeys and not findings:
        raise BundleError(f"{bundle} is an empty bundle: no journey was exported to it.")
    return Contents(tuple(journeys.values()), tuple(findings))


def is_plain(name: str) -> bool:
    """Whether a recorder may have called a journey so, and a film may be."""
    return _JOURNEY_NAME.fullmatch(name) is not None


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}.") from error


def _folders(parent: Path, place: str, plain: re.Pattern[str], findings: list[Finding]) -> list[Path]:
    found = []
    for entry in _entries(parent, place, findings):
        if not entry.is_dir(follow_symlinks=False):
            findings.append(
                Finding(place, shown(entry.name), "does not belong there and was left alone.", is_wrong=True)
            )
        elif not plain.fullmatch(entry.name):
            findings.append(Finding(place, shown(entry.name), "is a folder that no recorder makes.", is_wrong=True))
        else:
            found.append(parent / entry.name)
    return found


def _files(folder: Path, findings: list[Finding]) -> dict[str, int]:
    files = {}
    for entry in _entries(folder, folder.name, findings):
        is_ours = entry.name in _OURS or manifest.segment_number(entry.name) is not None
        text, is_wrong = "does not belong there and was left alone.", True
        if is_ours and entry.is_file(follow_symlinks=False):
            files[entry.name] = entry.stat(follow_symlinks=False).st_size
            continue
        if is_ours:
            text = "is a link, a folder or a device instead of a file; it was not opened."
        elif entry.name.startswith(".") and entry.name.endswith(".part"):
            text, is_wrong = "is a copy that was interrupted; it can be deleted.", False
        findings.append(Finding(folder.name, shown(entry.name), text, is_wrong))
    return files


def _entries(folder: Path, place: str, findings: list[Finding]) -> list["os.DirEntry[str]"]:
    entries: list[os.DirEntry[str]] = []
    try:
        with _reading(), os.scandir(folder) as scan:
            entries += islice((entry for entry in scan if not _STREWN.fullmatch(entry.name)), MAX_FILES + 1)
    except BundleError as error:
        findings.append(Finding(place, "", str(error), is_wrong=True))
    if len(entries) > MAX_FILES:
        text = f"has more than {MAX_FILES} entries; not all of them were looked at."
        findings.append(Finding(place, "", text, is_wrong=True))
    return sorted(entries, key=lambda entry: entry.name)
