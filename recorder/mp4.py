"""PURE. What an MP4 says about itself: boxes, tracks, fragments.

Capture reads from it how far a fragment reaches, the vault pads with its ``free`` box, the office joins fragments by
it. Sources: ISO/IEC 14496-12 (sections named below). Every size and count comes from a file that anyone may have
written: each is checked against the bytes at hand before it is believed, and what does not fit is a MediaError.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from recorder.errors import MediaError

MIN_BOX_BYTES = 8
MAX_BOX_BYTES = 1 << 26  # 64 MiB: a fragment is a fraction of a second; a larger box is not ours
_LARGE_HEADER_BYTES = 16
_HEADER = struct.Struct(">I4s")
_ROOM_BYTES = 1 << 20  # a few fragments of the recorder; stays in the processor's cache
_MAX_SAMPLES = 1 << 20  # in one run; without per-sample fields a count costs its author four bytes

# 8.8.7 and 8.8.8: flags of tfhd and trun
_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION, _TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_TFHD_DEFAULTS = _TFHD_DURATION | _TFHD_SIZE | _TFHD_FLAGS
_TRUN_DATA_OFFSET, _TRUN_FIRST_FLAGS = 0x1, 0x4
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION = 0x100, 0x200, 0x400, 0x800
_TRUN_COLUMNS = (_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION)
_NON_SYNC = 0x10000  # 8.8.3.1: sample_is_non_sync_sample


class Box(NamedTuple):
    """One whole box. ``data``: header and payload; ``kind``: its four characters."""

    kind: str
    data: bytes
    header_bytes: int

    @property
    def payload(self) -> bytes:
        """What follows the header."""
        return self.data[self.header_bytes :]


class BoxView(NamedTuple):
    """One whole box where it lies in a splitter's memory, uncopied, until the splitter is given more."""

    kind: str
    data: memoryview
    header_bytes: int

    @property
    def payload(self) -> memoryview:
        """What follows the header."""
        return self.data[self.header_bytes :]


class SampleDefaults(NamedTuple):
    """What a sample is where its run does not say (``trex``, 8.8.3). ``duration`` in the track's timescale."""

    duration: int = 0
    size: int = 0
    flags: int = 0


_NO_DEFAULTS = SampleDefaults()


@dataclass(frozen=True, slots=True)
class Track:
    """A track as the init segment declares it.

    ``handler``: ``vide`` or ``soun``. ``timescale``: units a second. ``description``: its ``stsd`` box, which is equal
    where the codec parameters are. ``media_start``: the media time shown first, in ``timescale`` (edit list).
    ``delay``: how long the movie waits before that, in ``movie_timescale``.
    """

    track_id: int
    handler: str
    timescale: int
    description: bytes
    defaults: SampleDefaults
    movie_timescale: int
    media_start: int
    delay: int


class Run(NamedTuple):
    """Consecutive samples of one track, bytes and times. ``data_offset``: from the first byte of the ``moof``."""

    data_offset: int
    durations: tuple[int, ...]
    sizes: tuple[int, ...]
    sync: tuple[bool, ...]
    composition_offsets: tuple[int, ...]


class TrackFragment(NamedTuple):
    """What one ``moof`` holds of one track. ``base_decode_time`` in the track's timescale, below 0 for AAC priming."""

    track_id: int
    base_decode_time: int
    runs: tuple[Run, ...]

    @property
    def duration(self) -> int:
        """The sum of its samples' durations, in the track's timescale."""
        return sum(sum(run.durations) for run in self.runs)

    @property
    def sample_count(self) -> int:
        """How many samples it holds."""
        return sum(len(run.durations) for run in self.runs)


@dataclass(frozen=True, slots=True)
class FragmentTimes:
    """How far one fragment reaches in one track, in the track's timescale; the base is below 0 for AAC priming."""

    base_decode_time: int
    duration: int
    sample_count: int


def free_box(size: int) -> bytes:
    """A ``free`` box of ``size`` bytes in all (8.1.2), which every player skips; ValueError below eight."""
    if not MIN_BOX_BYTES <= size <= MAX_BOX_BYTES:
        raise ValueError(f"a free box has {MIN_BOX_BYTES} to {MAX_BOX_BYTES} bytes, not {size}")
    return struct.pack(">I4s", size, b"free") + bytes(size - MIN_BOX_BYTES)


