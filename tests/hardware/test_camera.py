"""The real camera keeps the promises of every camera; and says what it is."""

import logging
import queue
from itertools import pairwise

import pytest

from recorder.capture.ports import Camera, VideoPacket
from tests.contract.test_devices import (  # noqa: F401 - pytest collects them here
    test_a_camera_delivers_h264_that_decodes_to_its_format,
    test_a_camera_is_not_opened_twice,
    test_a_cameras_frames_have_the_time_of_their_exposure,
    test_nothing_comes_from_a_closed_camera_and_it_opens_again,
)
from tests.hardware.findings import Findings
from tests.hardware.machine import HARDWARE_ENCODER

pytestmark = pytest.mark.hardware
WITHIN_S = 10.0
SECONDS = 5


def test_the_encoder_is_this_boards(
    camera_kind: str, camera: Camera, found: Findings, caplog: pytest.LogCaptureFixture
) -> None:
    """On the ribbon's camera: the hardware encoder where the board has one (Pi 4), else libx264 (Pi 5)."""
    if camera_kind != "ribbon":
        pytest.skip("a USB camera encodes by itself, or we do, on every board")
    with caplog.at_level(logging.INFO, "recorder.capture.picamera"):
        camera.open(1, lambda _packet: None, lambda _failure: None)
    (told,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("camera: ")]
    found.note("camera", told)
    assert told.endswith(", H264Encoder" if HARDWARE_ENCODER.exists() else ", LibavH264Encoder")


def test_a_few_seconds_without_a_gap(camera: Camera, found: Findings) -> None:
    """No frame is missing between the first and the last; a keyframe comes every second."""
    packets: queue.SimpleQueue[VideoPacket] = queue.SimpleQueue()
    video = camera.open(1, packets.put, lambda _failure: None)
    seen = [packets.get(timeout=WITHIN_S) for _ in range(round(SECONDS * video.fps))]
    steps_ms = [(after.captured_ns - before.captured_ns) / 1e6 for before, after in pairwise(seen)]
    frame_ms = 1000 / float(video.fps)
    size_kb = sum(len(packet.data) for packet in seen) / 1000
    found.note(
        f"{video.width}x{video.height} at {float(video.fps):g}",
        f"frames {min(steps_ms):.2f} to {max(steps_ms):.2f} ms apart, {size_kb * 8 / SECONDS / 1000:.2f} Mb/s",
    )
    assert max(steps_ms) < 1.5 * frame_ms
    keys = [index for index, packet in enumerate(seen) if packet.is_keyframe]
    assert keys[0] == 0
    assert max(after - before for before, after in pairwise([*keys, len(seen)])) <= video.fps + 1
