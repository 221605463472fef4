"""Who can open an age file: X25519 key pairs and passphrases.

A recipient wraps the file key into a stanza, an identity unwraps it; C2SP ``age.md``, "The X25519 recipient type"
and "The scrypt recipient type". An identity ignores stanzas of other kinds and refuses a malformed one of its own.
Texts of keys are a person's input: every error says what is wrong and what to give instead.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from recorder.errors import AgeError, AgeHeaderError
from recorder.vault import bech32
from recorder.vault.age_header import FILE_KEY_BYTES, Stanza, decode_base64, derive, encode_base64

_RECIPIENT_PREFIX = "age"
_IDENTITY_PREFIX = "age-secret-key-"
_KEY_BYTES = 32
_WRAPPED_BYTES = FILE_KEY_BYTES + 16  # ChaCha20-Poly1305 tag
_ZERO_NONCE = bytes(12)  # every wrap key is used once
_X25519_INFO = "age-encryption.org/v1/X25519"
_SCRYPT_SALT_LABEL = b"age-encryption.org/v1/scrypt"
_SCRYPT_SALT_BYTES = 16
_SCRYPT_LOG_N = 18  # what age itself writes: about a second on a laptop
_SCRYPT_MAX_LOG_N = 22  # what age itself accepts: beyond, a hostile file would hold us for minutes


class Recipient(Protocol):
    """Somebody a file can be encrypted to."""

    def wrap(self, file_key: bytes) -> Stanza:
        """The stanza from which this recipient's identity gets ``file_key`` back."""
        ...


class Identity(Protocol):
    """Somebody who may be able to open a file."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, None where no stanza is for this identity; AgeHeaderError for a malformed stanza."""
        ...


@dataclass(frozen=True, slots=True)
class X25519Recipient:
    """The public half of a key pair: ``age1...``. It encrypts and opens nothing."""

    public_bytes: bytes

    @classmethod
    def parse(cls, text: str) -> "X25519Recipient":
        """Read ``age1...``; AgeError with one sentence for anything else."""
        text = text.strip()
        if text.lower().startswith(_IDENTITY_PREFIX):
            raise AgeError(
                "this is a secret identity (AGE-SECRET-KEY-1...), not a recipient; "
                "take it out of here and give the age1... line of recipient.txt instead."
            )
        if not text.startswith(_RECIPIENT_PREFIX + "1"):
            raise AgeError(f"{_shown(text)} is not a recipient; give the age1... line of recipient.txt.")
        mend = "copy the age1... line of recipient.txt again."
        try:
            prefix, data = bech32.decode(text)
        except ValueError as error:
            raise AgeError(f"{_shown(text)} is not a valid recipient, for {error}; {mend}") from error
        if prefix != _RECIPIENT_PREFIX:
            raise AgeError(
                f"{_shown(text)} is a recipient of a kind that is not supported; "
                "give an X25519 one (age1... of 62 characters)."
            )
        if len(data) != _KEY_BYTES:
            raise AgeError(f"{_shown(text)} is a recipient of {len(data)} bytes instead of {_KEY_BYTES}; {mend}")
        return cls(data)

    @property
    def text(self) -> str:
        """``age1...``, as in configurations and on ``age -r``."""
        return bech32.encode(_RECIPIENT_PREFIX, self.public_bytes)

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the key's SHA-256: short enough to compare by eye."""
        return hashlib.sha256(self.public_bytes).hexdigest()[:16]

    def wrap(self, file_key: bytes) -> Stanza:
        """A stanza under a fresh ephemeral key; AgeError where the recipient is a point that hides nothing."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public_bytes))
        except ValueError as error:  # an all-zero shared secret
            raise AgeError(f"{self.text} is no real key; make one with `cabin-recorder keygen`.") from error
        wrap_key = derive(secret, share + self.public_bytes, _X25519_INFO)
        body = ChaCha20Poly1305(wrap_key).encrypt(_ZERO_NONCE, file_key, None)
        return Stanza(("X25519", encode_base64(share).decode("ascii")), body)


@dataclass(frozen=True, slots=True)
class X25519Identity:
    """The secret half of a key pair: ``AGE-SECRET-KEY-1...``. It opens everything encrypted to its recipient."""

    secret_bytes: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "X25519Identity":
        """A fresh identity from the system's random source."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "X25519Identity":
        """Read ``AGE-SECRET-KEY-1...``; AgeError, which never repeats the secret, for anything else."""
        mend = "give the AGE-SECRET-KEY-1... line as age-keygen or `cabin-recorder keygen` wrote it."
        try:
            prefix, data = bech32.decode(text.strip())
        except ValueError as error:
            raise AgeError(f"the identity is not valid, for {error}; {mend}") from error
        if prefix == _RECIPIENT_PREFIX:
            raise AgeError(f"this is a recipient (age1...), which opens nothing; {mend}")
        if prefix != _IDENTITY_PREFIX or len(data) != _KEY_BYTES:
            raise AgeError(f"this is not an X25519 identity; {mend}")
        return cls(data)

    @property
    def text(self) -> str:
        """``AGE-SECRET-KEY-1...``, in upper case as age-keygen writes it."""
        return bech32.encode(_IDENTITY_PREFIX, self.secret_bytes).upper()

    @property
    def recipient(self) -> X25519Recipient:
        """The public half."""
        return X25519Recipient(self._private_key().public_key().public_bytes_raw())

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """See :class:`Identity`."""
        for stanza in stanzas:
            if stanza.arguments[0] != "X25519":
                continue
            file_key = self._unwrap_one(stanza)
            if file_key is not None:
                return file_key
        return None

    def _unwrap_one(self, stanza: Stanza) -> bytes | None:
        if len(stanza.arguments) != 2:
            raise AgeHeaderError("The header has an X25519 line with too few or too many words.")
        share = decode_base64(stanza.arguments[1].encode("ascii"))
        if len(share) != _KEY_BYTES or len(stanza.body) != _WRAPPED_BYTES:
            raise AgeHeaderError("The header has an X25519 recipient of the wrong length.")
        try:
            secret = self._private_key().exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError as error:  # an all-zero shared secret
            raise AgeHeaderError("The header has an X25519 share that no honest writer makes.") from error
        wrap_key = derive(secret, share + self.recipient.public_bytes, _X25519_INFO)
        return _opened(wrap_key, stanza.body)

    def _private_key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.secret_bytes)


