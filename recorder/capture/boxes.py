"""The boxes of a fragmented MP4, as bytes. PURE.

Formats: ISO/IEC 14496-12 (box names in parentheses are its clauses' titles), 14496-14 and 14496-1 7.2.6 (``esds``),
14496-15 5.4 (``avc1``), 14496-3 1.6.2.1 (AudioSpecificConfig).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from recorder.capture import annexb
from recorder.capture.ports import VideoFormat

VIDEO_TRACK, SOUND_TRACK = 1, 2
VIDEO_HZ, SOUND_HZ = 90_000, 48_000
SOUND_BPS = 64_000
AAC_FRAME = 1_024  # samples in each AAC packet

Listed = TypeVar("Listed")

_LC_48K_MONO = b"\x11\x88"  # AudioSpecificConfig: object type 2, frequency index 3, one channel
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC, _NOT_SYNC = 0x0200_0000, 0x0101_0000  # sample_depends_on; sample_is_non_sync_sample
_DEFAULT_BASE_IS_MOOF, _HAS_DEFAULT_DURATION, _HAS_DEFAULT_FLAGS = 0x02_0000, 0x08, 0x20
_MOOF = struct.Struct(">I4s I4s2I")  # moof, mfhd; without its tracks
_VIDEO_TRAF = struct.Struct(">I4s I4s2I I4sIQ I4s2Ii")  # traf, tfhd, tfdt, trun; without its rows
_SOUND_TRAF = struct.Struct(">I4s I4s4I I4sIQ I4s2Ii")  # the same, with what all its rows have in common in tfhd
_VIDEO_ROW_BYTES, _SOUND_ROW_BYTES = 12, 4
_TFDT_64_BIT = 1 << 24  # version 1
_HAS_OFFSET, _HAS_DURATION, _HAS_SIZE, _HAS_FLAGS = 0x1, 0x100, 0x200, 0x400


class Sample(NamedTuple):
    """One frame as a fragment lists it; ``duration`` in 1/90000 s."""

    duration: int
    size_bytes: int
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Run(Generic[Listed]):
    """Consecutive samples of one track, the first of them to be decoded at ``decode_time`` (the track's units)."""

    decode_time: int
    samples: Sequence[Listed]


def box(kind: bytes, *content: bytes) -> bytes:
    """One box: size, type, content."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """One box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def initialisation(video: VideoFormat | None, *, with_sound: bool) -> bytes:
    """``ftyp`` and ``moov``: what a player must know before the first fragment. Raises MediaError.

    ``video``: None declares no picture. Each medium has the same track number in every segment.
    """
    tracks = [] if video is None else [_video_track(video)]
    numbers = [] if video is None else [VIDEO_TRACK]
    if with_sound:
        tracks.append(_sound_track())
        numbers.append(SOUND_TRACK)
    header = full_box(
        b"mvhd", 0, 0, struct.pack(">4I", 0, 0, 1000, 0), struct.pack(">IH10x", 0x10000, 0x100), _UNITY,
        struct.pack(">24xI", SOUND_TRACK + 1),
    )  # fmt: skip
    brands = box(b"ftyp", b"iso6", struct.pack(">I", 512), b"iso6", b"avc1", b"mp41")
    return brands + box(b"moov", header, *tracks, box(b"mvex", *map(_trex, numbers)))


def fragment(sequence: int, video: Run[Sample], sound: Run[int], payload: Sequence[bytes | memoryview]) -> bytes:
    """``moof`` and ``mdat``. ``sound`` lists the sizes of its packets. ``payload``: the frames, then the packets."""
    video_bytes = _VIDEO_TRAF.size + _VIDEO_ROW_BYTES * len(video.samples) if video.samples else 0
    sound_bytes = _SOUND_TRAF.size + _SOUND_ROW_BYTES * len(sound.samples) if sound.samples else 0
    moof_bytes = _MOOF.size + video_bytes + sound_bytes
    pieces: list[bytes | memoryview] = [_MOOF.pack(moof_bytes, b"moof", _MOOF.size - 8, b"mfhd", 0, sequence)]
    payload_at = moof_bytes + 8
    if video.samples:
        pieces += _video_run(video, payload_at)
    if sound.samples:
        pieces += _sound_run(sound, payload_at + sum([sample.size_bytes for sample in video.samples]))
    pieces.append(struct.pack(">I4s", 8 + sum(map(len, payload)), b"mdat"))
    return b"".join((*pieces, *payload))  # the only copy that is made of it


def _video_run(run: Run[Sample], offset: int) -> tuple[bytes, bytes]:
    """``traf`` of the frames, of which the first lies at ``offset`` from the beginning of ``moof``."""
    rows: list[int] = []
    for duration, size_bytes, is_keyframe in run.samples:
        rows += (duration, size_bytes, _SYNC if is_keyframe else _NOT_SYNC)
    table = struct.pack(f">{len(rows)}I", *rows)
    head = _VIDEO_TRAF.pack(  # each line a box, its size first
        *(_VIDEO_TRAF.size + len(table), b"traf"),
        *(16, b"tfhd", _DEFAULT_BASE_IS_MOOF, VIDEO_TRACK),
        *(20, b"tfdt", _TFDT_64_BIT, run.decode_time),
        *(20 + len(table), b"trun", _HAS_OFFSET | _HAS_DURATION | _HAS_SIZE | _HAS_FLAGS, len(run.samples), offset),
    )
    return head, table


def _sound_run(run: Run[int], offset: int) -> tuple[bytes, bytes]:
    """The same of the packets of sound."""
    table = struct.pack(f">{len(run.samples)}I", *run.samples)
    common = _DEFAULT_BASE_IS_MOOF | _HAS_DEFAULT_DURATION | _HAS_DEFAULT_FLAGS
    head = _SOUND_TRAF.pack(
        *(_SOUND_TRAF.size + len(table), b"traf"),
        *(24, b"tfhd", common, SOUND_TRACK, AAC_FRAME, _SYNC),
        *(20, b"tfdt", _TFDT_64_BIT, run.decode_time),
        *(20 + len(table), b"trun", _HAS_OFFSET | _HAS_SIZE, len(run.samples), offset),
    )
    return head, table


def _trex(track: int) -> bytes:
    return full_box(b"trex", 0, 0, struct.pack(">5I", track, 1, 0, 0, 0))


def _video_track(video: VideoFormat) -> bytes:
    entry = box(
        b"avc1", struct.pack(">6xH16xHHII4xH32xHh", 1, video.width, video.height, 0x480000, 0x480000, 1, 24, -1),
        box(b"avcC", annexb.configuration(video.extradata)),
    )  # fmt: skip
    media = (b"vide", VIDEO_HZ, full_box(b"vmhd", 0, 1, bytes(8)))
    return _track(VIDEO_TRACK, struct.pack(">II", video.width << 16, video.height << 16), media, entry)


def _sound_track() -> bytes:
    specific = _descriptor(5, _LC_48K_MONO)
    decoder = _descriptor(4, struct.pack(">BBHBII", 0x40, 0x15, 0, 0, SOUND_BPS, SOUND_BPS), specific)
    stream = _descriptor(3, struct.pack(">HB", SOUND_TRACK, 0), decoder, _descriptor(6, b"\x02"))
    entry = box(
        b"mp4a", struct.pack(">6xH8xHH4xI", 1, 1, 16, SOUND_HZ << 16), full_box(b"esds", 0, 0, stream)
    )  # fmt: skip
    media = (b"soun", SOUND_HZ, full_box(b"smhd", 0, 0, bytes(4)))
    return _track(SOUND_TRACK, bytes(8), media, entry)


def _descriptor(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    return bytes((tag, len(body))) + body  # all of ours are shorter than 128 bytes


def _track(track: int, size: bytes, media: tuple[bytes, int, bytes], entry: bytes) -> bytes:
    """``trak``. ``media``: handler, timescale and media header; ``entry``: the sample description."""
    handler, timescale, media_header = media
    volume = 0x100 if handler == b"soun" else 0
    placed = struct.pack(">8xhhH2x", 0, 0, volume) + _UNITY + size
    empty = full_box(b"stts", 0, 0, bytes(4)) + full_box(b"stsc", 0, 0, bytes(4))
    empty += full_box(b"stsz", 0, 0, bytes(8)) + full_box(b"stco", 0, 0, bytes(4))
    table = box(b"stbl", full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry), empty)
    references = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    undetermined = 0x55C4  # language "und", packed
    described = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, struct.pack(">4IHH", 0, 0, timescale, 0, undetermined, 0)),
        full_box(b"hdlr", 0, 0, struct.pack(">4x4s12x", handler), b"recorder\x00"),
        box(b"minf", media_header, references, table),
    )
    return box(b"trak", full_box(b"tkhd", 0, 3, struct.pack(">IIIII", 0, 0, track, 0, 0), placed), described)
