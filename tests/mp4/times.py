"""How far a fragment reaches in each of its tracks."""

from collections.abc import Mapping
from dataclasses import dataclass

from recorder.mp4 import SampleDefaults
from recorder.mp4_fragments import read_fragment


@dataclass(frozen=True, slots=True)
class FragmentTimes:
    """How far one fragment reaches in one track, in the track's timescale; the base is below 0 for AAC priming."""

    base_decode_time: int
    duration: int
    sample_count: int


def fragment_times(moof: bytes, defaults: Mapping[int, SampleDefaults] | None = None) -> dict[int, FragmentTimes]:
    """How far the fragment of a ``moof`` box reaches in each track, by the track's id."""
    return {
        part.track_id: FragmentTimes(
            part.base_decode_time,
            sum(sum(run.durations) for run in part.runs),
            sum(len(run.durations) for run in part.runs),
        )
        for part in read_fragment(moof, defaults)
    }
