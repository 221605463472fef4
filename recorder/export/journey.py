"""One journey onto a stick: segments, logs, manifest, in the order of the README's procedure.

Rules: the manifest is the last to appear, after all it names was read back; what is on the stick already is known by
its hash; the store's lock is held for single log entries only, never while copying.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from recorder import __version__, manifest
from recorder.errors import StoreError
from recorder.export.segments import LeftOut, SegmentGoneError, Source, choose
from recorder.export.tally import Tally
from recorder.export.target import Draft, Target
from recorder.manifest import FileEntry, Manifest
from recorder.vault import age, words
from recorder.vault.clockoffset import measure
from recorder.vault.excerpt import excerpt
from recorder.vault.ledger import whole_ledger
from recorder.vault.store import Store


@dataclass(frozen=True, slots=True)
class JourneyExport:
    """One journey, whole on the stick. ``copied``, ``present``: segments written now, and found there already."""

    journey: str
    copied: int
    present: int
    left_out: tuple[LeftOut, ...]
    size_bytes: int
    copied_bytes: int
    manifest_sha256: str
    copy_s: float
    check_s: float

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        known = f", {self.present} were there already" if self.present else ""
        return (
            f"{self.journey}: {self.copied} segments copied{known}.",
            *(f"{self.journey}: segment {left.number} was left out, {left.reason}." for left in self.left_out),
        )


@dataclass(frozen=True, slots=True)
class _Segments:
    """The segments of a journey on the stick. ``unchecked``: written now, and not yet read back."""

    entries: tuple[FileEntry, ...]
    unchecked: tuple[FileEntry, ...]
    gone: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class JourneyExporter:
    """Exports journeys of one store to one stick. ``tally`` counts what is copied, and read back."""

    store: Store
    stick: Target
    vehicle: str
    recipients: tuple[age.X25519Recipient, ...]
    tally: Tally

    def export(self, journey_id: str) -> JourneyExport:
        """Copy, check, log. ExportError where the stick fails, any other RecorderError where this journey does."""
        record = self.store.journey(journey_id)
        if not record.held:
            raise StoreError(f"{journey_id} is not held, so nobody can open it; hold it first.")
        sources, left_out = choose(record)
        name = manifest.opaque_name(journey_id, self.store.key.sign)
        folder = self.stick.folder(*manifest.folder_names(self.vehicle, name))
        began_s = time.monotonic()
        logs = self._logs(journey_id, name)
        segments = self._copy(sources, folder)
        drafts = [self._write_encrypted(folder / name, data) for name, data in logs.items()]
        drafts.append(self._write_manifest(folder, (*segments.entries, *map(_entry, drafts))))
        copied_s = time.monotonic()
        for entry in segments.unchecked:
            self.stick.check(folder / entry.name, entry.sha256, self.tally.checked)
            self.tally.checked_file()
        for draft in drafts:
            self.stick.check(draft.temp, draft.sha256, _uncounted)
        self.stick.publish(*drafts)
        checked_s = time.monotonic()
        size_bytes = sum(entry.size_bytes for entry in segments.entries)
        manifest_sha256 = drafts[-1].sha256
        self._log(
            journey_id,
            manifest.EXPORTED,
            manifest_sha256=manifest_sha256,
            segments=len(segments.entries),
            size_bytes=size_bytes,
        )
        return JourneyExport(
            journey=journey_id,
            copied=len(segments.unchecked),
            present=len(segments.entries) - len(segments.unchecked),
            left_out=(*left_out, *segments.gone),
            size_bytes=size_bytes,
            copied_bytes=sum(entry.size_bytes for entry in segments.unchecked),
            manifest_sha256=manifest_sha256,
            copy_s=copied_s - began_s,
            check_s=checked_s - copied_s,
        )

    def _log(self, journey_id: str, event: str, **data: object) -> None:
        with self.store.lock():
            self.store.log(journey_id).append(event, data)
            self.store.note_in_ledger(event, journey_id, **data)

    def _logs(self, journey_id: str, name: str) -> dict[str, bytes]:
        """What goes along of both, by their names on the stick; first they are told of what only they can say there.

        The ledger is read before the log, which then holds every head of it that the ledger names.
        """
        log = self.store.log(journey_id)
        clocks = measure(_whole_lines(log.path), whole_ledger(self.store.ledger.path))
        log.append(words.CLOCK_MEASURED, {"boots": [clock.data for clock in clocks]})
        readers = [recipient.text for recipient in self.recipients]
        self._log(journey_id, manifest.EXPORT_BEGAN, folder=name, recipients=readers)
        ledger = excerpt(whole_ledger(self.store.ledger.path), journey_id, {clock.boot_id for clock in clocks})
        return {manifest.LEDGER_NAME: ledger, manifest.LOG_NAME: _whole_lines(log.path)}

    def _copy(self, sources: Sequence[Source], folder: Path) -> _Segments:
        entries, unchecked, gone = [], [], []
        with self.stick.publishing() as publish:
            for source in sources:
                path = folder / source.name
                try:
                    entry = self._found(source, path)
                    if entry is None:
                        draft = self.stick.write(path, self._counted(source.pieces()))
                        publish(draft)
                        entry = _entry(draft)
                        unchecked.append(entry)
                except SegmentGoneError:
                    gone.append(LeftOut(source.number, "it was deleted while the export ran"))
                else:
                    entries.append(entry)
        return _Segments(tuple(entries), tuple(unchecked), tuple(gone))

    def _found(self, source: Source, path: Path) -> FileEntry | None:
        """The entry of a file that is whole on the stick already; None where it must be copied."""
        if self.stick.size_of(path) != source.size_bytes:
            return None
        on_card = sha256()
        for piece in source.pieces():
            on_card.update(piece)
        if self.stick.sha256_on_device(path, _uncounted) != on_card.hexdigest():
            return None
        self.tally.found(source.size_bytes)
        return FileEntry(source.name, source.size_bytes, on_card.hexdigest())

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self.tally.copied(len(piece))
        self.tally.copied_file()

    def _write_encrypted(self, path: Path, data: bytes) -> Draft:
        return self.stick.write(path, [age.encrypt_bytes(data, self.recipients)])

    def _write_manifest(self, folder: Path, files: tuple[FileEntry, ...]) -> Draft:
        unsigned = Manifest(
            format=manifest.FORMAT,
            software=__version__,
            recorder=self.store.key.public_text,
            vehicle=self.vehicle,
            journey=folder.name,
            files=files,
        )
        return self.stick.write(folder / manifest.MANIFEST_NAME, [manifest.render(unsigned, self.store.key.sign)])


def _entry(draft: Draft) -> FileEntry:
    return FileEntry(draft.path.name, draft.size_bytes, draft.sha256)


def _whole_lines(path: Path) -> bytes:
    """A log without the line that somebody may be writing now. StoreError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    return data[: data.rfind(b"\n") + 1]


def _uncounted(_size_bytes: int) -> None:
    """For what progress does not show."""
