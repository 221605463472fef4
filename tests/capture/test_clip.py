"""A clip as a scene: its own times kept to the nanosecond, round and round, sound and picture agreeing."""

from fractions import Fraction
from itertools import islice, pairwise, takewhile
from pathlib import Path

import numpy as np
import pytest

from recorder.capture.clip import Clip
from recorder.errors import DeviceAbsentError, DeviceLostError
from tests.capture.clips import BUNNY, CARPHONE, ffmpeg, ntsc_with_stereo, sound_only

S = 1_000_000_000
BEGUN = 1000 * S


@pytest.fixture(scope="module")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ntsc_with_stereo(tmp_path_factory.mktemp("clips") / "ntsc.mp4")


def dues(clip: Clip, from_ns: int, count: int) -> list[int]:
    return [picture.due_ns for picture in islice(clip.pictures(clip.watch(from_ns), from_ns), count)]


def heard(clip: Clip, from_ns: int, seconds: float) -> tuple[int, int, np.ndarray]:
    """When the first sample is due, the rate, and the samples of so many seconds; blocks follow each other exactly."""
    facts = clip.watch(from_ns)
    until_ns = from_ns + round(seconds * S)
    blocks = list(takewhile(lambda block: block.due_ns < until_ns, clip.sounds(facts, from_ns)))
    for before, after in pairwise(blocks):
        assert before.end_ns == after.due_ns, "neither a hole nor an overlap"
        assert abs(before.end_ns - before.due_ns - len(before.samples) * S / facts.rate_hz) <= 2
        assert before.end_ns - before.due_ns <= S // 45
    return blocks[0].due_ns, facts.rate_hz, np.concatenate([block.samples for block in blocks])


