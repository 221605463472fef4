"""Whole recordings in real time, read back to the frame and the sample."""

import subprocess
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.capture.clip import Clip
from recorder.capture.encoder import planes_of
from recorder.capture.file import FileCamera, FileMicrophone
from recorder.capture.pipeline import Capture
from recorder.capture.ports import Camera, Microphone
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from recorder.demo.measure import measure
from recorder.events import Sealed
from recorder.mp4 import iter_boxes
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.clips import BUNNY, CARPHONE, ntsc_with_stereo
from tests.capture.scripted import Inbox

OFFSET_MS = 20.0  # the promise; the synthetic scene is far better


def record(
    camera: Camera,
    microphone: Microphone | None,
    seconds: float,
    *,
    length_s: float = 60,
    origin_ns: int | None = None,
    first_segment_number: int = 1,
) -> list[bytes]:
    """Segments of so many seconds; nothing went wrong meanwhile."""
    inbox, card = Inbox(), MemoryCard()
    capture = Capture(
        camera=camera,
        microphone=microphone,
        open_segment=card,
        post=inbox.post,
        origin_ns=boottime_ns() if origin_ns is None else origin_ns,
        first_segment_number=first_segment_number,
        segment_length_s=length_s,
    )
    capture.start()
    enough = threading.Event()
    assert not enough.wait(seconds), "recording takes the time it takes"
    capture.stop("stop")
    assert inbox.wait(Sealed())
    assert capture.join(5)
    assert inbox.events == [Sealed()]
    assert [s.facts.gaps for s in card.segments.values() if s.facts] == [()] * len(card.segments)
    return [segment.data for segment in card.segments.values()]


