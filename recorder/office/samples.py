"""What is known of the samples of one track while a movie is written, and the ``stbl`` box that says it.

Rules: times are in the track's timescale and count from the journey's beginning; a number that would not fit its box
is refused when the sample comes, so that the index can always be written. Source: ISO/IEC 14496-12, 8.5 to 8.7.
"""

import struct
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import compress, groupby

from recorder.errors import MediaError
from recorder.mp4 import Track, TrackFragment

_MAX_DURATION = (1 << 32) - 1  # of one sample, in stts; half a day at 90 kHz
_MAX_TIME = 1 << 40


@dataclass(slots=True)
class TrackSamples:
    """The samples of ``track`` taken so far, as run lengths and arrays: a day of them is a few dozen megabytes."""

    track: Track
    first_time: int = 0
    end_time: int = 0
    _sizes: "array[int]" = field(default_factory=lambda: array("I"))
    _sync_numbers: "array[int]" = field(default_factory=lambda: array("I"))  # counted from 1
    _chunk_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    _chunk_lengths: "array[int]" = field(default_factory=lambda: array("I"))  # in samples
    _durations: list[list[int]] = field(default_factory=list)  # [samples, duration of each]
    _compositions: list[list[int]] = field(default_factory=list)  # [samples, offset of each]

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
        if self.count and not 0 <= self._last_duration(part.base_decode_time) <= _MAX_DURATION:
            raise MediaError("A fragment does not lie after the one before it.")

    def take(self, part: TrackFragment, moof_position: int) -> None:
        """Enter the samples of a checked ``part``, whose ``moof`` would begin at byte ``moof_position``."""
        if not part.sample_count:
            return
        if self._sizes:
            self._stretch_last(part.base_decode_time)
        else:
            self.first_time = part.base_decode_time
        for run in part.runs:
            first_number, count = len(self._sizes) + 1, len(run.sizes)
            self._sync_numbers.extend(compress(range(first_number, first_number + count), run.sync))
            self._sizes.extend(run.sizes)
            self._chunk_offsets.append(moof_position + run.data_offset)
            self._chunk_lengths.append(count)
            _extend(self._durations, run.durations)
            _extend(self._compositions, run.composition_offsets)
        self.end_time = part.base_decode_time + part.duration

    def table(self) -> bytes:
        """The ``stbl`` box."""
        boxes = [self.track.description, _counted(b"stts", self._durations, ">2I")]
        if any(offset for _, offset in self._compositions):
            boxes.append(_counted(b"ctts", self._compositions, ">Ii", version=1))
        if len(self._sync_numbers) < self.count:
            boxes.append(_counted(b"stss", [[number] for number in self._sync_numbers], ">I"))
        chunks = [[first, length, 1] for first, length in _first_of_each_length(self._chunk_lengths)]
        boxes += [
            _counted(b"stsc", chunks, ">3I"),
            full_box(b"stsz", struct.pack(f">2I{self.count}I", 0, self.count, *self._sizes)),
            _counted(b"co64", [[offset] for offset in self._chunk_offsets], ">Q"),
        ]
        return box(b"stbl", *boxes)

    def _last_duration(self, next_time: int) -> int:
        """How long the last sample lasts when the next begins at ``next_time``."""
        return self._durations[-1][1] + next_time - self.end_time

    def _stretch_last(self, next_time: int) -> None:
        duration = self._last_duration(next_time)
        self._durations[-1][0] -= 1
        if not self._durations[-1][0]:
            self._durations.pop()
        _extend(self._durations, (duration,))


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box around ``payload`` (4.2)."""
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *payload: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags around ``payload`` (4.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def _counted(kind: bytes, rows: list[list[int]], layout: str, version: int = 0) -> bytes:
    pack = struct.Struct(layout).pack
    return full_box(kind, struct.pack(">I", len(rows)), *(pack(*row) for row in rows), version=version)


def _extend(runs: list[list[int]], values: tuple[int, ...]) -> None:
    """Append ``values`` to run lengths."""
    is_even = len(set(values)) == 1  # nearly always
    lengths = [(values[0], len(values))] if is_even else [(value, len(list(group))) for value, group in groupby(values)]
    for value, count in lengths:
        if runs and runs[-1][1] == value:
            runs[-1][0] += count
        else:
            runs.append([count, value])


def _first_of_each_length(lengths: "array[int]") -> list[tuple[int, int]]:
    """Where a new number of samples a chunk begins: number of the chunk, samples in it and those after it (8.7.4)."""
    found: list[tuple[int, int]] = []
    for number, length in enumerate(lengths, 1):
        if not found or found[-1][1] != length:
            found.append((number, length))
    return found
