"""What the recorder knows of the copy onto a stick, which runs in a process of its own: what is told becomes events.

Rules: what is shown or said follows from what was told, never from looking at the stick; a copy whose beginning was
told to a recorder that has ended since is known again by its progress, so that nobody cuts the power under it; a copy
that is silent for too long has failed, so that no dead one keeps a parked recorder awake until the battery is empty.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from recorder.events import Event, ExportDone, ExportFailed, NothingToExport, StickInserted
from recorder.export.tally import Progress

COMMANDS = (
    "export-began",
    "export-progress",
    "export-failing",
    "export-done",
    "export-nothing",
    "export-failed",
)
SILENT_S = 1800.0  # progress is told each second; a stick that is being written back for the last time says nothing


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy that runs."""

    target: str
    progress: Progress


class Copying:
    """At most one copy. ``now_s`` is any clock that never runs backwards."""

    def __init__(self) -> None:
        self._copy: _Copy | None = None
        self._problem: str | None = None
        self._heard_s = 0.0

    @property
    def shown(self) -> dict[str, Any] | None:
        """The copy that runs, for ``status``."""
        return None if self._copy is None else {"target": self._copy.target, **asdict(self._copy.progress)}

    def hear(self, command: str, arguments: Mapping[str, Any], now_s: float) -> tuple[Event, ...]:
        """What follows from one of :data:`COMMANDS`. KeyError, TypeError, ValueError where its arguments are wrong."""
        self._heard_s = now_s
        match command:
            case "export-began":
                return self._begin(str(arguments["target"]))
            case "export-progress":
                told = _Copy(str(arguments["target"]), _progress(arguments))
                begun = self._begin(told.target) if self._copy is None else ()
                self._copy = told
                return begun
            case "export-failing":
                self._problem = self._problem or str(arguments["reason"])  # what follows from it is told as well
                return ()
            case "export-done":
                return self._end(ExportDone())
            case "export-nothing":
                return self._end(NothingToExport())
            case "export-failed":
                return self._end(ExportFailed(self._problem or str(arguments["reason"])))
            case _:
                raise ValueError(command)

    def look(self, now_s: float) -> tuple[Event, ...]:
        """That the copy has failed, where nothing was heard of it for too long."""
        if self._copy is None or now_s < self._heard_s + SILENT_S:
            return ()
        return self._end(ExportFailed(f"Nothing was heard of the copy for {SILENT_S / 60:g} minutes."))

    def _begin(self, target: str) -> tuple[Event, ...]:
        self._copy, self._problem = _Copy(target, Progress(0, 0)), None
        return (StickInserted(target),)

    def _end(self, event: Event) -> tuple[Event, ...]:
        self._copy, self._problem = None, None
        return (event,)


def _progress(arguments: Mapping[str, Any]) -> Progress:
    left_s = arguments["left_s"]
    counts = {field.name: int(arguments[field.name]) for field in fields(Progress) if field.name != "left_s"}
    return Progress(**counts, left_s=None if left_s is None else float(left_s))
