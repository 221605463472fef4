"""H.264 and AAC as the muxer needs them: one packet for each frame, keyframes in time, samples where they belong."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from recorder.capture.annexb import nal_units, parameter_sets
from recorder.capture.clocks import ONE, RATE_HZ, Stretch
from recorder.capture.encoder import GOP_NS, Canvas, PictureEncoder
from recorder.capture.sound import SoundEncoder
from recorder.errors import DeviceAbsentError

S = 1_000_000_000
_IDR = 5


def encoded_keyframes(fps: Fraction, times_ns: list[int]) -> list[int]:
    encoder, canvas = PictureEncoder(64, 64, fps, 100_000), Canvas(64, 64)
    keyframes = []
    for index, at_ns in enumerate(times_ns):
        canvas.y[:] = index % 200
        packet = encoder.encode(canvas.frame, at_ns, round(S / fps))
        assert packet.captured_ns == at_ns, "no frame waits in the encoder"
        assert packet.is_keyframe == any(unit[0] & 0x1F == _IDR for unit in nal_units(packet.data))
        if packet.is_keyframe:
            keyframes.append(index)
    return keyframes


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (Fraction(30), [0, 30, 60]),
        (Fraction(30_000, 1001), [0, 29, 58]),
        (Fraction(25), [0, 25, 50, 75]),
        (Fraction(1), None),
    ],
)
def test_a_gop_lasts_one_second_at_most(fps: Fraction, expected: list[int] | None) -> None:
    times_ns = [int(n * S / fps) for n in range(80)]
    assert encoded_keyframes(fps, times_ns) == (expected or list(range(80)))


def test_keyframes_follow_time_and_not_the_count_of_frames() -> None:
    """A clip whose rate changes, or a camera that pauses, still gives a keyframe each second."""
    times_ns = [n * S // 10 for n in range(30)] + [3 * S + n * S // 2 for n in range(10)] + [60 * S]
    keyframes = encoded_keyframes(Fraction(30), times_ns)
    gops = [times_ns[b] - times_ns[a] for a, b in itertools.pairwise(keyframes)]
    assert max(gops[:-1]) <= GOP_NS
    assert keyframes[-1] == len(times_ns) - 1


def test_jitter_does_not_bring_a_keyframe_early() -> None:
    times_ns = [n * S // 30 + (n * 7919) % 200_000 for n in range(91)]
    assert encoded_keyframes(Fraction(30), times_ns) == [0, 30, 60, 90]


def test_the_format_is_known_before_the_first_frame_and_is_what_a_decoder_finds() -> None:
    encoder, canvas = PictureEncoder(176, 144, Fraction(25), 200_000), Canvas(176, 144)
    sps, pps = parameter_sets(encoder.format.extradata)
    assert (encoder.format.width, encoder.format.height, encoder.format.fps) == (176, 144, 25)
    assert (sps[0] & 0x1F, pps[0] & 0x1F) == (7, 8)
    decoder = av.CodecContext.create("h264", "r")
    data = encoder.format.extradata + encoder.encode(canvas.frame, 0, S // 25).data
    (frame,) = [frame for packet in (av.Packet(data), None) for frame in decoder.decode(packet)]
    assert (frame.width, frame.height, frame.format.name) == (176, 144, "yuv420p")


def test_the_same_settings_give_the_same_format() -> None:
    """A camera that comes back goes on in the same segment."""
    assert PictureEncoder(64, 64, Fraction(25), 99_000).format == PictureEncoder(64, 64, Fraction(25), 99_000).format


def test_the_bitrate_is_kept_on_a_lively_picture() -> None:
    encoder, canvas = PictureEncoder(320, 240, Fraction(30), 500_000), Canvas(320, 240)
    noise = np.random.default_rng(0)
    size_bytes = 0
    for n in range(150):
        canvas.y[:] = noise.integers(60, 180, canvas.y.shape, np.uint8)
        size_bytes += len(encoder.encode(canvas.frame, n * S // 30, S // 30).data)
    assert size_bytes * 8 / 5 < 1.2 * 500_000


def test_an_impossible_size_is_an_absent_device() -> None:
    with pytest.raises(DeviceAbsentError, match="63x64"):
        PictureEncoder(63, 64, Fraction(25), 100_000)


def pcm(packets: list, first_position: int) -> np.ndarray:
    """Decoded samples, the first of them at ``first_position``."""
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = b"\x11\x88"
    decoder.sample_rate = 48_000
    decoder.layout = "mono"
    frames = [frame.to_ndarray()[0] for p in packets for frame in decoder.decode(av.Packet(p.data))]
    assert packets[0].position == first_position
    return np.concatenate(frames)


def evenly(begin: int, count: int, rate_hz: int) -> Stretch:
    """The next ``count`` samples after ``begin`` at 48 kHz, as far apart as their rate says."""
    first, end = (-(-n * RATE_HZ // rate_hz) for n in (begin, begin + count))
    step = (rate_hz * ONE) // RATE_HZ
    return Stretch(first * rate_hz * ONE // RATE_HZ - begin * ONE, step, end - first)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_samples_come_out_where_they_went_in(rate_hz: int) -> None:
    """A click 0.5 s after the track's beginning is decoded 0.5 s after it, at any rate, in blocks of any size."""
    samples = np.zeros(rate_hz, np.int16)
    samples[rate_hz // 2 : rate_hz // 2 + rate_hz // 200] = 20_000
    encoder = SoundEncoder(10_000)
    packets = []
    for begin in range(0, rate_hz, 777):
        block = samples[begin : begin + 777]
        packets += encoder.samples(block, evenly(begin, len(block), rate_hz), rate_hz, restart=begin == 0)
    packets += encoder.finish()
    assert [p.position for p in packets] == [10_000 - 1024 + n * 1024 for n in range(len(packets))]
    heard = pcm(packets, 10_000 - 1024)[1024:]
    onset = int(np.argmax(np.abs(heard) > 0.3))
    assert abs(onset - 24_000) <= 24, "half a millisecond"
    assert 48_000 <= len(heard) < 48_000 + 1024


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_silence_is_as_long_as_it_was_asked_for(rate_hz: int) -> None:
    """Two clicks with silence filled in between keep their distance, whatever the resampler still held."""
    click = np.full(rate_hz // 10, 20_000, np.int16)
    encoder = SoundEncoder(0)
    stretch = evenly(0, len(click), rate_hz)
    packets = encoder.samples(click, stretch, rate_hz, restart=True) + encoder.silence(24_000)
    packets += encoder.samples(click, stretch, rate_hz, restart=True) + encoder.finish()
    loud = np.abs(pcm(packets, -1024)[1024:]) > 0.3
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    assert abs(edges[0] - 4_800) <= 24
    assert abs(edges[1] - 28_800) <= 24
