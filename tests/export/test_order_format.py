"""What an order and an answer look like, byte by byte: as the vectors have it, and as nobody else can make it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.errors import OrderError
from recorder.order import (
    ANSWER_CONTEXT,
    ANSWER_SUFFIX,
    MAX_ANSWER_BYTES,
    MAX_ORDER_BYTES,
    ORDER_CONTEXT,
    ORDER_SUFFIX,
    HoldOrder,
    ReleaseOrder,
    authority_key,
    number_of,
    orders_folder,
    read_answer,
    read_order,
    render_answer,
    render_order,
)

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("order-vectors.json").read_text("utf-8"))
AUTHORITY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["authority"]["seed"]))
RECORDER = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["recorder"]["seed"]))
KEY = authority_key(VECTORS["authority"]["public"])
SAID: dict[str, Any] = VECTORS["orders"][0]["order"]
RELEASE: dict[str, Any] = VECTORS["orders"][4]["order"]

CUT = "is not whole; it was cut off or altered, or is something else."
ALTERED = "is not signed by the office's authority key, or was altered."
UNKNOWN = "is of a kind or form that this software does not know; use a newer one."
NO_ORDER = "says what no order says; make it anew."


def line(members: dict[str, Any], key: Ed25519PrivateKey, context: bytes) -> bytes:
    """As the README says, and JSON.stringify does."""
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    return text[:-1] + b',"sig":"' + base64.b64encode(key.sign(context + text)) + b'"}\n'


def refusal(data: bytes) -> str:
    with pytest.raises(OrderError) as refused:
        read_order(data, KEY)
    return str(refused.value)


@pytest.mark.parametrize("vector", VECTORS["orders"], ids=lambda vector: vector["name"])
def test_the_vectors_orders_are_read_and_made_byte_for_byte(vector: dict[str, Any]) -> None:
    """By the README's rule alone, and by the code; both ways."""
    data = vector["file"].encode()
    assert line(vector["order"], AUTHORITY, ORDER_CONTEXT) == data
    assert base64.b64decode(vector["signature"]) == AUTHORITY.sign(vector["signed"].encode())
    order = read_order(data, KEY)
    assert render_order(order, AUTHORITY.sign) == data
    assert vector["file_name"] == f"{order.number}{ORDER_SUFFIX}"
    assert number_of(vector["file_name"]) == order.number
    said = {name: getattr(order, name) for name in order.__struct_fields__ if getattr(order, name) is not None}
    assert said | {"kind": "hold" if isinstance(order, HoldOrder) else "release"} == vector["order"]


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda vector: vector["name"])
def test_the_vectors_answers_are_read_and_made_byte_for_byte(vector: dict[str, Any]) -> None:
    """The same for what the recorder says to it."""
    data = vector["file"].encode()
    assert line(vector["answer"], RECORDER, ANSWER_CONTEXT) == data
    answer, key = read_answer(data)
    assert (render_answer(answer, RECORDER.sign), key.text) == (data, VECTORS["recorder"]["public"])
    assert vector["file_name"] == f"{answer.number}{ANSWER_SUFFIX}"


def test_the_folder_is_one_that_fat_can_have() -> None:
    """No name on FAT ends in a dot or a space."""
    assert list(orders_folder("Van 3")) == VECTORS["folder"]
    assert orders_folder("Van 3. ") == ("CABIN-ORDERS", "Van 3")


def test_every_altered_byte_and_every_cut_is_noticed() -> None:
    """Each bit flipped somewhere in each byte, each shorter file, anything behind it."""
    data = VECTORS["orders"][1]["file"].encode()
    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= 1 << position % 8
        assert refusal(bytes(altered)) in {CUT, ALTERED}
        assert refusal(data[:position]) == CUT
    assert refusal(data + b"\n") == CUT
    assert refusal(data + data) == ALTERED


def test_a_signature_under_another_name_is_none() -> None:
    """An order by another office, an order signed as an answer, an answer as an order."""
    stranger = Ed25519PrivateKey.generate()
    assert refusal(line(SAID, stranger, ORDER_CONTEXT)) == ALTERED
    assert refusal(line(SAID, AUTHORITY, ANSWER_CONTEXT)) == ALTERED
    assert refusal(VECTORS["answers"][0]["file"].encode()) == ALTERED
    with pytest.raises(OrderError, match="is no answer of a recorder"):
        read_answer(VECTORS["orders"][0]["file"].encode())


def test_what_is_too_long_is_not_looked_at() -> None:
    """Not even for its signature."""
    data = line(SAID | {"reason": "x" * MAX_ORDER_BYTES}, AUTHORITY, ORDER_CONTEXT)
    assert refusal(data) == "is larger than any order."
    with pytest.raises(OrderError, match="is larger than any answer"):
        read_answer(bytes(MAX_ANSWER_BYTES + 1))


LONGEST = {"who": "ł" * 100, "reason": "🚌" * 500}


