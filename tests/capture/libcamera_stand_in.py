"""libcamera as far as the real picamera2 needs it, with a camera that draws its frames; for machines without one.

What runs above it is the vendor's own code: Picamera2, its event loop, its requests, LibavH264Encoder. What a sensor,
an ISP or the hardware encoder does, this cannot show. Buffers are memory of this process in place of dma-buf heaps.
"""

import enum
import importlib.util
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recorder.timekeeping import NS_PER_S, boottime_ns

_STUBS = ("libcamera", "libcamera._libcamera", "pykms", "prctl", "pidng", "pidng.camdefs", "pidng.core")
_PACKED = ("BGR888", "RGB888")


def _names(title: str, *names: str) -> Any:
    return enum.IntEnum(title, names, start=0)


@dataclass(frozen=True)
class ControlId:
    """A control or a field of metadata; picamera2 knows them by name."""

    name: str
    type: str = "any"


@dataclass(frozen=True)
class Info:
    """The range of a control."""

    min: Any
    max: Any
    default: Any


@dataclass(frozen=True)
class Size:
    width: int
    height: int


@dataclass(frozen=True)
class Rectangle:
    """Part of a sensor; picamera2 gives it its ``to_tuple``."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Mode:
    """What a sensor can read: the size that comes out, the part of it that is seen, how often."""

    size: tuple[int, int]
    seen: tuple[int, int, int, int]
    fps: float


WHOLE = Mode((640, 480), (0, 0, 640, 480), 120)


class Transform:
    """Equal by what picamera2 compares; a copy of another, or from its parts."""

    def __init__(self, other: "Transform | None" = None, *, hflip: int = 0, vflip: int = 0, transpose: int = 0) -> None:
        parts = (hflip, vflip, transpose) if other is None else (other.hflip, other.vflip, other.transpose)
        self.hflip, self.vflip, self.transpose = parts

    def __hash__(self) -> int:
        return self.hflip + 2 * self.vflip + 4 * self.transpose

    def __str__(self) -> str:  # picamera2 makes it the __repr__, too
        return f"transform {hash(self)}"


class ColorSpace:
    """Equal by what picamera2 compares."""

    YcbcrEncoding = _names("YcbcrEncoding", "Null", "Rec709")
    Range = _names("Range", "Full", "Limited")

    def __init__(self, other: "ColorSpace | str") -> None:
        self.primaries = self.transferFunction = other if isinstance(other, str) else other.primaries
        self.ycbcrEncoding, self.range = self.YcbcrEncoding.Rec709, self.Range.Limited

    def __hash__(self) -> int:
        return hash(self.primaries)

    def __str__(self) -> str:
        return str(self.primaries)

    @classmethod
    def Sycc(cls) -> "ColorSpace":  # noqa: N802 - libcamera's name
        return cls("Sycc")

    @classmethod
    def Smpte170m(cls) -> "ColorSpace":  # noqa: N802
        return cls("Smpte170m")

    @classmethod
    def Rec709(cls) -> "ColorSpace":  # noqa: N802
        return cls("Rec709")

    @classmethod
    def Raw(cls) -> "ColorSpace":  # noqa: N802
        return cls("Raw")


class Formats:
    """What a stream offers."""

    def __init__(self, names: tuple[str, ...], sizes: list[Size]) -> None:
        self.pixel_formats, self._sizes = list(names), sizes

    def sizes(self, name: str) -> list[Size]:
        return self._sizes


class StreamConfiguration:
    """One stream, as asked for and as given."""

    def __init__(self, formats: tuple[str, ...], sizes: list[Size]) -> None:
        self.formats = Formats(formats, sizes)
        self.size, self.pixel_format = sizes[-1], formats[0]
        self.buffer_count, self.color_space, self.stride = 4, ColorSpace.Rec709(), 0
        self.stream = self
        self.configuration = self

    def settle(self) -> bool:
        """Become what the camera can do; whether that is another thing than was asked for."""
        adjusted = self.pixel_format not in self.formats.pixel_formats
        if adjusted:
            self.pixel_format = self.formats.pixel_formats[0]
        width, height = self.size.width, self.size.height
        align = width + -width % 64  # as the Pi's ISP does
        self.stride = align * 3 if self.pixel_format in _PACKED else align
        self.frame_size = self.stride * height * (2 if self.pixel_format in _PACKED else 3) // 2
        if self.pixel_format in _PACKED:
            self.frame_size = self.stride * height
        return adjusted


class CameraConfiguration(list[StreamConfiguration]):
    Status = _names("ConfigurationStatus", "Valid", "Adjusted", "Invalid")

    def __init__(self, streams: list[StreamConfiguration]) -> None:
        super().__init__(streams)
        self.orientation: Any = None
        self.sensor_config: Any = None

    def at(self, index: int) -> StreamConfiguration:
        assert index < len(self), "libcamera ends the process here"
        return self[index]

    def validate(self) -> Any:
        adjusted = [stream.settle() for stream in self]
        return self.Status.Adjusted if any(adjusted) else self.Status.Valid


class FrameBuffer:
    Plane = SimpleNamespace

    def __init__(self, planes: list[Any]) -> None:
        self.planes = planes
        self.metadata = SimpleNamespace(status=FrameMetadata.Status.Success)


class FrameMetadata:
    Status = _names("FrameStatus", "Success", "Error", "Cancelled")


class Request:
    Status = _names("RequestStatus", "Pending", "Complete", "Cancelled")

    def __init__(self, cookie: int) -> None:
        self.cookie, self.status = cookie, self.Status.Pending
        self.buffers: dict[StreamConfiguration, FrameBuffer] = {}
        self.metadata: dict[ControlId, Any] = {}

    def add_buffer(self, stream: StreamConfiguration, buffer: FrameBuffer) -> None:
        self.buffers[stream] = buffer

    def reuse(self) -> None:
        self.status = self.Status.Pending

    def set_control(self, control: ControlId, value: Any) -> None:
        """Nothing here obeys controls while it runs."""


SENSOR_TIMESTAMP = ControlId("SensorTimestamp")


@dataclass
class Drawn:
    """What a stand-in camera drew: the moment of exposure and the shade of each frame, in order."""

    captured_ns: int
    shade: int


@dataclass
class StandInCamera:
    """A sensor of 640 x 480 that exposes a frame of one shade of grey every ``1/fps`` s.

    ``is_pi``: two streams and a colour filter, as a Raspberry Pi's cameras; else one stream of ``formats``, as vimc's.
    ``draw``: called with each frame's index before it is exposed, on the camera's thread. ``silent_from``: no frame
    comes from this one on, and no word. ``timeless_from``: frames from this one on carry no time. ``stop_hangs``:
    stopping waits for it. ``modes``: the sensor's, the last of which reads all of it.
    """

    is_pi: bool = True
    formats: tuple[str, ...] = ("YUV420", "BGR888")
    fps: int = 30
    draw: Callable[[int], None] = lambda index: None
    id: str = "/base/stand-in@10"
    frames: list[Drawn] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)
    held: bool = False
    loses: bool = False  # frames that no buffer is free for, as sensors do; else they wait
    silent_from: int | None = None
    timeless_from: int | None = None
    stop_hangs: threading.Event | None = None
    modes: tuple[Mode, ...] = (WHOLE,)
    configured: int = 0
    configuration: CameraConfiguration | None = None

    def __post_init__(self) -> None:
        names = ("ExposureValue", "AeExposureMode", "FrameDurationLimits", "NoiseReductionMode") if self.is_pi else ()
        self.controls = {ControlId(name): Info(-8, 8, 0) for name in names}
        if self.is_pi:
            self._take(self.modes[-1])
        self.properties = {ControlId("Model"): "stand-in"}
        if self.is_pi:
            self.properties[ControlId("ColorFilterArrangement")] = 0
            self.properties[ControlId("PixelArrayActiveAreas")] = [Rectangle(*self.modes[-1].seen)]
        self._queued: list[Request] = []
        self._changed = threading.Condition()
        self._running = False

    def _take(self, mode: Mode) -> None:
        """The ranges of controls are those of the mode, as libcamera has them."""
        seen = Rectangle(*mode.seen)
        self.controls[ControlId("FrameDurationLimits")] = Info(int(1e6 / mode.fps), 1_000_000, 33_333)
        self.controls[ControlId("ScalerCrop")] = Info(Rectangle(0, 0, 64, 64), seen, seen)
        self.controls[ControlId("ExposureTime")] = Info(1, 1_000_000, 10_000)

    def __hash__(self) -> int:
        return id(self)

    def acquire(self) -> None:
        assert not self.held, "the camera is in use"
        self.held = True

    def release(self) -> None:
        self.held = False

    def generate_configuration(self, roles: list[Any]) -> CameraConfiguration:
        sizes = [Size(*mode.size) for mode in self.modes]
        streams = []
        for role in roles if self.is_pi else roles[:1]:
            raw = ("SRGGB10_CSI2P",) if self.is_pi else self.formats
            streams.append(StreamConfiguration(raw if role == "Raw" else self.formats, sizes))
        return CameraConfiguration(streams)

    def configure(self, configuration: CameraConfiguration) -> int:
        self.configuration = configuration
        self.configured += 1
        if self.is_pi:
            size = configuration.sensor_config.output_size
            (mode,) = [mode for mode in self.modes if mode.size == (size.width, size.height)]
            self._take(mode)
        return 0

    def create_request(self, cookie: int) -> Request:
        return Request(cookie)

    def queue_request(self, request: Request) -> None:
        with self._changed:
            self._queued.append(request)
            self._changed.notify()

    def start(self, controls: dict[ControlId, Any]) -> None:
        self.asked = {control.name: value for control, value in controls.items()}
        shortest_us = self.asked.get("FrameDurationLimits", (1,))[0]
        self._rate = min(Fraction(self.fps), Fraction(1_000_000, shortest_us))
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self.stop_hangs is not None:
            self.stop_hangs.wait()
        with self._changed:
            self._running = False
            self._changed.notify()
        self._thread.join()
        self._queued.clear()

    def _run(self) -> None:
        """A sensor keeps its own time, also while this machine is busy."""
        pace = threading.Event()
        began_ns, index = boottime_ns(), 0
        while True:
            pace.wait(max(0.0, (began_ns - boottime_ns()) / NS_PER_S + index / self._rate))
            self.draw(index)
            silent = self.silent_from is not None and index >= self.silent_from
            with self._changed:
                lost = self.loses and not self._queued
                self._changed.wait_for(lambda: lost or (self._queued and not silent) or not self._running)  # noqa: B023
                if not self._running:
                    return
                if lost:
                    index += 1
                    continue
                request = self._queued.pop(0)
            captured_ns = began_ns + round(index * NS_PER_S / self._rate)
            shade = 60 + index % 120
            for stream, buffer in request.buffers.items():
                _paint(stream, buffer, shade)
            self.frames.append(Drawn(captured_ns, shade))
            timeless = self.timeless_from is not None and index >= self.timeless_from
            request.metadata = {} if timeless else {SENSOR_TIMESTAMP: captured_ns}
            if self.is_pi:
                request.metadata[ControlId("FrameDuration")] = int(1_000_000 / self._rate)
            request.status = Request.Status.Complete
            MANAGER.completed(request)
            index += 1


def _paint(stream: StreamConfiguration, buffer: FrameBuffer, shade: int) -> None:
    size = buffer.planes[0].length
    plane = np.full(size, shade, np.uint8)
    if stream.pixel_format == "YUV420":
        plane[stream.stride * stream.size.height :] = 128
    os.pwrite(buffer.planes[0].fd, plane.tobytes(), 0)


class CameraManager:
    """The one of the process, as libcamera's."""

    def __init__(self) -> None:
        self.cameras: list[StandInCamera] = []
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._ready: list[Request] = []
        self._lock = threading.Lock()

    @staticmethod
    def singleton() -> "CameraManager":
        return MANAGER

    def completed(self, request: Request) -> None:
        with self._lock:
            self._ready.append(request)
            os.eventfd_write(self.event_fd, 1)

    def get_ready_requests(self) -> list[Request]:
        with self._lock:
            if self._ready:
                os.eventfd_read(self.event_fd)
            ready, self._ready = self._ready, []
        return ready


