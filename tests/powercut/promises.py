"""What must be true of a card when the power is back, whatever instant it went.

:func:`restart` does what a start does (recover, sweep), reads all that is left with the office's key, and compares it
with what the recorder had said: each promise that is broken becomes a sentence.
"""

import errno
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from recorder.assembly import open_store, policy_of
from recorder.config import Config
from recorder.errors import AgeError, AgeTruncatedError, RecorderError
from recorder.timekeeping import NS_PER_S, SystemClock, parse_iso_utc
from recorder.vault import words
from recorder.vault.age import X25519Identity, decrypt
from recorder.vault.headers import sealed_headers
from recorder.vault.journal import complete_lines, read_entries, verify_chain
from recorder.vault.pruner import Pruner
from recorder.vault.records import JourneyRecord, SegmentRecord, body_path
from recorder.vault.recovery import recover
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.powercut.footage import Pictures, pictures
from tests.powercut.hands import Told

MARK_NS = 1_000_000  # how exactly a timeline of 1/90000 s and two readings of a clock agree
# In every MP4 of the recorder, and eight bytes or longer: no ciphertext of this size has them by chance.
PLAINTEXT_MARKS = (b"\0\0\0\x10mfhd", b"\0\0\0\x6cmvhd", b"x264 - core")
_FULL = os.strerror(errno.ENOSPC)
_CONCLUDED = {words.TOMBSTONE_DONE, words.TOMBSTONE_WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. ``broken``: promises, a sentence each. ``pictures``: of each journey, oldest first.

    ``torn``: how many segments were found cut off. ``plaintext_sha256``: of each segment that opens, what is in it.
    """

    broken: tuple[str, ...]
    torn: int
    pictures: dict[str, tuple[Pictures, ...]]
    plaintext_sha256: dict[tuple[str, int], str] = field(repr=False)

    def newest_ns(self, journey: str) -> int:
        """When the newest picture of a journey was captured (boottime); 0 without one."""
        return max((part.newest_ns for part in self.pictures.get(journey, ())), default=0)


def restart(config: Config, identity: X25519Identity, told: Told) -> Survey:
    """Start on the card of ``config``, look at everything, sweep, and look again at what a sweep may change."""
    store = open_store(config)
    broken = [*_alarmed(store)]
    report = recover(store)
    broken += [f"recovery: {alarm}" for alarm in report.alarms]
    broken += [f"a second recovery finds {found}" for found in recover(store).found.items()]
    survey = _survey(store, identity)
    broken += survey.broken
    broken += _what_was_told(store, survey, told, round(config.retention.max_age_s / 2 * NS_PER_S))
    broken += [f"sweep: {alarm}" for alarm in Pruner(store, policy_of(config), SystemClock()).sweep().alarms]
    broken += _still_held(store, identity, survey)
    broken += [*_logs(store), *_tombstones(store, config), *_keyring(store, config), *_plaintext(config)]
    return Survey(tuple(broken), len(report.torn_segments), survey.pictures, survey.plaintext_sha256)


def _alarmed(store: Store) -> Iterator[str]:
    """What earlier starts found wrong, though nothing was. That a card was full is no false alarm."""
    for entry in read_entries(store.ledger.path):
        alarms = entry.data["found"].get("alarms", ()) if entry.event == words.RECOVERED else ()
        yield from (f"an earlier start: {alarm}" for alarm in alarms if _FULL not in alarm)


def _survey(store: Store, identity: X25519Identity) -> Survey:
    """Every segment that is there opens, is whole where it is sealed, and is what the log says."""
    broken: list[str] = []
    found: dict[str, tuple[Pictures, ...]] = {}
    hashes: dict[tuple[str, int], str] = {}
    for journey in store.journeys():
        parts: list[Pictures] = []
        for segment in journey.segments:
            try:
                plaintext = _opened(store, journey, segment, identity)
            except RecorderError as error:
                broken.append(f"segment {segment.number} of {journey.id} (torn: {segment.torn}): {error}")
                continue
            hashes[journey.id, segment.number] = hashlib.sha256(plaintext).hexdigest()
            parts += pictures(plaintext, journey.first.boottime_ns if journey.first else 0)
        found[journey.id] = tuple(parts)
    return Survey(tuple(broken), 0, found, hashes)


def _opened(store: Store, journey: JourneyRecord, segment: SegmentRecord, identity: X25519Identity) -> bytes:
    """The plaintext, as far as it reaches. RecorderError where it is not what the log has signed."""
    headers, problems = store.headers.get_all(journey.path, [segment.number])
    if problems:
        raise RecorderError(problems[0])
    header, body = headers[segment.number], body_path(journey.path, segment.number).read_bytes()
    entries = read_entries(store.log(journey.id).path)
    signed = {e.event: e.data for e in entries if e.data.get("number") == segment.number}
    closing = signed.get(words.SEGMENT_SEALED) or signed.get(words.SEGMENT_TORN) or {}
    if hashlib.sha256(header).hexdigest() != signed[words.SEGMENT_OPENED]["header_sha256"]:
        raise RecorderError("its header is not the one whose hash was signed")
    if hashlib.sha256(body).hexdigest() != closing.get("body_sha256"):
        raise RecorderError("its body is not the one whose hash was signed")
    plaintext = bytearray()
    try:
        for chunk in decrypt(io.BytesIO(header + body), [identity]):
            plaintext += chunk
    except AgeTruncatedError:
        if not segment.torn:
            raise
    except AgeError as error:
        raise RecorderError(f"it does not open: {error}") from error
    return bytes(plaintext)


def _what_was_told(store: Store, survey: Survey, told: Told, young_ns: int) -> Iterator[str]:
    """Consent, hold and picture that the recorder called durable are there, unless old enough to have been deleted.

    That nothing is gone without a tombstone is for recovery to say, by the ledger.
    """
    journeys = {journey.id: journey for journey in store.journeys()}
    for journey_id, durable_ns in told.durable_ns.items():
        if journey_id not in told.held and durable_ns and told.at_ns - durable_ns > young_ns:
            continue
        journey = journeys.get(journey_id)
        if journey is None:
            yield f"{journey_id} was consented to, and is not there"
            continue
        if not journey.consented:
            yield f"{journey_id} has lost its consent"
        if journey_id in told.held and not journey.held:
            yield f"{journey_id} was held, and is not"
        missing_ns = durable_ns - survey.newest_ns(journey_id)
        if missing_ns > MARK_NS:
            yield f"{journey_id} lacks {missing_ns / 1e9:.3f} s of picture that was called durable"


def _still_held(store: Store, identity: X25519Identity, before: Survey) -> Iterator[str]:
    """A sweep takes nothing that is held, and changes nothing of it."""
    after = _survey(store, identity)
    yield from after.broken
    for journey in store.journeys():
        if journey.held:
            mine = {name: value for name, value in before.plaintext_sha256.items() if name[0] == journey.id}
            if mine != {name: value for name, value in after.plaintext_sha256.items() if name[0] == journey.id}:
                yield f"{journey.id} is held, and the sweep has changed it"


def _logs(store: Store) -> Iterator[str]:
    for path in [store.ledger.path, *store.journeys_path.glob("*/log.jsonl")]:
        lines, torn_bytes = complete_lines(path.read_bytes())
        if torn_bytes:
            yield f"{path} has {torn_bytes} torn bytes at its end"
        try:
            verify_chain(lines, store.key.public)
        except RecorderError as error:
            yield f"{path}: {error}"


def _tombstones(store: Store, config: Config) -> Iterator[str]:
    """Each has one conclusion, and what went by its age was old enough for the epoch that it was in."""
    ledger = read_entries(store.ledger.path)
    intents = [entry for entry in ledger if entry.event == words.TOMBSTONE_INTENT]
    begun = Counter(entry.seq for entry in intents)
    ends = Counter(entry.data["intent"] for entry in ledger if entry.event in _CONCLUDED)
    if begun != ends:
        yield f"tombstones without one conclusion each: {sorted((begun - ends) + (ends - begun))}"
    retention = config.retention
    young_s = retention.max_age_s - retention.epoch_seconds - config.segments.length_s - 3 * retention.sweep_seconds
    for entry in intents:
        for segment in entry.data["segments"]:
            age_s = (parse_iso_utc(entry.utc) - parse_iso_utc(segment["recorded"])) / NS_PER_S
            if segment["reason"] == "due" and age_s < young_s:
                yield f"segment {segment['number']} of {entry.data['journey']} went when it was {age_s:.0f} s old"


def _keyring(store: Store, config: Config) -> Iterator[str]:
    """Two equal copies, one secret, and no key that no header needs."""
    keyring = store.headers.keyring
    with store.lock():
        keys = set(keyring.keys())
        sealed = {epoch for epoch, _, _ in sealed_headers(journey.path for journey in store.journeys())}
        copies = {path.read_bytes() for path in store.root.glob("keyring.*")}
        places = [place for path in config.slots for place in Slot.at(path).read() if not place.blank]
    yield from keyring.alarms
    if keys - sealed:
        yield f"{len(keys - sealed)} keys are left that no header needs"
    if copies and (len(copies), len(places)) != (1, 1):
        yield f"the keyring is not settled: {len(copies)} different copies, {len(places)} places that are not blank"


def _plaintext(config: Config) -> Iterator[str]:
    for path in config.store.path.parent.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield from (f"{path.name} holds plaintext: {m!r}" for m in PLAINTEXT_MARKS if m in content)
