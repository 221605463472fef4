"""The public test vectors of the age format (C2SP/CCTV): 143 files with one flaw each, or none.

The reader must take each as it is meant; the writer, given a vector's file key and plaintext, must make the very bytes
of the vector again. Where the reader differs on purpose, the README of the vault says so and why.
"""

import base64
import hashlib
import re
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from recorder.errors import (
    AgeArmorError,
    AgeError,
    AgeHeaderError,
    AgeNoMatchError,
    AgePayloadError,
    AgeTruncatedError,
)
from recorder.vault.age import (
    CHUNK_BYTES,
    NONCE_BYTES,
    Identity,
    Room,
    ScryptIdentity,
    StreamEncryptor,
    X25519Identity,
    armor,
    dearmor,
    decrypt,
    read_header,
)
from recorder.vault.age_header import render

VECTORS = Path(__file__).parents[1] / "vectors/node_modules/cctv-age/index.js"
COUNT = 143
COUNT_HYBRID = 18  # of them come with a post-quantum key alone

EXPECTED: dict[str, type[AgeError] | None] = {
    "success": None,
    "header failure": AgeHeaderError,
    "HMAC failure": AgeHeaderError,
    "armor failure": AgeArmorError,
    "no match": AgeNoMatchError,
    "payload failure": AgePayloadError,
}
# A torn segment may end right behind its header. That is a truncated file here, and a header failure for the vectors.
HEADER_WITHOUT_NONCE = ("stream_no_nonce", "stream_short_nonce")


@dataclass(frozen=True)
class Vector:
    """One file with what is to be known about it."""

    name: str
    facts: tuple[tuple[str, str], ...]
    data: bytes

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.facts if name == key]

    def first(self, key: str) -> str | None:
        return next(iter(self.all(key)), None)

    @property
    def identities(self) -> list[Identity]:
        """Those of kinds that we have: post-quantum ones are not among them."""
        keys = [X25519Identity.parse(text) for text in self.all("identity") if text.startswith("AGE-SECRET-KEY-1")]
        return [*keys, *(ScryptIdentity(text) for text in self.all("passphrase"))]

    @property
    def is_hybrid(self) -> bool:
        """Whether its only key is of a kind that we do not have."""
        return not self.identities and any(text.startswith("AGE-SECRET-KEY-PQ-1") for text in self.all("identity"))


def load() -> list[Vector]:
    """The vectors as the npm package carries them: base64 in a script."""
    if not VECTORS.exists():
        return []
    text = VECTORS.read_text(encoding="ascii")
    found = re.findall(r'var (\w+)_default = __toBinary\("([A-Za-z0-9+/=]*)"\);', text)
    return [parse(name, base64.b64decode(data)) for name, data in found]


def parse(name: str, data: bytes) -> Vector:
    head, _, body = data.partition(b"\n\n")
    facts = tuple(tuple(line.split(": ", 1)) for line in head.decode().splitlines())
    return Vector(name, facts, zlib.decompress(body) if ("compressed", "zlib") in facts else body)  # type: ignore[arg-type]


ALL = load()
needs_vectors = pytest.mark.skipif(
    not ALL, reason="the vectors are not installed; run `scripts/setup --test`, or npm install in tests/vectors"
)


@needs_vectors
def test_all_vectors_are_there() -> None:
    """A vector that could not be read would be one that cannot fail."""
    assert len(ALL) == COUNT
    assert {vector.first("expect") for vector in ALL} == set(EXPECTED)
    assert sum(vector.is_hybrid for vector in ALL) == COUNT_HYBRID


_MEMORY = memoryview(bytearray(CHUNK_BYTES))
ROOMS: dict[str, Room | None] = {"new": None, "used again": lambda size: _MEMORY[:size]}


@needs_vectors
@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
def test_vector(vector: Vector, room: Room | None) -> None:
    """What must open opens to the right plaintext; what must not fails for the right reason, and in the right place.

    Vectors for post-quantum keys alone are opened by nobody here; that must be an error by name too.
    """
    released = bytearray()
    error: AgeError | None = None
    try:
        data = b"".join(dearmor(BytesIO(vector.data))) if vector.first("armored") else vector.data
        for chunk in decrypt(BytesIO(data), vector.identities, room):
            released += chunk
    except AgeError as raised:
        error = raised
    if vector.is_hybrid:
        assert isinstance(error, AgeNoMatchError | AgeHeaderError)
        return
    expected = AgeTruncatedError if vector.name in HEADER_WITHOUT_NONCE else EXPECTED[vector.first("expect") or ""]
    assert isinstance(error, expected) if expected else error is None
    if vector.first("payload"):
        assert hashlib.sha256(released).hexdigest() == vector.first("payload")


@needs_vectors
@pytest.mark.parametrize("vector", [v for v in ALL if v.first("armored")], ids=lambda vector: vector.name)
def test_armor_is_found_without_being_told(vector: Vector) -> None:
    """``decrypt`` takes binary and armored files alike, and refuses what it refuses as armor."""
    if vector.first("expect") == "success" and not vector.is_hybrid:
        plaintext = b"".join(decrypt(BytesIO(vector.data), vector.identities))
        assert hashlib.sha256(plaintext).hexdigest() == vector.first("payload")
    else:
        with pytest.raises(AgeError):
            b"".join(decrypt(BytesIO(vector.data), vector.identities))


GOOD_BINARY = [v for v in ALL if v.first("expect") == "success" and not v.is_hybrid and not v.first("armored")]


@needs_vectors
@pytest.mark.parametrize("vector", GOOD_BINARY, ids=lambda vector: vector.name)
def test_the_writer_makes_the_vector_again(vector: Vector) -> None:
    """Header and payload, byte for byte: what we write is canonical."""
    header, file_key = read_header(BytesIO(vector.data)), bytes.fromhex(vector.first("file key") or "")
    assert render(header.stanzas, file_key) == header.raw
    payload = vector.data[len(header.raw) :]
    encryptor = StreamEncryptor(file_key, payload[:NONCE_BYTES])
    plaintext = b"".join(decrypt(BytesIO(vector.data), vector.identities))
    assert b"".join([*encryptor.push(plaintext), encryptor.finish()]) == payload[NONCE_BYTES:]


@needs_vectors
@pytest.mark.parametrize("vector", [v for v in ALL if v.first("armored")], ids=lambda vector: vector.name)
def test_armor_is_made_again_or_refused(vector: Vector) -> None:
    """One file has one armor: what is taken differs from what we would write in line ends and outer space only."""
    try:
        data = b"".join(dearmor(BytesIO(vector.data)))
    except AgeArmorError:
        assert vector.first("expect") == "armor failure"
        return
    assert armor(data) == vector.data.strip(b" \t\r\n").replace(b"\r\n", b"\n") + b"\n"