MANAGER = CameraManager()


class _Heap:
    """Buffers without a dma-buf heap."""

    def alloc(self, name: str, size: int) -> Any:
        fd = os.memfd_create(name)
        os.ftruncate(fd, size)
        return SimpleNamespace(get=lambda: fd, isValid=lambda: True)

    def close(self) -> None:
        """Each buffer is closed by itself."""


class _AnyName:
    """Has every name: picamera2 lists pixel formats for a screen when it is imported."""

    def __getattr__(self, name: str) -> str:
        return name


def _libcamera() -> types.ModuleType:
    module = types.ModuleType("libcamera")
    noise = SimpleNamespace(Minimal=3, Fast=1, HighQuality=2)
    controls = SimpleNamespace(
        SensorTimestamp=SENSOR_TIMESTAMP,
        ExposureTime=ControlId("ExposureTime"),
        ExposureTimeMode=ControlId("ExposureTimeMode"),
        AnalogueGain=ControlId("AnalogueGain"),
        AnalogueGainMode=ControlId("AnalogueGainMode"),
        draft=SimpleNamespace(NoiseReductionModeEnum=noise),
    )
    rotations = ("Rotate0", "Rotate0Mirror", "Rotate180Mirror", "Rotate180")
    rotations += ("Rotate90Mirror", "Rotate270", "Rotate90", "Rotate270Mirror")
    module.__dict__.update(
        CameraManager=CameraManager,
        CameraConfiguration=CameraConfiguration,
        Camera=StandInCamera,
        ColorSpace=ColorSpace,
        ControlType=SimpleNamespace(Rectangle="rectangle", Size="size"),
        FrameBuffer=FrameBuffer,
        FrameMetadata=FrameMetadata,
        Orientation=_names("Orientation", *rotations),
        PixelFormat=str,
        Rectangle=Rectangle,
        Request=Request,
        SensorConfiguration=SimpleNamespace,
        Size=Size,
        StreamRole=SimpleNamespace(StillCapture="Still", Raw="Raw", VideoRecording="Video", Viewfinder="Viewfinder"),
        Transform=Transform,
        controls=controls,
        properties=SimpleNamespace(),
        _libcamera=SimpleNamespace(ColorSpace=ColorSpace, Transform=Transform),
    )
    return module


