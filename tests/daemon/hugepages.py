"""How much of a process's memory lies in huge pages, as the kernel tells it."""

from pathlib import Path

import pytest

_ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def require_huge_pages() -> None:
    """Skip where the kernel gives none to those who ask."""
    if not _ENABLED.exists() or "[madvise]" not in _ENABLED.read_text():
        pytest.skip("this kernel has no huge pages for those who ask")


def huge_share(smaps_rollup: str) -> float:
    """Of its anonymous memory, by the text of ``/proc/PID/smaps_rollup``."""
    sizes = dict(line.split(":", 1) for line in smaps_rollup.splitlines()[1:])
    anonymous_kb, huge_kb = (int(sizes[name].split()[0]) for name in ("Anonymous", "AnonHugePages"))
    return huge_kb / anonymous_kb
