"""PURE. What an MP4 says about itself: its boxes and tracks; its fragments are read by ``mp4_fragments``.

The vault pads with its ``free`` box, the office joins films by it. Source: ISO/IEC 14496-12 (sections named below).
Every size and count comes from a file that anyone may have written: each is checked against the bytes at hand before it
is believed, and what does not fit is a MediaError.
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
TOO_SHORT = "The MP4 has a box that is shorter than what it must hold."


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


# --- the boxes one by one ----------------------------------------------------------------------------------------


def _extent(data: bytes | memoryview, begin: int, end: int) -> tuple[str, int, int]:
    """Kind, header length and length of the box at ``begin`` (4.2); a length beyond ``end`` where it is not whole.

    Where its header is not, that is the header's, and the kind is empty. MediaError.
    """
    if end - begin < MIN_BOX_BYTES:
        return "", MIN_BOX_BYTES, MIN_BOX_BYTES
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
        kind, header_bytes, size_bytes = _extent(data, begin, len(data))
        if begin + size_bytes > len(data):
            raise MediaError(f"The MP4 is cut off: {len(data) - begin} bytes at its end are no whole box.")
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
        raise MediaError(TOO_SHORT) from error


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
