"""The synthetic scene is read back as it was drawn, or not at all: never wrong."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.capture import testcard, testtone
from recorder.capture.clocks import ONE, Stretch
from recorder.capture.encoder import Canvas, PictureEncoder, planes_of
from recorder.capture.sound import SoundEncoder
from recorder.capture.testcard import Card, TestCard

S = 1_000_000_000
RATE_HZ = 48_000


@given(
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.sampled_from([(64, 64), (64, 96), (176, 144), (320, 240), (722, 576), (1280, 720)]),
)
def test_what_is_drawn_is_read(counter: int, flash: bool, size: tuple[int, int]) -> None:
    canvas = Canvas(*size)
    TestCard(*size).draw(canvas.planes, counter, flash=flash)
    card = testcard.read(canvas.y)
    assert card.counter == counter
    assert card.flash == flash or size[1] <= 64, "so small a picture has no room for a ground"


@given(st.integers(0, 2**32 - 1), st.integers(0, 39))
def test_one_cell_wrong_makes_the_counter_unreadable(counter: int, cell: int) -> None:
    canvas = Canvas(176, 144)
    TestCard(176, 144).draw(canvas.planes, counter, flash=False)
    row, column = divmod(cell, 20)
    part = canvas.y[128 + row * 8 : 136 + row * 8, 8 + column * 8 : 16 + column * 8]
    part[:] = 251 - part
    assert testcard.read(canvas.y).counter is None


@pytest.mark.parametrize("level", [0, 16, 128, 235, 255])
def test_a_blank_picture_has_no_counter(level: int) -> None:
    assert testcard.read(np.full((144, 176), level, np.uint8)).counter is None


@pytest.mark.parametrize(
    ("width", "height", "bitrate_bps"),
    [(176, 144, 4_000_000), (176, 144, 60_000), (640, 480, 500_000), (1280, 720, 4_000_000)],
)
def test_every_frame_is_read_back_from_h264(width: int, height: int, bitrate_bps: int) -> None:
    encoder, canvas, card = (
        PictureEncoder(width, height, Fraction(30), bitrate_bps),
        Canvas(width, height),
        TestCard(width, height),
    )
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = encoder.format.extradata
    first = 123_456_789
    seen = []
    for n in range(65):
        card.draw(canvas.planes, first + n, flash=n % 30 == 7)
        seen += decoder.decode(av.Packet(encoder.encode(canvas.frame, n * S // 30, S // 30).data))
    seen += decoder.decode(None)
    assert [testcard.read(planes_of(frame)[0]) for frame in seen] == [Card(first + n, n % 30 == 7) for n in range(65)]


def scene(seconds: float, offset: int = 0) -> np.ndarray:
    return np.resize(np.roll(testtone.one_second(RATE_HZ), -offset), round(seconds * RATE_HZ))


def test_beeps_are_heard_on_the_second() -> None:
    heard = testtone.read(scene(3.5, offset=12_345), RATE_HZ)
    expected = [48_000 - 12_345 + n * 48_000 for n in range(3)]
    assert heard.pilot
    assert (heard.silences, heard.slips) == ((), ())
    assert [abs(beep - e) <= 5 for beep, e in zip(heard.beeps, expected, strict=True)] == [True] * 3


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 96_000])
def test_the_scene_repeats_itself_every_second_at_any_rate(rate_hz: int) -> None:
    heard = testtone.read(np.tile(testtone.one_second(rate_hz), 3), rate_hz)
    assert (len(heard.beeps), heard.silences, heard.slips, heard.pilot) == (2, (), (), True)


@pytest.mark.parametrize("windows", [1, 2, 3, 9, 10, 11, 12, 30])
def test_however_short_it_is_it_is_read(windows: int) -> None:
    """A segment may be cut off anywhere."""
    heard = testtone.read(scene(windows / 100, offset=24_000), RATE_HZ)
    assert (heard.beeps, heard.silences, heard.slips, heard.pilot) == ((), (), (), windows > 1)


def test_silence_and_lost_samples_show() -> None:
    """Silence filled in shows as silence; samples that are missing, or too many, show as a jump of the pilot."""
    sound = scene(4)
    sound[24_000:33_600] = 0
    ((begin, end),) = testtone.read(sound, RATE_HZ).silences
    assert (abs(begin - 24_000) <= 480, abs(end - 33_600) <= 480) == (True, True)
    for count in (10, 24, 40):
        (slip,) = testtone.read(np.delete(scene(4), slice(70_000, 70_000 + count)), RATE_HZ).slips[:1]
        assert abs(slip - 70_000) <= 960
        assert testtone.read(np.insert(scene(4), 70_000, scene(4)[:count]), RATE_HZ).slips


@pytest.mark.parametrize(("offset", "beeps"), [(371, 4), (20_112, 5), (20_536, 5), (20_760, 5)])
def test_the_edge_of_a_beep_is_neither_silence_nor_a_jump(offset: int, beeps: int) -> None:
    """What the codec leaves of it lies over the pilot, for 40 ms before and after: here so that it shows."""
    encoder = SoundEncoder(0)
    samples = scene(6, offset=offset)
    packets = encoder.samples(samples, Stretch(0, ONE, len(samples)), RATE_HZ, restart=False) + encoder.finish()
    decoder: Any = av.CodecContext.create("aac", "r")
    decoder.extradata = bytes([0x11, 0x88])  # AudioSpecificConfig: AAC-LC, 48 kHz, one channel (ISO 14496-3, 1.6.2.1)
    decoded = [frame.to_ndarray()[0] for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    heard = testtone.read((np.concatenate(decoded) * 32_768).astype(np.int16)[960 : 5 * RATE_HZ], RATE_HZ)
    assert (heard.silences, heard.slips, len(heard.beeps)) == ((), (), beeps)


@pytest.mark.parametrize("sound", [np.zeros(48_000, np.int16), np.zeros(0, np.int16), np.full(48_000, 9_000, np.int16)])
def test_other_sound_is_not_taken_for_the_scene(sound: np.ndarray) -> None:
    heard = testtone.read(sound, RATE_HZ)
    assert (heard.pilot, heard.beeps) == (False, ())
