"""A recorder that runs in the test's own process, with devices that remember when they were opened."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from recorder.assembly import Parts, assemble
from recorder.capture.devices import Devices, make_devices
from recorder.capture.ports import AudioBlock, DeviceFailure, Microphone, VideoFormat, VideoPacket
from recorder.capture.synthetic import SyntheticMicrophone
from recorder.config import load
from recorder.daemon import Daemon
from recorder.events import StopRequested
from recorder.systemd import Notifier
from tests.daemon.vehicle import PATIENCE_S, Vehicle


@dataclass
class Counted:
    """A real device, with a memory of when it was opened and closed."""

    device: Any
    opened: int = 0
    is_open: bool = False
    closed_s: float = 0.0
    delivered_after_close: int = 0
    first: list[float] = field(default_factory=list)

    def open(self, *arguments: Any) -> VideoFormat | None:
        """Counts, then opens. The last two arguments are the callbacks of every port."""
        self.opened += 1
        self.is_open = True
        *rest, deliver, fail = arguments

        def counting(value: VideoPacket | AudioBlock | DeviceFailure) -> None:
            self.delivered_after_close += not self.is_open
            deliver(value)

        result: VideoFormat | None = self.device.open(*rest, counting, fail)
        return result

    def close(self) -> None:
        """Closes, then remembers when."""
        was_open = self.is_open
        self.device.close()
        self.is_open = False
        if was_open:
            self.closed_s = time.monotonic()


class CountedParts(Parts):
    """The parts of a recorder, with its devices counted."""

    @property
    def _devices(self) -> Devices:
        return self.__dict__["counted"]


Driver = Callable[[Vehicle, Counted, Counted], None]


def drive(vehicle: Vehicle, driver: Driver, microphone: Microphone | None = None) -> None:
    """Run the recorder on this thread while ``driver`` drives it from another.

    It is given a ``microphone`` whatever its configuration says: a synthetic one if not another.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    hook = threading.excepthook
    config = load(vehicle.config)
    plain = assemble(config)
    camera, ear = Counted(make_devices(config).camera), Counted(microphone or SyntheticMicrophone(48_000))
    parts = CountedParts(**{f.name: getattr(plain, f.name) for f in fields(plain)})
    parts.__dict__["counted"] = Devices(camera, ear)
    failures: list[BaseException] = []

    def hands() -> None:
        try:
            driver(vehicle, camera, ear)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread below
            failures.append(error)
        finally:
            parts.inbox.put(StopRequested())

    thread = threading.Thread(target=hands)
    thread.start()
    try:
        code = Daemon(parts, Notifier({})).run()
        thread.join(PATIENCE_S)
    finally:
        threading.excepthook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if failures:
        raise failures[0]
    assert code == 0
    assert not camera.is_open
    assert not ear.is_open
