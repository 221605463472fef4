r"""age v1, the format every recording is in: bytes in, bytes out, nothing else.

Why age: staff and police open it with stock tools for decades, its 64 KiB chunks survive being cut off, and
ChaCha20-Poly1305 is fast where a processor has no AES instructions. Specification: C2SP ``age.md``
(age-encryption.org/v1). In one page:

    file    = header ‖ nonce ‖ chunks
    header  = "age-encryption.org/v1\n", one stanza a recipient, "--- " MAC "\n"        text, see age_header
    stanza  = "-> X25519 " share "\n" body "\n"             the file key, wrapped for one recipient, see age_keys
    MAC     = HMAC-SHA-256(HKDF(file key, no salt, "header"), header up to and with "---")
    nonce   = 16 random bytes
    key     = HKDF(file key, salt = nonce, "payload")        HKDF is HKDF-SHA-256 to 32 bytes
    chunk i = ChaCha20-Poly1305(key, 11-byte big-endian i ‖ last, 64 KiB of plaintext)
    last    = 1 for the final chunk, else 0

The file key is 16 random bytes, used for one file. Every chunk but the final one is full; the final one is empty
only where the whole plaintext is. A file without its final chunk is truncated, and its whole chunks are good.

Rules: a chunk is encrypted once (a provisional last chunk would reuse a nonce); only authenticated whole chunks
are released; after one failure an encryptor or reader gives nothing more.
"""

import os
from collections.abc import Callable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from recorder.errors import AgeError, AgeNoMatchError, AgePayloadError, AgeTruncatedError
from recorder.vault import age_armor, age_header
from recorder.vault.age_armor import armor
from recorder.vault.age_header import FILE_KEY_BYTES, Header, derive
from recorder.vault.age_keys import (
    Identity,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    X25519Recipient,
)
from recorder.vault.age_source import ByteReader, Pieces, Readable

__all__ = [
    "CHUNK_BYTES",
    "FILE_KEY_BYTES",
    "NONCE_BYTES",
    "SEALED_CHUNK_BYTES",
    "TAG_BYTES",
    "Identity",
    "Readable",
    "Recipient",
    "Room",
    "ScryptIdentity",
    "ScryptRecipient",
    "StreamEncryptor",
    "X25519Identity",
    "X25519Recipient",
    "armor",
    "dearmor",
    "decrypt",
    "encrypt_bytes",
    "new_header",
    "read_header",
]

CHUNK_BYTES = 65536
NONCE_BYTES = 16
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_MORE, _LAST = b"\x00", b"\x01"

Room = Callable[[int], memoryview]
"""Gives writable memory of so many bytes; the same again, or other, until what it gave has been yielded."""


def new_header(recipients: Sequence[Recipient]) -> tuple[bytes, bytes]:
    """A header for a new file, its MAC line and newline included, and the fresh file key it wraps.

    AgeError where there is no recipient, or a passphrase beside others.
    """
    if not recipients:
        raise AgeError("A file must be encrypted to somebody; give at least one recipient.")
    if len(recipients) > 1 and any(isinstance(recipient, ScryptRecipient) for recipient in recipients):
        raise AgeError("A passphrase cannot be combined with other recipients; make two files.")
    file_key = os.urandom(FILE_KEY_BYTES)
    return age_header.render([recipient.wrap(file_key) for recipient in recipients], file_key), file_key


class StreamEncryptor:
    """Encrypts a payload while it comes into being. The caller writes ``nonce`` before the first chunk.

    A full chunk is given out when the byte after it arrives, for only then is it known not to be the final one:
    after :meth:`push` between 1 and ``CHUNK_BYTES`` bytes are pending (0 before the first byte). To get everything
    pushed so far out now, push :attr:`flush_bytes` more bytes that mean nothing to the plaintext's reader.
    """

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        if len(file_key) != FILE_KEY_BYTES or len(nonce) != NONCE_BYTES:
            raise ValueError(f"file key and nonce have {FILE_KEY_BYTES} and {NONCE_BYTES} bytes")
        self._aead = ChaCha20Poly1305(derive(file_key, nonce, "payload"))
        self._pending = memoryview(bytearray(CHUNK_BYTES))
        self._pending_bytes = 0
        self._counter = 0
        self._finished = False

    @property
    def pending_bytes(self) -> int:
        """Plaintext pushed and not yet given out encrypted."""
        return self._pending_bytes

    @property
    def flush_bytes(self) -> int:
        """How many more bytes make :meth:`push` give out all that is pending now."""
        return CHUNK_BYTES - self._pending_bytes + 1

    def push(self, data: bytes) -> list[bytes]:
        """Take ``data``; the chunks that have become whole, encrypted, often none."""
        if self._finished:
            raise ValueError("this payload is finished")
        sealed: list[bytes] = []
        left = memoryview(data)
        while self._pending_bytes + len(left) > CHUNK_BYTES:
            if self._pending_bytes:
                left = self._keep(left)
                chunk, self._pending_bytes = self._pending, 0
            else:
                chunk, left = left[:CHUNK_BYTES], left[CHUNK_BYTES:]
            sealed.append(self._sealed(chunk, _MORE))
        self._keep(left)
        return sealed

    def finish(self) -> bytes:
        """The final chunk, encrypted. Nothing can be pushed afterwards."""
        if self._finished:
            raise ValueError("this payload is finished")
        self._finished = True
        return self._sealed(self._pending[: self._pending_bytes], _LAST)

    def _keep(self, data: memoryview) -> memoryview:
        """Add to what is pending as much as a chunk has room for; the rest."""
        begin, end = self._pending_bytes, min(self._pending_bytes + len(data), CHUNK_BYTES)
        self._pending[begin:end] = data[: end - begin]
        self._pending_bytes = end
        return data[end - begin :]

    def _sealed(self, chunk: bytes | memoryview, last: bytes) -> bytes:
        nonce = self._counter.to_bytes(11, "big") + last
        self._counter += 1
        return self._aead.encrypt(nonce, chunk, None)


