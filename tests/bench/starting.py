"""A recorder that can be started, crashed and stopped: as a process of this machine, or as the installed unit."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from recorder.runtime import Runtime
from tests.daemon.vehicle import Vehicle
from tests.systemd import rootfs
from tests.systemd.conftest import install
from tests.systemd.container import Container

UNIT = "cabin-recorder.service"


class Startable(Protocol):
    """What the bench asks of a recorder."""

    runtime: Runtime

    def start(self) -> None:
        """Begin; returns at once."""

    def began_s(self) -> float:
        """When the last start began, by time.monotonic()."""

    def crash(self) -> None:
        """Kill it with signal 9, and have it started again."""

    def stop(self) -> None:
        """End it in good order."""

    def end(self) -> None:
        """Whatever is left of it goes."""

    def log(self) -> str:
        """What it had to say last."""


class AsProcess:
    """As systemd begins it, without systemd; in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._vehicle = Vehicle(folder, width=1280, height=720, fps=30, length_s=10)
        self.runtime = Runtime(folder / "runtime")
        self._began_s = 0.0

    def start(self) -> None:
        self._began_s = time.monotonic()
        self._vehicle.start()

    def began_s(self) -> float:
        return self._began_s

    def crash(self) -> None:
        self._vehicle.kill()
        self._vehicle.start()

    def stop(self) -> None:
        self._vehicle.stop()

    def end(self) -> None:
        self._vehicle.end()

    def log(self) -> str:
        return self._vehicle.log_path.read_text()[-3000:]


class AsUnit:
    """The unit in a ``container``, reached through its sockets; systemd starts it, and again after a crash."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.runtime = Runtime(container.root / "run/cabin-recorder")
        container.out("systemctl", "stop", UNIT)

    @classmethod
    @contextmanager
    def installed(cls, suite: str, folder: Path) -> Iterator["AsUnit"]:
        """In a container of ``suite`` that exists as long as the block; ``folder`` is empty."""
        vehicle = Vehicle(folder / "configuration", width=1280, height=720, fps=30, length_s=10)
        text = vehicle.config.read_text().replace(
            'path = "store"\nruntime = "runtime"', 'path = "/var/lib/cabin-recorder/store"'
        )
        source = rootfs.source(folder / "source")
        with rootfs.writable(rootfs.base(suite), folder / "machine") as root:
            (root / "etc/cabin-recorder").mkdir()
            (root / "etc/cabin-recorder/recorder.toml").write_text(text)
            done = install(root, source, suite)
            if done.returncode != 0:
                raise RuntimeError(f"scripts/install failed:\n{done.stdout}{done.stderr}")
            container = Container(root)
            try:
                yield cls(container)
            finally:
                container.end()

    def start(self) -> None:
        self._container.out("systemctl", "start", "--no-block", UNIT)

    def began_s(self) -> float:
        """As systemd noted it, by the clock of time.monotonic()."""
        noted = self._container.show(UNIT, "InactiveExitTimestampMonotonic")
        return int(noted["InactiveExitTimestampMonotonic"]) / 1e6

    def crash(self) -> None:
        self._container.out("systemctl", "kill", "--signal=KILL", UNIT)

    def stop(self) -> None:
        self._container.out("systemctl", "stop", UNIT)

    def end(self) -> None:
        """The container is its maker's."""

    def log(self) -> str:
        return self._container.log(UNIT)[-3000:]
