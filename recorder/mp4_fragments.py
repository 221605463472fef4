"""PURE. What a fragment of an MP4 says of the samples in it, which the office joins films by.

A day of footage has half a million fragments, so the numbers of each are read all at once: as 32-bit words, of which
everything in a ``moof`` is made. Source: ISO/IEC 14496-12, 8.8. Every size and count comes from a file that anyone may
have written: each is checked against the words at hand before it is believed, and what does not fit is a MediaError.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from recorder.errors import MediaError
from recorder.mp4 import MIN_BOX_BYTES, TOO_SHORT, SampleDefaults

_MAX_SAMPLES = 1 << 20  # in one run; without per-sample fields a count costs its author four bytes
_WORD_BYTES = 4
_MOOF, _TRAF, _TFHD, _TFDT, _TRUN = (int.from_bytes(kind) for kind in (b"moof", b"traf", b"tfhd", b"tfdt", b"trun"))
# 8.8.7 and 8.8.8: flags of tfhd and trun
_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION, _TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_TRUN_DATA_OFFSET, _TRUN_FIRST_FLAGS = 0x1, 0x4
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION = 0x100, 0x200, 0x400, 0x800
_TRUN_COLUMNS = _TRUN_DURATION | _TRUN_SIZE | _TRUN_FLAGS | _TRUN_COMPOSITION  # what is said of each sample
_NON_SYNC = 0x10000  # 8.8.3.1: sample_is_non_sync_sample
_NO_DEFAULTS = SampleDefaults()

_Words = tuple[int, ...]  # of 32 bits


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


def read_fragment(moof: bytes, defaults: Mapping[int, SampleDefaults] | None = None) -> tuple[TrackFragment, ...]:
    """What a ``moof`` box holds (8.8), with ``defaults`` by track from the init segment where it has them.

    MediaError where a box does not consist of words, or offsets do not count from the ``moof``: no recorder writes it.
    """
    words = struct.unpack_from(f">{len(moof) // _WORD_BYTES}I", moof)
    try:
        kind, content = _word_boxes(words)[0]
        if kind != _MOOF or len(moof) % _WORD_BYTES:
            raise MediaError("The MP4 has no moof box where one belongs.")
        known = defaults or {}
        return tuple([_read_track_fragment(traf, known) for kind, traf in _word_boxes(content) if kind == _TRAF])
    except IndexError as error:
        raise MediaError(TOO_SHORT) from error


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
        raise MediaError(TOO_SHORT)
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
