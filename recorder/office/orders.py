"""Orders to recorders, made in the office and put onto a stick; and what recorders have answered.

Rules: an order stands in the register before it is on a stick; a release is made only of a copy that is attested, and
names the hold and the manifest of that copy; nothing that is on a stick is replaced. The form of orders and answers is
in ``recorder/export/README.md``.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from recorder import manifest
from recorder.errors import BundleError, OrderError, OutputError, StoreError, UsageError
from recorder.office.bundle import verify
from recorder.office.contents import look
from recorder.office.findings import VerifyReport, shown
from recorder.office.keys import AUTHORITY_PUBLIC_NAME
from recorder.office.output import write_new
from recorder.office.papers import Papers, read_papers
from recorder.office.recorders import Trust
from recorder.office.register import ORDERED, Register
from recorder.order import (
    MAX_VALID_NS,
    ORDER_FORMAT,
    ORDER_SUFFIX,
    HoldOrder,
    Kind,
    Order,
    OrderAnswer,
    ReleaseOrder,
    authority_key,
    make_order,
    orders_folder,
    read_answer,
    read_order,
    render_order,
)
from recorder.order_files import OrderFile, read_orders, vehicles_with_orders
from recorder.timekeeping import NS_PER_S, iso_utc
from recorder.vault import age, words
from recorder.vault.signing import PublicKey

MAX_VALID_DAYS = MAX_VALID_NS // (86_400 * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Ordering:
    """Who orders, why, and for how long it may be carried out."""

    who: str
    reason: str
    days: int


@dataclass(frozen=True, slots=True)
class MadeOrder:
    """An order that is on a stick, and in the register under ``line``."""

    order: Order
    path: Path
    line: int

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.path}: line {self.line} of the register; counts until {self.order.expires[:10]}, once."


@dataclass(frozen=True, slots=True)
class Answered:
    """One order on a stick, and what became of it. ``said``: a sentence, the recorder's where it is believed."""

    vehicle: str
    number: str
    kind: str
    verdict: Literal["applied", "refused", "unanswered", "unknown", "wrong"]
    said: str

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.vehicle} {self.kind} {self.number[:8]}: {self.verdict}: {self.said}"


def hold_order(vehicle: str, scope: Mapping[str, str], ordering: Ordering) -> HoldOrder:
    """A hold of ``scope``: the members of an order from ``scope`` on. UsageError where something in it is wrong."""
    return _made(HoldOrder, {**_said("hold", vehicle, ordering), **scope})


def release_orders(
    bundle: Path, trust: Trust, identities: Sequence[age.Identity], journeys: Sequence[str], ordering: Ordering
) -> tuple[ReleaseOrder, ...]:
    """A release of each of ``journeys`` in ``bundle`` (ids, or names of folders), as this copy has them.

    BundleError where the copy is not attested, or its logs know of no hold; UsageError where it has no such journey.
    """
    report = verify(bundle, trust, identities)
    if report.verdict != "attested":
        raise _not_attested(report)
    papers = read_papers(look(bundle), identities, [])
    orders = []
    for journey in journeys:
        one = next((one for one in papers if journey in (one.name, one.folder.name)), None)
        if one is None:
            raise UsageError(f"{bundle} has no journey {journey!r}; `verify` lists them.")
        orders.append(_release(one, ordering))
    return tuple(orders)


def give(orders: Sequence[Order], stick: Path, register: Register) -> tuple[MadeOrder, ...]:
    """Enter ``orders`` in the register and put them onto the stick. UsageError, OutputError."""
    if not stick.is_dir():
        raise UsageError(f"{stick} is not a folder; plug the stick in, or name a folder that exists.")
    made = []
    for order in orders:
        data = render_order(order, register.sign)
        said = {name: getattr(order, name) for name in order.__struct_fields__ if name != "format"}
        kept = {name: value for name, value in said.items() if value is not None}
        about = {"kind": "hold" if isinstance(order, HoldOrder) else "release"}
        try:
            entry = register.note(ORDERED, kept | about | {"order_sha256": hashlib.sha256(data).hexdigest()})
        except StoreError as error:
            raise OutputError(f"{error} No order was made.") from error
        path = stick.joinpath(*orders_folder(order.vehicle)) / f"{order.number}{ORDER_SUFFIX}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_new(path, data)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written: {error.strerror or error}; use another stick. The register has the order "
                f"as line {entry.seq}; it is on no stick, so nobody will follow it."
            ) from error
        made.append(MadeOrder(order, path, entry.seq))
    return tuple(made)


