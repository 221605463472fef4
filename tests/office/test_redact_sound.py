"""Sound is the source's, byte for byte, except where a range asks for silence or for a voice that is nobody's."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from recorder.office.redaction.blocks import Blocks
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.redact import Redaction, Request, plan, redact
from recorder.office.redaction.voice import BLOCK, Alteration
from recorder.office.redaction.wishes import Span, parse_course
from tests.office import redactable
from tests.office.probe import probe, sound

HZ = redactable.SOUND_HZ
MUTED, MASKED = Span(1.0, 1.6), Span(3.0, 4.0)
Samples = npt.NDArray[Any]


def run(source: Path, folder: Path, ranges: SoundRanges) -> Redaction:
    request = Request(source, folder, search=None, by_hand=(parse_course("-0.1:0,0,9,9"),), ranges=ranges)
    return redact(plan(request), lambda step, done, whole: None)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return redactable.film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Redaction:
    return run(source, tmp_path_factory.mktemp("copy"), SoundRanges((MUTED,), (MASKED,)))


@pytest.fixture(scope="module")
def before(source: Path) -> Samples:
    return sound(source).astype(np.float64)


@pytest.fixture(scope="module")
def after(made: Redaction) -> Samples:
    return sound(made.copy).astype(np.float64)


def piece(samples: Samples, from_s: float, until_s: float) -> Samples:
    return samples[round(from_s * HZ) : round(until_s * HZ)]


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def pitch_hz(samples: Samples) -> float:
    """Where a sound is most like itself a moment later, of 70 to 300 Hz."""
    samples = samples - samples.mean()
    spectrum = np.fft.rfft(samples, 2 * len(samples))
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)
    shortest, longest = HZ // 300, HZ // 70
    return HZ / (shortest + int(np.argmax(likeness[shortest:longest])))


def test_where_nothing_is_asked_every_packet_is_the_source_s(source: Path, tmp_path: Path) -> None:
    made = run(source, tmp_path, SoundRanges())
    assert redactable.packets(made.copy, "audio") == redactable.packets(source, "audio")
    assert made.done.rendered.sound is not None
    assert made.done.rendered.sound.way == "copied"


def test_only_packets_that_a_range_reaches_are_others(source: Path, made: Redaction) -> None:
    """The same number at the same times; those that differ lie in a range, or reach into it by one packet."""
    theirs, ours = redactable.packets(source, "audio"), redactable.packets(made.copy, "audio")
    assert [packet[:2] for packet in ours] == [packet[:2] for packet in theirs]
    lasts_s = BLOCK / HZ
    changed = [at_s for (at_s, _, one), (_, _, other) in zip(theirs, ours, strict=True) if one != other]
    assert changed
    for at_s in changed:
        assert any(span.from_s - 2 * lasts_s - 0.036 < at_s < span.until_s + 0.036 for span in (MUTED, MASKED)), at_s
    count = made.done.rendered.sound
    assert count is not None
    assert (count.way, count.kept + count.replaced) == ("spliced", len(theirs))
    assert len(changed) <= count.replaced <= len(changed) + 2
    assert probe(made.copy)[1].codec == "aac"


def test_what_is_muted_is_silent(before: Samples, after: Samples) -> None:
    """From its first sample to its last: nothing of the voice leaks out of the packets around it."""
    assert loudness(piece(before, MUTED.from_s, MUTED.until_s)) > 1000
    assert np.abs(piece(after, MUTED.from_s, MUTED.until_s)).max() <= 2


def test_all_other_sound_is_as_it_was(before: Samples, after: Samples) -> None:
    """Before the first range each sample is; after one all but what AAC itself leaves to chance; edges fit by ear.

    Chance: a decoder draws the noise that an encoder only named, and draws another after other packets (ISO/IEC
    14496-3, 4.6.13).
    """
    assert len(before) == len(after)
    assert np.array_equal(piece(before, 0, MUTED.from_s - 0.1), piece(after, 0, MUTED.from_s - 0.1))
    for from_s, until_s in ((0.0, MUTED.from_s), (MUTED.until_s, MASKED.from_s), (MASKED.until_s, len(before) / HZ)):
        for apart_s, share in ((0.1, 0.05), (0.036, 0.12)):
            theirs, ours = (piece(samples, from_s + apart_s, until_s - apart_s) for samples in (before, after))
            assert loudness(theirs - ours) < share * loudness(theirs)


def test_a_masked_voice_has_another_pitch_and_still_speaks(before: Samples, after: Samples) -> None:
    """Its pitch is the carrier's; its waveform has nothing of the voice's; it grows loud and soft with it."""
    theirs, ours = (piece(samples, MASKED.from_s, MASKED.until_s) for samples in (before, after))
    assert pitch_hz(theirs) == pytest.approx(redactable.VOICE_HZ, rel=0.02)
    assert pitch_hz(ours) == pytest.approx(120, rel=0.02)
    assert abs(np.corrcoef(theirs, ours)[0, 1]) < 0.15
    steps = [np.array([loudness(part) for part in np.array_split(samples, 50)]) for samples in (theirs, ours)]
    assert np.corrcoef(*steps)[0, 1] > 0.9
    assert 0.3 < loudness(ours) / loudness(theirs) < 3


def test_two_voices_masked_are_one(tmp_path: Path) -> None:
    """Whoever speaks, high or low, has the same pitch afterwards."""
    ranges = SoundRanges(masked=(Span(-1, 10),))
    pitches = set()
    for hz in (95.0, 140.0, 260.0):
        voice = redactable.voice(1.1, hz)
        altered = np.concatenate(list(through(ranges, voice)), axis=1)[0]
        pitches.add(round(pitch_hz(altered[BLOCK:-BLOCK])))
    assert pitches == {120}


def through(ranges: SoundRanges, samples: Samples) -> list[Samples]:
    alteration = Alteration(ranges, HZ, 0.0)
    made = []
    for start in range(0, len(samples) - BLOCK + 1, BLOCK):
        made += alteration.push(samples[np.newaxis, start : start + BLOCK])
    return [*made, *alteration.finish()]


def test_a_range_over_all_of_it_leaves_no_packet(source: Path, tmp_path: Path) -> None:
    """From before the first sample, the encoder's priming included, past the last."""
    made = run(source, tmp_path, SoundRanges((Span(0, 1e9),)))
    count = made.done.rendered.sound
    assert count is not None
    assert count.kept == 0
    assert np.abs(sound(made.copy)).max() <= 2


