"""Checking a bundle: it is what the recorder signed, all of it and nothing else, or it is said what is not.

Rules: one finding a file, the first wrong thing in it; nothing stops the check of the others; without an identity the
outside is checked, with one the inside too. Nothing is written.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from recorder import manifest
from recorder.errors import AgeError, AgePayloadError, AgeTruncatedError, BundleError
from recorder.manifest import FileEntry, Manifest
from recorder.office.clocks import clock_sentence
from recorder.office.contents import JourneyFolder, look
from recorder.office.findings import Finding, JourneyVerdict, VerifyReport, first_of_each
from recorder.office.ledgers import ledger_findings, newest_heads
from recorder.office.logs import JourneyLogs, deleted_segments, exported_along, require_a_key
from recorder.office.papers import Papers, ids_of, read_papers
from recorder.office.readers import strange_readers
from recorder.office.recorders import Trust
from recorder.vault import age

_BLOCK_BYTES = 1 << 20
_ERASED = {  # the classes of erasure, see recorder/vault/README.md
    "slot": "for good, its key lay in memory that forgets",
    "file": "weakly, its key lay in a file, which a laboratory may find on the card",
    "unlink": "weakly, its header lay in the clear, which a laboratory may find on the card",
}


def verify(bundle: Path, trust: Trust, identities: Sequence[age.Identity] | None = None) -> VerifyReport:
    """Check all of ``bundle`` against what is known here.

    BundleError where it is no bundle at all; AgeNoMatchError where ``identities`` open nothing in it.
    """
    contents = look(bundle)
    if identities is not None:
        require_a_key(contents, identities)
    findings = list(contents.findings)
    papers = read_papers(contents, identities, findings)
    for one in papers:
        findings += _not_the_recorder(one, trust)
        findings += [] if one.signed is None else _check_files(one.folder, one.signed, one.logs, identities)
        if one.logs is not None:
            findings += one.logs.findings
            findings += missing_segments(one.folder, one.logs)
            findings += strange_readers(one.folder, one.logs, trust, identities or ())
            findings += _missing_journeys(one, papers)
    findings += ledger_findings(papers, trust)
    return VerifyReport(
        journeys=tuple(_verdict(one, trust) for one in papers),
        findings=first_of_each(findings, ids_of(papers)),
        is_inside_checked=identities is not None,
        heads=newest_heads(papers, trust),
    )


def missing_segments(folder: JourneyFolder, logs: JourneyLogs) -> Iterator[Finding]:
    """Segments that the log knows and the bundle has not."""
    deleted = {} if logs.journey is None else deleted_segments(logs.ledger, logs.journey)
    for number, facts in logs.segments.items():
        name = manifest.segment_name(number)
        if name in folder.files or facts.body_bytes == 0:
            continue
        if number in deleted:
            how = _ERASED.get(deleted[number], "its ledger does not say how well")
            text, is_wrong = f"is not here: the recorder had deleted it before ({how}), and its ledger says why.", False
        elif facts.body_sha256 is None:
            text, is_wrong = "is not here: it was still being recorded; export again for it.", False
        else:
            text, is_wrong = "is missing, though the recorder's log knows it.", True
        yield Finding(folder.name, name, text, is_wrong)


def _verdict(one: Papers, trust: Trust) -> JourneyVerdict:
    return JourneyVerdict(
        vehicle=one.folder.vehicle,
        folder=one.folder.name,
        journey=one.name,
        recorder="" if one.signed is None else one.signed.recorder,
        fingerprint="" if one.key is None else one.key.fingerprint,
        known_as="" if one.key is None else trust.name_of(one.key),
        files=len(one.folder.files),
        size_bytes=sum(one.folder.files.values()),
        clock="" if one.logs is None else clock_sentence(one.logs.entries),
    )


def _not_the_recorder(one: Papers, trust: Trust) -> Iterator[Finding]:
    """Signed anew, by a key that is not the one by which this vehicle's recorder is known."""
    known = None if one.key is None else trust.other_key_of(one.folder.vehicle, one.key)
    if known is not None and one.key is not None:
        text = (
            f"is signed by {one.key.fingerprint}, and the recorder of {one.folder.vehicle} that this office knows is "
        )
        mend = f"{known.fingerprint}: another recorder made this, or somebody signed it anew."
        yield Finding(one.folder.name, manifest.MANIFEST_NAME, text + mend, is_wrong=True)


