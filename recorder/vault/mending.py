"""Setting one journey right after a crash: headers without bodies, half-done holds, torn segments; or after an upgrade.

Rules: nothing that holds footage is removed; a torn segment is hashed and signed as it is; a segment that a living
process writes is not touched; each step may be cut and repeated, and a journey that is right is left alone.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import LockTimeoutError
from recorder.timekeeping import NS_PER_S
from recorder.vault import age, diskio, words
from recorder.vault.holds import read_hold
from recorder.vault.journal import Entry, read_readable
from recorder.vault.logbook import Logbook
from recorder.vault.records import HOLD_NAME, LOG_NAME, SegmentRecord, body_path, clear_headers, head_path, header_path
from recorder.vault.store import Store, hold_hash

_READ_BYTES = 1 << 20
_TEN_MINUTES_NS = 600 * NS_PER_S
_GLANCE_S = 0.2  # somebody who lists the store looks at a lock for an instant; a writer keeps it
_SEALED_CHUNK_BYTES = age.CHUNK_BYTES + age.TAG_BYTES


_TenMinutes = tuple[str, int]


@dataclass(frozen=True, slots=True)
class TornSegment:
    """A segment nobody sealed. ``ended_by``: power-loss, or crash where this boot still lasts."""

    journey: str
    number: int
    size_bytes: int
    ended_by: str

    @property
    def sentence(self) -> str:
        """For a person."""
        cause = self.ended_by.replace("-", " ")
        return f"segment {self.number} of {self.journey}: ended by {cause}, {self.size_bytes} bytes"


@dataclass(frozen=True, slots=True)
class _Body:
    size_bytes: int
    sha256: str


_NO_BODY = _Body(0, hashlib.sha256().hexdigest())


def drop_headers_without_body(store: Store, journey_id: str) -> tuple[TornSegment, ...]:
    """Remove headers whose body never came to be; those the log knows are signed as torn, with 0 bytes. StoreError."""
    dropped = []
    with store.lock():
        journey = store.journey(journey_id)
        for segment in journey.segments:
            if segment.has_body:
                continue
            opened = _logbook(journey.path).opened.get(segment.number)
            if opened is not None and not segment.signed:
                dropped.append(_sign(store, journey_id, segment.number, opened, _NO_BODY))
            with diskio.disk_errors(f"the header of segment {segment.number} of {journey_id} cannot be removed"):
                for file_of in (head_path, header_path):
                    diskio.remove_file(file_of(journey.path, segment.number))
                diskio.sync_directory(journey.path)
    return tuple(dropped)


def sign_torn_segments(store: Store, journey_id: str) -> tuple[TornSegment, ...]:
    """Hash and sign each body that was not sealed and that nobody writes. StoreError."""
    journey = store.journey(journey_id)
    signed = []
    for segment in journey.segments:
        if segment.signed or segment.live or not segment.has_body:
            continue
        with _abandoned(body_path(journey.path, segment.number)) as fd:
            log = _logbook(journey.path)  # read again: it may have been sealed a moment ago
            if fd is None or segment.number in log.sealed or segment.number in log.torn:
                continue
            signed.append(_sign(store, journey_id, segment.number, log.opened.get(segment.number), _hash(fd)))
    return tuple(signed)


def mend_hold(store: Store, journey_id: str) -> str | None:
    """Finish a hold or a release that was cut in half: which of the two, None where there was nothing to finish.

    A ``HOLD`` that has vanished though the log has not released it is nobody's half-done work: it stays an alarm.
    StoreError.
    """
    with store.lock(), diskio.disk_errors(f"the hold of {journey_id} cannot be mended"):
        path = store.journey(journey_id).path
        if not (path / HOLD_NAME).exists():
            return None
        log, hold_sha256 = _logbook(path), hold_hash(path / HOLD_NAME)
        release, held = (log.about_hold(event, hold_sha256) for event in (words.RELEASE, words.HOLD))
        if release is not None and (held is None or held.seq < release.seq):  # else somebody held it again since
            store.remove_hold(journey_id, str(release.data.get("who")), str(release.data.get("reason")))
            return words.RELEASE
        if held is not None:
            return None
        hold = read_hold(path / HOLD_NAME).info
        store.log_hold(journey_id, hold.who, hold.reason)
        return words.HOLD


def seal_older_headers(store: Store, journey_id: str) -> int:
    """Seal what an older recorder wrote in the clear, ten minutes of it under one key; how many headers. StoreError.

    Nothing of a held journey, nor what was opened while it was held: that stays clear.
    """
    with store.lock():
        journey = store.journey(journey_id)
        if journey.held:
            return 0
        log = _logbook(journey.path)
        older = [s for s in journey.segments if not s.live and _is_older(journey.path, log, s.number)]
        epochs = _new_epochs(store, [segment for segment in older if segment.epoch is None])
        clear = clear_headers(journey.path)
        for segment in older:
            epoch = segment.epoch
            if epoch is None:
                epoch = epochs[_ten_minutes(segment)]
                store.headers.seal(journey.path, segment.number, clear[segment.number], epoch)
            if segment.number not in log.header_sealed:
                data = {"number": segment.number, "epoch": epoch}
                store.log(journey_id).append(words.HEADER_SEALED, data)
        with diskio.disk_errors(f"headers of {journey_id} cannot be removed"):
            for segment in older:
                diskio.remove_file(header_path(journey.path, segment.number))
            diskio.sync_directory(journey.path)
        return len(older)


def _is_older(journey: Path, log: Logbook, number: int) -> bool:
    """Whether a segment lies in the clear because it was opened by a recorder that knew no epochs."""
    opened = log.opened.get(number)
    return opened is not None and "epoch" not in opened.data and header_path(journey, number).exists()


def _new_epochs(store: Store, segments: Iterable[SegmentRecord]) -> dict[_TenMinutes, int]:
    spans = sorted({_ten_minutes(segment) for segment in segments})
    return dict(zip(spans, store.headers.keyring.add(len(spans)), strict=True)) if spans else {}


def _ten_minutes(segment: SegmentRecord) -> _TenMinutes:
    """Which ten minutes of which boot: what is erased together should be of an age."""
    return ("", 0) if segment.first is None else (segment.first.boot_id, segment.first.boottime_ns // _TEN_MINUTES_NS)


def _sign(store: Store, journey_id: str, number: int, opened: Entry | None, body: _Body) -> TornSegment:
    lasts = opened is not None and opened.boot_id == store.clock.now().boot_id
    torn = TornSegment(journey_id, number, body.size_bytes, "crash" if lasts else "power-loss")
    store.log(journey_id).append(
        words.SEGMENT_TORN,
        {
            "number": number,
            "ended_by": torn.ended_by,
            "size_bytes": body.size_bytes,
            "body_sha256": body.sha256,
            "whole_chunks": max(0, body.size_bytes - age.NONCE_BYTES) // _SEALED_CHUNK_BYTES,
        },
    )
    return torn


@contextmanager
def _abandoned(body: Path) -> Iterator[int | None]:
    """The body, open and locked by us; None where a living process has it, or it has gone."""
    with diskio.disk_errors(f"{body} cannot be read"):
        try:
            fd = os.open(body, os.O_RDONLY)
        except FileNotFoundError:
            yield None
            return
        try:
            try:
                diskio.lock_fd(fd, body, _GLANCE_S)
            except LockTimeoutError:
                yield None
            else:
                yield fd
        finally:
            os.close(fd)


def _hash(fd: int) -> _Body:
    size_bytes, digest = 0, hashlib.sha256()
    while data := os.read(fd, _READ_BYTES):
        size_bytes += len(data)
        digest.update(data)
    return _Body(size_bytes, digest.hexdigest())


def _logbook(journey: Path) -> Logbook:
    return Logbook(read_readable(journey / LOG_NAME)[0])
