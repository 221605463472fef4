import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from recorder.errors import JournalError, StoreError
from recorder.vault.signing import DeviceKey, PublicKey


def test_the_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    """The first start makes the key; every later one finds the same; nobody else can read it."""
    path = tmp_path / "keys" / "device.key"
    made = DeviceKey.load_or_create(path)
    found = DeviceKey.load_or_create(path)
    loaded = DeviceKey.load(path)
    assert made.public_text == found.public_text == loaded.public_text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.with_name("device.key.pub").read_text() == made.public_text + "\n"
    assert sorted(child.name for child in path.parent.iterdir()) == ["device.key", "device.key.pub"]


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    """A race at the first start ends in one key."""
    path = tmp_path / "device.key"
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(DeviceKey.load_or_create(path).public_text)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 8
    assert len(set(texts)) == 1


def test_a_missing_public_half_is_written_again(tmp_path: Path) -> None:
    """Deleting the public file costs nothing."""
    path = tmp_path / "device.key"
    text = DeviceKey.load_or_create(path).public_text
    path.with_name("device.key.pub").write_text("something else\n")
    DeviceKey.load_or_create(path)
    assert path.with_name("device.key.pub").read_text() == text + "\n"


def test_a_signature_is_this_keys_over_these_bytes(tmp_path: Path) -> None:
    """Any other key, any other bytes, any other signature fail."""
    key, other = DeviceKey.load_or_create(tmp_path / "a"), DeviceKey.load_or_create(tmp_path / "b")
    signature = key.sign(b"text")
    public = PublicKey.parse(key.public_text)
    assert public == key.public
    assert public.verify(b"text", signature)
    assert not public.verify(b"Text", signature)
    assert not public.verify(b"text", signature[:-1])
    assert not public.verify(b"text", bytes(64))
    assert not other.public.verify(b"text", signature)
    assert key.fingerprint == public.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "text",
    ["", "cabin-recorder-1:", "cabin-recorder-1:AAAA", "cabin-recorder-1:!" + "A" * 43, "age1qqqq", "A" * 44],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    """A wrong key is named, not used."""
    with pytest.raises(JournalError, match="public key"):
        PublicKey.parse(text)


def test_a_damaged_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A key that cannot be read is never replaced by a new one: its logs would lose their author."""
    path = tmp_path / "device.key"
    path.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n")
    with pytest.raises(StoreError, match="not a recorder's key"):
        DeviceKey.load_or_create(path)
    assert path.read_text() == "-----BEGIN PRIVATE KEY-----\nnonsense\n"


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Only Ed25519 signs logs."""
    path = tmp_path / "device.key"
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(StoreError, match="not Ed25519"):
        DeviceKey.load(path)


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Loading does not create."""
    with pytest.raises(StoreError, match=r"absent\.key cannot be read"):
        DeviceKey.load(tmp_path / "absent.key")
    assert list(tmp_path.iterdir()) == []
