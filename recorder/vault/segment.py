"""Writing one segment: plaintext MP4 comes in, whole encrypted chunks lie on the card a moment later.

Rules: nothing is written in the clear; a chunk is encrypted once; three chunks are synced at once, and none waits for
more than 0.3 s; what has waited for its chunk to fill for 0.35 s is pushed out with padding, so that a still scene is
as safe as a lively one; errors are sticky: after one failure the body is closed and every call repeats it. The
procedure is in the README.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from recorder.errors import StoreError
from recorder.timekeeping import Clock, Instant, iso_utc
from recorder.vault import age, diskio, words
from recorder.vault.journal import Journal
from recorder.vault.padding import BoxTracker, padding

SYNC_BYTES = 3 * age.CHUNK_BYTES  # on ext4 a sync writes 16 KiB beside what it syncs: a twelfth more
SYNC_AFTER_NS = 300_000_000  # with PAD_AFTER_NS less than what is handed over together takes to come together
PAD_AFTER_NS = 350_000_000
RESERVE_BYTES = 16 << 20  # half a minute at 4 Mb/s: each time costs some 24 KiB of journal

Mark = TypeVar("Mark")


class Facts(Protocol):
    """What the caller knows of a finished segment."""

    @property
    def first_ns(self) -> int:
        """Boottime of the oldest frame or sample."""
        ...

    @property
    def last_ns(self) -> int:
        """Boottime of the newest."""
        ...

    @property
    def video_frames(self) -> int:
        """How many, exactly."""
        ...

    @property
    def audio_samples(self) -> int:
        """How many, exactly."""
        ...

    @property
    def gaps(self) -> Sequence[Mapping[str, Any]]:
        """What is missing in between, as capture describes it; anything JSON."""
        ...


class SegmentWriter(Generic[Mark]):
    """One body being written. Owned by one thread. A mark is any value; it comes back when what it marks is durable."""

    def __init__(self, path: Path, number: int, file_key: bytes, log: Journal, *, clock: Clock, nothing: Mark) -> None:
        """Create the body at ``path``, locked and durable; its header and their entry in ``log`` are there. StoreError.

        ``nothing``: what :meth:`seal` gives back where nothing was ever written.
        """
        self.path = path
        self._doing = f"{path} cannot be written"
        self.number = number
        self._log = log
        self._clock = clock
        self._fd, nonce = _create_body(path)
        self._encryptor = age.StreamEncryptor(file_key, nonce)
        self._sha256 = hashlib.sha256(nonce)
        self._size_bytes = len(nonce)
        self._boxes = BoxTracker()
        self._pushed_bytes = 0  # of plaintext, padding included
        self._reserved_bytes = 0  # on the card, from the beginning of the body on
        self._unsynced_bytes = 0
        self._unsynced_ns: int | None = None  # since when there are any
        self._marks: deque[tuple[int, Mark]] = deque()  # not yet durable, and where the plaintext they mark ends
        self._durable = nothing
        self._maintained_ns = clock.now().boottime_ns
        self._has_filled = False  # a chunk has, since then
        self._waits = False  # footage does, in the partial chunk
        self._waiting_ns: int | None = None  # and since when
        self._failure: Exception | None = None

    def write(self, data: bytes, mark: Mark) -> None:
        """Append MP4. ``mark`` is handed back once ``data`` and all before it is durable. StoreError."""
        with self._sticky():
            self._boxes.feed(data)
            self._push(data)
            self._marks.append((self._pushed_bytes, mark))
            self._waits = self._waits or bool(data)
            if self._waits and self._waiting_ns is None and not self._has_filled:
                self._waiting_ns = self._maintained_ns  # too early rather than too late; behind a chunk: from now on

    def maintain(self, now_ns: int) -> Mark | None:
        """Pad and sync where due; the newest mark that has become durable, if any. ``now_ns``: boottime. StoreError.

        Call it after what is written together, and twice a second or more often: what is written waits at most that
        much longer than it should.
        """
        if self._unsynced_ns is None and self._unsynced_bytes:
            self._unsynced_ns = self._maintained_ns
        if self._waits and self._waiting_ns is None:
            self._waiting_ns = now_ns
        self._maintained_ns, self._has_filled = now_ns, False
        pads = self._may_pad(now_ns)
        if self._failure is None and not pads and not self._is_sync_due(now_ns):
            return None
        with self._sticky():
            if pads:
                self._push(padding(self._encryptor.flush_bytes))
                self._waits = self._has_filled = False  # what spills into the next chunk may wait for ever
            self._sync()
            return self._take_durable(self._pushed_bytes - self._encryptor.pending_bytes)

    def seal(self, reason: str, facts: Facts) -> Mark:
        """Write the final chunk, sync, sign the segment into the log, close; the mark of the last write. StoreError."""
        with self._sticky():
            self._out([self._encryptor.finish()])
            os.ftruncate(self._fd, self._size_bytes)  # what was reserved and is not needed
            self._sync()
            self._take_durable(self._pushed_bytes)
            self._log.append(words.SEGMENT_SEALED, self._facts(reason, facts))
        # Only now: a body that is neither locked nor sealed would be signed as torn by a recovery beside us.
        self._close(StoreError(f"{self.path} is sealed; nothing can be added."))
        return self._durable

    @contextmanager
    def _sticky(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            with diskio.disk_errors(self._doing):
                yield
        except Exception as error:
            self._close(error)
            raise

    def _close(self, failure: Exception) -> None:
        """Let go of the body, and of its lock with it; ``failure`` is the answer to every later call."""
        self._failure = failure
        os.close(self._fd)  # what is reserved behind its end goes when the body goes

    def _may_pad(self, now_ns: int) -> bool:
        """Whether what is in the partial chunk has waited long enough, and padding may stand here."""
        waiting_ns = self._waiting_ns
        return waiting_ns is not None and now_ns - waiting_ns >= PAD_AFTER_NS and self._boxes.may_pad

    def _is_sync_due(self, now_ns: int) -> bool:
        since_ns = self._unsynced_ns
        return self._unsynced_bytes >= SYNC_BYTES or (since_ns is not None and now_ns - since_ns >= SYNC_AFTER_NS)

    def _push(self, data: bytes) -> None:
        chunks = self._encryptor.push(data)
        self._pushed_bytes += len(data)
        if chunks:
            self._out(chunks)
            self._waiting_ns, self._has_filled = None, True  # all that waited is out

    def _out(self, encrypted: Sequence[bytes]) -> None:
        end_bytes = self._size_bytes + sum(map(len, encrypted))
        if end_bytes > self._reserved_bytes:
            # One that cannot be had costs a few more writes; what there is no room for, the write itself will say.
            diskio.reserve(self._fd, self._size_bytes, RESERVE_BYTES)
            self._reserved_bytes = self._size_bytes + RESERVE_BYTES
        for chunk in encrypted:
            diskio.write_all(self._fd, chunk)
            self._sha256.update(chunk)
        self._unsynced_bytes += end_bytes - self._size_bytes
        self._size_bytes = end_bytes

    def _sync(self) -> None:
        os.fdatasync(self._fd)
        self._unsynced_bytes, self._unsynced_ns = 0, None

    def _take_durable(self, until_bytes: int) -> Mark | None:
        newest = None
        while self._marks and self._marks[0][0] <= until_bytes:
            newest = self._durable = self._marks.popleft()[1]
        return newest

    def _facts(self, reason: str, facts: Facts) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "number": self.number,
            "reason": reason,
            "body_sha256": self._sha256.hexdigest(),
            "size_bytes": self._size_bytes,
            "first_utc": utc_at(now, facts.first_ns),
            "first_boottime_ns": facts.first_ns,
            "last_utc": utc_at(now, facts.last_ns),
            "last_boottime_ns": facts.last_ns,
            "video_frames": facts.video_frames,
            "audio_samples": facts.audio_samples,
            "gaps": [dict(gap) for gap in facts.gaps],
        }


def utc_at(now: Instant, boottime_ns: int) -> str:
    """The wall clock at ``boottime_ns`` of this boot, as far as ``now`` knows it; ISO 8601."""
    return iso_utc(now.utc_ns - (now.boottime_ns - boottime_ns))


def _create_body(path: Path) -> tuple[int, bytes]:
    """A new body, locked, its nonce in it and all of that durable: its open file and the nonce."""
    with diskio.disk_errors(f"{path} cannot be created"):
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            diskio.lock_fd(fd, path)
            nonce = os.urandom(age.NONCE_BYTES)
            diskio.write_all(fd, nonce)
            os.fdatasync(fd)
            diskio.sync_directory(path.parent)
        except BaseException:
            os.close(fd)
            raise
    return fd, nonce
