"""PURE. How far a copy is: two passes, copying and reading back, each with its own speed; and how long it will take.

Rules: bytes are told as they go; what was found whole on the stick counts for both passes and for the speed of
neither; no time left is named before it is known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

SPEED_KNOWN_S = 2.0
"""A shorter look at a stick says nothing of its speed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``files`` and ``size_bytes`` are to be copied, then read back. ``left_s``: for both; None where nobody knows."""

    files: int
    size_bytes: int
    copied_files: int = 0
    copied_bytes: int = 0
    checked_files: int = 0
    checked_bytes: int = 0
    left_s: float | None = None


@dataclass(slots=True)
class _Pass:
    """One of the two. ``moved_bytes`` of ``done_bytes`` took ``spent_s``; the rest was there already."""

    files: int = 0
    done_bytes: int = 0
    moved_bytes: int = 0
    spent_s: float = 0.0

    @property
    def bytes_per_s(self) -> float | None:
        return self.moved_bytes / self.spent_s if self.moved_bytes and self.spent_s >= SPEED_KNOWN_S else None


@dataclass(slots=True)
class Tally:
    """Counts one export and tells ``progress`` of each step. ``now_s``: any clock that never runs backwards."""

    files: int
    size_bytes: int
    progress: Callable[[Progress], None]
    now_s: Callable[[], float]
    _copying: _Pass = field(default_factory=_Pass)
    _checking: _Pass = field(default_factory=_Pass)
    _since: tuple[_Pass, float] | None = None

    def copied(self, size_bytes: int) -> None:
        """So much more was written."""
        self._move(self._copying, size_bytes)

    def copied_file(self) -> None:
        """One file is written whole."""
        self._copying.files += 1

    def checked(self, size_bytes: int) -> None:
        """So much more was read back."""
        self._move(self._checking, size_bytes)

    def checked_file(self) -> None:
        """One file was read back whole."""
        self._checking.files += 1

    def found(self, size_bytes: int) -> None:
        """A file of so much is on the stick already, and whole."""
        for one in (self._copying, self._checking):
            one.files += 1
            one.done_bytes += size_bytes
        self._since = None  # comparing is neither copying nor reading back
        self._tell()

    def _move(self, one: _Pass, size_bytes: int) -> None:
        """What passed since the last step belongs to the pass of that step: it also waits for the device."""
        now_s = self.now_s()
        if self._since is not None:
            before, since_s = self._since
            before.spent_s += now_s - since_s
        self._since = (one, now_s)
        one.done_bytes += size_bytes
        one.moved_bytes += size_bytes
        self._tell()

    def _tell(self) -> None:
        copying, checking = self._copying, self._checking
        self.progress(
            Progress(
                files=self.files,
                size_bytes=self.size_bytes,
                copied_files=copying.files,
                copied_bytes=copying.done_bytes,
                checked_files=checking.files,
                checked_bytes=checking.done_bytes,
                left_s=self._left_s(),
            )
        )

    def _left_s(self) -> float | None:
        """A stick that was not read yet is taken to read as fast as it writes: few are slower."""
        write = self._copying.bytes_per_s
        read = self._checking.bytes_per_s or write
        to_copy, to_check = (self.size_bytes - one.done_bytes for one in (self._copying, self._checking))
        if not to_copy:
            return to_check / read if read else None
        return to_copy / write + to_check / read if write and read else None
