"""What the vault's tests share: a clock that obeys, a store on a real disk, footage that looks like MP4."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.errors import AgeTruncatedError
from recorder.mp4 import free_box
from recorder.timekeeping import NS_PER_S, ClockQuality, Instant, parse_iso_utc
from recorder.vault.age import X25519Identity, decrypt
from recorder.vault.headers import Headers
from recorder.vault.journal import DeviceKey, read_entries
from recorder.vault.keyring import Keyring
from recorder.vault.ledger import read_files
from recorder.vault.records import body_path
from recorder.vault.slots import SLOT_BYTES, Slot
from recorder.vault.store import EPOCH_S, Store
from recorder.vault.verification import verify_log

START_UTC_NS = parse_iso_utc("2026-11-22T13:11:43.000Z")
CONSENT = {"notice_sha256": "ab" * 32, "language": "en", "notice_finished": True}


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, boot_id: str = "boot-1", quality: ClockQuality = "synchronised") -> None:
        self._now = Instant(START_UTC_NS, 100 * NS_PER_S, boot_id, quality)

    def now(self) -> Instant:
        return self._now

    @property
    def now_ns(self) -> int:
        return self._now.boottime_ns

    def advance(self, seconds: float) -> None:
        step_ns = round(seconds * NS_PER_S)
        self._now = replace(self._now, utc_ns=self._now.utc_ns + step_ns, boottime_ns=self._now.boottime_ns + step_ns)

    def set_wall(self, step_s: float, quality: ClockQuality | None = None) -> None:
        """The wall clock jumps, boottime does not."""
        utc_ns = self._now.utc_ns + round(step_s * NS_PER_S)
        self._now = replace(self._now, utc_ns=utc_ns, quality=quality or self._now.quality)

    def reboot(self, boot_id: str, off_s: float = 30.0, quality: ClockQuality = "synchronised") -> None:
        """Power off and on again; ten seconds after the kernel started."""
        utc_ns = self._now.utc_ns + round((off_s + 10) * NS_PER_S)
        self._now = Instant(utc_ns, 10 * NS_PER_S, boot_id, quality)


@dataclass(frozen=True, slots=True)
class Facts:
    """What capture tells of a segment."""

    first_ns: int
    last_ns: int
    video_frames: int = 300
    audio_samples: int = 480_000
    gaps: tuple[dict[str, object], ...] = ()


def fragment(size_bytes: int, fill: bytes | None = None) -> bytes:
    """A moof and its mdat, of ``size_bytes`` in all; random, so that it cannot be mistaken for anything else."""
    moof = (16).to_bytes(4, "big") + b"moof" + os.urandom(8)
    payload_bytes = size_bytes - len(moof) - 8
    payload = os.urandom(payload_bytes) if fill is None else (fill * payload_bytes)[:payload_bytes]
    return moof + (payload_bytes + 8).to_bytes(4, "big") + b"mdat" + payload


def init_segment() -> bytes:
    return (16).to_bytes(4, "big") + b"ftypisom" + bytes(4) + free_box(24)


def make_slot(path: Path) -> Slot:
    """Memory that forgets, as a clock chip has it; here it is a file."""
    path.write_bytes(bytes(SLOT_BYTES))
    return Slot(path, "slot")


def header_of(journey: Path, number: int) -> bytes:
    """The age header of a segment, as the recorder beside whose store ``slot`` lies has it, clear or sealed."""
    root = journey.parent.parent
    headers, problems = Headers(Keyring(root, [Slot(root.with_name("slot"), "slot")], EPOCH_S)).get_all(
        journey, [number]
    )
    assert problems == ()
    return headers[number]


def age_file(journey: Path, number: int) -> bytes:
    """Header and body of a segment: what an export makes of them."""
    return header_of(journey, number) + body_path(journey, number).read_bytes()


def open_like(store: Store) -> Store:
    """The same store as another process would see it."""
    keyring = store.headers.keyring
    return Store(
        store.root,
        store.key,
        store._recipients,
        store.clock,
        slots=keyring._slots,
        epoch_s=keyring._epoch_ns / NS_PER_S,
    )


def record_segment(
    store: Store, journey_id: str, clock: FakeClock, *, length_s: float = 10.0, size_bytes: int = 1000
) -> int:
    """A whole segment, from opening to seal; its number. The clock is ``length_s`` further afterwards."""
    number = store.journey(journey_id).next_segment
    first_ns = clock.now_ns
    writer = store.open_segment(journey_id, number, first_ns)
    writer.write(fragment(size_bytes), "all")
    clock.advance(length_s)
    writer.maintain(clock.now_ns)
    writer.seal("rotation", Facts(first_ns, clock.now_ns))
    return number


def plaintext(journey: Path, number: int, identity: X25519Identity) -> bytes:
    """What header and body of a segment decrypt to; AgeError where it is not whole."""
    return b"".join(_decrypted(journey, number, identity))


def whole_chunks(journey: Path, number: int, identity: X25519Identity) -> bytes:
    """What a torn segment still gives."""
    released = bytearray()
    try:
        for chunk in _decrypted(journey, number, identity):
            released += chunk
    except AgeTruncatedError:
        return bytes(released)
    raise AssertionError(f"segment {number} is not torn")


def _decrypted(journey: Path, number: int, identity: X25519Identity) -> Iterator[bytes]:
    yield from decrypt(io.BytesIO(age_file(journey, number)), [identity])


def assert_logs_sound(store: Store, key: DeviceKey) -> None:
    """Every log on the card is whole and signed."""
    logs = {path: path.read_bytes() for path in store.journeys_path.glob("*/log.jsonl")}
    for path, data in {**logs, store.ledger.path: b"".join(read_files(store.ledger.path))}.items():
        assert verify_log(data, key.public).wrong is None, path


def events(store: Store, journey_id: str | None = None) -> list[str]:
    """What happened, by the log of a journey or by the ledger."""
    path = store.ledger.path if journey_id is None else store.journeys_path / journey_id / "log.jsonl"
    return [entry.event for entry in read_entries(path)]