def test_the_longest_order_fits() -> None:
    """A hundred and five hundred characters, of whatever script."""
    assert read_order(line(SAID | LONGEST, AUTHORITY, ORDER_CONTEXT), KEY).who == LONGEST["who"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "erase"}, UNKNOWN),
        ({"format": "cabin-recorder-order-2"}, UNKNOWN),
        ({"kind": None}, NO_ORDER),
        ({"kind": 1}, NO_ORDER),
        ({"more": 1}, NO_ORDER),
        ({"vehicle": "../Van"}, NO_ORDER),
        ({"vehicle": "Van 3\n"}, NO_ORDER),
        ({"number": "0" * 31}, NO_ORDER),
        ({"number": "A" * 32}, NO_ORDER),
        ({"number": "0" * 32 + "\n"}, NO_ORDER),
        ({"issued": "2026-11-29T07:30:00Z"}, NO_ORDER),
        ({"issued": "2026-02-30T07:30:00.000Z"}, NO_ORDER),
        ({"issued": "2026-12-13T07:30:00.000Z"}, NO_ORDER),
        ({"expires": "2026-12-31T07:30:00.000Z"}, NO_ORDER),
        ({"who": " "}, NO_ORDER),
        ({"who": "x" * 101}, NO_ORDER),
        ({"reason": "x" * 501}, NO_ORDER),
        ({"reason": "a\nb"}, NO_ORDER),
        ({"reason": "\x01"}, NO_ORDER),
        ({"reason": "a\x7fb"}, NO_ORDER),
        ({"scope": "some"}, NO_ORDER),
        ({"journey": "20261128T150211Z-7f3a"}, NO_ORDER),
        ({"scope": "journey"}, NO_ORDER),
        ({"scope": "journey", "journey": ".."}, NO_ORDER),
        ({"scope": "span", "since": "2026-11-28T15:00:00.000Z"}, NO_ORDER),
        ({"scope": "span", "since": "2026-11-28T15:00:00.000Z", "until": "2026-11-28T14:00:00.000Z"}, NO_ORDER),
        ({"hold": "0" * 64}, NO_ORDER),
    ],
)
def test_a_well_signed_order_that_says_something_else(change: dict[str, Any], why: str) -> None:
    """A newer office's, or a careless one's: refused by what it says, never guessed at."""
    assert refusal(line(SAID | change, AUTHORITY, ORDER_CONTEXT)) == why


@pytest.mark.parametrize(
    "change", [{"hold": "0" * 63}, {"manifest_sha256": "x" * 64}, {"scope": "all"}, {"journey": ""}]
)
def test_a_release_names_what_it_releases(change: dict[str, Any]) -> None:
    """The journey, the hold, the copy, and nothing else."""
    assert isinstance(read_order(line(RELEASE, AUTHORITY, ORDER_CONTEXT), KEY), ReleaseOrder)
    assert refusal(line(RELEASE | change, AUTHORITY, ORDER_CONTEXT)) == NO_ORDER


@pytest.mark.parametrize("text", [b"[]", b"[" * 2000, b"\xff\xfe", b'{"format":"\xff"}', b"{}", b'{"a":NaN}'])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    """Also where it is signed: whoever holds the key may have a broken program."""
    signature = base64.b64encode(AUTHORITY.sign(ORDER_CONTEXT + text[:-1] + b"}"))
    assert refusal(text[:-1] + b',"sig":"' + signature + b'"}\n') in {NO_ORDER, CUT}


ANSWER: dict[str, Any] = VECTORS["answers"][0]["answer"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (
            line(ANSWER | {"format": "cabin-recorder-order-answer-2"}, RECORDER, ANSWER_CONTEXT),
            "form that this software",
        ),
        (line(ANSWER | {"outcome": "perhaps"}, RECORDER, ANSWER_CONTEXT), "says what no answer says"),
        (line(ANSWER | {"ledger": {"seq": 0, "head": "0" * 64}}, RECORDER, ANSWER_CONTEXT), "says what no answer says"),
        (line(ANSWER | {"recorder": "nobody"}, RECORDER, ANSWER_CONTEXT), "is no answer of a recorder"),
        (line(ANSWER, AUTHORITY, ANSWER_CONTEXT), "is not signed by the recorder that it names"),
        (line(ANSWER, RECORDER, ANSWER_CONTEXT)[:-1], "is not whole"),
    ],
)
def test_an_answer_that_is_none(data: bytes, why: str) -> None:
    """By anybody but the recorder it names, or altered, or of another form."""
    with pytest.raises(OrderError, match=why):
        read_answer(data)


@pytest.mark.parametrize(
    "text", ["", "cabin-authority-1:AAAA", "cabin-recorder-1:" + "A" * 43 + "=", "cabin-authority-1:?"]
)
def test_a_line_that_is_no_authority(text: str) -> None:
    """Another key, or a torn line."""
    with pytest.raises(OrderError, match="is not an office's authority key"):
        authority_key(text)
