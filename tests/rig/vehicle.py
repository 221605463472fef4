"""A virtual vehicle: one machine and the disk it keeps across power cuts; and snapshots, to start many from one."""

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.guest import Guest
from tests.rig.layers import Durable
from tests.rig.machine import Image, Machine
from tests.rig.volatile_disk import VolatileDisk
from tests.rig.write_cache import PowerCut

_PATIENCE_S = 600


class Snapshot:
    """A saved machine in ``folder``: its memory, and the layer of its disk over the image."""

    def __init__(self, folder: Path) -> None:
        self.layer = folder / "layer"
        self.state = folder / "state.zst"


class Vehicle:
    """One vehicle in the empty folder ``folder`` (a short path: sockets lie in it). Off until started."""

    def __init__(self, image: Image, folder: Path, snapshot: Snapshot | None = None) -> None:
        self._image = image
        self._folder = folder
        self._snapshot = snapshot
        self._top = folder / "layer"
        below = [snapshot.layer] if snapshot else []
        self._disk = VolatileDisk(Durable(image.disk, below, self._top), folder / "disk")
        self._machine: Machine | None = None
        self._saved: Snapshot | None = None

    def __enter__(self) -> Self:
        self._disk.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._machine is not None:
            self._machine.cut_power()
        if error is not None:
            print(f"console:\n{self.console[-4000:]}\nQEMU:\n{(self._folder / 'qemu.log').read_text()}")
        self._disk.__exit__(kind, error, trace)
        if self._saved is not None:
            shutil.move(self._top, self._saved.layer)

    @property
    def is_on(self) -> bool:
        """Whether it has power and has not switched itself off."""
        return self._machine is not None and self._machine.runs

    @property
    def machine(self) -> Machine:
        """The machine, running."""
        assert self._machine is not None, "the vehicle is off"
        return self._machine

    @property
    def guest(self) -> Guest:
        """Commands in the machine."""
        return self.machine.guest

    @property
    def clock(self) -> datetime:
        """What time the machine thinks it is."""
        return datetime.fromtimestamp(int(self.guest.run("date", "+%s")), UTC)

    @property
    def console(self) -> str:
        """What the machine, on or dead, printed on its serial line since it was started."""
        return (self._folder / "console.log").read_text(errors="replace")

    # --- on and off --------------------------------------------------------------------------------------------------

    def boot(self, clock: datetime | None = None, low: Sequence[int] = ()) -> None:
        """Switch the power on.

        ``clock``: what the clock chip shows (UTC), the truth if None. ``low``: pins that are held to ground already.
        """
        rtc = "utc" if clock is None else f"{clock:%Y-%m-%dT%H:%M:%S}"
        self._run(Machine(self._image, self._disk.socket_path, self._folder, rtc=rtc, low=low))

    def resume(self) -> None:
        """Go on where the snapshot was taken."""
        assert self._snapshot is not None, "there is no snapshot to go on from"
        self._run(Machine(self._image, self._disk.socket_path, self._folder, state=self._snapshot.state))

    def cut_power(self, seed: int) -> PowerCut:
        """Pull the plug: the machine is dead at once, and its disk forgets what was never flushed."""
        self.machine.cut_power()
        self._machine = None
        return self._disk.lose_power(seed)

    def cut_power_while_writing(self, seed: int) -> PowerCut:
        """The same, at an instant at which the disk has taken writes that nobody has flushed yet."""
        give_up = time.monotonic() + _PATIENCE_S
        while not self._disk.cache.in_flight and time.monotonic() < give_up:
            time.sleep(0.0005)
        cut = self.cut_power(seed)
        assert cut != PowerCut(0, 0, 0), "nothing was being written"
        return cut

    def wait_off(self) -> None:
        """Wait until the vehicle has switched itself off."""
        self.machine.wait_off()
        self._machine = None
        self._disk.settle()

    def save(self, snapshot: Snapshot) -> None:
        """Save the machine and end; its layer of the disk moves to ``snapshot`` when the vehicle is put away."""
        assert self._snapshot is None, "a snapshot stands on the bare image"
        self.machine.save(snapshot.state)
        self._machine = None
        self._disk.settle()
        self._saved = snapshot

    def _run(self, machine: Machine) -> None:
        assert self._machine is None, "the vehicle is on already"
        self._machine = machine.__enter__()