@dataclass(frozen=True, slots=True)
class ScryptRecipient:
    """A passphrase to encrypt with; such a file has no other recipient. ``log_n``: work, a power of two."""

    passphrase: str = field(repr=False)
    log_n: int = _SCRYPT_LOG_N

    def wrap(self, file_key: bytes) -> Stanza:
        """A stanza under a fresh salt; takes about a second and 256 MiB at the default work."""
        salt = os.urandom(_SCRYPT_SALT_BYTES)
        wrap_key = _scrypt(self.passphrase, salt, self.log_n)
        body = ChaCha20Poly1305(wrap_key).encrypt(_ZERO_NONCE, file_key, None)
        return Stanza(("scrypt", encode_base64(salt).decode("ascii"), str(self.log_n)), body)


@dataclass(frozen=True, slots=True)
class ScryptIdentity:
    """A passphrase to open with."""

    passphrase: str = field(repr=False)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """See :class:`Identity`; a wrong passphrase is None. Refuses more work than age itself does."""
        scrypt = [stanza for stanza in stanzas if stanza.arguments[0] == "scrypt"]
        if not scrypt:
            return None
        if len(stanzas) != 1:
            raise AgeHeaderError("The header mixes a passphrase with other recipients, which no age file does.")
        (stanza,) = scrypt
        if len(stanza.arguments) != 3:
            raise AgeHeaderError("The header has a passphrase line with too few or too many words.")
        salt = decode_base64(stanza.arguments[1].encode("ascii"))
        if len(salt) != _SCRYPT_SALT_BYTES or len(stanza.body) != _WRAPPED_BYTES:
            raise AgeHeaderError("The header has a passphrase recipient of the wrong length.")
        if not re.fullmatch(r"[1-9][0-9]{0,2}", stanza.arguments[2]):
            raise AgeHeaderError("The header has a malformed work factor.")
        log_n = int(stanza.arguments[2])
        if log_n > _SCRYPT_MAX_LOG_N:
            raise AgeHeaderError(f"The header asks for {log_n} doublings of work; {_SCRYPT_MAX_LOG_N} are the limit.")
        return _opened(_scrypt(self.passphrase, salt, log_n), stanza.body)


def _scrypt(passphrase: str, salt: bytes, log_n: int) -> bytes:
    return Scrypt(_SCRYPT_SALT_LABEL + salt, length=32, n=1 << log_n, r=8, p=1).derive(passphrase.encode("utf-8"))


def _opened(wrap_key: bytes, body: bytes) -> bytes | None:
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_ZERO_NONCE, body, None)
    except InvalidTag:
        return None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 24 else text[:21] + "...")