class BoxSplitter:
    """Cuts a stream of bytes into whole boxes, whatever pieces it comes in. What is not whole waits, in one piece.

    Its memory is used again and again, and grows only with a box that is really there.
    """

    def __init__(self) -> None:
        self._memory = memoryview(bytearray(_ROOM_BYTES))
        self._begin = self._end = 0
        self._needed_bytes = MIN_BOX_BYTES  # below which no box can be whole
        self._room = self._memory[:0]

    @property
    def pending_bytes(self) -> int:
        """What belongs to a box that has not come to its end."""
        return self._end - self._begin

    def clear(self) -> None:
        """Forget what is pending: another stream begins."""
        self._begin = self._end = 0
        self._needed_bytes = MIN_BOX_BYTES
        self._room = self._memory[:0]

    def room(self, size: int) -> memoryview:
        """Where the next ``size`` bytes belong, to be filled and then appended. Boxes given before are gone with it."""
        if self._end + size > len(self._memory):
            pending = self._memory[self._begin : self._end]
            if self.pending_bytes + size > len(self._memory) // 2:  # else most of the time would go into moving
                self._memory = memoryview(bytearray(2 * (self.pending_bytes + size)))
            self._begin, self._end = 0, len(pending)
            self._memory[: self._end] = pending
        self._room = self._memory[self._end : self._end + size]
        return self._room

    def append(self, data: bytes | memoryview) -> None:
        """Take ``data``; it is copied, unless it is the :meth:`room` given last."""
        if data is not self._room:
            self.room(len(data))[:] = data
        self._end += len(data)
        self._room = self._memory[:0]  # it is taken

    def boxes(self) -> Iterator[BoxView]:
        """Those that are whole; exhaust it before more is appended. MediaError where no box can begin."""
        while self.pending_bytes >= self._needed_bytes:
            extent = _extent(self._memory[: self._end], self._begin)
            self._needed_bytes = _LARGE_HEADER_BYTES if extent is None else extent[2]
            if extent is None or self.pending_bytes < self._needed_bytes:
                continue
            kind, header_bytes, size_bytes = extent
            self._needed_bytes = MIN_BOX_BYTES
            begin, self._begin = self._begin, self._begin + size_bytes
            yield BoxView(kind, self._memory[begin : self._begin], header_bytes)


def iter_boxes(data: bytes) -> Iterator[Box]:
    """The boxes that fill ``data``, a file's or a box's payload; MediaError where the last one is cut off."""
    for kind, start, payload_start, end in _extents(data):
        yield Box(kind, data[start:end], payload_start - start)


def read_tracks(moov: bytes) -> dict[int, Track]:
    """The tracks declared by a ``moov`` box, by their id (8.3)."""
    boxes = _payloads(_payload(moov, b"moov"))
    movie_timescale = _timescale(_only(boxes, b"mvhd"))
    defaults = {}
    for mvex in (payload for kind, payload in boxes if kind == b"mvex"):
        for trex in (payload for kind, payload in _payloads(mvex) if kind == b"trex"):
            track_id, _, duration, size, flags = _unpack(">4x5I", trex)
            defaults[track_id] = SampleDefaults(duration, size, flags)
    tracks = [_read_track(payload, defaults, movie_timescale) for kind, payload in boxes if kind == b"trak"]
    by_id = {track.track_id: track for track in tracks}
    if len(by_id) != len(tracks):
        raise MediaError("The MP4 declares a track twice.")
    return by_id


def track_timescales(moov: bytes) -> dict[int, int]:
    """Units a second of each track of a ``moov`` box, by the track's id."""
    return {track_id: track.timescale for track_id, track in read_tracks(moov).items()}


def read_fragment(moof: bytes, defaults: Mapping[int, SampleDefaults] | None = None) -> tuple[TrackFragment, ...]:
    """What a ``moof`` box holds (8.8), with ``defaults`` by track from the init segment where it has them.

    MediaError where offsets do not count from the ``moof`` (no default-base-is-moof recorder writes such).
    """
    boxes = _payloads(_payload(moof, b"moof"))
    return tuple([_read_track_fragment(payload, defaults or {}) for kind, payload in boxes if kind == b"traf"])


