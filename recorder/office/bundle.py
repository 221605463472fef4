"""Checking a bundle: it is what the recorder signed, all of it and nothing else, or it is said what is not.

Rules: one finding a file, the first wrong thing in it; nothing stops the check of the others; without an identity the
outside is checked, with one the inside too. Nothing is written.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from recorder import manifest
from recorder.errors import AgeError, AgePayloadError, AgeTruncatedError, BundleError, JournalError, UsageError
from recorder.manifest import FileEntry, Manifest
from recorder.office.contents import JourneyFolder, look
from recorder.office.findings import Finding, JourneyVerdict, VerifyReport, first_of_each
from recorder.office.logs import (
    JourneyLogs,
    deleted_segments,
    exported_along,
    forked_ledger,
    read_logs,
    require_a_key,
)
from recorder.vault import age
from recorder.vault.signing import PublicKey

_BLOCK_BYTES = 1 << 20
_MAX_KEY_FILE_BYTES = 4096


def load_recorder_key(text: str) -> PublicKey:
    """A recorder's public key, given as its one line or as the name of a file that holds it. UsageError."""
    try:
        path = Path(text)
        if path.is_file() and path.stat().st_size <= _MAX_KEY_FILE_BYTES:
            text = path.read_text(encoding="utf-8")
        return PublicKey.parse(text)
    except (JournalError, OSError, ValueError) as error:
        raise UsageError(f"The recorder's key cannot be used: {error}") from error


def verify(bundle: Path, recorder: PublicKey | None, identities: Sequence[age.Identity] | None = None) -> VerifyReport:
    """Check all of ``bundle``. ``recorder``: the key that is known here.

    BundleError where it is no bundle at all; AgeNoMatchError where ``identities`` open nothing in it.
    """
    contents = look(bundle)
    if identities is not None:
        require_a_key(contents, identities)
    findings = list(contents.findings)
    verdicts = []
    present = {folder.journey for folder in contents.journeys}
    ledgers: dict[PublicKey, list[tuple[str, bytes]]] = {}
    for folder in contents.journeys:
        signed, key = read_manifest(folder, findings)
        is_known = key is not None and key == recorder
        verdicts.append(_verdict(folder, signed, key, is_known))
        logs = None if identities is None or key is None else read_logs(folder, key, identities)
        findings += [] if signed is None else _check_files(folder, signed, logs, identities)
        if logs is not None and key is not None:
            ledgers.setdefault(key, []).append((folder.journey, logs.ledger_text))
            findings += logs.findings
            findings += missing_segments(folder, logs)
            findings += _missing_journeys(folder, logs, present)
    for copies in ledgers.values():
        findings += _different_pasts(copies)
    return VerifyReport(tuple(verdicts), first_of_each(findings), identities is not None)


def read_manifest(folder: JourneyFolder, findings: list[Finding]) -> tuple[Manifest | None, PublicKey | None]:
    """The manifest of ``folder`` and the key that signed it, both None where it cannot be believed."""
    try:
        return _believed_manifest(folder)
    except (BundleError, JournalError) as error:
        findings.append(Finding(folder.journey, manifest.MANIFEST_NAME, str(error), is_wrong=True))
        return None, None


def missing_segments(folder: JourneyFolder, logs: JourneyLogs) -> Iterator[Finding]:
    """Segments that the log knows and the bundle has not."""
    deleted = deleted_segments(logs.ledger, folder.journey)
    for number, facts in logs.segments.items():
        name = manifest.segment_name(number)
        if name in folder.files or facts.body_bytes == 0:
            continue
        if number in deleted:
            text, is_wrong = "is not here: the recorder had deleted it before, and its ledger says why.", False
        elif facts.body_sha256 is None:
            text, is_wrong = "is not here: it was still being recorded; export again for it.", False
        else:
            text, is_wrong = "is missing, though the recorder's log knows it.", True
        yield Finding(folder.journey, name, text, is_wrong)


def _believed_manifest(folder: JourneyFolder) -> tuple[Manifest, PublicKey]:
    if manifest.MANIFEST_NAME not in folder.files:
        raise BundleError("is missing; the export was interrupted, or it was removed.")
    with folder.open(manifest.MANIFEST_NAME) as file:
        signed, signed_bytes, signature = manifest.parse(file.read(manifest.MAX_BYTES + 1))
    key = PublicKey.parse(signed.recorder)
    if not key.verify(signed_bytes, signature):
        raise BundleError(f"is not signed by the recorder it names ({key.fingerprint}); it was altered.")
    if manifest.folder_names(signed.vehicle, signed.journey)[1:] != (folder.vehicle, folder.journey):
        raise BundleError(f"belongs to {signed.vehicle!r} {signed.journey[:40]!r}; folders were renamed or exchanged.")
    return signed, key


def _verdict(folder: JourneyFolder, signed: Manifest | None, key: PublicKey | None, is_known: bool) -> JourneyVerdict:
    return JourneyVerdict(
        vehicle=folder.vehicle,
        journey=folder.journey,
        recorder="" if signed is None else signed.recorder,
        fingerprint="" if key is None else key.fingerprint,
        is_known=is_known,
        files=len(folder.files),
        size_bytes=sum(folder.files.values()),
    )


def _missing_journeys(folder: JourneyFolder, logs: JourneyLogs, present: Iterable[str]) -> list[Finding]:
    missing = sorted(exported_along(logs.ledger) - set(present))
    text = "is missing: it was exported to this stick along with others. Export again, or find who removed it."
    return [Finding(journey, "", text, is_wrong=True) for journey in missing]


def _different_pasts(copies: Sequence[tuple[str, bytes]]) -> Iterator[Finding]:
    """A recorder's ledger was exported with each journey: each copy must go on where the one before ended."""
    by_length = sorted(copies, key=lambda copy: len(copy[1]))
    for (journey, text), (other, longer) in pairwise(by_length):
        offset_bytes = forked_ledger(text, longer)
        if offset_bytes is not None:
            said = f"tells another past than that of {other} from byte {offset_bytes} on; "
            rolled = "on the recorder it was rolled back to an older state and written on."
            yield Finding(journey, manifest.LEDGER_NAME, said + rolled, is_wrong=True)


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
            yield Finding(folder.journey, name, text, is_wrong=True)


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
