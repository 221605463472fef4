"""A recorder with real footage on its card, for what export and office do with it."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import manifest
from recorder.export.bundle import ExportReport, export
from recorder.export.tally import Progress
from recorder.export.target import Target
from recorder.manifest import FileEntry, Manifest, folder_names, opaque_name
from recorder.office.recorders import Trust
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.recovery import recover
from recorder.vault.segment import SegmentWriter
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, Facts, FakeClock

VEHICLE = "Van 3"


@dataclass
class Van:
    """One vehicle's recorder.

    ``progress``: bytes copied and read back, and twice the size of all, as the last export told them; ``watch`` is
    called before each.
    """

    store: Store
    clock: FakeClock
    identity: X25519Identity
    progress: list[tuple[int, int]] = field(default_factory=list)
    watch: Callable[[], object] = field(default=lambda: None)

    @classmethod
    def build(cls, folder: Path) -> "Van":
        clock, identity = FakeClock(), X25519Identity.generate()
        key = DeviceKey.load_or_create(folder / "device.key")
        store = Store(folder / "store", key, [identity.recipient], clock, slots=[Slot.at(folder / "slot")])
        store.prepare()
        return cls(store, clock, identity)

    def begin(self) -> str:
        self.clock.advance(5)
        return self.store.begin_journey(CONSENT)

    def open_segment(self, journey: str, data: bytes) -> SegmentWriter[Any]:
        """A segment that is being recorded, ``data`` so far."""
        number = self.store.journey(journey).next_segment
        writer = self.store.open_segment(journey, number, self.clock.now_ns)
        for start in range(0, len(data), 50_000):
            writer.write(data[start : start + 50_000], start)
            self.clock.advance(0.25)
            writer.maintain(self.clock.now_ns)
        return writer

    def record(self, journey: str, *segments: bytes) -> None:
        """Whole segments, sealed."""
        for data in segments:
            began_ns = self.clock.now_ns
            self.open_segment(journey, data).seal("rotation", Facts(began_ns, self.clock.now_ns))

    def tear(self, journey: str, data: bytes) -> None:
        """A segment that a power cut ends; the next start signs it as it is."""
        writer = self.open_segment(journey, data)
        os.close(writer._fd)  # the process is gone, and its lock with it
        self.clock.reboot("boot-2")
        recover(self.store)

    def held_journey(self, *segments: bytes) -> str:
        journey = self.begin()
        self.record(journey, *segments)
        self.store.hold(journey, "driver", "hold button")
        return journey

    def export(self, folder: Path, *journeys: str, vehicle: str = VEHICLE) -> ExportReport:
        self.progress.clear()
        return export(
            self.store,
            Target(folder),
            vehicle=vehicle,
            recipients=[self.identity.recipient],
            journeys=journeys,
            progress=self._note,
        )

    def _note(self, progress: Progress) -> None:
        self.watch()
        self.progress.append((progress.copied_bytes + progress.checked_bytes, 2 * progress.size_bytes))

    def folder(self, stick: Path, journey: str, vehicle: str = VEHICLE) -> Path:
        """Where a journey lies on a stick."""
        return stick.joinpath(*folder_names(vehicle, opaque_name(journey, self.store.key.sign)))

    @property
    def trust(self) -> Trust:
        """What an office knows that has enrolled this recorder, and has its recipient on its list."""
        return Trust(recorders={self.store.key.public: VEHICLE}, recipients=frozenset({self.identity.recipient}))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def flip(path: Path, position: int = -1) -> None:
    """One bit of one byte."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def events_of(lines: Sequence[Any]) -> list[str]:
    return [entry.event for entry in lines]


def resigned(folder: Path, key: DeviceKey, **changes: object) -> None:
    """The manifest again, for what lies there now, signed by ``key``."""
    old, _, _ = manifest.parse((folder / "manifest.json").read_bytes())
    files = tuple(
        FileEntry(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    )
    members = {name: getattr(old, name) for name in Manifest.__struct_fields__} | {"files": files} | changes
    (folder / "manifest.json").write_bytes(manifest.render(Manifest(**members), key.sign))