def fragment_times(moof: bytes, defaults: Mapping[int, SampleDefaults] | None = None) -> dict[int, FragmentTimes]:
    """How far the fragment of a ``moof`` box reaches in each track, by the track's id."""
    return {
        part.track_id: FragmentTimes(part.base_decode_time, part.duration, part.sample_count)
        for part in read_fragment(moof, defaults)
    }


# --- the boxes one by one ----------------------------------------------------------------------------------------


def _extent(data: bytes | memoryview, start: int) -> tuple[str, int, int] | None:
    """Kind, header length and length of the box at ``start`` (4.2); None where its header is not whole yet."""
    if len(data) - start < MIN_BOX_BYTES:
        return None
    size, kind = struct.unpack_from(">I4s", data, start)
    header_bytes = MIN_BOX_BYTES
    if size == 1:  # 64-bit length
        if len(data) - start < _LARGE_HEADER_BYTES:
            return None
        (size,) = struct.unpack_from(">Q", data, start + MIN_BOX_BYTES)
        header_bytes = _LARGE_HEADER_BYTES
    if not header_bytes <= size <= MAX_BOX_BYTES:
        raise MediaError(f"This is not an MP4 of a recorder: a box {kind!r} claims {size} bytes.")
    return kind.decode("latin-1"), header_bytes, size


def _extents(data: bytes, start: int = 0) -> Iterator[tuple[str, int, int, int]]:
    """Of each box from ``start`` on its kind, where it and its payload begin, and where they end. MediaError."""
    while start < len(data):
        extent = _extent(data, start)
        if extent is None or extent[2] > len(data) - start:
            raise MediaError(f"The MP4 is cut off: {len(data) - start} bytes at its end are no whole box.")
        kind, header_bytes, size_bytes = extent
        yield kind, start, start + header_bytes, start + size_bytes
        start += size_bytes