def appended(segments: list[bytes]) -> bytes:
    """The fragments of all segments after the header of the first."""
    header = [b.data for b in iter_boxes(segments[0]) if b.kind in ("ftyp", "moov")]
    return b"".join(header + [b.data for s in segments for b in iter_boxes(s) if b.kind not in ("ftyp", "moov")])


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def pts(path: Path, kind: str) -> list[int]:
    """Presentation times of all packets of the first track of a kind, in its own units."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [packet.pts for packet in container.demux(stream) if packet.pts is not None]


def ffmpeg_complains(path: Path) -> str:
    """What ffmpeg and ffprobe say against a file."""
    said = ""
    for command in (["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"], ["ffprobe", "-v", "error", path]):
        said += subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stderr
    return said


@pytest.mark.slow
def test_720p30_in_segments_of_ten_seconds(tmp_path: Path) -> None:
    """Every frame counter once, no sample missing, each segment plays alone, picture and sound within 20 ms.

    A whole minute of it goes through the whole recorder: ``tests/daemon/test_real_footage.py``.
    """
    camera = SyntheticCamera(1280, 720, Fraction(30), 4_000_000, "VAN-7")
    segments = record(camera, SyntheticMicrophone(48_000), 21, length_s=10)
    whole = measure(written(tmp_path / "whole.mp4", appended(segments)))
    assert whole.picture is not None
    assert whole.sound is not None
    assert (whole.picture.missing, whole.picture.duplicated, whole.picture.disordered) == (0, 0, 0)
    assert (whole.picture.unreadable, whole.picture.gaps) == (0, ())
    assert whole.picture.frames >= 600
    assert (whole.sound.gaps, whole.sound.silences, whole.sound.slips_s) == ((), (), ())
    assert whole.sound.samples == whole.sound.expected >= 20 * 48_000
    assert len(whole.offsets) >= 20
    assert whole.worst_offset_ms is not None
    assert whole.worst_offset_ms <= OFFSET_MS

    assert len(segments) == 3
    parts = [measure(written(tmp_path / f"{n}.mp4", segment)) for n, segment in enumerate(segments)]
    assert [p.picture.frames for p in parts if p.picture][:2] == [300] * 2
    assert sum(p.picture.frames for p in parts if p.picture) == whole.picture.frames
    assert sum(p.sound.samples for p in parts if p.sound) == whole.sound.samples
    assert [ffmpeg_complains(tmp_path / f"{n}.mp4") for n in range(3)] == [""] * 3
    for before, after in pairwise(p.picture for p in parts if p.picture):
        assert after.first_counter == (before.last_counter or 0) + 1
    sizes = [len(segment) * 8 / 10 for segment in segments[:2]]
    assert all(3_500_000 < size < 4_700_000 for size in sizes), "the bitrate that was asked for"


def test_a_recording_that_is_taken_up_again_goes_on_on_the_same_timeline(tmp_path: Path) -> None:
    """After a crash: what was lost in between is a gap as long as it was, and nothing that follows has moved."""
    origin_ns = boottime_ns()
    segments: list[bytes] = []
    for number in (1, 2):
        camera = SyntheticCamera(320, 240, Fraction(30), 500_000, "VAN-7")
        segments += record(camera, SyntheticMicrophone(48_000), 2.4, origin_ns=origin_ns, first_segment_number=number)
        threading.Event().wait(0.3)  # as a crash takes; between two beeps, and long enough for a frame to be missing
    path = written(tmp_path / "whole.mp4", appended(segments))
    found = measure(path)
    assert found.picture is not None
    (gap,) = found.picture.gaps
    assert round((gap.until_s - gap.from_s) * 30) == found.picture.missing > 0
    assert (found.picture.duplicated, found.picture.disordered, found.picture.unreadable) == (0, 0, 0)
    assert found.sound is not None
    assert len(found.sound.gaps) == 1
    assert found.worst_offset_ms is not None
    assert found.worst_offset_ms <= OFFSET_MS


def test_sound_alone_and_picture_alone_are_whole_recordings(tmp_path: Path) -> None:
    """Without a microphone there is no sound track, and every frame is there."""
    camera = SyntheticCamera(176, 144, Fraction(25), 300_000, "VAN-7")
    found = measure(written(tmp_path / "picture.mp4", appended(record(camera, None, 2.5, length_s=1))))
    assert found.sound is None
    assert found.picture is not None
    assert (found.picture.missing, found.picture.gaps) == (0, ())


def test_a_clip_at_29_97_with_stereo_at_44_100_keeps_its_own_times(tmp_path: Path) -> None:
    """Frames stay 3003/90000 s apart round after round, and each click stays as far from its white frame as it was."""
    clip = Clip(ntsc_with_stereo(tmp_path / "clip.mp4", seconds=2))
    camera = FileCamera(clip, 1280, 720, 1_000_000, "VAN-7")
    path = written(tmp_path / "whole.mp4", appended(record(camera, FileMicrophone(clip), 5, length_s=2)))
    times = pts(path, "video")
    assert {after - before for before, after in pairwise(times)} <= {3002, 3003, 3004}
    assert abs((times[-1] - times[0]) - 3003 * (len(times) - 1)) <= 1
    assert {after - before for before, after in pairwise(pts(path, "audio"))} == {1024}

    flashes, clicks = flashes_and_clicks(path)
    for flash in flashes[1:-1]:
        distance_ms = (flash - min(clicks, key=lambda click: abs(click - flash))) * 1000
        assert -3 < distance_ms < 5, "in the clip the white frame is 0 to 1.5 ms after the click"
    assert len(flashes) >= 8


def flashes_and_clicks(path: Path) -> tuple[list[float], list[float]]:
    """When white frames are shown, and when clicks begin (seconds)."""
    flashes: list[float] = []
    samples: list[np.ndarray] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if planes_of(frame)[0][40:].mean() > 220:
                flashes.append(frame.time)
    with av.open(str(path)) as container:
        first_s = None
        for frame in container.decode(audio=0):
            first_s = frame.time if first_s is None else first_s
            samples.append(np.abs(frame.to_ndarray()[0]))
    loud = np.flatnonzero(np.concatenate(samples) > 0.1)
    onsets = loud[np.flatnonzero(np.diff(loud, prepend=-100_000) > 4_800)]
    return flashes, [first_s + float(onset) / 48_000 for onset in onsets]


@pytest.mark.parametrize(
    ("path", "rate", "size", "silent"),
    [(CARPHONE, Fraction(30_000, 1001), (176, 144), True), (BUNNY, Fraction(25), (1280, 720), False)],
)
def test_real_clips_from_a_public_package(
    tmp_path: Path, path: Path, rate: Fraction, size: tuple[int, int], silent: bool
) -> None:
    """At their own rate and size; a clip without sound gives silence, continuous and no fault."""
    clip = Clip(path)
    camera = FileCamera(clip, 1280, 720, 2_000_000, "VAN-7")
    recorded = written(tmp_path / "whole.mp4", appended(record(camera, FileMicrophone(clip), 6)))
    found = measure(recorded)
    assert found.picture is not None
    assert found.sound is not None
    assert (found.synthetic, found.picture.gaps, found.sound.gaps) == (False, (), ())
    assert found.sound.samples == found.sound.expected > 5.5 * 48_000
    assert abs(found.picture.frames - 5.9 * rate) < 5
    assert ffmpeg_complains(recorded) == ""
    with av.open(str(recorded)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == size
    with av.open(str(recorded)) as container:
        loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0))
    assert (loudest < 0.001) is silent
