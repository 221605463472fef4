"""The office in tests of orders: its authority key, orders made with it, and what a recorder answers."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.export.obeying import Obeyed, Obeying, write_answers
from recorder.export.target import Target
from recorder.order import (
    ANSWER_SUFFIX,
    ORDER_FORMAT,
    ORDER_SUFFIX,
    HoldOrder,
    Order,
    OrderAnswer,
    ReleaseOrder,
    orders_folder,
    read_answer,
    render_order,
)
from recorder.order_files import read_orders
from recorder.timekeeping import NS_PER_S, iso_utc
from recorder.vault.journal import Entry, PublicKey, read_entries
from recorder.vault.ledger import read_ledger
from tests.export.van import VEHICLE, Van
from tests.vault.kit import START_UTC_NS

DAY_S = 86_400
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - only folders of tempfile's own in it


def at(seconds: float) -> str:
    """So many seconds after the moment at which the tests' clock begins."""
    return iso_utc(START_UTC_NS + round(seconds * NS_PER_S))


@dataclass(frozen=True)
class Office:
    """Whose orders a recorder obeys."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key().public_bytes_raw())

    def said(self, **other: Any) -> dict[str, Any]:
        """What every order says, where it is not said otherwise."""
        return {
            "format": ORDER_FORMAT,
            "vehicle": VEHICLE,
            "number": secrets.token_hex(16),
            "issued": at(0),
            "expires": at(14 * DAY_S),
            "who": "Siân, safeguarding lead",
            "reason": "case 2026/114",
        } | other

    def hold(self, **said: Any) -> HoldOrder:
        return HoldOrder(**self.said(scope="all", **said) if "scope" not in said else self.said(**said))

    def release(self, van: Van, journey: str, manifest_sha256: str, **said: Any) -> ReleaseOrder:
        hold = {"hold": newest(van, journey, "hold").data["hold_sha256"]}
        return ReleaseOrder(**self.said(journey=journey, manifest_sha256=manifest_sha256, **(hold | said)))

    def put(self, stick: Path, *orders: Order, vehicle: str = VEHICLE) -> None:
        for order in orders:
            put(stick, order.number, render_order(order, self.key.sign), vehicle)

    def insert(self, van: Van, stick: Path, vehicle: str = VEHICLE) -> Obeyed:
        """What an insertion does before it copies."""
        obeyed = Obeying(van.store, vehicle, self.public).obey(read_orders(stick, vehicle))
        assert write_answers(Target(stick), vehicle, obeyed.answers) == ()
        return obeyed


def put(stick: Path, number: str, data: bytes, vehicle: str = VEHICLE) -> Path:
    """A file that is called as an order is."""
    folder = stick.joinpath(*orders_folder(vehicle))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number}{ORDER_SUFFIX}"
    path.write_bytes(data)
    return path


def answer_to(stick: Path, number: str, vehicle: str = VEHICLE) -> OrderAnswer | None:
    """What the recorder has answered."""
    path = stick.joinpath(*orders_folder(vehicle)) / f"{number}{ANSWER_SUFFIX}"
    return read_answer(path.read_bytes())[0] if path.exists() else None


def about_orders(van: Van) -> list[tuple[str, dict[str, Any]]]:
    """What the ledger says of orders."""
    entries, _ = read_ledger(van.store.ledger.path)
    return [(entry.event, entry.data) for entry in entries if entry.event.startswith("order-")]


def newest(van: Van, journey: str, event: str) -> Entry:
    """The newest entry of this kind in a journey's log."""
    entries = entries_of(van, journey)
    return next(entry for entry in reversed(entries) if entry.event == event)


def entries_of(van: Van, journey: str) -> tuple[Entry, ...]:
    return read_entries(van.store.journeys_path / journey / "log.jsonl")
