"""The office's keys: made once, never overwritten, in forms that stock tools take.

Rules: secrets are 0600 and are never printed; a passphrase protects both of them or neither; what `age` and `openssl`
can read stays readable by them, so that footage does not depend on this program. What is what: README, "Keys".
"""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.errors import AgeError, AgeNoMatchError, OutputError, UsageError
from recorder.office.output import write_new
from recorder.office.page import NOT_BUILT, PAGE_NAME, built_page
from recorder.office.recovery_sheet import check_of, render_sheet
from recorder.vault import age

IDENTITY_NAME = "identity.txt"
RECIPIENT_NAME = "recipient.txt"
AUTHORITY_KEY_NAME = "authority.key"
AUTHORITY_PUBLIC_NAME = "authority.pub"
RECOVERY_SHEET_NAME = "recovery-sheet.html"
AUTHORITY_PREFIX = "cabin-authority-1:"
_MAX_IDENTITY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class KeygenReport:
    """The keys that were made: their folder, and both public halves; whether the page to use them in lies there too."""

    folder: Path
    recipient: age.X25519Recipient
    authority: str
    has_passphrase: bool
    has_page: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        protection = (
            "under the passphrase" if self.has_passphrase else "WITHOUT a passphrase: whoever has the file opens all"
        )
        return (
            f"{self.folder / IDENTITY_NAME}: opens all footage; {protection}. Keep a copy in a safe, never on a stick.",
            f"{self.folder / AUTHORITY_KEY_NAME}: signs orders to recorders; keep it like the identity.",
            *self._sheet_lines,
            f"{self.folder / RECIPIENT_NAME}: for [keys] recipients of every recorder: {self.recipient.text}",
            f"{self.folder / AUTHORITY_PUBLIC_NAME}: for [keys] authority of every recorder: {self.authority}",
            f"{self.folder / PAGE_NAME}: opens, plays and hands on what a stick brings; double-click it."
            if self.has_page
            else NOT_BUILT,
        )

    @property
    def _sheet_lines(self) -> tuple[str, ...]:
        path = self.folder / RECOVERY_SHEET_NAME
        return (f"{path}: print it, lock it away, delete it.",) if self.has_passphrase else ()


def keygen(out: Path, passphrase: str | None) -> KeygenReport:
    """Make the office's keys in the folder ``out``, which is made where it is missing.

    UsageError where one of the files exists already, or the passphrase is empty; OutputError where ``out`` cannot be
    written. Takes a second or two with a passphrase.
    """
    if passphrase is not None and not passphrase.strip():
        raise UsageError("An empty passphrase protects nothing; give one, or ask for keys without (--no-passphrase).")
    names = (IDENTITY_NAME, RECIPIENT_NAME, AUTHORITY_KEY_NAME, AUTHORITY_PUBLIC_NAME, RECOVERY_SHEET_NAME, PAGE_NAME)
    taken = [name for name in names if os.path.lexists(out / name)]
    if taken:
        raise UsageError(
            f"{out / taken[0]} exists and is not overwritten, for what keys open could be lost; name another folder."
        )
    identity, authority = age.X25519Identity.generate(), Ed25519PrivateKey.generate()
    authority_text = AUTHORITY_PREFIX + base64.b64encode(authority.public_key().public_bytes_raw()).decode("ascii")
    identity_file = _identity_file(identity, passphrase)
    contents = {
        IDENTITY_NAME: identity_file,
        RECIPIENT_NAME: f"{identity.recipient.text}\n".encode("ascii"),
        AUTHORITY_KEY_NAME: _authority_file(authority, passphrase),
        AUTHORITY_PUBLIC_NAME: f"{authority_text}\n".encode("ascii"),
    }
    if passphrase is not None:
        sheet = render_sheet(identity_file.decode("ascii"), identity.recipient.text)
        contents[RECOVERY_SHEET_NAME] = sheet.encode("utf-8")
    page = built_page()
    if page is not None:
        contents[PAGE_NAME] = page
    with _writing(out):
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            write_new(out / name, content)
    return KeygenReport(out, identity.recipient, authority_text, passphrase is not None, page is not None)


def load_identities(path: Path, ask_passphrase: Callable[[], str]) -> tuple[age.X25519Identity, ...]:
    """The identities in a file of age-keygen's or ours; ``ask_passphrase`` is called where it is protected.

    UsageError where it cannot be read, AgeNoMatchError where the passphrase is wrong, AgeError where it holds no
    identity that opens footage.
    """
    data = _read(path)
    if data.lstrip().startswith((b"age-encryption.org/", b"-----BEGIN AGE")):
        data = _unprotected(path, data, ask_passphrase())
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise AgeError(f"{path} is no file of identities; name the office's {IDENTITY_NAME}.") from error
    identities = tuple(
        _identity(path, number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    )
    if not identities:
        raise AgeError(f"{path} holds no identity; name the office's {IDENTITY_NAME}.")
    return identities


def line_checks(path: Path) -> list[str]:
    """Number and check of each line of a protected identity's file, as on the recovery sheet. UsageError, AgeError."""
    try:
        text = _read(path).decode("ascii")
    except UnicodeDecodeError as error:
        raise AgeError(f"{path} has letters that no identity has; type the lines of the sheet again.") from error
    return [f"{number:3} {check_of(line)}" for number, line in enumerate(text.splitlines(), start=1)]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_IDENTITY_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name the office's {IDENTITY_NAME}.") from error


def _identity_file(identity: age.X25519Identity, passphrase: str | None) -> bytes:
    created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = f"# created: {created}\n# public key: {identity.recipient.text}\n{identity.text}\n".encode("ascii")
    if passphrase is None:
        return text
    return age.armor(age.encrypt_bytes(text, [age.ScryptRecipient(passphrase)]))


def _authority_file(authority: Ed25519PrivateKey, passphrase: str | None) -> bytes:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase.encode("utf-8"))
    return authority.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def _unprotected(path: Path, data: bytes, passphrase: str) -> bytes:
    try:
        return b"".join(age.decrypt(BytesIO(data), [age.ScryptIdentity(passphrase)]))
    except AgeNoMatchError as error:
        raise AgeNoMatchError(f"The passphrase does not open {path}; try again.") from error
    except AgeError as error:
        raise AgeError(f"{path} is damaged: {error} Use the copy from the safe.") from error


def _identity(path: Path, number: int, line: str) -> age.X25519Identity:
    try:
        return age.X25519Identity.parse(line)
    except AgeError as error:
        raise AgeError(f"{path}, line {number}: {error}") from error


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}; name another folder.") from error
