"""What is known of the samples of one track while a movie is written, and the ``stbl`` box that says it.

Rules: times are in the track's timescale and count from the journey's beginning; a number that would not fit its box
is refused when the sample comes, so that the index can always be written. Source: ISO/IEC 14496-12, 8.5 to 8.7.
"""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import compress, count, groupby

from recorder.errors import MediaError
from recorder.mp4 import Track
from recorder.mp4_fragments import TrackFragment

_MAX_DURATION = (1 << 32) - 1  # of one sample, in stts; half a day at 90 kHz
_MAX_TIME = 1 << 40


@dataclass(slots=True)
class TrackSamples:
    """The samples of ``track`` taken so far, in arrays: a day of them is a hundred megabytes."""

    track: Track
    first_time: int = 0
    end_time: int = 0
    _sizes: "array[int]" = field(default_factory=lambda: array("I"))
    _durations: "array[int]" = field(default_factory=lambda: array("I"))
    _compositions: "array[int]" = field(default_factory=lambda: array("i"))
    _sync: bytearray = field(default_factory=bytearray)  # 1 or 0 for each
    _chunk_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    _chunk_lengths: "array[int]" = field(default_factory=lambda: array("I"))  # in samples

    @property
    def count(self) -> int:
        """How many samples."""
        return len(self._sizes)

    @property
    def skipped(self) -> int:
        """Media before what is shown first: the priming of an audio encoder."""
        return max(self.first_time, self.track.media_start) - self.first_time

    @property
    def start_s(self) -> Fraction:
        """When the first sample shown is shown."""
        shown = self.first_time + self.skipped - self.track.media_start
        return Fraction(shown, self.track.timescale) + Fraction(self.track.delay, self.track.movie_timescale)

    @property
    def shown_s(self) -> Fraction:
        """How long what is shown lasts, gaps included."""
        return Fraction(max(self.end_time - self.first_time - self.skipped, 0), self.track.timescale)

    def check(self, part: TrackFragment) -> None:
        """MediaError where ``part`` cannot follow what was taken."""
        if not -_MAX_TIME < part.base_decode_time < _MAX_TIME:
            raise MediaError("A fragment lies at a time that no journey reaches.")
        if self._sizes and not 0 <= self._durations[-1] + part.base_decode_time - self.end_time <= _MAX_DURATION:
            raise MediaError("A fragment does not lie after the one before it.")

    def take(self, part: TrackFragment, moof_position: int) -> None:
        """Enter the samples of a checked ``part``, whose ``moof`` would begin at byte ``moof_position``."""
        time = part.base_decode_time
        for data_offset, durations, sizes, sync, composition_offsets in part.runs:
            if not sizes:
                continue
            if not self._sizes:
                self.first_time = time
            elif time != self.end_time:
                self._durations[-1] += time - self.end_time  # the last sample lasts until this one
            self._sizes.extend(sizes)
            self._durations.extend(durations)
            self._compositions.extend(composition_offsets)
            self._sync.extend(sync)
            self._chunk_offsets.append(moof_position + data_offset)
            self._chunk_lengths.append(len(sizes))
            self.end_time = time = time + sum(durations)

    def table(self) -> bytes:
        """The ``stbl`` box."""
        boxes = [self.track.description, _counted(b"stts", _run_lengths(self._durations), ">2I")]
        if any(self._compositions):
            boxes.append(_counted(b"ctts", _run_lengths(self._compositions), ">Ii", version=1))
        if not all(self._sync):
            boxes.append(_counted(b"stss", [(number,) for number in compress(count(1), self._sync)], ">I"))
        boxes += [
            _counted(b"stsc", _first_of_each_length(self._chunk_lengths), ">3I"),
            full_box(b"stsz", struct.pack(f">2I{self.count}I", 0, self.count, *self._sizes)),
            _counted(b"co64", [(offset,) for offset in self._chunk_offsets], ">Q"),
        ]
        return box(b"stbl", *boxes)


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box around ``payload`` (4.2)."""
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *payload: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags around ``payload`` (4.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def _counted(kind: bytes, rows: Sequence[tuple[int, ...]], layout: str, version: int = 0) -> bytes:
    pack = struct.Struct(layout).pack
    return full_box(kind, struct.pack(">I", len(rows)), *(pack(*row) for row in rows), version=version)


def _run_lengths(values: "array[int]") -> list[tuple[int, int]]:
    """How often each comes after one another, and each."""
    return [(sum(1 for _ in group), value) for value, group in groupby(values)]


def _first_of_each_length(lengths: "array[int]") -> list[tuple[int, int, int]]:
    """Where a new number of samples a chunk begins (8.7.4): which chunk, samples in it and after, description 1."""
    found: list[tuple[int, int, int]] = []
    number = 1
    for chunks, length in _run_lengths(lengths):
        found.append((number, length, 1))
        number += chunks
    return found
