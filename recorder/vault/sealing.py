"""A header as it lies on the card: sealed under the key of its epoch, and bound to its segment.

Rules: what was sealed for one segment opens for no other; a head whose key was erased opens for nobody. Layout, byte by
byte: the README, "A sealed header".
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from recorder.errors import StoreError

EPOCH_BYTES = 6
KEY_BYTES = 32
NONCE_BYTES = 12
_CLEAR_BYTES = EPOCH_BYTES + NONCE_BYTES


def seal(header: bytes, journey: str, number: int, epoch: int, key: bytes) -> bytes:
    """``header`` of a segment, sealed under the ``key`` of ``epoch``."""
    nonce = os.urandom(NONCE_BYTES)
    clear = epoch.to_bytes(EPOCH_BYTES, "big")
    return clear + nonce + ChaCha20Poly1305(key).encrypt(nonce, header, _bound_to(journey, number, epoch))


def epoch_of(head: bytes) -> int | None:
    """Which epoch's key opens ``head``; its first bytes are enough. None where there are too few."""
    return int.from_bytes(head[:EPOCH_BYTES], "big") if len(head) >= EPOCH_BYTES else None


def unseal(head: bytes, journey: str, number: int, key: bytes) -> bytes:
    """The header that was sealed. StoreError where it is damaged, another segment's, or another epoch's."""
    epoch = epoch_of(head)
    if epoch is not None and len(head) > _CLEAR_BYTES:
        nonce = head[EPOCH_BYTES:_CLEAR_BYTES]
        try:
            return ChaCha20Poly1305(key).decrypt(nonce, head[_CLEAR_BYTES:], _bound_to(journey, number, epoch))
        except InvalidTag:
            pass
    raise StoreError(f"The sealed header of segment {number} of {journey} is damaged; nobody can open it.")


def _bound_to(journey: str, number: int, epoch: int) -> bytes:
    return f"cabin-recorder head 1\n{journey}\n{number}\n{epoch}\n".encode("ascii")
