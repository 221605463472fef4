"""Packets become fragments that say exactly what is in them, and files that any player opens."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.capture import annexb
from recorder.capture.boxes import SOUND_TRACK, VIDEO_TRACK
from recorder.capture.clocks import ONE, Stretch
from recorder.capture.encoder import Canvas, PictureEncoder
from recorder.capture.muxer import Fragment, Mp4Writer, Pictures, Sound, SoundPacket
from recorder.capture.ports import VideoFormat, VideoPacket
from recorder.capture.sound import SoundEncoder
from recorder.capture.testcard import TestCard
from recorder.capture.testtone import one_second
from recorder.errors import MediaError
from recorder.mp4 import iter_boxes, read_tracks
from tests.capture.scripted import FORMAT, FRAME_NS, PPS, SPS, START, S, picture
from tests.mp4.times import FragmentTimes, fragment_times

ORIGIN = 3 * S


def writer(video: VideoFormat | None = FORMAT, *, with_sound: bool = True) -> Mp4Writer:
    return Mp4Writer(video, with_sound=with_sound, origin_ns=ORIGIN)


def times(fragment: Fragment) -> dict[int, FragmentTimes]:
    return fragment_times(next(iter_boxes(fragment.data)).data)


def test_nal_units_are_found_without_their_start_codes_and_padding() -> None:
    stream = b"\x00\x00\x00\x01\x67abc\x00\x00\x01\x68d\x00\x00\x00\x00\x01\x65ef\x00"
    assert list(annexb.nal_units(stream)) == [b"\x67abc", b"\x68d", b"\x65ef"]
    assert list(annexb.nal_units(b"nothing")) == []


def test_a_sample_has_lengths_and_no_parameter_sets() -> None:
    """Parameter sets belong into the sample entry (ISO/IEC 14496-15)."""
    assert (
        b"".join(annexb.sample(START + SPS + START + PPS + START + b"\x09\xf0" + START + b"\x65ab"))
        == b"\x00\x00\x00\x03\x65ab"
    )


@pytest.mark.parametrize("extradata", [b"", START + SPS, START + PPS, START + b"\x67ab" + START + PPS])
def test_a_picture_without_parameter_sets_is_refused(extradata: bytes) -> None:
    with pytest.raises(MediaError, match="SPS and PPS"):
        writer(VideoFormat(64, 64, Fraction(25), extradata))


@pytest.mark.parametrize(
    ("video", "with_sound", "handlers"),
    [
        (FORMAT, True, {VIDEO_TRACK: "vide", SOUND_TRACK: "soun"}),
        (FORMAT, False, {VIDEO_TRACK: "vide"}),
        (None, True, {SOUND_TRACK: "soun"}),
    ],
)
def test_the_header_declares_what_will_come(
    video: VideoFormat | None, with_sound: bool, handlers: dict[int, str]
) -> None:
    brands, moov = iter_boxes(writer(video, with_sound=with_sound).header)
    tracks = read_tracks(moov.data)
    assert (brands.kind, {number: track.handler for number, track in tracks.items()}) == ("ftyp", handlers)
    assert {track.timescale for track in tracks.values()} <= {90_000, 48_000}


def test_a_fragment_is_complete_at_a_second_of_picture_and_says_exactly_what_is_in_it() -> None:
    mp4 = writer()
    begin = ORIGIN + S
    packets = [picture(begin + n * FRAME_NS, key=n == 0) for n in range(25)]
    none = [mp4.picture(packet) for packet in packets[:24]]
    sound = [mp4.sound(SoundPacket(b"aac" * n, 48_000 + n * 1024)) for n in range(3)]
    (fragment,) = mp4.picture(packets[24])
    assert none == [[]] * 24
    assert sound == [[]] * 3
    assert fragment.pictures == Pictures(begin, begin + 24 * FRAME_NS, begin + 25 * FRAME_NS, 25)
    assert fragment.sound == Sound(48_000, 48_000 + 3 * 1024)
    assert times(fragment) == {
        VIDEO_TRACK: FragmentTimes(90_000, 25 * 3600, 25),
        SOUND_TRACK: FragmentTimes(48_000, 3 * 1024, 3),
    }
    _, mdat = iter_boxes(fragment.data)
    assert mdat.payload == b"".join(b"".join(annexb.sample(p.data)) for p in packets) + b"aac" * 3
    assert mp4.cut() == []


def large(captured_ns: int, *, key: bool = False) -> VideoPacket:
    """A frame of which three and a bit fill a chunk."""
    return picture(captured_ns, key=key)._replace(data=START + b"\x65" * 20_000)


@pytest.mark.parametrize(("frames", "counts"), [(1, [1]), (3, [3]), (4, [4]), (5, [1, 4]), (10, [6, 4])])
def test_the_newest_chunk_of_what_waits_is_a_fragment_of_its_own(frames: int, counts: list[int]) -> None:
    """With the sound of its time; in the order of time, and nothing twice. What lies before is in full chunks."""
    mp4 = writer()
    begin = ORIGIN + S
    for n in range(frames):
        mp4.picture(large(begin + n * FRAME_NS, key=n == 0))
    for n in range(frames * 2):
        mp4.sound(SoundPacket(b"aac" * n, 48_000 + n * 1024))
    fragments = mp4.cut()
    assert [f.pictures and f.pictures.count for f in fragments] == counts
    begins = [90_000, 90_000 + 3600 * counts[0]]
    assert [times(f)[VIDEO_TRACK].base_decode_time for f in fragments] == begins[: len(counts)]
    sounds = [f.sound for f in fragments if f.sound]
    assert (sounds[0].begin, sounds[-1].end) == (48_000, 48_000 + frames * 2048)
    if len(counts) == 2:
        assert sounds[0].end == sounds[1].begin
        newest = 48_000 + counts[0] * 1920  # where the sound of the newest pictures begins
        assert newest - 1024 < sounds[1].begin <= newest
        assert len(fragments[1].data) > 1 << 16
    assert mp4.cut() == []


def test_what_is_small_is_one_fragment() -> None:
    """All of it lies in the same chunk, and lives or dies together."""
    mp4 = writer()
    for n in range(10):
        mp4.picture(picture(ORIGIN + S + n * FRAME_NS, key=n == 0))
    assert [f.pictures and f.pictures.count for f in mp4.cut()] == [10]


def test_late_sound_goes_with_the_newest_pictures() -> None:
    """And early sound, of which nothing is of their time, does not."""
    for position, expected in ((48_000 + 10 * 1920, [False, True]), (48_000, [True, False])):
        mp4 = writer()
        for n in range(10):
            mp4.picture(large(ORIGIN + S + n * FRAME_NS, key=n == 0))
        mp4.sound(SoundPacket(b"aac", position))
        assert [fragment.sound is not None for fragment in mp4.cut()] == expected


def test_a_keyframe_begins_a_fragment() -> None:
    """So that a player can begin there, and a segment can end there."""
    mp4 = writer()
    assert mp4.picture(picture(ORIGIN, key=True)) == []
    (fragment,) = mp4.picture(picture(ORIGIN + FRAME_NS, key=True))
    assert fragment.pictures == Pictures(ORIGIN, ORIGIN, ORIGIN + FRAME_NS, 1)


def test_a_gap_stays_a_gap() -> None:
    """What follows a gap begins a fragment at its own time, so no frame is stretched over it; sound likewise."""
    mp4 = writer()
    mp4.picture(picture(ORIGIN, key=True))
    mp4.sound(SoundPacket(b"a", 1024))
    (before,) = mp4.picture(picture(ORIGIN + 5 * S))
    assert mp4.sound(SoundPacket(b"b", 2048)) == []
    (between,) = mp4.sound(SoundPacket(b"c", 240_000))
    (after,) = mp4.cut()
    assert [times(fragment) for fragment in (before, between, after)] == [
        {VIDEO_TRACK: FragmentTimes(0, 3600, 1), SOUND_TRACK: FragmentTimes(1024, 1024, 1)},
        {VIDEO_TRACK: FragmentTimes(450_000, 3600, 1), SOUND_TRACK: FragmentTimes(2048, 1024, 1)},
        {SOUND_TRACK: FragmentTimes(240_000, 1024, 1)},
    ]


@pytest.mark.parametrize("medium", ["picture", "sound"])
def test_neither_medium_waits_for_the_other(medium: str) -> None:
    """Picture alone completes its fragments as soon as with sound; sound alone takes twice as long."""
    mp4 = writer()
    complete = []
    for n in range(200):
        if medium == "picture":
            complete += mp4.picture(picture(ORIGIN + n * FRAME_NS, key=n == 0))
        else:
            complete += mp4.sound(SoundPacket(b"x", n * 1024))
    assert len(complete) == (8 if medium == "picture" else 2)


@pytest.fixture(scope="module")
def scene() -> tuple[VideoFormat, list[VideoPacket], list[SoundPacket]]:
    """Three seconds of the synthetic scene, encoded."""
    encoder = PictureEncoder(176, 144, Fraction(25), 300_000)
    canvas, card = Canvas(176, 144), TestCard(176, 144)
    pictures = []
    for n in range(75):
        card.draw(canvas.planes, n, flash=n % 25 == 0)
        pictures.append(encoder.encode(canvas.frame, ORIGIN + S + n * FRAME_NS, FRAME_NS))
    sound = SoundEncoder(48_000)
    samples = np.tile(one_second(48_000), 3)
    packets = sound.samples(samples, Stretch(0, ONE, len(samples)), 48_000, restart=True) + sound.finish()
    return encoder.format, pictures, packets


def decoded(mp4: Path, selector: str) -> str:
    """What ffmpeg makes of it: an MD5 of each decoded frame, with its time."""
    command = ["ffmpeg", "-v", "error", "-copyts", "-i", str(mp4), "-map", selector, "-f", "framemd5", "-"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stderr == ""
    return "\n".join(line for line in result.stdout.splitlines() if not line.startswith("#"))


def test_segments_play_alone_and_appended_they_are_the_continuous_file(
    scene: tuple[VideoFormat, list[VideoPacket], list[SoundPacket]], tmp_path: Path
) -> None:
    """Fragments of segments, without their ftyp and moov, decode to the very frames and samples of one file."""
    video, pictures, sounds = scene
    whole = Mp4Writer(video, with_sound=True, origin_ns=ORIGIN)
    parts = [Mp4Writer(video, with_sound=True, origin_ns=ORIGIN) for _ in range(3)]
    continuous, segments = [whole.header], [[] for _ in parts]
    for packet in pictures:
        index = (packet.captured_ns - ORIGIN) // S - 1
        continuous += [f.data for f in whole.picture(packet)]
        segments[index] += [f.data for f in parts[index].picture(packet)]
    for packet in sounds:
        index = min(2, max(0, packet.position // 48_000 - 1))
        continuous += [f.data for f in whole.sound(packet)]
        segments[index] += [f.data for f in parts[index].sound(packet)]
    continuous += [f.data for f in whole.cut()]
    for part, fragments in zip(parts, segments, strict=True):
        fragments += [f.data for f in part.cut()]

    one, joined = tmp_path / "one.mp4", tmp_path / "joined.mp4"
    one.write_bytes(b"".join(continuous))
    joined.write_bytes(parts[0].header + b"".join(b"".join(fragments) for fragments in segments))
    for selector in ("0:v", "0:a"):
        assert decoded(joined, selector) == decoded(one, selector)
    for part, fragments in zip(parts, segments, strict=True):
        alone = tmp_path / "alone.mp4"
        alone.write_bytes(part.header + b"".join(fragments))
        assert len(decoded(alone, "0:v").splitlines()) == 25
        assert len(decoded(alone, "0:a").splitlines()) >= 46


@pytest.mark.parametrize("keep", ["0:v", "0:a"])
def test_a_file_with_one_medium_plays(
    scene: tuple[VideoFormat, list[VideoPacket], list[SoundPacket]], tmp_path: Path, keep: str
) -> None:
    """Sound is declared alone, for players look for what is declared; a picture may have a sound track to come."""
    video, pictures, sounds = scene
    mp4 = Mp4Writer(video if keep == "0:v" else None, with_sound=True, origin_ns=ORIGIN)
    data = [mp4.header]
    for packet in pictures if keep == "0:v" else sounds:
        complete = mp4.picture(packet) if isinstance(packet, VideoPacket) else mp4.sound(packet)
        data += [f.data for f in complete]
    path = tmp_path / "one.mp4"
    path.write_bytes(b"".join(data + [f.data for f in mp4.cut()]))
    assert len(decoded(path, keep).splitlines()) == (75 if keep == "0:v" else len(sounds))


def test_cut_off_anywhere_a_file_plays_up_to_there(
    scene: tuple[VideoFormat, list[VideoPacket], list[SoundPacket]], tmp_path: Path
) -> None:
    """A power cut ends a file in the middle of a fragment; what is before it is not touched."""
    video, pictures, _ = scene
    mp4 = Mp4Writer(video, with_sound=False, origin_ns=ORIGIN)
    fragments = []
    for n, packet in enumerate(pictures):
        fragments += mp4.picture(packet) + (mp4.cut() if n % 10 == 9 else [])
    whole = mp4.header + b"".join(f.data for f in fragments[:5])
    path = tmp_path / "torn.mp4"
    path.write_bytes(whole + fragments[5].data[: len(fragments[5].data) // 2])
    command = ["ffprobe", "-v", "quiet", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    counted = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True, timeout=60)
    assert int(counted.stdout) >= sum(f.pictures.count for f in fragments[:5] if f.pictures)