def test_sound_of_another_kind_is_encoded_anew(tmp_path: Path) -> None:
    """MP3 in 44.1 kHz stereo: of the same length, as loud, and muted where asked."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        picture: Any = container.add_stream("libx264", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        spoken: Any = container.add_stream("mp3", rate=44_100)
        spoken.layout, spoken.format = "stereo", "fltp"
        voice = np.stack([redactable.voice(2.0)] * 2)
        for start in range(0, voice.shape[1] - 1152, 1152):
            frame: Any = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(voice[:, start : start + 1152]), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(spoken.encode(frame))
        container.mux(spoken.encode(None))
        for _ in range(50):
            grey: Any = av.VideoFrame.from_ndarray(np.full((72, 64), 90, np.uint8), format="yuv420p")
            container.mux(picture.encode(grey))
        container.mux(picture.encode(None))
    made = run(path, tmp_path, SoundRanges((Span(0.5, 1.0),)))
    count = made.done.rendered.sound
    assert count is not None
    assert (count.way, count.kept) == ("encoded anew", 0)
    theirs, ours = (sound(film).astype(np.float64) for film in (path, made.copy))
    assert abs(len(theirs) - len(ours)) < 3 * BLOCK
    assert np.abs(piece(ours, 0.51, 0.99)).max() <= 2
    assert loudness(piece(ours, 1.1, 1.9)) == pytest.approx(loudness(piece(theirs, 1.1, 1.9)), rel=0.1)


def test_blocks() -> None:
    """Pieces of any length become blocks of 1024 at their times; where one comes late, the last is filled up."""
    blocks = Blocks(1024)
    ones = np.ones((1, 1500), np.float32)
    told = [*blocks.push(0.0, ones), *blocks.push(1500 / 1024, ones), *blocks.push(10.0, ones), *blocks.finish()]
    assert [at_s for at_s, _ in told] == [0.0, 1.0, 2.0, 10.0, 11.0]
    assert [int(block.sum()) for _, block in told] == [1024, 1024, 3000 - 2048, 1024, 476]
    assert list(blocks.finish()) == []