def encrypt_bytes(data: bytes, recipients: Sequence[Recipient]) -> bytes:
    """A whole age file of ``data``, binary; AgeError as :func:`new_header`."""
    header, file_key = new_header(recipients)
    nonce = os.urandom(NONCE_BYTES)
    encryptor = StreamEncryptor(file_key, nonce)
    return b"".join((header, nonce, *encryptor.push(data), encryptor.finish()))


def read_header(source: Readable) -> Header:
    """The header of a binary or armored file; AgeHeaderError or AgeArmorError where it has none."""
    return age_header.parse(_reader(source))


def dearmor(source: Readable) -> Iterator[bytes]:
    """The binary file inside an armored one, in pieces; AgeArmorError where it is not strict armor."""
    return age_armor.dearmor(ByteReader(source))


def decrypt(source: Readable, identities: Sequence[Identity], room: Room | None = None) -> Iterator[bytes | memoryview]:
    """The plaintext of a binary or armored file, in authenticated chunks of at most 64 KiB.

    Each is new bytes, or lies in the ``room`` it was given and is that memory: new memory for every chunk of a day of
    footage costs the kernel as much as the decryption. What lies in room that was not yielded is not authentic.
    The header is read and authenticated before this returns: AgeHeaderError, AgeArmorError, AgeNoMatchError. While
    iterating: AgeTruncatedError where the file ends without its final chunk, AgePayloadError where it is damaged;
    what was given out before is good.
    """
    reader = _reader(source)
    header = age_header.parse(reader)
    file_key = _unwrap(header, identities)
    header.authenticate(file_key)
    nonce = reader.take(NONCE_BYTES)
    if len(nonce) < NONCE_BYTES:
        raise AgeTruncatedError("The file ends right after its header: it holds nothing.")
    return _chunks(reader, ChaCha20Poly1305(derive(file_key, nonce, "payload")), room)


def _reader(source: Readable) -> ByteReader:
    reader = ByteReader(source)
    if age_armor.looks_armored(reader.peek(age_armor.MAX_OUTER_WHITESPACE + len(age_armor.BEGIN))):
        return ByteReader(Pieces(age_armor.dearmor(reader)))
    return reader


def _unwrap(header: Header, identities: Sequence[Identity]) -> bytes:
    for identity in identities:
        file_key = identity.unwrap(header.stanzas)
        if file_key is not None:
            return file_key
    kinds = ", ".join(sorted({stanza.arguments[0] for stanza in header.stanzas}))
    raise AgeNoMatchError(f"None of the given keys opens this file (it is for: {kinds}); give the key it was made for.")


def _chunks(reader: ByteReader, aead: ChaCha20Poly1305, room: Room | None) -> Iterator[bytes | memoryview]:
    counter = 0
    while True:
        sealed = reader.view(SEALED_CHUNK_BYTES)
        nonce = counter.to_bytes(11, "big")
        is_full = len(sealed) == SEALED_CHUNK_BYTES
        if is_full and (chunk := _opened(aead, nonce + _MORE, sealed, room)) is not None:
            yield chunk
            counter += 1
            continue
        final = _opened(aead, nonce + _LAST, sealed, room)
        break
    if final is None and is_full:
        raise AgePayloadError(f"The file is damaged in its chunk {counter + 1}; what lies before it is good.")
    if final is None:
        raise AgeTruncatedError(
            f"The file ends without its final chunk: it was cut off, or its end is damaged; "
            f"{counter} whole chunks are good, {len(sealed)} bytes after them are lost."
        )
    if counter and not final:
        raise AgePayloadError("The file ends in an empty chunk, which no honest writer makes.")
    yield final
    if reader.peek(1):
        raise AgePayloadError("Something was appended to this file; what was released is good.")


def _opened(
    aead: ChaCha20Poly1305, nonce: bytes, sealed: bytes | memoryview, room: Room | None
) -> bytes | memoryview | None:
    if len(sealed) < TAG_BYTES:
        return None
    try:
        if room is None:
            return aead.decrypt(nonce, sealed, None)
        chunk = room(len(sealed) - TAG_BYTES)
        aead.decrypt_into(nonce, sealed, None, chunk)
    except InvalidTag:
        return None
    return chunk
