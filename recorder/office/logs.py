"""The recorder's own words: its logs decrypted, proven line by line, and what they say each segment must be.

Rules: what follows the first wrong line is not believed; a number from a log is a fact only where it has the type and
the sign that the recorder writes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from recorder import manifest
from recorder.errors import AgeError, AgeNoMatchError, BundleError, JournalError
from recorder.office.contents import Contents, JourneyFolder
from recorder.office.findings import Finding
from recorder.vault import age, words
from recorder.vault.journal import Entry, PublicKey, complete_lines, verify_chain
from recorder.vault.logbook import Logbook

_MAX_LOG_BYTES = 1 << 28  # some years of entries


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What the signed log says of a segment. ``body_sha256``: None where its end is not in the log.

    ``ended_by``: what cut it off, empty where it was ended as it should.
    """

    header_sha256: str | None
    body_sha256: str | None
    body_bytes: int | None
    ended_by: str


@dataclass(frozen=True, slots=True)
class JourneyLogs:
    """Both logs of a journey, as far as they are proven.

    ``text``: the journey's log as it is, None where it cannot be read. ``is_whole``: all of it is proven.
    """

    text: bytes | None
    is_whole: bool
    segments: dict[int, SegmentFacts]
    ledger: tuple[Entry, ...]
    findings: tuple[Finding, ...]


def read_logs(folder: JourneyFolder, key: PublicKey, identities: Sequence[age.Identity]) -> JourneyLogs:
    """Decrypt and prove both logs of ``folder``, which ``key`` must have signed. Whatever is wrong is a finding."""
    findings: list[Finding] = []
    text, entries = _read(folder, manifest.LOG_NAME, key, identities, findings)
    stranger = _stranger(folder, entries, key) if entries else None
    if stranger is not None:
        findings.append(stranger)
        entries = ()
    is_whole = bool(entries) and not findings
    _, ledger = _read(folder, manifest.LEDGER_NAME, key, identities, findings)
    if is_whole and ledger:
        findings += _reaches_far_enough(folder, text or b"", ledger)
    return JourneyLogs(text, is_whole, _segments(Logbook(entries)), ledger, tuple(findings))


def require_a_key(contents: Contents, identities: Sequence[age.Identity]) -> None:
    """AgeNoMatchError where ``identities`` open nothing in the whole bundle. One journey of another office is none."""
    refusal: AgeNoMatchError | None = None
    for folder in contents.journeys:
        for name in sorted(folder.files.keys() - {manifest.MANIFEST_NAME}):
            try:
                with folder.open(name) as file:
                    age.decrypt(file, identities)
            except AgeNoMatchError as error:
                refusal = error
            except (AgeError, BundleError):
                continue  # damage: said where it is checked
            else:
                return
    if refusal is not None:
        raise AgeNoMatchError("None of the given keys opens anything in this bundle; give the key it was made for.")


def exported_along(ledger: Sequence[Entry]) -> frozenset[str]:
    """The journeys that went onto the stick in the same export as this copy of the ledger."""
    for entry in reversed(ledger):
        journeys = entry.data.get("journeys")
        if entry.event == manifest.EXPORT_BEGAN and isinstance(journeys, list):
            return frozenset(str(journey) for journey in journeys)
    return frozenset()


def deleted_segments(ledger: Sequence[Entry], journey: str) -> frozenset[int]:
    """The segments of ``journey`` that tombstones account for."""
    return frozenset(
        number
        for entry in ledger
        if entry.event == words.TOMBSTONE_DONE and entry.data.get("journey") == journey
        for number in entry.data.get("deleted", ())
        if isinstance(number, int)
    )


def _read(
    folder: JourneyFolder, name: str, key: PublicKey, identities: Sequence[age.Identity], findings: list[Finding]
) -> tuple[bytes | None, tuple[Entry, ...]]:
    def wrong(text: str) -> None:
        findings.append(Finding(folder.journey, name, text, is_wrong=True))

    if name not in folder.files:
        return None, ()  # the manifest's check has said so
    try:
        text = _decrypted(folder, name, identities)
    except (AgeError, BundleError) as error:
        wrong(str(error))
        return None, ()
    lines, rest_bytes = complete_lines(text)
    if rest_bytes:
        wrong(f"ends in {rest_bytes} bytes that are no whole line.")
    try:
        return text, verify_chain(lines, key)
    except JournalError as error:
        wrong(f"{error}.")
        return text, verify_chain(lines[: error.line - 1], key)


def _decrypted(folder: JourneyFolder, name: str, identities: Sequence[age.Identity]) -> bytes:
    if folder.files[name] > _MAX_LOG_BYTES:
        raise BundleError("is larger than any log.")
    with folder.open(name) as file:
        return b"".join(age.decrypt(file, identities))


def _stranger(folder: JourneyFolder, entries: Sequence[Entry], key: PublicKey) -> Finding | None:
    """What says that a proven log is not this journey's."""
    first = entries[0]
    if first.event != words.JOURNEY_BEGAN or first.data.get("recorder") != key.text:
        text = "does not begin as this recorder's log of a journey begins."
    elif first.data.get("journey") != folder.journey:
        text = f"is the log of another journey ({str(first.data.get('journey'))[:40]!r}); folders were exchanged."
    else:
        return None
    return Finding(folder.journey, manifest.LOG_NAME, text, is_wrong=True)


def _reaches_far_enough(folder: JourneyFolder, text: bytes, ledger: Sequence[Entry]) -> list[Finding]:
    """The ledger names the log's last line of its time; it must be there."""
    heads = [
        entry.data["log_head"]
        for entry in ledger
        if entry.data.get("journey") == folder.journey and "log_head" in entry.data
    ]
    if not heads:
        finding = "does not know this journey; it is another's ledger, or it was cut."
        return [Finding(folder.journey, manifest.LEDGER_NAME, finding, is_wrong=True)]
    lines, _ = complete_lines(text)
    if heads[-1] in {hashlib.sha256(line).hexdigest() for line in lines}:
        return []
    finding = "lacks its end: the ledger knows of later entries."
    return [Finding(folder.journey, manifest.LOG_NAME, finding, is_wrong=True)]


def _segments(log: Logbook) -> dict[int, SegmentFacts]:
    facts = {}
    for number, opened in log.opened.items():
        end = log.sealed.get(number) or log.torn.get(number)
        said = {} if end is None else end.data
        facts[number] = SegmentFacts(
            header_sha256=_text(opened.data.get("header_sha256")),
            body_sha256=_text(said.get("body_sha256")),
            body_bytes=size if isinstance(size := said.get("size_bytes"), int) else None,
            ended_by=_text(said.get("ended_by")) or "",
        )
    return facts


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
