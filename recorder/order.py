"""What an order from the office says, and the recorder's answer to it: two files on a stick, one line of JSON each.

Form (byte by byte in ``recorder/export/README.md``): members in the order below, no white space, UTF-8; the last member
is ``sig``, base64 of Ed25519 over a line that names the kind of thing ‖ the line without ``,"sig":"..."``. So a reader
needs no canonical encoder. Rules: nothing of a file is looked at before its signature is proven; a file that is too
long, cut off or altered is refused with a clause that says so.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from recorder.errors import JournalError, OrderError
from recorder.manifest import folder_names
from recorder.timekeeping import parse_iso_utc
from recorder.vault.signing import PublicKey

AUTHORITY_PREFIX: Final = "cabin-authority-1:"
ORDER_CONTEXT: Final = b"cabin-recorder order 1\n"
ANSWER_CONTEXT: Final = b"cabin-recorder order answer 1\n"
ORDER_FORMAT: Final = "cabin-recorder-order-1"
ANSWER_FORMAT: Final = "cabin-recorder-order-answer-1"

FOLDER: Final = "CABIN-ORDERS"
ORDER_SUFFIX: Final = ".order.json"
ANSWER_SUFFIX: Final = ".answer.json"
MAX_ORDER_BYTES: Final = 4096
MAX_VALID_NS: Final = 31 * 86_400 * 1_000_000_000
MAX_ANSWER_BYTES: Final = 1 << 20  # tens of thousands of journeys

_SIGNATURE_MARK = b',"sig":"'
_ORDER_NAME = re.compile(r"([0-9a-f]{32})\.order\.json")

Sign = Callable[[bytes], bytes]

_NO_CONTROLS = r"\A(?=.*\S)[^\x00-\x1f\x7f]+\Z"
Number = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Vehicle = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}\Z")]
Time = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")]
JourneyName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
Who = Annotated[str, Meta(pattern=_NO_CONTROLS, max_length=100)]
Why = Annotated[str, Meta(pattern=_NO_CONTROLS, max_length=500)]


class _Order(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What every order says. ``number``: 128 random bits, hexadecimal; no two orders have the same.

    ``vehicle``: as its recorder's configuration has it. ``issued``, ``expires``: ISO 8601 in UTC with milliseconds.
    ``who`` orders it, and the ``reason``.
    """

    format: str
    vehicle: Vehicle
    number: Number
    issued: Time
    expires: Time
    who: Who
    reason: Why

    @property
    def issued_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return parse_iso_utc(self.issued)

    @property
    def expires_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return parse_iso_utc(self.expires)


class HoldOrder(_Order, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="hold"):
    """Keep a ``journey`` (its id, or the name of its folder), what lies in ``since`` to ``until``, or all on board."""

    scope: Literal["journey", "span", "all"]
    journey: JourneyName | None = None
    since: Time | None = None
    until: Time | None = None

    def __post_init__(self) -> None:
        _require_times(self)
        wants = {"journey": (True, False, False), "span": (False, True, True), "all": (False, False, False)}
        if (self.journey is not None, self.since is not None, self.until is not None) != wants[self.scope]:
            raise ValueError(f"a hold of scope {self.scope} has other members")
        if self.span_ns[0] > self.span_ns[1]:
            raise ValueError("the span ends before it begins")

    @property
    def span_ns(self) -> tuple[int, int]:
        """``since`` and ``until`` in nanoseconds since 1970 UTC; zeros where there is no span."""
        since, until = (0 if time is None else parse_iso_utc(time) for time in (self.since, self.until))
        return since, until


class ReleaseOrder(_Order, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="release"):
    """Let go of one hold on one journey.

    ``journey``: its id, or the name of its folder. ``hold``: SHA-256 of ``HOLD``, as the journey's log has it with the
    hold. ``manifest_sha256``: of the ``manifest.json`` of a copy that the office has verified.
    """

    journey: JourneyName
    hold: Sha256
    manifest_sha256: Sha256

    def __post_init__(self) -> None:
        _require_times(self)


Order = HoldOrder | ReleaseOrder
Kind = TypeVar("Kind", HoldOrder, ReleaseOrder)


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the recorder's ledger: its number, and the SHA-256 of its line."""

    seq: Annotated[int, Meta(ge=1)]
    head: Sha256


