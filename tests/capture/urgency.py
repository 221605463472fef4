"""Real time where it may be had, for measurements that a busy machine would spoil: first come its own processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def hurry(pid: int, priority: int) -> None:
    """Real-time priority (sched(7), SCHED_RR) for all threads of a process, if we may; what they start inherits it."""
    with suppress(PermissionError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setscheduler(int(task.name), os.SCHED_RR, os.sched_param(priority))


@contextmanager
def hurried(priority: int) -> Iterator[None]:
    """This process, for as long as the block lasts."""
    hurry(os.getpid(), priority)
    try:
        yield
    finally:
        for task in Path("/proc/self/task").iterdir():
            os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