def require_picamera2() -> None:
    """Skip, saying what is missing."""
    missing = [
        name for name in ("picamera2", "simplejpeg", "videodev2", "piexif") if not importlib.util.find_spec(name)
    ]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (pip install --no-deps picamera2 simplejpeg videodev2 piexif)")


@contextmanager
def picamera2_on_stand_in() -> Iterator[types.ModuleType]:
    """The real picamera2 on cameras made here; afterwards everything is as before."""
    ours = ("recorder.capture.picamera_encoder",)
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] in (*_STUBS, "picamera2")}
    for name in before:
        del sys.modules[name]
    for name in _STUBS:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["libcamera"] = _libcamera()
    sys.modules["pykms"].PixelFormat = _AnyName()
    sys.modules["pidng.camdefs"].Picamera2Camera = sys.modules["pidng.core"].PICAM2DNG = None
    try:
        import picamera2  # noqa: PLC0415 - not before libcamera is there
        from picamera2.allocators import dmaallocator  # noqa: PLC0415

        dmaallocator.DmaHeap = _Heap
        dmaallocator.fcntl = SimpleNamespace(ioctl=lambda *_: 0)  # nothing to synchronise: it is our own memory
        yield picamera2
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] in (*_STUBS, "picamera2") or name in ours]:
            del sys.modules[name]
        sys.modules.update(before)
