"""Progress of staff's commands: a bar with the time left on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recorder.export.tally import Progress as CopyProgress

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Show = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@contextmanager
def progress_bar(title: str) -> Iterator[Show]:
    """A bar on standard error while the block runs."""
    with _bars() as bar:
        task = bar.add_task(title, total=None)

        def show(done_bytes: int, total_bytes: int) -> None:
            bar.update(task, completed=done_bytes, total=total_bytes)

        yield show


@contextmanager
def copy_bars() -> Iterator[Callable[[CopyProgress], None]]:
    """The same for a copy, one bar for each of its two passes."""
    with _bars() as bars:
        copying, checking = (bars.add_task(title, total=None) for title in ("Copying", "Reading back"))

        def show(progress: CopyProgress) -> None:
            bars.update(copying, completed=progress.copied_bytes, total=progress.size_bytes)
            bars.update(checking, completed=progress.checked_bytes, total=progress.size_bytes)

        yield show


@contextmanager
def step_bars() -> Iterator[Callable[[str, float, float], None]]:
    """The same for work in steps: one bar for each, with its share and the time left.

    Called with the step's name, how much of it is done and how much there is (0: not known).
    """
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    with _bars(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: float, whole: float) -> None:
            if step not in tasks:
                for earlier in tasks.values():
                    bars.update(earlier, completed=1, total=1)
                tasks[step] = bars.add_task(step, total=None)
            bars.update(tasks[step], completed=done, total=whole or None)

        yield show


def _bars(*columns: "ProgressColumn") -> "Progress":
    from rich.console import Console  # noqa: PLC0415 - only staff's commands show progress
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    usual = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*(columns or usual), console=console, disable=not console.is_terminal, transient=True)
