"""One emulated computer: switched on, saved, restored, unplugged.

Emulation in software only (TCG): nothing needs KVM. The machine's clock counts its own instructions, one nanosecond
each (``-icount``): a busy host makes it slower to watch and never late, so that time limits mean the same on every
host. QEMU runs at the lowest priority and dies with the tests.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rig.guest import Guest
from tests.rig.qmp import Qmp, QmpError

_PATIENCE_S = 1800
_BOARD = [
    *("-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg,thread=single,tb-size=512"),
    *("-M", "q35", "-cpu", "max", "-smp", "1", "-m", "1536M", "-icount", "shift=0,sleep=on"),
    *("-device", "virtio-blk-pci,drive=root", "-device", "virtio-serial-pci", "-device", "virtio-rng-pci"),
    *("-device", "virtserialport,chardev=agent,name=rig", "-device", "qemu-xhci,id=usb"),
]
_KERNEL = "console=ttyS0 root=/dev/vda rw panic=-1 mitigations=off quiet"


def _pace_of(stick: str) -> str:
    """The name under which QEMU knows how slow ``stick`` is."""
    return f"pace-{stick}"


@dataclass(frozen=True, slots=True)
class Image:
    """What tests/rig/build made: a kernel, its first file system, a disk, and wheels for the installer."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    @property
    def wheels(self) -> Path:
        return self.folder / "wheels"

    @property
    def fingerprint(self) -> str:
        """Changes whenever the image does."""
        return (self.folder / "machine.sum").read_text()


class Machine:
    """QEMU in ``folder``, its root disk behind the NBD socket ``disk``.

    ``rtc``: the clock chip's time as QEMU's ``-rtc base=`` takes it. ``low``: pins that are held to ground when the
    power comes. ``state``: a saved machine to go on with; without, it boots.
    """

    def __init__(
        self,
        image: Image,
        disk: Path,
        folder: Path,
        *,
        rtc: str = "utc",
        low: Sequence[int] = (),
        state: Path | None = None,
    ) -> None:
        self._folder = folder
        self._state = state
        self._argv = [
            *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "19", "qemu-system-x86_64", *_BOARD),
            *("-kernel", str(image.folder / "vmlinuz"), "-initrd", str(image.folder / "initrd")),
            *("-append", f"{_KERNEL} rig.low={','.join(map(str, low))}"),
            *("-drive", f"file=nbd+unix:///?socket={disk},if=none,id=root,format=raw,cache=writeback"),
            *("-serial", f"file:{folder / 'console.log'}", "-rtc", f"base={rtc},clock=vm"),
            *("-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
            *("-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off"),
            *(("-incoming", f"exec:zstd --quiet --decompress --stdout {state}") if state else ()),
        ]

    def __enter__(self) -> Self:
        for name in ("qmp", "agent"):
            (self._folder / name).unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.DEVNULL, stderr=(self._folder / "qemu.log").open("wb")
        )
        try:
            self._until((self._folder / "agent").exists, "QEMU did not start")
            self.qmp = Qmp(self._folder / "qmp")
            self.guest = Guest(self._folder / "agent")
            if self._state:
                self._until(lambda: self.qmp.execute("query-status")["status"] == "paused", "the state was not loaded")
                self.qmp.execute("cont")
            # Up, whether or not every unit is: a recorder without a configuration is not.
            self.guest.try_("systemctl", "is-system-running", "--wait")
        except BaseException:
            self.cut_power()
            print(f"console:\n{self.console[-4000:]}")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_power()

    @property
    def runs(self) -> bool:
        """Whether it is on."""
        return self._process.poll() is None

    @property
    def console(self) -> str:
        """What the machine printed on its serial line."""
        return (self._folder / "console.log").read_text(errors="replace")

    # --- the power ---------------------------------------------------------------------------------------------------

    def cut_power(self) -> None:
        """Off, this instant."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def wait_off(self, patience_s: float = _PATIENCE_S) -> None:
        """Wait until the machine has switched itself off; one that starts again instead is a failure."""
        self._process.wait(patience_s)
        assert "Power down" in self.console.splitlines()[-1], self.console[-2000:]

    def save(self, state: Path) -> None:
        """Save the running machine and end it; its disk is then what the restored one expects."""
        self.guest.close()
        self.qmp.execute("stop")
        self.qmp.execute("migrate", {"uri": f"exec:zstd --quiet --force -o {state}"})
        self._until(lambda: self.qmp.execute("query-migrate")["status"] == "completed", "the machine was not saved")
        self.qmp.execute("quit")
        self._process.wait(_PATIENCE_S)

    # --- the USB socket ----------------------------------------------------------------------------------------------

    def plug(self, name: str, image: Path, bytes_per_s: int | None = None) -> None:
        """Put a stick into the USB socket; a slow one takes and gives ``bytes_per_s`` at most, by this host's clock."""
        drive: dict[str, Any] = {"driver": "raw", "file": {"driver": "file", "filename": str(image)}}
        if bytes_per_s is not None:
            limits = {"bps-total": bytes_per_s}
            self.qmp.execute("object-add", {"qom-type": "throttle-group", "id": _pace_of(name), "limits": limits})
            drive = {"driver": "throttle", "throttle-group": _pace_of(name), "file": drive}
        self.qmp.execute("blockdev-add", {"node-name": name, **drive})
        device = {"driver": "usb-storage", "id": f"usb-{name}", "drive": name, "removable": True, "bus": "usb.0"}
        self.qmp.execute("device_add", device)

    def unplug(self, name: str) -> None:
        """Pull the stick out, whatever it is doing."""
        self.qmp.execute("device_del", {"id": f"usb-{name}"})

        def gone() -> bool:
            try:
                self.qmp.execute("blockdev-del", {"node-name": name})
            except QmpError:
                return False
            return True

        self._until(gone, f"the stick {name} stayed in its socket")
        with suppress(QmpError):  # a stick that was not slow
            self.qmp.execute("object-del", {"id": _pace_of(name)})

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        """Wait for QEMU itself, which has no other way to tell."""
        give_up = time.monotonic() + _PATIENCE_S
        while not true():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(f"{otherwise}: {(self._folder / 'qemu.log').read_text()}{self.console[-2000:]}")
            time.sleep(0.05)
