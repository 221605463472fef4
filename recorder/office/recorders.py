"""Whom this office knows: recorders by their keys, its own readers by their recipients, ledgers by their last lines.

``recorders.toml`` lies in keygen's folder, beside ``recipient.txt``. Rules: a recorder is known by its key and never by
a name that a stick gives it; nobody's key is exchanged without being asked for; the file is replaced whole.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from recorder.errors import AgeError, JournalError, OutputError, StoreError, UsageError
from recorder.manifest import folder_names
from recorder.office.heads import SeenHead, load_heads
from recorder.office.keys import RECIPIENT_NAME
from recorder.vault import diskio
from recorder.vault.age import X25519Recipient
from recorder.vault.signing import PublicKey

RECORDERS_NAME = "recorders.toml"
_MAX_NAME = 64
_MAX_KEY_FILE_BYTES = 4096
_PREFACE = """\
# The recorders that this office knows; `cabin-recorder enrol` writes this file. Keep it with the keys: whoever can
# write to it decides what `verify` calls attested.
"""


class EnrolledRecorder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recorder. ``name``: the vehicle's, as on the stick. ``fingerprint``: to be compared by eye."""

    name: str
    key: str
    fingerprint: str
    enrolled: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    recorder: tuple[EnrolledRecorder, ...] = ()


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known in this office.

    ``recorders``: names by keys, as enrolled. ``given``: the key of one more that is known, this once.
    ``recipients``: its own; empty where it has no list. ``heads``: how far it has seen the ledger of each recorder.
    """

    recorders: Mapping[PublicKey, str] = field(default_factory=dict)
    given: PublicKey | None = None
    recipients: frozenset[X25519Recipient] = frozenset()
    heads: Mapping[PublicKey, SeenHead] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | None, given: PublicKey | None = None) -> "Trust":
        """What the ``folder`` of keys says. UsageError where something in it is damaged."""
        if folder is None:
            return cls(given=given)
        enrolled = {PublicKey.parse(one.key): one.name for one in _load(folder)}
        return cls(enrolled, given, _recipients(folder), load_heads(folder))

    def name_of(self, key: PublicKey) -> str:
        """What the recorder with this key is called here; empty where it is not known."""
        return self.recorders.get(key, "the one given" if key == self.given else "")

    def other_key_of(self, vehicle: str, key: PublicKey) -> PublicKey | None:
        """The key by which the recorder of ``vehicle`` (its folder) is known, where ``key`` is not known at all."""
        if self.name_of(key):
            return None
        return next((known for known, name in self.recorders.items() if folder_names(name, "")[1] == vehicle), None)


def load_recorder_key(text: str) -> PublicKey:
    """A recorder's public key, given as its one line or as the name of a file that holds it. UsageError."""
    try:
        path = Path(text)
        if path.is_file() and path.stat().st_size <= _MAX_KEY_FILE_BYTES:
            text = path.read_text(encoding="utf-8")
        return PublicKey.parse(text)
    except (JournalError, OSError, ValueError) as error:
        raise UsageError(f"The recorder's key cannot be used: {error}") from error


def enrol(folder: Path, name: str, key: PublicKey, *, replace: bool = False) -> EnrolledRecorder:
    """Know the recorder with this ``key`` by this ``name`` from now on.

    UsageError where the folder has no keys, the name cannot be one, or name or key is known already and ``replace`` is
    not asked for; OutputError where the folder cannot be written.
    """
    if not (folder / RECIPIENT_NAME).is_file():
        raise UsageError(f"{folder} is not a folder of the office's keys; name the one that keygen made.")
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise UsageError(f"A recorder needs a name of 1 to {_MAX_NAME} characters; give the vehicle's.")
    new = EnrolledRecorder(name, key.text, key.fingerprint, f"{datetime.now(UTC):%Y-%m-%d}")
    try:
        with diskio.locked(folder), diskio.disk_errors(f"{folder / RECORDERS_NAME} cannot be written"):
            known = _load(folder)
            if not replace:
                _refuse_known(known, new)
            kept = [one for one in known if name != one.name and key.text != one.key]
            diskio.create_file(folder / RECORDERS_NAME, _rendered((*kept, new)))
    except StoreError as error:
        raise OutputError(str(error)) from error
    return new


def _refuse_known(known: tuple[EnrolledRecorder, ...], new: EnrolledRecorder) -> None:
    for one in known:
        if one.key == new.key and one.name == new.name:
            raise UsageError(f"{new.name} is enrolled with this key already, since {one.enrolled}; nothing is to do.")
        if one.key == new.key:
            raise UsageError(
                f"This key ({new.fingerprint}) is enrolled already, as {one.name}; compare the fingerprint with the "
                "one that the recorder's installation printed, or rename it with --replace."
            )
        if one.name == new.name:
            raise UsageError(
                f"{new.name} is enrolled with another key ({one.fingerprint}). If its recorder was exchanged, enrol "
                "the new one under another name, and older sticks stay attested; --replace forgets the old key."
            )


def _load(folder: Path) -> tuple[EnrolledRecorder, ...]:
    path = folder / RECORDERS_NAME
    try:
        recorders = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).recorder
        keys = [PublicKey.parse(one.key) for one in recorders]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{path} cannot be used ({error}); restore it from a copy, or enrol again.") from error
    for one, key in zip(recorders, keys, strict=True):
        if one.fingerprint != key.fingerprint:
            raise UsageError(
                f"{path}: the key of {one.name} has the fingerprint {key.fingerprint}, not {one.fingerprint}; somebody "
                "has changed it. Compare it with the one that the recorder's installation printed."
            )
    return recorders


def _recipients(folder: Path) -> frozenset[X25519Recipient]:
    path = folder / RECIPIENT_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return frozenset(X25519Recipient.parse(line) for line in lines if line.strip() and not line.startswith("#"))
    except FileNotFoundError:
        return frozenset()
    except (AgeError, OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be used: {error}") from error


def _rendered(recorders: tuple[EnrolledRecorder, ...]) -> bytes:
    """A printable text in JSON's quotes is the same text in TOML's (toml.io, "String")."""
    blocks = [
        "\n[[recorder]]\n"
        + "".join(
            f"{member} = {json.dumps(getattr(one, member), ensure_ascii=False)}\n" for member in one.__struct_fields__
        )
        for one in recorders
    ]
    return (_PREFACE + "".join(blocks)).encode("utf-8")
