"""Devices and packets for tests that decide themselves what happens when."""

import queue
import threading
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from recorder.capture.ports import AudioBlock, DeviceFailure, VideoFormat, VideoPacket
from recorder.errors import DeviceAbsentError
from recorder.events import Event

S = 1_000_000_000
FRAME_NS = S // 25

# Parameter sets as libx264 makes them: 64x64, 25 frames a second, main profile
SPS = bytes.fromhex("674d400ada109a1000000300100000030328f1226a")
PPS = bytes.fromhex("68ef0fc8")
START = b"\x00\x00\x00\x01"
FORMAT = VideoFormat(64, 64, Fraction(25), START + SPS + START + PPS)


def picture(captured_ns: int, *, key: bool = False, size_bytes: int = 200, frame_ns: int = FRAME_NS) -> VideoPacket:
    """A frame that looks like H.264 from outside."""
    return VideoPacket(START + (b"\x65" if key else b"\x41") + b"\xaa" * size_bytes, captured_ns, frame_ns, key)


def block(captured_ns: int, count: int = 960, rate_hz: int = 48_000, level: int = 1000) -> AudioBlock:
    """Sound of one level."""
    return AudioBlock(np.full(count, level, np.int16), captured_ns, rate_hz)


class Inbox:
    """Where events are posted, and waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def post(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait(self, event: Event, times: int = 1, timeout_s: float = 10.0) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.events.count(event) >= times, timeout_s)


class ScriptedDevice:
    """Counts attempts to open it; the first ``absent`` fail. ``opened`` and ``closed`` get an item each time."""

    def __init__(self, absent: int = 0) -> None:
        self.absent = absent
        self.attempts = 0
        self.closings = 0
        self.is_open = False
        self.opened: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.closed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.on_failure: Callable[[DeviceFailure], None] = lambda failure: None

    def _open(self, on_failure: Callable[[DeviceFailure], None]) -> None:
        self.attempts += 1
        if self.attempts <= self.absent:
            raise DeviceAbsentError("It is not there.")
        self.on_failure = on_failure
        self.is_open = True
        self.opened.put(self.attempts)

    def close(self) -> None:
        self.closings += 1
        self.is_open = False
        self.closed.put(self.closings)


class ScriptedCamera(ScriptedDevice):
    """A camera that delivers what the test gives it, and counts it."""

    def __init__(self, video: VideoFormat = FORMAT, absent: int = 0) -> None:
        super().__init__(absent)
        self.video = video
        self.first_frame_numbers: list[int] = []
        self.delivered = 0
        self.delivered_at_opening: list[int] = []
        self._on_packet: Callable[[VideoPacket], None] = lambda packet: None
        self._counted = threading.Condition()

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        self.first_frame_numbers.append(first_frame_number)
        self.delivered_at_opening.append(self.delivered)
        self._on_packet = on_packet
        self._open(on_failure)
        return self.video

    def deliver(self, packet: VideoPacket) -> None:
        """As a camera's own thread would; nothing after the closing."""
        with self._counted:
            if self.is_open and (packet.is_keyframe or self.delivered != self.delivered_at_opening[-1]):
                self._on_packet(packet)
                self.delivered += 1
                self._counted.notify_all()

    def close(self) -> None:
        with self._counted:
            super().close()

    def wait_for(self, delivered: int) -> bool:
        with self._counted:
            return self._counted.wait_for(lambda: self.delivered >= delivered, 10)


class ScriptedMicrophone(ScriptedDevice):
    """A microphone that delivers what the test gives it."""

    def __init__(self, absent: int = 0) -> None:
        super().__init__(absent)
        self.deliver: Callable[[AudioBlock], None] = lambda block: None

    def open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        self.deliver = on_block
        self._open(on_failure)
