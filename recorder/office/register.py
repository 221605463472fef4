"""The disclosure register: who saw or was given what, when, why, and what recorders were ordered to do.

It is a log like those of a recorder (the vault's README, "A log, byte by byte"), in ``register.jsonl`` beside the keys,
and checked in the same way: each line is signed by the office's authority key, and chained. Rules: a line is durable
before anybody is told that it is there; nothing is ever removed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.errors import UsageError, WrongPassphraseError
from recorder.office.keys import AUTHORITY_KEY_NAME
from recorder.timekeeping import SystemClock
from recorder.vault.diskio import disk_errors
from recorder.vault.entries import Entry
from recorder.vault.journal import Journal
from recorder.vault.signing import DeviceKey
from recorder.vault.verification import verify_log

REGISTER_NAME = "register.jsonl"
DISCLOSED = "disclosed"
OPENED = "opened"
ORDERED = "ordered"
REDACTED = "redacted"


_SAID = {
    DISCLOSED: ("to", "reference", "reason"),
    OPENED: ("to", "reference", "reason"),
    REDACTED: ("to", "reference", "reason"),
    ORDERED: ("vehicle", "kind", "number", "who", "reason"),
}


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What is to be known of one disclosure. ``reference``: of the police, or of a subject access request."""

    to: str
    reference: str
    reason: str

    @property
    def missing(self) -> tuple[str, ...]:
        """What was left empty."""
        said = {"to": self.to, "reference": self.reference, "reason": self.reason}
        return tuple(name for name, text in said.items() if not text.strip())


@dataclass(frozen=True, slots=True)
class RegisterReport:
    """The lines of a register that are proven; ``wrong``: the first thing that is not as it was written, or None."""

    entries: tuple[Entry, ...]
    wrong: str | None

    @property
    def exit_code(self) -> int:
        """0, or 3 where something is wrong."""
        return 3 if self.wrong else 0

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        told = [_line(entry) for entry in self.entries]
        return (*(told or ["The register is empty."]), *((f"WRONG {self.wrong}",) if self.wrong else ()))

    @property
    def as_json(self) -> list[dict[str, Any]]:
        """For programs."""
        return [{"seq": e.seq, "utc": e.utc, "event": e.event, **e.data} for e in self.entries]


class Register:
    """The register in the folder of the office's keys."""

    def __init__(self, folder: Path, key: DeviceKey) -> None:
        self._path = folder / REGISTER_NAME
        self._journal = Journal(self._path, key, SystemClock())
        self._key = key

    @classmethod
    def open(cls, folder: Path, ask_passphrase: Callable[[], str]) -> "Register":
        """The register of the keys in ``folder``; ``ask_passphrase`` is called where they are protected. UsageError."""
        return cls(folder, _authority(folder / AUTHORITY_KEY_NAME, ask_passphrase))

    def add(self, disclosure: Disclosure, journeys: Sequence[str], verdict: str, files: dict[str, str]) -> Entry:
        """Enter a disclosure. ``files``: SHA-256 (hex) by name. UsageError where something is empty; StoreError."""
        if disclosure.missing:
            raise UsageError(f"The register needs to know {', '.join(disclosure.missing)}; nothing was entered.")
        who = {"to": disclosure.to, "reference": disclosure.reference, "reason": disclosure.reason}
        return self.note(DISCLOSED, {**who, "journeys": list(journeys), "verdict": verdict, "files": files})

    def note(self, event: str, data: Mapping[str, Any]) -> Entry:
        """Enter anything else that is to be known later. StoreError; then it is not there."""
        if not self._path.exists():
            self._journal.create()
        return self._journal.append(event, data)

    def sign(self, data: bytes) -> bytes:
        """As the authority; ``data`` begins with a line that names its kind."""
        return self._key.sign(data)

    def add_redaction(self, source: tuple[str, str], files: dict[str, str], given: Disclosure | None) -> Entry:
        """Enter a redacted copy. ``source``: name and SHA-256 (hex) of the film; ``files``: SHA-256 by name.

        ``given``: to whom, where it was made for somebody. UsageError where something in it is empty; StoreError.
        """
        if given is not None and given.missing:
            raise UsageError(f"The register needs to know {', '.join(given.missing)}; nothing was entered.")
        who = {} if given is None else {"to": given.to, "reference": given.reference, "reason": given.reason}
        film = {"name": source[0], "sha256": source[1]}
        return self.note(REDACTED, {**who, "source": film, "files": files})

    def check(self) -> RegisterReport:
        """Every line, proven. StoreError where it cannot be read."""
        with disk_errors(f"{self._path} cannot be read"):
            text = self._path.read_bytes() if self._path.exists() else b""
        check = verify_log(text, self._key.public, ())
        return RegisterReport(check.entries, None if check.wrong is None else f"{self._path} {check.wrong.sentence}")


def _authority(path: Path, ask_passphrase: Callable[[], str]) -> DeviceKey:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name the folder that keygen made.") from error
    passphrase = ask_passphrase().encode() if b"ENCRYPTED" in pem else None
    try:
        private = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        refusal = f"The passphrase does not open {path}, or it is no key of keygen's; try again."
        raise WrongPassphraseError(refusal) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{path} is not the authority key that keygen made; name the folder with the office's keys.")
    return DeviceKey(private)


def _line(entry: Entry) -> str:
    journeys = entry.data.get("journeys")
    names = ", ".join(map(str, journeys)) if isinstance(journeys, list) else ""
    source, nobody = entry.data.get("source"), ""
    if entry.event == REDACTED and isinstance(source, dict):
        names, nobody = f"a redacted copy of {source.get('name', '')}", "given to nobody yet"
    said = "; ".join(str(entry.data[name]) for name in _SAID.get(entry.event, ("reason",)) if entry.data.get(name))
    kind = "" if entry.event == DISCLOSED else f"{entry.event}: "
    return f"{entry.seq}  {entry.utc[:19]}Z  {kind}{said or nobody}{names and f': {names}'}"
