"""Reading ahead gives what reading gives, fails where reading fails, and ends when nobody wants more."""

import hashlib
import io
import threading

import pytest

from recorder.errors import AgePayloadError, AgeTruncatedError, BundleError
from recorder.office.contents import BundleFile
from recorder.office.source import _BLOCK_BYTES, _BLOCKS, SegmentSource, new_memory
from recorder.vault.age import X25519Identity, encrypt_bytes

PLAIN = bytes(range(256)) * 80_000  # twenty megabytes: more than may wait
READER = "read-ahead"


class Stick(io.BytesIO):
    """Pulled out after so many bytes."""

    def __init__(self, data: bytes, ends_at: int) -> None:
        super().__init__(data)
        self._ends_at = ends_at

    def readinto(self, memory: memoryview, /) -> int:
        if self.tell() >= self._ends_at:
            raise OSError(5, "Input/output error")
        return super().readinto(memory)


@pytest.fixture(scope="module")
def identity() -> X25519Identity:
    return X25519Identity.generate()


@pytest.fixture(scope="module")
def sealed(identity: X25519Identity) -> bytes:
    return encrypt_bytes(PLAIN, [identity.recipient])


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == READER]


@pytest.mark.parametrize("is_body_known", [True, False])
def test_all_of_it_is_read_hashed_and_counted(identity: X25519Identity, sealed: bytes, is_body_known: bool) -> None:
    counted: list[int] = []
    with SegmentSource(
        BundleFile(io.BytesIO(sealed)), new_memory(), counted.append, is_body_known=is_body_known
    ) as source:
        assert b"".join(source.plaintext([identity], is_torn=False)) == PLAIN
        source.drain()
    body = sealed[len(source.header) :]
    assert source.sha256 == hashlib.sha256(body if is_body_known else sealed).hexdigest()
    assert (source.body_bytes, sum(counted), readers()) == (len(body), len(sealed), [])


def test_damage_ends_the_decryption_and_not_the_hash(identity: X25519Identity, sealed: bytes) -> None:
    damaged = sealed[:5_000_000] + bytes(1000) + sealed[5_001_000:]
    with SegmentSource(BundleFile(io.BytesIO(damaged)), new_memory(), lambda _: None, is_body_known=False) as source:
        with pytest.raises(AgePayloadError, match="chunk 77"):
            list(source.plaintext([identity], is_torn=False))
        source.drain()
    assert source.sha256 == hashlib.sha256(damaged).hexdigest()


def test_a_stick_pulled_out_is_an_error_where_its_bytes_would_have_come(
    identity: X25519Identity, sealed: bytes
) -> None:
    with SegmentSource(
        BundleFile(Stick(sealed, 6_000_000)), new_memory(), lambda _: None, is_body_known=False
    ) as source:
        opened: list[bytes] = []
        with pytest.raises(BundleError, match="Input/output error"):
            opened.extend(source.plaintext([identity], is_torn=False))
        assert PLAIN.startswith(b"".join(opened))
        assert len(opened) > 76
        assert source.read(1) == b""
    assert readers() == []


def test_the_thread_ends_with_whoever_gave_up(identity: X25519Identity, sealed: bytes) -> None:
    with SegmentSource(BundleFile(io.BytesIO(sealed)), new_memory(), lambda _: None, is_body_known=False) as source:
        next(iter(source.plaintext([identity], is_torn=False)))
        while source.body_bytes < (_BLOCKS - 1) * _BLOCK_BYTES:  # then it waits for room
            threading.Event().wait(0.001)
        assert readers() == [READER]
    assert readers() == []


def test_a_torn_one_ends_where_it_was_torn(identity: X25519Identity, sealed: bytes) -> None:
    for is_torn in (True, False):
        with SegmentSource(
            BundleFile(io.BytesIO(sealed[:-100])), new_memory(), lambda _: None, is_body_known=True
        ) as source:
            chunks = source.plaintext([identity], is_torn=is_torn)
            if is_torn:
                assert len(b"".join(chunks)) == len(PLAIN) // 65_536 * 65_536
            else:
                with pytest.raises(AgeTruncatedError):
                    list(chunks)
