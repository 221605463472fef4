"""The recorder's own key: what it signs its logs with, and the public half by which others check them.

Rules: the private half never leaves its file (PEM PKCS #8, 0600, unencrypted: the recorder has nobody to ask for a
passphrase); it is made once, durably; whoever signs puts a line before the bytes that says what kind of thing they
are, so that a signature under one kind is none under another.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from recorder.errors import JournalError, StoreError
from recorder.vault import diskio

PUBLIC_PREFIX = "cabin-recorder-1:"
_RAW_BYTES = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a recorder's key. ``raw``: 32 bytes (RFC 8032, section 5.1.5)."""

    raw: bytes

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """The inverse of :attr:`text`; JournalError where ``text`` is none."""
        text = text.strip()
        try:
            raw = base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not text.startswith(PUBLIC_PREFIX) or len(raw) != _RAW_BYTES:
            raise JournalError(f"{text[:80]!r} is not a recorder's public key; it begins with {PUBLIC_PREFIX}.")
        return cls(raw)

    @property
    def text(self) -> str:
        """One line for files and configuration."""
        return PUBLIC_PREFIX + base64.b64encode(self.raw).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the key's SHA-256, in fours: short enough to compare by eye, or to read aloud."""
        digits = hashlib.sha256(self.raw).hexdigest()[:16]
        return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``data``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


class DeviceKey:
    """The recorder's Ed25519 key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(
            private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        )

    @classmethod
    def load(cls, path: Path) -> "DeviceKey":
        """The key in ``path``; StoreError where it cannot be read or is none."""
        with diskio.disk_errors(f"{path} cannot be read"):
            pem = path.read_bytes()
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
            raise StoreError(f"{path} is not a recorder's key; restore it, or move it away for a new one.") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise StoreError(f"{path} holds a key that is not Ed25519; restore it, or move it away for a new one.")
        return cls(private)

    @classmethod
    def load_or_create(cls, path: Path) -> "DeviceKey":
        """The key in ``path``, made where there is none, and its public text in ``<path>.pub``; else StoreError.

        Several processes may start at once: all get the same key.
        """
        with diskio.disk_errors(f"{path} cannot be created"):
            diskio.make_directory(path.parent)
        with diskio.locked(path.parent), diskio.disk_errors(f"{path} cannot be created"):
            if not path.exists():
                diskio.create_file(path, _pem(Ed25519PrivateKey.generate()))
            key = cls.load(path)
            public_path, public_line = path.with_name(path.name + ".pub"), key.public_text.encode("ascii") + b"\n"
            if not public_path.exists() or public_path.read_bytes() != public_line:
                diskio.create_file(public_path, public_line)
        return key

    @property
    def public_text(self) -> str:
        """``cabin-recorder-1:`` and the base64 of the 32 raw bytes."""
        return self.public.text

    @property
    def fingerprint(self) -> str:
        """As :attr:`PublicKey.fingerprint`."""
        return self.public.fingerprint

    def sign(self, data: bytes) -> bytes:
        """64 bytes of signature (RFC 8032). ``data`` begins with a line that names its kind."""
        return self._private.sign(data)


def _pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
