"""The store: every journey on the card, and the only way to add to them, hold them and close them.

Rules: the directory is the truth; several processes work on one store at once, each mutation under the store's lock
and no longer; a mutation that has returned is durable; what cannot be read is reported, never passed over. Deleting is
the pruner's. The numbered procedures are in the README.
"""

import hashlib
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recorder.errors import LockTimeoutError, NoSuchJourneyError, StoreError
from recorder.timekeeping import NS_PER_S, Clock
from recorder.vault import age, diskio, words
from recorder.vault.headers import Headers
from recorder.vault.holds import render_hold
from recorder.vault.journal import GENESIS, DeviceKey, Journal, read_readable
from recorder.vault.keyring import Keyring
from recorder.vault.logbook import Logbook
from recorder.vault.records import (
    HOLD_NAME,
    JOURNEYS_NAME,
    LEDGER_NAME,
    LOG_NAME,
    JourneyRecord,
    SegmentRecord,
    body_path,
    is_journey,
    read_journey_twice,
    read_journeys,
)
from recorder.vault.remembered import Remembered
from recorder.vault.segment import SegmentWriter, utc_at
from recorder.vault.slots import Slot

__all__ = ["JourneyRecord", "SegmentRecord", "Store"]


EPOCH_S = 600.0  # 144 keys in a day, and as many writes to the slot


