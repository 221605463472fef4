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

_WORD_BYTES = 4
_MOOF, _TRAF, _TFHD, _TFDT, _TRUN = (int.from_bytes(kind) for kind in (b"moof", b"traf", b"tfhd", b"tfdt", b"trun"))
# 8.8.7 and 8.8.8: flags of tfhd and trun
_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION, _TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_TRUN_DATA_OFFSET, _TRUN_FIRST_FLAGS = 0x1, 0x4
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION = 0x100, 0x200, 0x400, 0x800
_TRUN_COLUMNS = _TRUN_DURATION | _TRUN_SIZE | _TRUN_FLAGS | _TRUN_COMPOSITION  # what is said of each sample
_TOO_SHORT = "The MP4 has a box that is shorter than what it must hold."
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

_Words = tuple[int, ...]  # of 32 bits


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
        while self._end - self._begin >= self._needed_bytes:
            begin = self._begin
            kind, header_bytes, size_bytes = _extent(self._memory, begin, self._end)
            if size_bytes > self._end - begin:
                self._needed_bytes = size_bytes
                return
            self._needed_bytes = MIN_BOX_BYTES
            self._begin = begin + size_bytes
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

    A day of footage has half a million of them, so their numbers are read all at once: as 32-bit words, of which
    everything in them is made. MediaError where a box is of another length, or offsets do not count from the ``moof``;
    no recorder writes such.
    """
    words = struct.unpack_from(f">{len(moof) // _WORD_BYTES}I", moof)
    try:
        kind, content = _word_boxes(words)[0]
        if kind != _MOOF or len(moof) % _WORD_BYTES:
            raise MediaError("The MP4 has no moof box where one belongs.")
        known = defaults or {}
        return tuple([_read_track_fragment(traf, known) for kind, traf in _word_boxes(content) if kind == _TRAF])
    except IndexError as error:
        raise MediaError(_TOO_SHORT) from error


def fragment_times(moof: bytes, defaults: Mapping[int, SampleDefaults] | None = None) -> dict[int, FragmentTimes]:
    """How far the fragment of a ``moof`` box reaches in each track, by the track's id."""
    return {
        part.track_id: FragmentTimes(part.base_decode_time, part.duration, part.sample_count)
        for part in read_fragment(moof, defaults)
    }


# --- the boxes one by one ----------------------------------------------------------------------------------------


def _extent(data: bytes | memoryview, begin: int, end: int) -> tuple[str, int, int]:
    """Kind, header length and length of the box at ``begin`` (4.2); a length beyond ``end`` where it is not whole.

    There are eight bytes at least. MediaError.
    """
    size_bytes, kind = _HEADER.unpack_from(data, begin)
    header_bytes = MIN_BOX_BYTES
    if size_bytes == 1:  # 64-bit length
        header_bytes = _LARGE_HEADER_BYTES
        if end - begin < header_bytes:
            return "", header_bytes, header_bytes
        (size_bytes,) = struct.unpack_from(">Q", data, begin + MIN_BOX_BYTES)
    if not header_bytes <= size_bytes <= MAX_BOX_BYTES:
        raise MediaError(f"This is not an MP4 of a recorder: a box {kind!r} claims {size_bytes} bytes.")
    return kind.decode("latin-1"), header_bytes, size_bytes