def check_answers(stick: Path, keys: Path, trust: Trust) -> tuple[Answered, ...]:
    """What became of each order on ``stick``, by answers of recorders that this office knows. UsageError."""
    try:
        authority = authority_key((keys / AUTHORITY_PUBLIC_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{keys / AUTHORITY_PUBLIC_NAME} cannot be used: {error}; name the folder of keys.") from error
    answered = []
    for vehicle in vehicles_with_orders(stick):
        found = read_orders(stick, vehicle)
        answered += [_answered(vehicle, file, authority, trust) for file in found.files]
        if found.strange is not None:
            answered.append(Answered(vehicle, "", "no order", "wrong", found.strange))
    return tuple(answered)


def exit_code_of(answers: Sequence[Answered]) -> int:
    """0 all applied · 3 something is wrong · 4 answered by a recorder that is not known · 1 refused, or unanswered."""
    verdicts = {answer.verdict for answer in answers}
    if "wrong" in verdicts:
        return 3
    if "unknown" in verdicts:
        return 4
    return 0 if verdicts <= {"applied"} else 1


def _said(kind: str, vehicle: str, ordering: Ordering) -> dict[str, Any]:
    if not 1 <= ordering.days <= MAX_VALID_DAYS:
        raise UsageError(f"An order counts for 1 to {MAX_VALID_DAYS} days.")
    issued = datetime.now(UTC)
    issued_ns, valid = int(issued.timestamp() * 1000) * 1_000_000, timedelta(days=ordering.days)
    return {
        "format": ORDER_FORMAT,
        "kind": kind,
        "vehicle": vehicle,
        "number": secrets.token_hex(16),
        "issued": iso_utc(issued_ns),
        "expires": iso_utc(issued_ns + round(valid.total_seconds()) * NS_PER_S),
        "who": ordering.who,
        "reason": ordering.reason,
    }


def _made(kind: type[Kind], said: Mapping[str, Any]) -> Kind:
    try:
        return make_order(kind, said)
    except OrderError as error:
        raise UsageError(f"No such order can be made: {error}") from error


def _not_attested(report: VerifyReport) -> BundleError:
    refusal = BundleError(
        f"This copy is {report.verdict}, so nothing is released by it; `verify` says why. Export again, or enrol the "
        "recorder."
    )
    refusal.exit_code = report.exit_code
    return refusal


def _release(one: Papers, ordering: Ordering) -> ReleaseOrder:
    entries = () if one.logs is None else one.logs.entries
    holds = [entry for entry in entries if entry.event in (words.HOLD, words.RELEASE)]
    if not holds or holds[-1].event == words.RELEASE:
        raise BundleError(f"{one.name} was not held when this copy was made; there is nothing to release.")
    with one.folder.open(manifest.MANIFEST_NAME) as file:
        manifest_sha256 = hashlib.sha256(file.read(manifest.MAX_BYTES + 1)).hexdigest()
    vehicle = one.folder.vehicle if one.signed is None else one.signed.vehicle
    about = {"journey": one.folder.name, "hold": holds[-1].data.get("hold_sha256"), "manifest_sha256": manifest_sha256}
    return _made(ReleaseOrder, {**_said("release", vehicle, ordering), **about})


def _answered(vehicle: str, file: OrderFile, authority: PublicKey, trust: Trust) -> Answered:
    try:
        order = read_order(file.data, authority)
    except OrderError as error:
        return Answered(vehicle, file.number, "order", "wrong", file.problem or f"The order {error}")
    kind = "hold" if isinstance(order, HoldOrder) else "release"
    if order.number != file.number:
        return Answered(vehicle, file.number, kind, "wrong", "The order is in a file of another number.")
    if not file.answer:
        return Answered(vehicle, file.number, kind, "unanswered", "No recorder has answered yet.")
    try:
        answer, key = read_answer(file.answer)
    except OrderError as error:
        return Answered(vehicle, file.number, kind, "wrong", f"The answer {error}")
    verdict, said = _verdict(file, answer, key, trust)
    return Answered(vehicle, file.number, kind, verdict, said)


def _verdict(
    file: OrderFile, answer: OrderAnswer, key: PublicKey, trust: Trust
) -> tuple[Literal["applied", "refused", "unknown", "wrong"], str]:
    if (answer.number, answer.order_sha256) != (file.number, file.sha256):
        return "wrong", "The answer is to another order."
    known_as, said = trust.name_of(key), shown(answer.said)
    if not known_as:
        return "unknown", f"A recorder that is not known here ({key.fingerprint}) says: {said}"
    journeys = f" ({', '.join(answer.journeys)})" if answer.journeys else ""
    return answer.outcome, f"{said}{journeys} Said by {shown(known_as)}."
