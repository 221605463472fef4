"""A USB camera, through V4L2.

Rules: H.264 that the camera makes itself is recorded as it is, and is not stamped, for that would mean to encode it
again; anything else is decoded, stamped and encoded here. A frame that cannot be decoded is left out: the next one will
do. A camera that is unplugged is a failure; one that freezes says nothing, and whoever opened it watches.
"""

import logging
import statistics
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from av.error import FFmpegError

from recorder.capture.annexb import nal_units
from recorder.capture.encoder import GOP_NS
from recorder.capture.keyframes import brightness
from recorder.capture.opening import Opening, release
from recorder.capture.pace import Pace, steady
from recorder.capture.ports import DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.relay import Relay
from recorder.capture.senses import Peephole
from recorder.capture.stepped import Drawn, SteppedEncoder
from recorder.capture.webcam_source import Encoding, Open, captured_ns, first_offered
from recorder.errors import CaptureError, DeviceAbsentError, DeviceLostError
from recorder.timekeeping import NS_PER_S, boottime_ns

FIRST_PICTURE_WITHIN_S = 5.0
_POLL_S = 0.004  # a frame's time is the driver's, so a late look at it does no harm
_IDR, _SPS, _PPS = 5, 7, 8  # NAL unit types: ITU-T H.264, table 7-1
_START_CODE = b"\x00\x00\x00\x01"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebcamSettings:
    """What the picture is to be; ``encodings``: what the camera may deliver it as, the first it offers."""

    width: int
    height: int
    fps: Fraction
    bitrate_bps: int
    encodings: tuple[Encoding, ...]
    gop_ns: int = GOP_NS


@dataclass(frozen=True, slots=True)
class Stamped:
    """What the stamp says beside the time, and the pace of what carries it."""

    vehicle: str
    first_frame_number: int
    pace: Pace


class Webcam:
    """A camera (:class:`recorder.capture.ports.Camera`) that ``open_as`` opens: webcam_source.v4l2 of a device."""

    def __init__(
        self,
        open_as: Open,
        settings: WebcamSettings,
        vehicle: str,
        *,
        pace: Pace | None = None,
        peephole: Peephole | None = None,
    ) -> None:
        """``pace``: what it may leave out where the computer is too slow; nothing, if not given."""
        self._open_as, self._settings, self._vehicle = open_as, settings, vehicle
        self._pace, self._peephole = pace or steady(), peephole or Peephole()
        self._opening: Opening[_Session] = Opening("camera")

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        """Open, begin, and wait for the first picture. Raises DeviceAbsentError: none, or none of these encodings."""

        def make() -> _Session:
            relay = Relay("camera", on_packet, on_failure)
            stamped = Stamped(self._vehicle, first_frame_number, self._pace)
            return _Session(self._open_as, self._settings, stamped, relay, self._peephole)

        return self._opening.begin(make).format

    def close(self) -> None:
        """Close; raises DeviceLostError where the driver does not let go."""
        self._opening.end(_Session.close)


