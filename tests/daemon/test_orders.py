"""The office's orders, through the command that systemd runs: beside a recorder, and without one."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from recorder.config import load
from recorder.errors import NothingHeldError
from recorder.exporting import export
from recorder.order import AUTHORITY_PREFIX, ReleaseOrder
from tests.daemon.vehicle import Vehicle
from tests.export.ordering import Office, answer_to, put

VEHICLE = "VAN-1"


class Depot:
    """A vehicle that obeys an office, and the stick that goes between them."""

    def __init__(self, make_vehicle: Callable[..., Vehicle]) -> None:
        self.office = Office()
        key = AUTHORITY_PREFIX + base64.b64encode(self.office.public.raw).decode()
        self.vehicle = make_vehicle(keys=f'authority = "{key}"\nlocal_release = false')
        self.stick = self.vehicle.folder / "stick"
        self.stick.mkdir()
        times = (datetime.now(UTC) + timedelta(days=days) for days in (0, 1))
        self.times = dict(zip(("issued", "expires"), (f"{time:%Y-%m-%dT%H:%M:%S}.000Z" for time in times), strict=True))

    def hold_all(self) -> str:
        order = self.office.hold(vehicle=VEHICLE, **self.times)
        self.office.put(self.stick, order, vehicle=VEHICLE)
        return order.number

    def insert(self) -> tuple[int, str]:
        done = self.vehicle.run("export", "--told-later", self.stick)
        return done.returncode, done.stdout

    def outcome(self, number: str) -> str:
        answer = answer_to(self.stick, number, VEHICLE)
        return "unanswered" if answer is None else answer.outcome


def lamps(vehicle: Vehicle) -> dict[str, str]:
    [shown] = vehicle.panel("state")
    return dict(pair.split("=") for pair in shown.split())


def test_a_hold_and_its_release_beside_a_recorder(
    make_vehicle: Callable[..., Vehicle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lamp knows of both; what is held is on the stick of the same insertion; only an order can release it."""
    depot = Depot(make_vehicle)
    vehicle, stick = depot.vehicle, depot.stick
    vehicle.start()
    vehicle.panel("ignition on", "press consent")
    journey = vehicle.until(lambda status: status["journey"])["journey"]
    assert (vehicle.status()["held"], lamps(vehicle)["hold"]) == (False, "off")
    held = depot.hold_all()
    code, said = depot.insert()
    assert (code, said.splitlines()[0]) == (0, f"Order {held[:8]} was applied: 1 journey is held.")
    assert (vehicle.status()["held"], depot.outcome(held)) == (True, "applied")
    assert list(stick.rglob("manifest.json")) != []
    vehicle.panel("ignition off")
    vehicle.until_state("Parked")
    assert depot.insert()[0] == 0
    release = vehicle.run("release", journey, "--reason", "over")
    assert (release.returncode, "the office sends an order" in release.stderr) == (2, True)

    (manifest,) = stick.rglob("manifest.json")
    (entry,) = [entry for entry in vehicle.log(journey) if entry["event"] == "hold"]
    order = ReleaseOrder(
        **depot.office.said(vehicle=VEHICLE, **depot.times),
        journey=manifest.parent.name,
        hold=entry["data"]["hold_sha256"],
        manifest_sha256=hashlib.sha256(manifest.read_bytes()).hexdigest(),
    )
    depot.office.put(stick, order, vehicle=VEHICLE)
    said = list[str]()
    monkeypatch.setattr("recorder.timekeeping.is_synchronised", lambda: True)  # not every machine's clock is
    with pytest.raises(NothingHeldError):
        export(load(vehicle.config), stick, (), lambda progress: None, said.append, tells_end=False)
    assert said == [f"Order {order.number[:8]} was applied: The hold has ended."]
    assert (vehicle.journeys()[0]["held"], depot.outcome(order.number)) == (False, "applied")
    put(stick, "0" * 32, b"junk", VEHICLE)
    assert depot.insert()[0] == 5
    told = [line.split("orders: ")[1] for line in vehicle.log_path.read_text().splitlines() if "orders: " in line]
    assert told == [
        "1 journeys held, 0 released, 0 orders refused",
        "0 journeys held, 1 released, 0 orders refused",
        "0 journeys held, 0 released, 1 orders refused",
    ]

    assert vehicle.stop() == 0
    again = depot.hold_all()
    assert depot.insert()[0] == 0  # without a recorder it is the same
    assert (vehicle.journeys()[0]["held"], depot.outcome(again)) == (True, "applied")
    assert depot.insert()[1].startswith(f"{journey}: 0 segments copied")
