"""One plain MP4 out of the fragments of many segments, written once from front to back.

Why not append the fragments as they are: fragmented MP4 opens in browsers and in ffmpeg, not in everything that the
police or an editing room uses. Here the samples are copied byte for byte, and their index is written behind them
(``moov`` last; ISO/IEC 14496-12, 8.2 to 8.7). Nothing is decoded. A gap on the timeline stays a gap: the sample before
it lasts until it ends.
"""

import struct
from fractions import Fraction
from typing import NamedTuple, Protocol

from recorder.errors import MediaError
from recorder.mp4 import Box, BoxView, iter_boxes, read_tracks
from recorder.mp4_fragments import TrackFragment, read_fragment
from recorder.office.samples import TrackSamples, box, full_box

_FILE_TYPE = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isom", b"iso2", b"avc1", b"mp41")
_MEDIA_HEADER_BYTES = 16  # with a 64-bit size: a day of footage is more than 4 GiB
_MOVIE_TIMESCALE = 90_000  # that of the picture, so that its edits are exact
_TKHD_TAIL_BYTES = 60  # from its second reserved field to the height, alike in both versions (8.3.2)
_MVHD_TAIL_BYTES = 80  # from the rate to the next track's id (8.2.2)
_MDHD_TAIL_BYTES = 4  # the language (8.4.2)
_ONE = 0x00010000  # 16.16 fixed point
_SECOND = 1  # how far a segment's timeline may reach back into the one before it


class Out(Protocol):
    """An empty file, as far as a movie needs one. OSError where the disk refuses, perhaps at a later call."""

    def write(self, data: bytes | memoryview, /) -> object:
        """All of it, where the last write ended; ``data`` may change when this returns."""
        ...

    def seek(self, position: int, /) -> object:
        """Write from there on."""
        ...


class Fragment(NamedTuple):
    """One ``moof``, read: what it holds of each track, whose samples it will follow, and its own length."""

    parts: tuple[tuple[TrackSamples, TrackFragment], ...]
    moof_bytes: int


class MovieWriter:
    """Writes to ``out``. Fragments come in their order; :meth:`finish` makes the file whole."""

    def __init__(self, out: Out, moov: bytes) -> None:
        """``moov``: the first segment's, the whole box. MediaError where it declares no track."""
        declared = read_tracks(moov)
        if not declared:
            raise MediaError("The MP4 declares no track.")
        self._out = out
        self._moov = moov
        self._fitting = moov  # the last one that was found to fit: all fragments of a segment come with the same
        self._position = len(_FILE_TYPE) + _MEDIA_HEADER_BYTES
        self._tracks = {track_id: TrackSamples(track) for track_id, track in declared.items()}
        self._defaults = {track_id: track.defaults for track_id, track in declared.items()}
        self._out.write(_FILE_TYPE + bytes(_MEDIA_HEADER_BYTES))

    @property
    def sample_count(self) -> int:
        """Samples taken so far, of all tracks."""
        return sum(samples.count for samples in self._tracks.values())

    def has_parameters_of(self, moov: bytes) -> bool:
        """Whether what follows ``moov`` can follow here: tracks that are here too, with their codecs and timescales.

        A segment of sound alone, from a time without a camera, is such: the picture has a gap there.
        """
        if moov != self._fitting:
            here = {track_id: samples.track for track_id, samples in self._tracks.items()}
            if any(here.get(track_id) != track for track_id, track in read_tracks(moov).items()):
                return False
            self._fitting = moov
        return True

    def read(self, moof: bytes) -> Fragment:
        """A ``moof`` with the defaults of the tracks that are here. MediaError."""
        parts = read_fragment(moof, self._defaults)
        try:
            taken = {part.track_id: (self._tracks[part.track_id], part) for part in parts}
        except KeyError as error:
            raise MediaError(f"A fragment belongs to track {error}, which is not declared.") from error
        if len(taken) != len(parts):
            raise MediaError("A fragment has a track twice.")
        return Fragment(tuple(taken.values()), len(moof))

    def is_ahead_of(self, fragment: Fragment) -> bool:
        """Whether its timeline begins well before the end of what is written: a clock began anew."""
        return any(
            samples.count and samples.end_time - part.base_decode_time > _SECOND * samples.track.timescale
            for samples, part in fragment.parts
        )

    def add(self, fragment: Fragment, mdat: BoxView) -> None:
        """Take one fragment; MediaError, with nothing taken, where it does not fit."""
        payload = mdat.payload
        first = fragment.moof_bytes + mdat.header_bytes
        end = first + len(payload)
        for samples, part in fragment.parts:
            samples.check(part)
            for run in part.runs:
                if not first <= run.data_offset <= run.data_offset + sum(run.sizes) <= end:
                    raise MediaError("A fragment claims bytes that it does not have.")
        self._out.write(payload)
        for samples, part in fragment.parts:
            samples.take(part, self._position - first)
        self._position += len(payload)

    def finish(self) -> Fraction:
        """Write the index; how long the movie lasts, in seconds. Syncing and closing is the caller's."""
        begun = [samples for samples in self._tracks.values() if samples.count]
        origin_s = min((samples.start_s for samples in begun), default=Fraction(0))
        duration_s = max((samples.start_s - origin_s + samples.shown_s for samples in begun), default=Fraction(0))
        boxes = {child.kind: child for child in iter_boxes(next(iter_boxes(self._moov)).payload)}
        traks = [
            _track_box(child.payload, samples, origin_s)
            for child, samples in zip(_traks(self._moov), self._tracks.values(), strict=True)
            if samples.count
        ]
        self._out.write(box(b"moov", _movie_header(boxes["mvhd"].payload, duration_s), *traks))
        self._out.seek(len(_FILE_TYPE))
        self._out.write(struct.pack(">I4sQ", 1, b"mdat", self._position - len(_FILE_TYPE)))
        return duration_s


