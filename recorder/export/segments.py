"""Which segments of a journey go along, and the bytes of each: header ‖ body, as they lie on the card.

Rules: a segment that is being written stays out, for half a chunk is no evidence; what is deleted while it is copied
is left out and said. Nothing on the card is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import StoreError
from recorder.manifest import segment_name
from recorder.vault.records import JourneyRecord, SegmentRecord, body_path, header_path

_BLOCK_BYTES = 1 << 20


class SegmentGoneError(StoreError):
    """The segment was deleted since it was listed."""


@dataclass(frozen=True, slots=True)
class Source:
    """One segment to export. ``size_bytes``: of the age file that header and body make."""

    number: int
    size_bytes: int
    header: Path
    body: Path

    @property
    def name(self) -> str:
        """What it is called on the target."""
        return segment_name(self.number)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes. SegmentGoneError, or StoreError where the card cannot be read."""
        for path in (self.header, self.body):
            try:
                with path.open("rb") as file:
                    while block := file.read(_BLOCK_BYTES):
                        yield block
            except FileNotFoundError as error:
                raise SegmentGoneError(f"{path} was deleted meanwhile.") from error
            except OSError as error:
                raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A segment that was not exported, and why, as a clause."""

    number: int
    reason: str


def choose(journey: JourneyRecord) -> tuple[tuple[Source, ...], tuple[LeftOut, ...]]:
    """What of ``journey`` goes along, and what does not."""
    sources, left_out = [], []
    for segment in journey.segments:
        reason = _obstacle(segment)
        if reason is None:
            header, body = header_path(journey.path, segment.number), body_path(journey.path, segment.number)
            sources.append(Source(segment.number, segment.size_bytes, header, body))
        else:
            left_out.append(LeftOut(segment.number, reason))
    return tuple(sources), tuple(left_out)


def _obstacle(segment: SegmentRecord) -> str | None:
    if segment.live:
        return "it is still being recorded; export again when it is done"
    if not segment.has_header:
        return "its header is missing, so nobody could open it"
    if not segment.has_body:
        return "it has no footage; recording was cut off before its first moment"
    return None