def _extents(data: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Of each box its kind, where it and its payload begin, and where they end. MediaError."""
    begin = 0
    while begin < len(data):
        left_bytes = size_bytes = len(data) - begin
        kind, header_bytes = "", 0
        if left_bytes >= MIN_BOX_BYTES:
            kind, header_bytes, size_bytes = _extent(data, begin, len(data))
        if not header_bytes or size_bytes > left_bytes:
            raise MediaError(f"The MP4 is cut off: {left_bytes} bytes at its end are no whole box.")
        yield kind, begin, begin + header_bytes, begin + size_bytes
        begin += size_bytes


def _payloads(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and payload of each box that fills ``data``. MediaError."""
    return [(kind.encode("latin-1"), data[begin:end]) for kind, _, begin, end in _extents(data)]


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
        raise MediaError(_TOO_SHORT) from error


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


def _word_boxes(words: _Words) -> list[tuple[int, _Words]]:
    """Kind and payload of each box that fills ``words``. MediaError; IndexError where there is no room for a header."""
    found, begin, all_words = [], 0, len(words)
    while begin < all_words:
        size_bytes, kind = words[begin], words[begin + 1]
        end = begin + size_bytes // _WORD_BYTES
        if size_bytes < MIN_BOX_BYTES or size_bytes % _WORD_BYTES or end > all_words:
            raise MediaError(f"The MP4 has a fragment in which a box claims {size_bytes} bytes.")
        found.append((kind, words[begin + 2 : end]))
        begin = end
    return found


def _read_track_fragment(traf: _Words, defaults: Mapping[int, SampleDefaults]) -> TrackFragment:
    """IndexError where a box is too short."""
    tfhd: _Words | None = None
    tfdt: _Words | None = None
    truns = []
    for kind, payload in _word_boxes(traf):
        if kind == _TRUN:
            truns.append(payload)
        elif kind == _TFHD and tfhd is None:
            tfhd = payload
        elif kind == _TFDT and tfdt is None:
            tfdt = payload
        elif kind in (_TFHD, _TFDT):
            raise MediaError("The MP4 has a fragment that says twice which one it is.")
    if tfhd is None or tfdt is None:
        raise MediaError("The MP4 has a fragment that does not say which one it is.")
    flags, track_id = tfhd[0], tfhd[1]  # 8.8.7
    if flags & _TFHD_BASE_OFFSET:
        raise MediaError("The MP4 counts a fragment's bytes from elsewhere than the fragment.")
    duration, size, sample_flags = defaults.get(track_id, _NO_DEFAULTS)
    at = 3 if flags & _TFHD_DESCRIPTION else 2
    if flags & _TFHD_DURATION:
        duration, at = tfhd[at], at + 1
    if flags & _TFHD_SIZE:
        size, at = tfhd[at], at + 1
    if flags & _TFHD_FLAGS:
        sample_flags = tfhd[at]
    base_decode_time = tfdt[1]  # 8.8.12
    if tfdt[0] >> 24:  # version 1: 64 bits
        # Unsigned by the letter; libavformat writes the priming before time zero in two's complement, and reads it so.
        base_decode_time = _signed(tfdt[1]) << 32 | tfdt[2]
    runs = tuple([_read_run(trun, duration, size, sample_flags) for trun in truns])
    return TrackFragment(track_id, base_decode_time, runs)


def _read_run(trun: _Words, duration: int, size: int, sample_flags: int) -> Run:
    """8.8.8, with what holds where it does not say. IndexError where it is too short to say what it holds."""
    flags, count, data_offset = trun[0], trun[1], trun[2]
    if not flags & _TRUN_DATA_OFFSET or count > _MAX_SAMPLES:
        raise MediaError("The MP4 has a fragment without the place, or with an absurd number, of its samples.")
    at = 4 if flags & _TRUN_FIRST_FLAGS else 3
    width = (flags & _TRUN_COLUMNS).bit_count()
    end = at + count * width
    if end > len(trun):
        raise MediaError(_TOO_SHORT)
    if flags & _TRUN_DURATION:
        durations, at = trun[at:end:width], at + 1
    else:
        durations = (duration,) * count
    if flags & _TRUN_SIZE:
        sizes, at = trun[at:end:width], at + 1
    else:
        sizes = (size,) * count
    if flags & _TRUN_FLAGS:
        sync, at = tuple([not each & _NON_SYNC for each in trun[at:end:width]]), at + 1
    else:
        sync = (not sample_flags & _NON_SYNC,) * count
    if flags & _TRUN_FIRST_FLAGS:
        sync = (not trun[3] & _NON_SYNC, *sync[1:])[:count]
    compositions = tuple(map(_signed, trun[at:end:width])) if flags & _TRUN_COMPOSITION else (0,) * count
    return Run(_signed(data_offset), durations, sizes, sync, compositions)


def _signed(value: int) -> int:
    """A word in two's complement. Composition offsets are signed in version 1, and small in version 0."""
    return (value ^ 1 << 31) - (1 << 31)