def _missing_journeys(one: Papers, papers: Sequence[Papers]) -> Iterator[Finding]:
    """Journeys that went onto the stick in the same export, and are not on it."""
    told = [other.logs.journey for other in papers if other.logs is not None]
    is_all_told = len(told) == len(papers) and None not in told
    hidden = "" if is_all_told else ", or is in a folder whose log cannot be read"
    for journey in sorted(exported_along(() if one.logs is None else one.logs.ledger) - set(told)):
        text = f"is missing{hidden}: it was exported to this stick along with others. "
        text += "Export again, or find who removed it."
        yield Finding(journey, "", text, is_wrong=True)


def _check_files(
    folder: JourneyFolder, signed: Manifest, logs: JourneyLogs | None, identities: Sequence[age.Identity] | None
) -> Iterator[Finding]:
    listed = signed.by_name
    for name in sorted({*listed, *folder.files} - {manifest.MANIFEST_NAME}):
        entry = listed.get(name)
        if entry is None:
            text: str | None = "is not in the manifest; it was added."
        elif name not in folder.files:
            text = "is missing."
        else:
            text = _first_wrong(folder, entry, logs)
            if text is not None and identities is not None:
                text += _where(folder, entry, identities)
        if text is not None:
            yield Finding(folder.name, name, text, is_wrong=True)


def _first_wrong(folder: JourneyFolder, entry: FileEntry, logs: JourneyLogs | None) -> str | None:
    size_bytes = folder.files[entry.name]
    if size_bytes != entry.size_bytes:
        change = "cut off at" if size_bytes < entry.size_bytes else "added to behind"
        return (
            f"was {change} byte {min(size_bytes, entry.size_bytes)}: it has {size_bytes} bytes, not {entry.size_bytes}."
        )
    number = manifest.segment_number(entry.name)
    facts = None if logs is None or number is None else logs.segments.get(number)
    try:
        with folder.open(entry.name) as file:
            header = b"" if facts is None else age.read_header(file).raw
            file.rewind()
            whole, body = hashlib.sha256(), hashlib.sha256()
            body_start = len(header)
            while block := file.read(_BLOCK_BYTES):
                whole.update(block)
                if facts is not None:
                    body.update(memoryview(block)[body_start:])
                    body_start = max(0, body_start - len(block))
    except (AgeError, BundleError) as error:
        return str(error)
    if whole.hexdigest() != entry.sha256:
        return "was altered: its SHA-256 is not the one in the manifest."
    if logs is not None and number is not None:
        return contradiction(logs, number, header, size_bytes - len(header), body.hexdigest())
    return None


def _where(folder: JourneyFolder, entry: FileEntry, identities: Sequence[age.Identity]) -> str:
    """A further sentence on where a wrong file stops being what was encrypted: its chunks are authentic one by one."""
    chunks = 0
    try:
        with folder.open(entry.name) as file:
            end_bytes = len(age.read_header(file).raw) + age.NONCE_BYTES
            file.rewind()
            for _ in age.decrypt(file, identities):
                chunks += 1
    except AgeTruncatedError:
        return f" It is authentic up to its chunk {chunks}, which ends at byte {_end_of(chunks, end_bytes)}."
    except AgePayloadError:
        return f" Chunk {chunks + 1}, from byte {_end_of(chunks, end_bytes)} on, is the first that is not authentic."
    except AgeError:
        return " It is wrong in its header, from byte 0 on."
    except BundleError as error:
        return f" It {error}"
    return " Every chunk of it is authentic."


def _end_of(chunks: int, payload_bytes: int) -> int:
    """The byte behind so many chunks; ``payload_bytes``: where the first begins."""
    return payload_bytes + chunks * (age.CHUNK_BYTES + age.TAG_BYTES)


def contradiction(logs: JourneyLogs, number: int, header: bytes, body_bytes: int, body_sha256: str) -> str | None:
    """What the signed log says against a segment; None where it agrees, or does not know its end yet."""
    facts = logs.segments.get(number)
    if facts is None:  # where the log itself is broken, that is what is wrong
        return "is not known to the recorder's log." if logs.is_whole else None
    if facts.header_sha256 != hashlib.sha256(header).hexdigest():
        return "is another segment than the recorder's log says (its header differs)."
    if facts.body_sha256 is not None and (facts.body_sha256, facts.body_bytes) != (body_sha256, body_bytes):
        return "is not what the recorder's log says was recorded (its body differs)."
    return None
