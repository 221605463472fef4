"""What is left of footage: the pictures of a segment, by the moment at which each was captured.

Only what lies in whole fragments counts, for only that is what the recorder ever calls durable.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from recorder.mp4 import BoxSplitter, Track, read_tracks
from recorder.mp4_fragments import read_fragment
from recorder.timekeeping import NS_PER_S


@dataclass(frozen=True, slots=True)
class Pictures:
    """Consecutive pictures of one fragment: captured from ``from_ns`` on (boottime), shown until ``until_ns``."""

    from_ns: int
    newest_ns: int
    until_ns: int
    count: int


def pictures(mp4: bytes, origin_ns: int) -> Iterator[Pictures]:
    """The pictures in each whole fragment of ``mp4``, whose timeline is zero at ``origin_ns`` (boottime)."""
    tracks: dict[int, Track] = {}
    moof: bytes | None = None
    splitter = BoxSplitter()
    splitter.append(mp4)
    for box in splitter.boxes():
        if box.kind == "moov":
            tracks = read_tracks(bytes(box.data))
        elif box.kind == "moof":
            moof = bytes(box.data)
        elif box.kind == "mdat" and moof is not None:
            for part in read_fragment(moof, {number: track.defaults for number, track in tracks.items()}):
                track = tracks[part.track_id]
                durations = [duration for run in part.runs for duration in run.durations]
                if track.handler == "vide" and durations:
                    last = durations[-1]
                    end = part.base_decode_time + sum(durations)
                    moments = (part.base_decode_time, end - last, end)
                    yield Pictures(*(origin_ns + at * NS_PER_S // track.timescale for at in moments), len(durations))
            moof = None
