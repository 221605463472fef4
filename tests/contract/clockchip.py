"""A clock chip as the kernel shows it in /sys/class/rtc: files to read, and a store function behind ``wakealarm``.

The store function does what Linux does (drivers/rtc/sysfs.c, wakealarm_store): a time that is not later than the
chip's own clears the alarm; a later one is refused with EBUSY while an alarm is set; the file then shows the alarm, and
nothing while there is none (wakealarm_show). A chip that cannot wake has no such file (rtc_attr_is_visible).
"""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ClockChip:
    """One clock. ``now_s``: its own time. ``step_s``: how coarse its alarms are. ``deaf``: forgets what it is told."""

    clocks: Path
    name: str = "rtc0"
    now_s: int = 1_795_000_000
    wakes: bool = True
    step_s: int = 1
    deaf: bool = False
    orders: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = self.clocks / self.name
        self.folder.mkdir(parents=True)
        (self.folder / "since_epoch").write_text(f"{self.now_s}\n")
        if self.wakes:
            (self.folder / "wakealarm").write_text("")

    @property
    def alarm_s(self) -> int | None:
        """When it rings, in its own time."""
        shown = (self.folder / "wakealarm").read_text()
        return int(shown) if shown else None

    def store(self, path: Path, text: str) -> None:
        """What the kernel does with a write to ``path``."""
        if path != self.folder / "wakealarm" or not path.exists():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        self.orders.append(text)
        wanted_s = int(text)
        if wanted_s <= self.now_s or self.deaf:
            path.write_text("")
        elif self.alarm_s is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        else:
            path.write_text(f"{wanted_s - wanted_s % self.step_s}\n")