class OrderAnswer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a recorder answers to one order file.

    ``order_sha256``: of the file. ``said``: a sentence. ``journeys``: the folders' names of what it was applied to.
    ``ledger``: the entry that says so too.
    """

    format: str
    recorder: str
    vehicle: Vehicle
    number: Number
    order_sha256: Sha256
    outcome: Literal["applied", "refused"]
    said: Annotated[str, Meta(max_length=1000)]
    journeys: tuple[JourneyName, ...]
    ledger: Place


def authority_key(text: str) -> PublicKey:
    """The office's authority key from its one line, ``cabin-authority-1:...``. OrderError where it is none."""
    text = text.strip()
    try:
        raw = base64.b64decode(text.removeprefix(AUTHORITY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(AUTHORITY_PREFIX) or len(raw) != 32:
        raise OrderError(f"{text[:80]!r} is not an office's authority key; it begins with {AUTHORITY_PREFIX}.")
    return PublicKey(raw)


def orders_folder(vehicle: str) -> tuple[str, str]:
    """The folders of a vehicle's orders on a stick, one within the other."""
    return FOLDER, folder_names(vehicle, "")[1]


def number_of(name: str) -> str | None:
    """The number of the order in the file ``name``; None where no order is called so."""
    match = _ORDER_NAME.fullmatch(name)
    return match[1] if match else None


def make_order(kind: type[Kind], said: Mapping[str, object]) -> Kind:
    """An order of a ``kind`` that says this, its tag ``kind`` included. OrderError, a clause, where it cannot."""
    try:
        return msgspec.convert(dict(said), kind)
    except msgspec.ValidationError as error:
        raise OrderError(f"{error}.") from error


def render_order(order: Order, sign: Sign) -> bytes:
    """The order as a file, signed by the office's authority key."""
    rest = {name: getattr(order, name) for name in order.__struct_fields__}
    kind = {"format": rest.pop("format"), "kind": order.__struct_config__.tag}
    return _signed(kind | {name: value for name, value in rest.items() if value is not None}, ORDER_CONTEXT, sign)


def read_order(data: bytes, authority: PublicKey) -> Order:
    """The order in a file. OrderError, a clause, where it is none of this ``authority``'s."""
    if len(data) > MAX_ORDER_BYTES:
        raise OrderError("is larger than any order.")
    unsigned = _proven(data, ORDER_CONTEXT, authority, "the office's authority key")
    try:
        head = msgspec.json.decode(unsigned, type=_Head)
        if head.format != ORDER_FORMAT or head.kind not in ("hold", "release"):
            raise OrderError("is of a kind or form that this software does not know; use a newer one.")
        order: Order = msgspec.json.decode(unsigned, type=Order)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if isinstance(error, OrderError):
            raise
        raise OrderError("says what no order says; make it anew.") from error
    return order


def render_answer(answer: OrderAnswer, sign: Sign) -> bytes:
    """The answer as a file, signed by the recorder."""
    return _signed({name: getattr(answer, name) for name in answer.__struct_fields__}, ANSWER_CONTEXT, sign)


def read_answer(data: bytes) -> tuple[OrderAnswer, PublicKey]:
    """The answer in a file, and the key that it names and is signed by. OrderError, a clause, where it is none."""
    if len(data) > MAX_ANSWER_BYTES:
        raise OrderError("is larger than any answer.")
    key = _named_key(data)
    unsigned = _proven(data, ANSWER_CONTEXT, key, "the recorder that it names")
    try:
        answer = msgspec.json.decode(unsigned, type=OrderAnswer)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise OrderError("says what no answer says; it was altered.") from error
    if answer.format != ANSWER_FORMAT:
        raise OrderError("is in a form that this software does not know; use a newer one.")
    return answer, key


class _Head(Struct):
    """The little that every version will have."""

    format: str
    kind: str


class _Recorder(Struct):
    """Who says to have signed an answer."""

    recorder: str


def _named_key(data: bytes) -> PublicKey:
    try:
        return PublicKey.parse(msgspec.json.decode(data, type=_Recorder).recorder)
    except (msgspec.MsgspecError, ValueError, RecursionError, JournalError) as error:
        raise OrderError("is no answer of a recorder; it was cut off or altered.") from error


def _require_times(order: Order) -> None:
    if not 0 < order.expires_ns - order.issued_ns <= MAX_VALID_NS:
        raise ValueError("the order expires before it is issued, or too long after")


def _signed(members: dict[str, object], context: bytes, sign: Sign) -> bytes:
    unsigned = msgspec.json.encode(members)
    return unsigned[:-1] + _SIGNATURE_MARK + base64.b64encode(sign(context + unsigned)) + b'"}\n'


def _proven(data: bytes, context: bytes, key: PublicKey, signer: str) -> bytes:
    """What is signed of a file, without the line that names its kind; OrderError where that is not proven."""
    before, mark, rest = data.rpartition(_SIGNATURE_MARK)
    try:
        signature = base64.b64decode(rest.removesuffix(b'"}\n'), validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if not mark or rest != base64.b64encode(signature) + b'"}\n':
        raise OrderError("is not whole; it was cut off or altered, or is something else.")
    unsigned = before + b"}"
    if not key.verify(context + unsigned, signature):
        raise OrderError(f"is not signed by {signer}, or was altered.")
    return unsigned