def _payloads(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and payload of each box that fills ``data``. MediaError.

    A day of footage has some seven million boxes in its fragments: the ordinary ones take the short way.
    """
    found: list[tuple[bytes, bytes]] = []
    start, end = 0, len(data)
    while start < end:
        if end - start >= MIN_BOX_BYTES:
            size, kind = _HEADER.unpack_from(data, start)
            if MIN_BOX_BYTES <= size <= end - start:
                found.append((kind, data[start + MIN_BOX_BYTES : start + size]))
                start += size
                continue
        name, _, payload_begin, start = next(_extents(data, start))
        found.append((name.encode("latin-1"), data[payload_begin:start]))
    return found


def _payload(data: bytes, kind: bytes) -> bytes:
    """Of the box at the beginning of ``data``. MediaError where it is of another kind."""
    for found, payload in _payloads(data):
        if found != kind:
            break
        return payload
    raise MediaError(f"The MP4 has no {kind.decode()} box where one belongs.")


def _only(boxes: list[tuple[bytes, bytes]], kind: bytes) -> bytes:
    found = [payload for each, payload in boxes if each == kind]
    if len(found) != 1:
        raise MediaError(f"The MP4 has {len(found)} boxes {kind.decode()} where one belongs.")
    return found[0]


def _unpack(layout: str, data: bytes, start: int = 0) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, start)
    except struct.error as error:
        raise MediaError("The MP4 has a box that is shorter than what it must hold.") from error


def _timescale(payload: bytes) -> int:
    """Of mvhd (8.2.2) and mdhd (8.4.2), which agree up to here."""
    (version,) = _unpack(">B", payload)
    (timescale,) = _unpack(">4x16xI" if version == 1 else ">4x8xI", payload)
    if timescale == 0:
        raise MediaError("The MP4 has a track or movie with a timescale of zero.")
    return timescale


def _read_track(payload: bytes, defaults: Mapping[int, SampleDefaults], movie_timescale: int) -> Track:
    boxes = _payloads(payload)
    tkhd = _only(boxes, b"tkhd")  # 8.3.2
    (version,) = _unpack(">B", tkhd)
    (track_id,) = _unpack(">4x16xI" if version == 1 else ">4x8xI", tkhd)
    media = _payloads(_only(boxes, b"mdia"))
    (handler,) = struct.unpack(">4s", _only(media, b"hdlr")[8:12].ljust(4))  # 8.4.3
    tables = _only(_payloads(_only(media, b"minf")), b"stbl")
    descriptions = [box.data for box in iter_boxes(tables) if box.kind == "stsd"]
    if len(descriptions) != 1:
        raise MediaError(f"The MP4 describes the samples of a track {len(descriptions)} times.")
    edits = [edts for kind, edts in boxes if kind == b"edts"]
    delay, media_start = _read_edits(edits[0]) if edits else (0, 0)
    return Track(
        track_id=track_id,
        handler=handler.decode("latin-1"),
        timescale=_timescale(_only(media, b"mdhd")),
        description=descriptions[0],
        defaults=defaults.get(track_id, SampleDefaults()),
        movie_timescale=movie_timescale,
        media_start=media_start,
        delay=delay,
    )


def _read_edits(edts: bytes) -> tuple[int, int]:
    """Delay and first media time of an edit list (8.6.6): empty edits, then one that shows media."""
    elst = _only(_payloads(edts), b"elst")
    version, count = _unpack(">B3xI", elst)
    layout = ">QqI" if version == 1 else ">IiI"
    delay = 0
    for index in range(min(count, 16)):  # a recorder writes two at most
        duration, media_time, _rate = _unpack(layout, elst, 8 + index * struct.calcsize(layout))
        if media_time >= 0:
            return delay, media_time
        delay += duration
    return delay, 0


def _read_track_fragment(payload: bytes, defaults: Mapping[int, SampleDefaults]) -> TrackFragment:
    boxes = _payloads(payload)
    tfhd = _only(boxes, b"tfhd")  # 8.8.7
    flags_word, track_id = _unpack(">2I", tfhd)
    if flags_word & _TFHD_BASE_OFFSET:
        raise MediaError("The MP4 counts a fragment's bytes from elsewhere than the fragment.")
    known = defaults.get(track_id, _NO_DEFAULTS)
    if flags_word & _TFHD_DEFAULTS:
        position = 8 + (4 if flags_word & _TFHD_DESCRIPTION else 0)
        values = list(known)
        for index, flag in enumerate((_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS)):
            if flags_word & flag:
                (values[index],) = _unpack(">I", tfhd, position)
                position += 4
        known = SampleDefaults(*values)
    tfdt = _only(boxes, b"tfdt")  # 8.8.12
    # Unsigned by the letter; libavformat writes the priming before time zero in two's complement, and reads it so.
    (base_decode_time,) = _unpack(">4xq" if tfdt[:1] == b"\1" else ">4xI", tfdt)
    runs = tuple([_read_run(trun, known) for kind, trun in boxes if kind == b"trun"])
    return TrackFragment(track_id, base_decode_time, runs)


def _read_run(payload: bytes, defaults: SampleDefaults) -> Run:
    """One ``trun`` (8.8.8)."""
    flags_word, count, data_offset = _unpack(">2Ii", payload)
    if not flags_word & _TRUN_DATA_OFFSET or count > _MAX_SAMPLES:
        raise MediaError("The MP4 has a fragment without the place, or with an absurd number, of its samples.")
    position = 12
    first_flags = None
    if flags_word & _TRUN_FIRST_FLAGS:
        (first_flags,) = _unpack(">I", payload, position)
        position += 4
    present = [flag for flag in _TRUN_COLUMNS if flags_word & flag]
    table = _unpack(f">{count * len(present)}I", payload, position)
    columns = {flag: table[index :: len(present)] for index, flag in enumerate(present)}
    if _TRUN_FLAGS in columns:
        sync = tuple([not flag & _NON_SYNC for flag in columns[_TRUN_FLAGS]])
    else:
        sync = (not defaults.flags & _NON_SYNC,) * count
    if first_flags is not None:
        sync = (not first_flags & _NON_SYNC, *sync[1:])[:count]
    compositions = columns.get(_TRUN_COMPOSITION)
    return Run(
        data_offset,
        columns.get(_TRUN_DURATION) or (defaults.duration,) * count,
        columns.get(_TRUN_SIZE) or (defaults.size,) * count,
        sync,
        tuple(map(_signed, compositions)) if compositions else (0,) * count,
    )


def _signed(value: int) -> int:
    """Composition offsets are signed in version 1, and small in version 0: two's complement reads both."""
    return (value ^ 1 << 31) - (1 << 31)