class _Session:
    """One opening of the camera, up to its first picture and on. Raises DeviceAbsentError, with nothing left open."""

    def __init__(
        self,
        open_as: Open,
        settings: WebcamSettings,
        stamped: Stamped,
        relay: Relay[VideoPacket],
        peephole: Peephole,
    ) -> None:
        self._relay = relay
        self._stop, self._told = threading.Event(), threading.Event()
        self._reason = f"The camera gave no picture within {FIRST_PICTURE_WITHIN_S:g} s."
        try:
            self._container, encoding = first_offered(open_as, settings.encodings)
        except DeviceAbsentError:
            relay.stop()
            raise
        self._stream = stream = self._container.streams.video[0]
        rate = Fraction(stream.average_rate or settings.fps)
        _log.info("camera: %s %dx%d at %g", encoding, stream.width, stream.height, float(rate))
        self._durations = _Durations(rate)
        self._thread = threading.Thread(target=self._run, name="webcam", daemon=True)
        try:
            self._pictures: _Passing | _Encoding = (
                _Passing(stream, rate, peephole)
                if encoding == "h264"
                else _Encoding(stream, rate, settings, stamped, peephole)
            )
            self._thread.start()
            self.format = self._await_format()
        except DeviceAbsentError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the camera; nothing is delivered once this returns."""
        self._stop.set()
        try:
            release("camera", self._let_go)
        finally:
            self._relay.stop()

    def _await_format(self) -> VideoFormat:
        self._told.wait(FIRST_PICTURE_WITHIN_S)
        if self._pictures.format is None:
            raise DeviceAbsentError(self._reason)
        return self._pictures.format

    def _let_go(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()
        self._container.close()

    def _run(self) -> None:
        """The thread that reads."""
        try:
            for packet in self._packets():
                self._take(packet)
        except CaptureError as error:
            self._reason = str(error)
            self._relay.fail(self._reason)
            self._told.set()

    def _packets(self) -> Iterator[Any]:
        """What the camera delivers, until the session ends. Raises DeviceLostError."""
        while not self._stop.is_set():
            try:
                for packet in self._container.demux(self._stream):
                    if self._stop.is_set():
                        return
                    if packet.size:
                        yield packet
            except BlockingIOError:  # nothing there yet
                self._stop.wait(_POLL_S)
            except (FFmpegError, OSError) as error:
                raise DeviceLostError(f"The camera cannot be read any more; it may be unplugged: {error}.") from error
            else:
                raise DeviceLostError("The camera has ended its picture; it may be unplugged.")

    def _take(self, packet: Any) -> None:
        at_ns = captured_ns(packet.pts, boottime_ns())
        made = self._pictures.make(packet, at_ns, self._durations.after(at_ns))
        if made is not None:
            self._relay.put(made)
            self._told.set()


class _Passing:
    """H.264 from the camera, as it is. ``format`` is known with the first keyframe; nothing before it is of use."""

    def __init__(self, stream: Any, rate: Fraction, peephole: Peephole) -> None:
        self._peephole = peephole
        self._width, self._height, self._rate = stream.width, stream.height, rate
        self._sets: dict[int, bytes] = {}
        self.format: VideoFormat | None = None

    def make(self, packet: Any, captured_ns: int, duration_ns: int) -> VideoPacket | None:
        """The packet as it is; None until its stream has said what it is."""
        data = bytes(packet)
        units = {unit[0] & 0x1F: unit for unit in nal_units(data)}
        self._sets |= {kind: bytes(unit) for kind, unit in units.items() if kind in (_SPS, _PPS)}
        if self.format is None:
            if _IDR not in units or len(self._sets) < 2:
                return None
            extradata = _START_CODE + self._sets[_SPS] + _START_CODE + self._sets[_PPS]
            self.format = VideoFormat(self._width, self._height, self._rate, extradata)
        if _IDR in units:
            self._peephole.leave(partial(brightness, self.format.extradata + data), captured_ns)
        return VideoPacket(data, captured_ns, duration_ns, _IDR in units)


class _Encoding:
    """Anything else: decoded, stamped, and encoded here. What is left out is not even decoded: no frame needs it."""

    def __init__(
        self, stream: Any, rate: Fraction, settings: WebcamSettings, stamped: Stamped, peephole: Peephole
    ) -> None:
        self._peephole = peephole
        width, height = stream.width // 2 * 2, stream.height // 2 * 2
        self._decode = stream.codec_context.decode
        drawn = Drawn(width, height, rate, settings.bitrate_bps, settings.gop_ns)
        self._encoder = SteppedEncoder(drawn, stamped.vehicle, stamped.pace)
        self._number = stamped.first_frame_number
        self.format: VideoFormat | None = None

    def make(self, packet: Any, captured_ns: int, duration_ns: int) -> VideoPacket | None:
        """The frame encoded anew; None where it is left out, or cannot be decoded."""
        if not self._encoder.takes(self._number):
            self._number += 1
            return None
        try:
            frames = self._decode(packet)
        except FFmpegError as error:
            _log.warning("a frame of the camera cannot be decoded: %s", error)
            return None
        if not frames:
            return None
        self.format = self._encoder.format
        self._encoder.canvas.paint(frames[-1])
        self._peephole.show(self._encoder.canvas.y, captured_ns)
        made = self._encoder.encode(captured_ns, duration_ns, self._number)
        self._number += 1
        return made


class _Durations:
    """How long a frame lasts, by those before it: in the dark a webcam slows down and does not say so."""

    def __init__(self, rate: Fraction) -> None:
        self._last_ns: int | None = None
        self._recent: deque[int] = deque([round(NS_PER_S / rate)] * 5, maxlen=5)

    def after(self, captured_ns: int) -> int:
        """The duration of the frame captured at ``captured_ns``, in ns."""
        if self._last_ns is not None and captured_ns > self._last_ns:
            self._recent.append(captured_ns - self._last_ns)
        self._last_ns = captured_ns
        return round(statistics.median(self._recent))
