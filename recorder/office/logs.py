"""The recorder's own words: its logs decrypted, proven line by line, and what they say each segment must be.

Rules: what follows the first wrong line is not believed; a number from a log is a fact only where it has the type and
the sign that the recorder writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from recorder import manifest
from recorder.errors import AgeError, AgeNoMatchError, BundleError
from recorder.office.contents import Contents, JourneyFolder
from recorder.office.findings import Finding
from recorder.vault import age, words
from recorder.vault.entries import Entry, complete_lines, line_hash, readable
from recorder.vault.ledger import carried_by
from recorder.vault.logbook import Logbook
from recorder.vault.signing import PublicKey
from recorder.vault.verification import Known, verify_log

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

    ``text``: the journey's log as it is, None where it cannot be read; ``entries``: what of it is proven.
    ``is_whole``: that is all of it. ``ledger``:
    its proven entries, and those that it carries; ``ledger_text``: as it is, empty where it cannot be read.
    """

    text: bytes | None
    entries: tuple[Entry, ...]
    is_whole: bool
    segments: dict[int, SegmentFacts]
    ledger: tuple[Entry, ...]
    ledger_text: bytes
    findings: tuple[Finding, ...]


def read_logs(folder: JourneyFolder, key: PublicKey, identities: Sequence[age.Identity]) -> JourneyLogs:
    """Decrypt and prove both logs of ``folder``, which ``key`` must have signed. Whatever is wrong is a finding."""
    findings: list[Finding] = []
    text = _decrypted(folder, manifest.LOG_NAME, identities, findings)
    ledger_text = _decrypted(folder, manifest.LEDGER_NAME, identities, findings)
    ledger_check = verify_log(ledger_text or b"", key, _known_of_ledger(text))
    ledger = (*carried_by(ledger_check.entries), *ledger_check.entries)
    known = _known_of_log(folder, ledger)
    check = verify_log(text or b"", key, known)
    stranger = _stranger(folder, check.entries, key) if check.entries else None
    entries = () if stranger else check.entries

    def wrong(name: str, sentence: str) -> None:
        findings.append(Finding(folder.journey, name, sentence, is_wrong=True))

    said = stranger or (None if check.wrong is None else check.wrong.sentence)
    if text is not None and said is not None:
        wrong(manifest.LOG_NAME, said)
    is_whole = bool(entries) and not findings
    if ledger_text is not None and ledger_check.wrong:
        wrong(manifest.LEDGER_NAME, ledger_check.wrong.sentence)
    if is_whole and ledger and not known:
        wrong(manifest.LEDGER_NAME, "does not know this journey; it is another's ledger, or it was cut.")
    segments = _segments(Logbook(entries))
    return JourneyLogs(text, entries, is_whole, segments, ledger, ledger_text or b"", tuple(findings))


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


def forked_ledger(one: bytes, other: bytes) -> int | None:
    """The byte of ``one`` from which on two copies of a recorder's ledger tell different pasts; None where they agree.

    They agree where one goes on behind the end of the other, whatever old part is gone from either.
    """
    mine, theirs = ([(line, line_hash(line)) for line in complete_lines(text)[0]] for text in (one, other))
    numbers = {digest: number for number, (_, digest) in enumerate(theirs)}
    offset_bytes, common = 0, None
    for number, (line, digest) in enumerate(mine):
        if common is None and digest in numbers:
            common = numbers[digest] - number
        elif common is not None and 0 <= number + common < len(theirs) and theirs[number + common][1] != digest:
            return offset_bytes
        offset_bytes += len(line) + 1
    return None


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
    findings.append(Finding(folder.journey, name, problem, is_wrong=True))
    return None


def _known_of_ledger(log: bytes | None) -> tuple[Known, ...]:
    """The end of the ledger when the journey began: its log says it in its first line, which is proven where it is."""
    first, _ = readable(complete_lines(log or b"")[0][:1])
    said = first[0].data.get("ledger") if first else None
    if not isinstance(said, dict) or not isinstance(seq := said.get("seq"), int):
        return ()
    return (Known(str(said.get("head")), "the journey's log", seq),)


def _known_of_log(folder: JourneyFolder, ledger: Sequence[Entry]) -> tuple[Known, ...]:
    """The lines of a journey's log that the ledger names."""
    return tuple(
        Known(str(entry.data["log_head"]), "the ledger")
        for entry in ledger
        if entry.data.get("journey") == folder.journey and "log_head" in entry.data
    )


def _stranger(folder: JourneyFolder, entries: Sequence[Entry], key: PublicKey) -> str | None:
    """What says that a proven log is not this journey's."""
    first = entries[0]
    if first.event != words.JOURNEY_BEGAN or first.data.get("recorder") != key.text:
        return "does not begin as this recorder's log of a journey begins."
    if first.data.get("journey") != folder.journey:
        return f"is the log of another journey ({str(first.data.get('journey'))[:40]!r}); folders were exchanged."
    return None


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
