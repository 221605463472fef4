"""Which segments of a journey go along, and the bytes of each: header ‖ body, as they lie on the card.

Rules: a segment that is being written stays out, for half a chunk is no evidence; what is deleted while it is copied
is left out and said. Nothing on the card is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import StoreError
from recorder.manifest import segment_name
from recorder.vault.records import JourneyRecord, SegmentRecord, body_path, clear_headers

_BLOCK_BYTES = 1 << 20


class SegmentGoneError(StoreError):
    """The segment was deleted since it was listed."""


@dataclass(frozen=True, slots=True)
class Source:
    """One segment to export. ``header``: its bytes. ``size_bytes``: of the age file that header and body make."""

    number: int
    size_bytes: int
    header: bytes
    body: Path

    @property
    def name(self) -> str:
        """What it is called on the target."""
        return segment_name(self.number)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes. SegmentGoneError, or StoreError where the card cannot be read."""
        yield self.header
        try:
            with self.body.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    yield block
        except FileNotFoundError as error:
            raise SegmentGoneError(f"{self.body} was deleted meanwhile.") from error
        except OSError as error:
            raise StoreError(f"{self.body} cannot be read: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A segment that was not exported, and why, as a clause."""

    number: int
    reason: str


def choose(journey: JourneyRecord) -> tuple[tuple[Source, ...], tuple[LeftOut, ...]]:
    """What of ``journey``, which is held, goes along, and what does not. StoreError."""
    sources: list[Source] = []
    left_out: list[LeftOut] = []
    headers = clear_headers(journey.path)
    for segment in journey.segments:
        choice = _judge(journey, segment, headers.get(segment.number))
        if isinstance(choice, Source):
            sources.append(choice)
        else:
            left_out.append(LeftOut(segment.number, choice))
    return tuple(sources), tuple(left_out)


def _judge(journey: JourneyRecord, segment: SegmentRecord, header: bytes | None) -> Source | str:
    """The segment, or why it stays."""
    if segment.live:
        return "it is still being recorded; export again when it is done"
    if not segment.has_body:
        return "it has no footage; recording was cut off before its first moment"
    if header is None:
        return "its header is missing, so nobody could open it"
    body = body_path(journey.path, segment.number)
    try:
        return Source(segment.number, len(header) + body.stat().st_size, header, body)
    except OSError as error:
        return f"{body} cannot be read: {error.strerror or error}"