def test_a_clip_at_29_97_stays_at_29_97_round_after_round() -> None:
    """Carphone has 120 frames of 1001/30000 s; the 121st is the first again, exactly one frame later."""
    times = dues(Clip(CARPHONE), BEGUN, 400)
    assert times == [BEGUN + n * 1001 * S // 30_000 for n in range(400)]


def test_who_looks_later_sees_the_scene_as_it_is_then() -> None:
    """It runs on while nobody watches, and begins in the middle as well as at the beginning."""
    clip = Clip(CARPHONE)
    clip.watch(BEGUN)
    later = BEGUN + 3 * S + 500_000_000
    first = -(-(later - BEGUN) * 30_000 // (1001 * S))
    assert dues(clip, later, 60) == [BEGUN + n * 1001 * S // 30_000 for n in range(first, first + 60)]
    many_laps = BEGUN + 7200 * S
    assert abs(dues(clip, many_laps, 1)[0] - many_laps) < S // 25


def test_frames_are_those_of_the_clip() -> None:
    """Frame 40 seen after a jump is frame 40 seen in order."""
    clip = Clip(CARPHONE)
    facts = clip.watch(BEGUN)
    in_order = next(islice(clip.pictures(facts, BEGUN), 40, None)).frame.to_ndarray()
    jumped = next(iter(clip.pictures(facts, BEGUN + 40 * 1001 * S // 30_000))).frame.to_ndarray()
    assert np.array_equal(in_order, jumped)


def test_the_facts_of_a_clip(ntsc: Path) -> None:
    facts = Clip(ntsc).watch(BEGUN)
    assert (facts.fps, facts.width, facts.height, facts.rate_hz) == (Fraction(30_000, 1001), 160, 120, 44_100)
    carphone = Clip(CARPHONE).watch(BEGUN)
    assert (carphone.dot_shape, carphone.length_s) == (Fraction(128, 117), Fraction(120 * 1001, 30_000))


@pytest.mark.parametrize("start_s", [0.0, 0.37, 2.9, 31.4])
def test_sound_keeps_its_time_through_jumps_and_laps(ntsc: Path, start_s: float) -> None:
    """Clicks every half second of the clip are heard at those moments of the scene, in mono, at the clip's own rate."""
    clip = Clip(ntsc)
    length_ns = round(clip.watch(BEGUN).length_s * S)
    due_ns, rate_hz, samples = heard(clip, BEGUN + round(start_s * S), 4)
    assert rate_hz == 44_100
    assert 0 <= BEGUN + round(start_s * S) - due_ns < S // 40
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 3000)
    onsets = loud[np.flatnonzero(np.diff(loud, prepend=-10_000) > 2000)]
    assert len(onsets) >= 7
    for onset in onsets[1:]:
        in_clip_ns = (due_ns + int(onset) * S // rate_hz - BEGUN) % length_ns
        assert abs(in_clip_ns % (S // 2)) < 2_000_000 or length_ns - in_clip_ns < 2_000_000


def test_a_clip_without_sound_is_silent_and_no_fault() -> None:
    due_ns, rate_hz, samples = heard(Clip(CARPHONE), BEGUN + S // 3, 9)
    assert (rate_hz, len(samples) // 48_000, bool(samples.any())) == (48_000, 9, False)
    assert abs(due_ns - BEGUN - S // 3) < S // 48_000


def test_sound_shorter_than_the_picture_is_followed_by_silence(tmp_path: Path) -> None:
    path = tmp_path / "short.mkv"
    picture, tone = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:d=2"), ("-f", "lavfi", "-i", "sine=1000:d=1")
    ffmpeg(*picture, *tone, "-c:v", "libx264", "-c:a", "pcm_s16le", path)
    _, rate_hz, samples = heard(Clip(path), BEGUN, 4)
    loud = [bool(np.abs(samples[n * rate_hz // 2 : (n + 1) * rate_hz // 2]).max() > 500) for n in range(8)]
    assert loud == [True, True, False, False] * 2


def test_sound_that_begins_after_the_picture_begins_after_it(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:d=2")
    tone = ("-itsoffset", "0.7", "-f", "lavfi", "-i", "sine=1000:d=1.3")
    ffmpeg(*picture, *tone, "-c:v", "libx264", "-c:a", "pcm_s16le", path)
    _, rate_hz, samples = heard(Clip(path), BEGUN, 2)
    assert abs(int(np.argmax(np.abs(samples) > 500)) - round(0.7 * rate_hz)) < rate_hz // 200


def test_a_file_of_sound_alone_is_heard(tmp_path: Path) -> None:
    clip = Clip(sound_only(tmp_path / "clicks.wav"))
    assert clip.watch(BEGUN).fps is None
    _, rate_hz, samples = heard(clip, BEGUN, 5)
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 3000)
    onsets = loud[np.flatnonzero(np.diff(loud, prepend=-10_000) > 2000)]
    assert [round(float(onset) / rate_hz, 2) for onset in onsets] == [n / 2 for n in range(10)]


def test_sound_in_six_channels_becomes_one() -> None:
    _, rate_hz, samples = heard(Clip(BUNNY), BEGUN, 2)
    assert (rate_hz, samples.ndim, bool(np.abs(samples).max() > 100)) == (48_000, 1, True)


@pytest.mark.parametrize("content", [None, b"", b"no clip at all" * 100])
def test_what_is_no_clip_is_an_absent_device(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeviceAbsentError, match=r"clip\.mp4"):
        Clip(path).watch(BEGUN)


def test_a_clip_that_vanishes_is_a_device_lost_or_absent(ntsc: Path, tmp_path: Path) -> None:
    """Taken away between two openings: absent. Emptied under our eyes: lost."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(ntsc.read_bytes())
    clip = Clip(path)
    facts = clip.watch(BEGUN)
    path.unlink()
    with pytest.raises(DeviceAbsentError):
        next(iter(clip.pictures(facts, BEGUN)))


def test_a_clip_whose_frames_cannot_be_decoded_is_a_device_lost(ntsc: Path, tmp_path: Path) -> None:
    """It opens, for its tables are whole, but there is nothing in it to show: no endless search."""
    data = bytearray(ntsc.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") if data.index(b"moov") > begin else len(data)
    data[begin:end] = bytes(end - begin)
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    clip = Clip(path)
    with pytest.raises(DeviceLostError):
        next(iter(clip.pictures(clip.watch(BEGUN), BEGUN)))