def _traks(moov: bytes) -> list[Box]:
    return [child for child in iter_boxes(next(iter_boxes(moov)).payload) if child.kind == "trak"]


def _movie_header(mvhd: bytes, duration_s: Fraction) -> bytes:
    return full_box(
        b"mvhd",
        struct.pack(">QQIQ", 0, 0, _MOVIE_TIMESCALE, _units(duration_s)),
        mvhd[-_MVHD_TAIL_BYTES:],
        version=1,
    )


def _track_box(trak: bytes, samples: TrackSamples, origin_s: Fraction) -> bytes:
    """``trak`` again, with durations, edits and the table of its samples."""
    wait_s = samples.start_s - origin_s
    children = {child.kind: child for child in iter_boxes(trak)}
    tkhd = children["tkhd"].payload
    header = full_box(
        b"tkhd",
        struct.pack(">QQIIQ", 0, 0, samples.track.track_id, 0, _units(wait_s + samples.shown_s)),
        tkhd[-_TKHD_TAIL_BYTES:],
        version=1,
        flags=int.from_bytes(tkhd[1:4], "big"),
    )
    edits = [] if not wait_s else [struct.pack(">QqI", _units(wait_s), -1, _ONE)]
    edits.append(struct.pack(">QqI", _units(samples.shown_s), samples.skipped, _ONE))
    edit_list = full_box(b"elst", struct.pack(">I", len(edits)), *edits, version=1)
    return box(b"trak", header, box(b"edts", edit_list), _media_box(children["mdia"].payload, samples))


def _media_box(mdia: bytes, samples: TrackSamples) -> bytes:
    children = {child.kind: child for child in iter_boxes(mdia)}
    header = full_box(
        b"mdhd",
        struct.pack(">QQIQ", 0, 0, samples.track.timescale, samples.end_time - samples.first_time),
        children["mdhd"].payload[-_MDHD_TAIL_BYTES:],
        version=1,
    )
    information = [child.data for child in iter_boxes(children["minf"].payload) if child.kind != "stbl"]
    return box(b"mdia", header, children["hdlr"].data, box(b"minf", *information, samples.table()))


def _units(seconds: Fraction) -> int:
    return round(seconds * _MOVIE_TIMESCALE)
