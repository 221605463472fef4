"""The recorder's own words: its logs decrypted, proven line by line, and what they say each segment must be.

Rules: what follows the first wrong line is not believed; a number from a log is a fact only where it has the type and
the sign that the recorder writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recorder import manifest
from recorder.errors import AgeError, AgeNoMatchError, BundleError
from recorder.office.contents import Contents, JourneyFolder, is_plain
from recorder.office.findings import Finding, shown
from recorder.office.heads import LedgerCopy
from recorder.vault import age, words
from recorder.vault.entries import Entry, complete_lines, readable
from recorder.vault.ledger import carried_by
from recorder.vault.logbook import Logbook
from recorder.vault.signing import PublicKey
from recorder.vault.verification import Known, LogCheck, verify_log

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

    ``journey``: its id; None where neither tells it. ``text``: its log as it is, None where it cannot be read.
    ``entries``: those of it that are proven; ``is_whole``: all are. ``ledger``: its proven entries, and those that it
    carries; ``copy``: all of it, None where it is not proven to its end.
    """

    journey: str | None
    text: bytes | None
    entries: tuple[Entry, ...]
    is_whole: bool
    segments: dict[int, SegmentFacts]
    ledger: tuple[Entry, ...]
    copy: LedgerCopy | None
    findings: tuple[Finding, ...]


def read_logs(folder: JourneyFolder, key: PublicKey, identities: Sequence[age.Identity]) -> JourneyLogs:
    """Decrypt and prove both logs of ``folder``, which ``key`` must have signed. Whatever is wrong is a finding."""
    findings: list[Finding] = []
    text = _decrypted(folder, manifest.LOG_NAME, identities, findings)
    ledger_text = _decrypted(folder, manifest.LEDGER_NAME, identities, findings)
    ledger_check = verify_log(ledger_text or b"", key, _known_of_ledger(text), is_excerpt=True)
    ledger = (*carried_by(ledger_check.entries), *ledger_check.entries)
    known = _known_of_log(_named(text), ledger)
    check = verify_log(text or b"", key, known)
    stranger = _stranger(folder, check, key) if check.entries else None
    entries = () if stranger else check.entries

    def wrong(name: str, sentence: str) -> None:
        findings.append(Finding(folder.name, name, sentence, is_wrong=True))

    said = stranger or (None if check.wrong is None else check.wrong.sentence) or (None if text else "holds nothing.")
    if text is not None and said is not None:
        wrong(manifest.LOG_NAME, said)
    is_whole = bool(entries) and not findings
    if ledger_text is not None and ledger_check.wrong:
        wrong(manifest.LEDGER_NAME, ledger_check.wrong.sentence)
    if is_whole and ledger and not known:
        wrong(manifest.LEDGER_NAME, "does not know this journey; it is another's ledger, or it was cut.")
    return JourneyLogs(
        journey=_named(text) if entries else _named_by_ledger(folder, ledger),
        text=text,
        entries=entries,
        is_whole=is_whole,
        segments=_segments(Logbook(entries)),
        ledger=ledger,
        copy=_whole_copy(ledger_check),
        findings=tuple(findings),
    )


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
        for number in _numbers(entry.data.get("deleted"))
    )


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(number for number in value if isinstance(number, int)) if isinstance(value, list) else ()


def _decrypted(
    folder: JourneyFolder, name: str, identities: Sequence[age.Identity], findings: list[Finding]
) -> bytes | None:
    """None where it cannot be had: that is a finding, here or in the manifest's check."""
    if name not in folder.files:
        return None
    problem = "is larger than any log."
    if folder.files[name] <= _MAX_LOG_BYTES:
        try:
            with folder.open(name) as file:
                return b"".join(age.decrypt(file, identities))
        except (AgeError, BundleError) as error:
            problem = str(error)
    findings.append(Finding(folder.name, name, problem, is_wrong=True))
    return None


def _known_of_ledger(log: bytes | None) -> tuple[Known, ...]:
    """The end of the ledger when the journey began: its log says it in its first line, which is proven where it is."""
    first, _ = readable(complete_lines(log or b"")[0][:1])
    said = first[0].data.get("ledger") if first else None
    if not isinstance(said, dict) or not isinstance(seq := said.get("seq"), int):
        return ()
    return (Known(str(said.get("head")), "the journey's log", seq),)


def _known_of_log(journey: str | None, ledger: Sequence[Entry]) -> tuple[Known, ...]:
    """The lines of a journey's log that the ledger names."""
    return tuple(
        Known(str(entry.data["log_head"]), "the ledger")
        for entry in ledger
        if entry.data.get("journey") == journey and "log_head" in entry.data
    )


def _named(log: bytes | None) -> str | None:
    """The journey that a log calls its own in its first line; to be believed once that is proven."""
    first, _ = readable(complete_lines(log or b"")[0][:1])
    said = first[0].data.get("journey") if first else None
    return said if isinstance(said, str) and is_plain(said) else None


def _named_by_ledger(folder: JourneyFolder, ledger: Sequence[Entry]) -> str | None:
    """The journey that the ledger says was exported under this folder's name: all there is where its log is broken."""
    said = [entry.data.get("journey") for entry in ledger if _exported_as(entry).get("folder") == folder.name]
    return said[-1] if said and isinstance(said[-1], str) and is_plain(said[-1]) else None


def _stranger(folder: JourneyFolder, check: LogCheck, key: PublicKey) -> str | None:
    """What says that a log of which something is proven is not that of this folder's journey."""
    first = check.entries[0]
    journey = first.data.get("journey")
    if first.event != words.JOURNEY_BEGAN or first.data.get("recorder") != key.text:
        return "does not begin as this recorder's log of a journey begins."
    folders = [entry.data["folder"] for entry in check.entries if "folder" in _exported_as(entry)]
    if folder.name in (journey, *folders) or (check.wrong is not None and not folders):
        return None
    return f"is the log of another journey ({shown(str(journey))}); folders or logs were exchanged."


def _exported_as(entry: Entry) -> dict[str, Any]:
    return entry.data if entry.event == manifest.EXPORT_BEGAN else {}


def _whole_copy(check: LogCheck) -> LedgerCopy | None:
    return LedgerCopy(check.chain, check.entries[-1].utc) if check.entries and check.wrong is None else None


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
