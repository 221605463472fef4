"""Date, time with zone, vehicle and frame number can be read from the recorded picture, whatever its size."""

import time
from fractions import Fraction

import av
import numpy as np
import pytest

from recorder.capture.encoder import Canvas, PictureEncoder, planes_of
from recorder.capture.font import COLUMNS, GLYPHS, ROWS
from recorder.capture.stamp import Stamp
from recorder.capture.testcard import TestCard

S = 1_000_000_000
WINTER = 1_795_353_103 * S  # 2026-11-22 13:11:43 UTC
SUMMER = WINTER - 150 * 86_400 * S
SIZES = [(64, 64), (176, 144), (640, 480), (1280, 720), (1920, 1080)]


def read(y: np.ndarray, lines: int) -> list[str]:
    """What stands in the stamp: for each place the glyph that is nearest to it."""
    dot = max(1, y.shape[0] // 200)
    known = {
        c: np.array([[bits >> row & 1 for bits in columns] for row in range(ROWS)]) for c, columns in GLYPHS.items()
    }
    found = []
    for line in range(lines):
        text = ""
        for place in range(y.shape[1] // dot // (COLUMNS + 1)):
            top, left = (line * (ROWS + 2) + 1) * dot, (place * (COLUMNS + 1) + 1) * dot
            cell = y[top : top + ROWS * dot, left : left + COLUMNS * dot]
            if cell.shape != (ROWS * dot, COLUMNS * dot):
                break
            dots = cell.reshape(ROWS, dot, COLUMNS, dot).mean(axis=(1, 3)) > 125
            text += min(known, key=lambda c: int(np.sum(known[c] != dots)))
        found.append(text.rstrip())
    return found


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch):
    """Set the machine's time zone for a test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "wall_ns", "expected"),
    [
        ("Europe/London", WINTER, "2026-11-22 13:11:43+00:00 VAN-7 #000123"),
        ("Europe/London", SUMMER, "2026-06-25 14:11:43+01:00 VAN-7 #000123"),  # British Summer Time
        ("Asia/Kolkata", WINTER, "2026-11-22 18:41:43+05:30 VAN-7 #000123"),
        ("UTC", WINTER + S - 1, "2026-11-22 13:11:43+00:00 VAN-7 #000123"),
        ("UTC", WINTER + S, "2026-11-22 13:11:44+00:00 VAN-7 #000123"),
    ],
)
def test_local_time_is_stamped_with_its_distance_from_utc(zone, name: str, wall_ns: int, expected: str) -> None:
    zone(name)
    y = np.full((400, 640), 128, np.uint8)
    Stamp("VAN-7", 640, 400, lambda captured_ns: wall_ns).apply(y, 0, 123)
    assert read(y, 1)[0].startswith(expected)


@pytest.mark.parametrize(
    ("width", "height", "vehicle", "expected"),
    [
        (1280, 720, "VAN-7", ["2026-11-22 13:11:43+00:00 VAN-7 #001234"]),
        (176, 144, "VAN-7", ["2026-11-22 13:11:43+00:00", "VAN-7 #001234"]),
        (176, 144, "Minibus North 12", ["2026-11-22 13:11:43+00:00", "Minibus North 12 #001234"]),
        (64, 64, "VAN-7", ["2026-11-22", "13:11:43+0", "VAN-7", "#001234"]),
    ],
)
def test_what_does_not_fit_beside_stands_below(
    zone, width: int, height: int, vehicle: str, expected: list[str]
) -> None:
    zone("UTC")
    y = np.zeros((height, width), np.uint8)
    Stamp(vehicle, width, height, lambda captured_ns: WINTER).apply(y, 0, 1234)
    assert read(y, len(expected)) == expected


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_stays_inside_the_picture_and_grows_with_it(width: int, height: int) -> None:
    y = np.full((height, width), 100, np.uint8)
    Stamp("V" * 32, width, height, lambda captured_ns: WINTER).apply(y, 0, 10**7)
    stamped = np.flatnonzero((y != 100).any(axis=1))
    assert stamped[0] == 0
    assert y.shape == (height, width)
    if height >= 144:
        assert 0.02 < (max(1, height // 200) * ROWS) / height < 0.06


@pytest.mark.parametrize(
    ("width", "height", "bitrate_bps"), [(176, 144, 4_000_000), (176, 144, 100_000), (1280, 720, 2_000_000)]
)
def test_it_is_legible_in_the_recording(zone, width: int, height: int, bitrate_bps: int) -> None:
    """After H.264, over a moving picture and in a white one."""
    zone("UTC")
    encoder, canvas, card = (
        PictureEncoder(width, height, Fraction(30), bitrate_bps),
        Canvas(width, height),
        TestCard(width, height),
    )
    stamp = Stamp("VAN-7", width, height, lambda captured_ns: WINTER + captured_ns)
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = encoder.format.extradata
    seen = []
    for n in range(45):
        card.draw(canvas.planes, n, flash=n % 30 == 0)
        stamp.apply(canvas.y, n * S // 30, n + 1)
        packet = encoder.encode(canvas.frame, n * S // 30, S // 30)
        seen += decoder.decode(av.Packet(packet.data))
    seen += decoder.decode(None)
    words = [f"2026-11-22 13:11:{43 + n // 30}+00:00 VAN-7 #{n + 1:06d}" for n in range(45)]
    lines = [[text] if width > 300 else [text[:25], text[26:]] for text in words]
    found = [read(planes_of(frame)[0], len(lines[0])) for frame in seen]
    assert [[f[: len(w)] for f, w in zip(*pair, strict=True)] for pair in zip(found, lines, strict=True)] == lines
