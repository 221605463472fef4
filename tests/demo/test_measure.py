"""The reader is trusted because it finds what was done to a recording, each kind of damage by its name."""

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from recorder.capture.clocks import ONE, Stretch
from recorder.capture.encoder import Canvas, PictureEncoder
from recorder.capture.muxer import Mp4Writer, SoundPacket
from recorder.capture.ports import VideoFormat, VideoPacket
from recorder.capture.sound import SoundEncoder
from recorder.capture.testcard import TestCard
from recorder.capture.testtone import one_second
from recorder.demo.contact_sheet import contact_sheet
from recorder.demo.measure import Measurement, measure
from recorder.demo.measuring import as_json, rows
from recorder.errors import MediaError

S = 1_000_000_000
SECONDS = 4
RATE_HZ = 48_000
WIDTH, HEIGHT = 176, 144


def pictures(
    counters: list[int] | None = None, times: list[int] | None = None
) -> tuple[VideoFormat, list[VideoPacket]]:
    """The scene's picture at 25 frames a second: these counters at these places in time."""
    encoder = PictureEncoder(WIDTH, HEIGHT, Fraction(25), 300_000)
    canvas, card = Canvas(WIDTH, HEIGHT), TestCard(WIDTH, HEIGHT)
    counters = counters if counters is not None else list(range(25 * SECONDS))
    packets = []
    for counter, at in zip(counters, times or range(len(counters)), strict=True):
        card.draw(canvas.planes, counter, flash=counter % 25 == 0)
        packets.append(encoder.encode(canvas.frame, S + at * S // 25, S // 25))
    return encoder.format, packets


def sounds(samples: np.ndarray | None = None, position: int = RATE_HZ) -> list[SoundPacket]:
    """The scene's sound, or this, from ``position`` on."""
    encoder = SoundEncoder(position)
    samples = np.tile(one_second(RATE_HZ), SECONDS) if samples is None else samples
    return encoder.samples(samples, Stretch(0, ONE, len(samples)), RATE_HZ, restart=True) + encoder.finish()


def recording(
    path: Path, picture: tuple[VideoFormat, list[VideoPacket]] | None, sound: list[SoundPacket] | None
) -> Path:
    mp4 = Mp4Writer(picture[0] if picture else None, with_sound=sound is not None, origin_ns=0)
    fragments = [f for packet in (picture[1] if picture else []) for f in mp4.picture(packet)]
    fragments += [f for packet in sound or [] for f in mp4.sound(packet)] + mp4.cut()
    path.write_bytes(mp4.header + b"".join(f.data for f in fragments))
    return path


def test_a_whole_recording_is_found_whole(tmp_path: Path) -> None:
    found = measure(recording(tmp_path / "a.mp4", pictures(), sounds()))
    assert found.synthetic
    assert found.picture is not None
    assert found.sound is not None
    picture, sound = found.picture, found.sound
    assert (picture.frames, picture.first_counter, picture.last_counter, picture.gaps) == (100, 0, 99, ())
    assert (picture.missing, picture.duplicated, picture.disordered, picture.unreadable) == (0, 0, 0, 0)
    assert (picture.from_s, picture.until_s) == (1.0, 5.0)
    assert (sound.gaps, sound.silences, sound.slips_s) == ((), (), ())
    assert sound.samples == sound.expected
    assert [offset.at_s for offset in found.offsets] == [1.0, 2.0, 3.0, 4.0]
    assert found.worst_offset_ms is not None
    assert found.worst_offset_ms < 1


@pytest.mark.parametrize("late_ms", [-100, -25, 25, 100, 300])
def test_sound_that_is_late_or_early_is_measured(tmp_path: Path, late_ms: int) -> None:
    found = measure(recording(tmp_path / "a.mp4", pictures(), sounds(position=RATE_HZ + late_ms * 48)))
    assert found.mean_offset_ms is not None
    assert abs(found.mean_offset_ms - late_ms) < 1
    assert found.worst_offset_ms is not None
    assert abs(found.worst_offset_ms - abs(late_ms)) < 1


@pytest.mark.parametrize(
    ("counters", "times", "expected"),
    [
        ([*range(30), *range(40, 100)], [*range(30), *range(40, 100)], (10, 0, 0, 1)),
        ([*range(30), *range(40, 100)], None, (10, 0, 0, 0)),  # lost, and hidden by moving the rest
        ([*range(30), 29, *range(30, 100)], None, (0, 1, 0, 0)),
        ([*range(30), 31, 30, *range(32, 100)], None, (0, 0, 1, 0)),
        ([0], None, (0, 0, 0, 0)),
    ],
)
def test_lost_repeated_and_disordered_frames_are_counted(
    tmp_path: Path, counters: list[int], times: list[int] | None, expected: tuple[int, ...]
) -> None:
    picture = measure(recording(tmp_path / "a.mp4", pictures(counters, times), None)).picture
    assert picture is not None
    assert (picture.missing, picture.duplicated, picture.disordered, len(picture.gaps)) == expected
    if expected[3]:
        assert (round(picture.gaps[0].from_s, 3), round(picture.gaps[0].until_s, 3)) == (2.2, 2.6)


def test_frames_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    encoder, canvas, card = (
        PictureEncoder(WIDTH, HEIGHT, Fraction(25), 300_000),
        Canvas(WIDTH, HEIGHT),
        TestCard(WIDTH, HEIGHT),
    )
    packets = []
    for n in range(50):
        card.draw(canvas.planes, n, flash=False)
        if n % 10 == 5:
            canvas.y[-16:] = 0
        packets.append(encoder.encode(canvas.frame, S + n * S // 25, S // 25))
    picture = measure(recording(tmp_path / "a.mp4", (encoder.format, packets), None)).picture
    assert picture is not None
    assert (picture.frames, picture.unreadable, picture.missing) == (50, 5, 5)


def silenced(samples: np.ndarray) -> np.ndarray:
    samples[70_000:90_000] = 0
    return samples


@pytest.mark.parametrize(
    ("damage", "silences", "slips"),
    [
        (silenced, 1, 0),
        (lambda samples: np.delete(samples, slice(70_000, 70_030)), 0, 1),
        (lambda samples: np.insert(samples, 70_000, samples[:30]), 0, 1),
    ],
)
def test_silence_filled_in_and_samples_lost_are_found(
    tmp_path: Path, damage: Callable[[np.ndarray], np.ndarray], silences: int, slips: int
) -> None:
    samples = damage(np.tile(one_second(RATE_HZ), SECONDS))
    sound = measure(recording(tmp_path / "a.mp4", None, sounds(samples))).sound
    assert sound is not None
    assert (len(sound.silences), bool(sound.slips_s)) == (silences, bool(slips))
    where_s = sound.silences[0].from_s if silences else sound.slips_s[0]
    assert abs(where_s - (1 + 70_000 / RATE_HZ)) < 0.03


def test_a_gap_in_the_sound_is_found(tmp_path: Path) -> None:
    packets = sounds()
    sound = measure(recording(tmp_path / "a.mp4", None, packets[:60] + packets[80:])).sound
    assert sound is not None
    (gap,) = sound.gaps
    assert round((gap.until_s - gap.from_s) * RATE_HZ) == 20 * 1024
    assert sound.expected - sound.samples == 20 * 1024


def test_another_scene_is_measured_by_its_times_alone(tmp_path: Path) -> None:
    """No counters, no beeps and no pilot are expected of what never had them."""
    encoder, canvas = PictureEncoder(WIDTH, HEIGHT, Fraction(25), 300_000), Canvas(WIDTH, HEIGHT)
    packets = []
    for n in range(50):
        canvas.y[:] = 255 if n % 25 == 0 else 90
        packets.append(encoder.encode(canvas.frame, S + n * S // 25, S // 25))
    noise = np.random.default_rng(0).integers(-3000, 3000, 2 * RATE_HZ).astype(np.int16)
    found = measure(recording(tmp_path / "a.mp4", (encoder.format, packets), sounds(noise)))
    assert found.picture is not None
    assert found.sound is not None
    assert (found.synthetic, found.offsets, found.picture.first_counter) == (False, (), None)
    assert (found.picture.frames, found.picture.missing, found.picture.unreadable) == (50, 0, 0)
    assert (found.sound.silences, found.sound.slips_s) == ((), ())


@pytest.mark.parametrize("content", [None, b"", b"not an MP4" * 50])
def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (measure, lambda mp4: contact_sheet(mp4, tmp_path / "a.png")):
        with pytest.raises(MediaError, match=r"a\.mp4"):
            read(path)


def lines(found: Measurement) -> dict[str, str]:
    return dict(rows(found))


def test_what_was_found_is_told_in_words(tmp_path: Path) -> None:
    whole = lines(measure(recording(tmp_path / "a.mp4", pictures(), sounds())))
    assert whole["frames"] == "100 in 4.000 s"
    assert whole["counters missing"] == "0"
    assert whole["gaps in the sound"] == "none"
    assert whole["sound after picture, worst"].endswith("ms")
    holed = measure(
        recording(tmp_path / "b.mp4", pictures([*range(30), *range(40, 100)], [*range(30), *range(40, 100)]), None)
    )
    assert lines(holed)["gaps in the picture"] == "1, 0.40 s in all: 2.20 to 2.60 s"
    assert lines(holed)["sound"] == "none"
    assert lines(measure(recording(tmp_path / "c.mp4", None, sounds())))["picture"] == "none"
    assert as_json(holed)["picture"]["missing"] == 10


def test_the_command_prints_a_table_or_json_and_refuses_in_a_sentence(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mp4", pictures(), sounds())
    command = [sys.executable, "-m", "recorder.demo.measuring"]
    table = subprocess.run([*command, path], capture_output=True, text=True, check=True, timeout=60)
    assert "100 in 4.000 s" in table.stdout
    printed = subprocess.run([*command, "--json", path], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(printed.stdout)[str(path)]["picture"]["frames"] == 100
    refused = subprocess.run([*command, tmp_path / "no.mp4"], capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def test_a_contact_sheet_shows_frames_from_beginning_to_end(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mp4", pictures(), sounds())
    assert contact_sheet(path, tmp_path / "a.png", columns=4, rows=3, width=160) == 12
    sheet = cv2.imread(str(tmp_path / "a.png"))
    assert (sheet.shape[1], sheet.shape[0]) == (4 * 168, 3 * (131 + 32))
    first, last = sheet[:40, :160].mean(), sheet[2 * 163 : 2 * 163 + 40, 3 * 168 : 3 * 168 + 160].mean()
    assert first > 200 > last, "the first frame is a white one"


def test_a_short_recording_fills_only_part_of_the_sheet(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mp4", pictures(list(range(3))), None)
    assert contact_sheet(path, tmp_path / "a.png") == 3
    with pytest.raises(MediaError, match="no picture"):
        contact_sheet(recording(tmp_path / "b.mp4", None, sounds()), tmp_path / "b.png")
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 3