class Store:
    """One store, as one process sees it. Its methods may be called from any thread."""

    def __init__(
        self,
        root: Path,
        key: DeviceKey,
        recipients: Sequence[age.X25519Recipient],
        clock: Clock,
        *,
        slots: Sequence[Slot],
        epoch_s: float = EPOCH_S,
    ) -> None:
        """``slots``: where the secret of the keyring may lie, best first. ``epoch_s``: what is erased together."""
        self.root = root
        self.key = key
        self.clock = clock
        self.headers = Headers(Keyring(root, slots, epoch_s))
        self.ledger = Journal(root / LEDGER_NAME, key, clock)
        self._recipients = tuple(recipients)
        self._mutex = threading.RLock()
        self._lock_depth = 0

    @property
    def journeys_path(self) -> Path:
        """Where the journeys lie, a directory each."""
        return self.root / JOURNEYS_NAME

    def prepare(self) -> None:
        """Create what is missing: directories 0700, files 0600. StoreError where that cannot be."""
        with diskio.disk_errors(f"{self.root} cannot be prepared as a store"):
            diskio.make_directory(self.journeys_path)
            for directory in (self.root, self.journeys_path):
                directory.chmod(0o700)
            with self.lock():
                if not self.ledger.path.exists():
                    self.ledger.create()
                if self.ledger.head == GENESIS:
                    self.ledger.append(words.STORE_CREATED, {"recorder": self.key.public_text})

    @contextmanager
    def lock(self, timeout_s: float = diskio.LOCK_TIMEOUT_S) -> Iterator[None]:
        """Nobody else changes the store meanwhile; reentrant within a thread. LockTimeoutError."""
        if not self._mutex.acquire(timeout=timeout_s):
            raise LockTimeoutError(f"{self.root} has been locked by this process for {timeout_s:g} s; try again.")
        try:
            with nullcontext() if self._lock_depth else diskio.locked(self.root, timeout_s):
                self._lock_depth += 1
                try:
                    yield
                finally:
                    self._lock_depth -= 1
        finally:
            self._mutex.release()

    # --- reading -------------------------------------------------------------------------------------------------

    def journeys(self, remembered: Remembered | None = None) -> tuple[JourneyRecord, ...]:
        """Every journey on the card, by name. StoreError only where the list itself cannot be read.

        ``remembered``: what the caller has read before; then only what has changed is read.
        """
        if remembered is None:
            return read_journeys(self.root, self.lock)
        return remembered.keep_only(read_journeys(self.root, self.lock, remembered.recall))

    def journey(self, journey_id: str) -> JourneyRecord:
        """One journey. NoSuchJourneyError."""
        return read_journey_twice(self._path_of(journey_id), self.ledger.path, self.lock)

    def free_bytes(self) -> int:
        """How much room is left on the card for us. StoreError."""
        with diskio.disk_errors(f"the free space of {self.root} cannot be read"):
            return shutil.disk_usage(self.root).free

    def card_bytes(self) -> int:
        """How large the card is. StoreError."""
        with diskio.disk_errors(f"the size of {self.root} cannot be read"):
            return shutil.disk_usage(self.root).total

    def log(self, journey_id: str) -> Journal:
        """The log of one journey. NoSuchJourneyError."""
        return Journal(self._path_of(journey_id) / LOG_NAME, self.key, self.clock)

    def _path_of(self, journey_id: str) -> Path:
        path = self.journeys_path / journey_id
        with diskio.disk_errors(f"{path} cannot be read"):
            is_there = is_journey(path)
        if journey_id == ".." or path.parent != self.journeys_path or not is_there:
            raise NoSuchJourneyError(f"There is no journey {journey_id!r} in {self.root}; `journeys` lists them.")
        return path

    # --- journeys ------------------------------------------------------------------------------------------------

    def begin_journey(self, consent: Mapping[str, Any]) -> str:
        """Begin a journey to which somebody has agreed; its id. ``consent`` goes into its log.

        StoreError; then there is none.
        """
        with self.lock(), diskio.disk_errors(f"no journey can be begun in {self.root}"):
            path = self._new_path()
            temp = diskio.temp_path(path)
            temp.mkdir(mode=0o700)
            log = Journal(temp / LOG_NAME, self.key, self.clock)
            log.create()
            seq, head = self.ledger.end
            log.append(
                words.JOURNEY_BEGAN,
                {
                    "journey": path.name,
                    "recorder": self.key.public_text,
                    "recipients": [recipient.text for recipient in self._recipients],
                    "ledger": {"seq": seq, "head": head},  # so that nobody rolls the ledger back unnoticed
                },
            )
            log.append(words.CONSENT, consent)
            temp.rename(path)
            try:
                diskio.sync_directory(self.journeys_path)
                self.note_in_ledger(words.JOURNEY_BEGAN, path.name)
            except OSError:
                path.rename(temp)  # it never began: the next try is not a second journey; recovery drops it
                raise
        return path.name

    def end_journey(self, journey_id: str, reason: str) -> None:
        """Close a journey. Again is as good as once. NoSuchJourneyError, StoreError."""
        with self.lock():
            if self.journey(journey_id).ended is None:
                self.log(journey_id).append(words.JOURNEY_ENDED, {"reason": reason})
                self.note_in_ledger(words.JOURNEY_ENDED, journey_id, reason=reason)

    def note_in_ledger(self, event: str, journey_id: str, **data: Any) -> None:
        """Write an entry about a journey into the ledger, with the head of its log as it is now. StoreError."""
        self.ledger.append(event, {"journey": journey_id, "log_head": self.log(journey_id).head, **data})

    def _new_path(self) -> Path:
        moment = datetime.fromtimestamp(self.clock.now().utc_ns // NS_PER_S, UTC)
        while True:
            path = self.journeys_path / f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
            if not path.exists():
                return path

    # --- holds ---------------------------------------------------------------------------------------------------

    def hold(self, journey_id: str, who: str, reason: str, order: str | None = None) -> None:
        """Keep a journey until it is released; every call is logged. NoSuchJourneyError, StoreError.

        Its headers lie in the clear when this returns; those that nobody can have any more are named in the log.
        ``order``: the number of the office's order that asks for it.
        """
        with self.lock(), diskio.disk_errors(f"{journey_id} cannot be held"):
            path = self._path_of(journey_id)
            numbers = [segment.number for segment in self.journey(journey_id).segments if segment.has_header]
            if (path / HOLD_NAME).exists():
                lost = self.headers.make_clear(path, numbers)
            else:
                headers, lost = self.headers.get_all(path, numbers)
                hold = render_hold(journey_id, (who, reason), self.clock.now(), headers)
                diskio.create_file(path / HOLD_NAME, hold)
            self.log_hold(journey_id, who, reason, lost, order)

    def log_hold(
        self, journey_id: str, who: str, reason: str, lost: Sequence[str] = (), order: str | None = None
    ) -> None:
        """Say in log and ledger that the ``HOLD`` that is there holds. The second half of :meth:`hold`."""
        hold_sha256 = hold_hash(self._path_of(journey_id) / HOLD_NAME)
        lacks = {"lost": list(lost), "deleted": self._deleted(journey_id), "order": order}
        data = {"who": who, "reason": reason, "hold_sha256": hold_sha256}
        self.log(journey_id).append(words.HOLD, data | {name: what for name, what in lacks.items() if what})
        self.note_in_ledger(words.HOLD, journey_id, who=who, reason=reason)

    def _deleted(self, journey_id: str) -> list[int]:
        """The segments that the journey has had and that are not on the card any more."""
        journey = self.journey(journey_id)
        log = Logbook(read_readable(journey.path / LOG_NAME)[0])
        empty = {number for number, entry in log.torn.items() if not entry.data.get("size_bytes")}
        return sorted(set(log.opened) - empty - {segment.number for segment in journey.segments})

    def release(self, journey_id: str, who: str, reason: str, order: str | None = None) -> None:
        """End a hold: the next sweep judges by age. NoSuchJourneyError; StoreError, also where it is not held.

        ``order``: as of :meth:`hold`.
        """
        with self.lock(), diskio.disk_errors(f"{journey_id} cannot be released"):
            if not self.journey(journey_id).held:
                raise StoreError(f"{journey_id} is not held; there is nothing to release.")
            path = self._path_of(journey_id) / HOLD_NAME
            hold_sha256 = hold_hash(path) if path.exists() else None
            data = {"who": who, "reason": reason, "hold_sha256": hold_sha256, "headers": "stay-clear"}
            self.log(journey_id).append(words.RELEASE, data | ({} if order is None else {"order": order}))
            self.remove_hold(journey_id, who, reason)

    def remove_hold(self, journey_id: str, who: str, reason: str) -> None:
        """Remove a ``HOLD`` that the log has released, and say so in the ledger. The second half of :meth:`release`."""
        path = self._path_of(journey_id) / HOLD_NAME
        diskio.remove_file(path)
        diskio.sync_directory(path.parent)
        self.note_in_ledger(words.RELEASE, journey_id, who=who, reason=reason)

    # --- segments ------------------------------------------------------------------------------------------------

    def open_segment(
        self, journey_id: str, number: int, first_captured_ns: int, nothing: Any = None
    ) -> SegmentWriter[Any]:
        """Begin segment ``number``, whose oldest frame was captured at ``first_captured_ns`` (boottime).

        ``nothing``: what sealing gives back where nothing was ever written. NoSuchJourneyError; StoreError, also
        where the number was used before or the journey has ended.
        """
        with self.lock():
            journey = self.journey(journey_id)
            self._refuse_segment(journey, number)
            header, file_key = age.new_header(self._recipients)
            if journey.held:
                epoch = None
                self.headers.put_clear(journey.path, number, header)
            else:
                epoch = self.headers.put_sealed(journey.path, number, header, self.clock.now().boottime_ns)
            log = self.log(journey_id)
            log.append(words.SEGMENT_OPENED, self._opening(number, header, first_captured_ns, epoch))
            return SegmentWriter(
                body_path(journey.path, number), number, file_key, log, clock=self.clock, nothing=nothing
            )

    def _refuse_segment(self, journey: JourneyRecord, number: int) -> None:
        if journey.ended is not None:
            raise StoreError(f"{journey.id} has ended; no segment can be added to it.")
        if number < journey.next_segment:
            raise StoreError(f"{journey.id} has had a segment {number}; the next one is {journey.next_segment}.")

    def _opening(self, number: int, header: bytes, first_captured_ns: int, epoch: int | None) -> dict[str, Any]:
        now = self.clock.now()
        return {
            "number": number,
            "header_sha256": hashlib.sha256(header).hexdigest(),
            "epoch": epoch,
            "first_utc": utc_at(now, first_captured_ns),
            "first_boottime_ns": first_captured_ns,
        }


def hold_hash(path: Path) -> str:
    """SHA-256 (hex) of a ``HOLD``: which hold an entry is about. OSError."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
