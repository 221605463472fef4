"""Nothing is opened before consent, nothing after a withdrawal: the devices themselves count."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from recorder.assembly import Parts, assemble
from recorder.capture.devices import Devices, make_devices
from recorder.capture.ports import AudioBlock, DeviceFailure, VideoFormat, VideoPacket
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


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Callable[[Callable[[Vehicle, Counted, Counted], None]], None]]:
    """Runs a recorder on this thread while a driver drives it from another."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    hook = threading.excepthook

    def drive(driver: Callable[[Vehicle, Counted, Counted], None]) -> None:
        vehicle = Vehicle(tmp_path / "vehicle")
        config = load(vehicle.config)
        plain = assemble(config)
        devices = make_devices(config)
        camera, microphone = Counted(devices.camera), Counted(devices.microphone)
        parts = CountedParts(**{f.name: getattr(plain, f.name) for f in fields(plain)})
        parts.__dict__["counted"] = Devices(camera, microphone)
        failures: list[BaseException] = []

        def hands() -> None:
            try:
                driver(vehicle, camera, microphone)
            except BaseException as error:  # noqa: BLE001 - handed to the test's own thread below
                failures.append(error)
            finally:
                parts.inbox.put(StopRequested())

        thread = threading.Thread(target=hands)
        thread.start()
        code = Daemon(parts, Notifier({})).run()
        thread.join(PATIENCE_S)
        if failures:
            raise failures[0]
        assert code == 0
        assert not camera.is_open
        assert not microphone.is_open

    yield drive
    threading.excepthook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_before_consent_nothing_is_opened(driven: Callable[..., None]) -> None:
    """Ignition on and off, holds, a withdrawal of nothing: no device is touched."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on", "press hold", "hold consent 3", "ignition off", "ignition on")
        vehicle.until_state("AwaitingConsent")
        assert (camera.opened, microphone.opened) == (0, 0)

    driven(driver)


def test_after_withdrawal_nothing_is_open(driven: Callable[..., None]) -> None:
    """Consent opens each once; a withdrawal closes both within a second, and nothing arrives afterwards."""

    def driver(vehicle: Vehicle, camera: Counted, microphone: Counted) -> None:
        vehicle.panel("ignition on", "press consent")
        vehicle.until_state("Recording")
        assert (camera.opened, microphone.opened) == (1, 1)
        vehicle.panel("hold consent 3")
        withdrawn_s = time.monotonic()
        vehicle.until(lambda status: status["state"] == "Withdrawn" and not status["devices_open"])
        assert (camera.is_open, microphone.is_open) == (False, False)
        assert max(camera.closed_s, microphone.closed_s) - withdrawn_s < 1.0
        vehicle.panel("press hold", "ignition off")
        vehicle.until_state("Parked")
        assert (camera.opened, microphone.opened) == (1, 1)
        assert (camera.delivered_after_close, microphone.delivered_after_close) == (0, 0)

    driven(driver)
