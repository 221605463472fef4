"""A Raspberry Pi's camera, through picamera2.

Rules: a frame is stamped before it is encoded, and one that could not be stamped is not recorded; its time is the
sensor's; picamera2's threads never wait for us and never see an exception of ours, for either would stop the camera
without a word (picamera2 issue 239). A camera that dies says nothing: whoever opened it watches for the next packet,
and its closing has a limit (issue 1264). Where the encoder cannot keep up, picamera2 leaves frames out without a word;
their times tell, and the camera asks to be opened anew with less to do.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from recorder.capture.annexb import parameter_sets
from recorder.capture.opening import Opening, release
from recorder.capture.pace import Pace, steady
from recorder.capture.picamera_settings import LOOK_SIZE, PiCameraSettings, Picture, configure
from recorder.capture.picamera_view import SensorMode
from recorder.capture.ports import DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.relay import Relay
from recorder.capture.senses import Peephole
from recorder.capture.stamp import Stamp
from recorder.errors import CaptureError, DeviceAbsentError, DeviceLostError
from recorder.timekeeping import NS_PER_S, boottime_ns

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

FIRST_PICTURE_WITHIN_S = 5.0  # a camera needs one; systemd's patience with a keeper is 8 s
_START_CODE = b"\x00\x00\x00\x01"
_IN_ENCODER = 64  # frames an encoder may hold or drop before we forget about them; they hold less than 20

_log = logging.getLogger(__name__)


def preload() -> None:
    """Load picamera2, which takes a second or more, so that a consent need not wait for it. Asks no camera anything."""
    try:
        import recorder.capture.picamera_encoder  # noqa: F401, PLC0415
    except ImportError as error:
        _log.warning("picamera2 cannot be loaded (%s); install python3-picamera2", error)


class PiCamera:
    """A camera (:class:`recorder.capture.ports.Camera`) of picamera2, with its hardware or software encoder.

    The peephole is shown the small stream (240 lines of 320), or the picture itself where a camera has one stream only.
    ``pace``: what it may leave out where the computer is too slow.
    """

    def __init__(
        self,
        settings: PiCameraSettings,
        vehicle: str,
        *,
        pace: Pace | None = None,
        peephole: Peephole | None = None,
    ) -> None:
        self._settings, self._vehicle = settings, vehicle
        self._pace, self._peephole = pace or steady(), peephole or Peephole()
        self._opening: Opening[_Session] = Opening("camera")
        self._list_anew = False

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        """Open, begin, and wait for the first keyframe, for the format is read from it. Raises DeviceAbsentError."""

        def take(packet: VideoPacket) -> None:
            on_packet(packet)
            if self._pace.saw(packet.captured_ns, boottime_ns()):
                on_failure(DeviceFailure(self._pace.reason, reopen=True))

        def make() -> _Session:
            settings = self._settings.at(self._pace.step)
            stamp = partial(Stamp, self._vehicle)
            relay = Relay("camera", take, on_failure)
            hooks = _Hooks(self._peephole, self._pace.missed)
            return _Session(settings, stamp, first_frame_number, relay, hooks, list_anew=list_anew)

        self._pace.opened(self._settings.width, self._settings.height, self._settings.fps)
        list_anew, self._list_anew = self._list_anew, True
        session = self._opening.begin(make)
        self._list_anew = False
        self._settings = replace(self._settings, mode=session.mode)  # to find it out takes a moment
        return session.format

    def close(self) -> None:
        """Close; raises DeviceLostError where the driver does not let go."""
        self._opening.end(_Session.close)


class _Hooks(NamedTuple):
    """Who is told on the camera's thread: what can be seen, and how many frames did not come."""

    peephole: Peephole
    missed: Callable[[int], None]


class _Shot(NamedTuple):
    """A stamped frame on its way through the encoder."""

    captured_ns: int
    duration_ns: int


class _Session:
    """One opening of the camera, up to its first keyframe and on. Raises DeviceAbsentError, with nothing left open."""

    def __init__(
        self,
        settings: PiCameraSettings,
        make_stamp: Callable[[int, int], Stamp],
        first_frame_number: int,
        relay: Relay[VideoPacket],
        hooks: _Hooks,
        *,
        list_anew: bool,
    ) -> None:
        self._relay, self._hooks = relay, hooks
        self._due_ns = 0
        self._number = first_frame_number
        self._shots: deque[_Shot] = deque(maxlen=_IN_ENCODER)
        self._keyframe = b""
        self._reason = f"The camera gave no picture within {FIRST_PICTURE_WITHIN_S:g} s; see to its cable."
        self._told = threading.Event()  # of the first keyframe, or of a failure
        self._camera: Any = None
        self._encoder: Any = None
        try:
            self._start(settings, make_stamp, list_anew=list_anew)
            self.format = self._await_format()
        except CaptureError:
            self.close()
            raise
        except Exception as error:  # picamera2 raises of all kinds, RuntimeError mostly
            self.close()
            raise DeviceAbsentError(f"The camera does not open: {error}.") from error

    def close(self) -> None:
        """Let go of the camera; nothing is delivered once this returns."""
        try:
            release("camera", self._let_go)
        except DeviceLostError:
            atexit.unregister(self._camera.close)  # it would hang the end of the process, too
            raise
        finally:
            self._relay.stop()

    def _let_go(self) -> None:
        """In an order in which no step waits for a thread that may be dead; each is tried, whatever the others do.

        ``Picamera2.stop`` alone would ask the camera's thread to stop the camera; without a preview it stops it itself.
        """
        camera, encoder = self._camera, self._encoder
        with ExitStack() as steps:
            if camera is not None:
                steps.callback(camera.close)
            if encoder is not None and encoder.running:
                steps.callback(camera.stop_encoder, encoder)
            if camera is not None and camera.started:
                steps.callback(camera.stop)
                steps.callback(camera.stop_preview)

    @property
    def mode(self) -> SensorMode | None:
        """The sensor's mode, where it was chosen here."""
        return self._picture.mode

    def _start(self, settings: PiCameraSettings, make_stamp: Callable[[int, int], Stamp], *, list_anew: bool) -> None:
        try:
            from picamera2 import MappedArray, Picamera2  # noqa: PLC0415 - on a Pi only, and slow

            from recorder.capture.picamera_encoder import PacketOutput, make_encoder  # noqa: PLC0415
        except ImportError as error:
            raise DeviceAbsentError(f"picamera2 cannot be loaded ({error}); install python3-picamera2.") from error
        if list_anew:
            # libcamera lists cameras when it begins; in the sandbox udev tells it of none that come later.
            Picamera2._cm.reset()
        tuning = settings.tuning and Picamera2.load_tuning_file(settings.tuning)
        self._camera = camera = Picamera2(settings.number, tuning=tuning)
        self._mapped = MappedArray
        self._picture = picture = configure(camera, settings)
        self._stamp = make_stamp(picture.width, picture.height)
        self._frame_ns = round(NS_PER_S / picture.fps)
        camera.pre_callback = self._stamp_frame
        encoder = make_encoder(settings)
        # As Picamera2.start_encoder does, which does not work with cameras that do not advertise their frame times.
        main = camera.stream_configuration("main")
        encoder.output = PacketOutput(encoder, self._take_packet, self._failed)
        encoder.name, encoder.size, encoder.format, encoder.stride = (
            "main",
            main["size"],
            main["format"],
            main["stride"],
        )
        self._encoder = camera.encoders = encoder  # before it starts: one that fails to has a thread and a device open
        encoder.start()
        camera.start()
        _log.info("camera: %s, %s", picture, type(encoder).__name__)

    def _await_format(self) -> VideoFormat:
        self._told.wait(FIRST_PICTURE_WITHIN_S)
        if not self._keyframe:
            raise DeviceAbsentError(self._reason)
        sps, pps = parameter_sets(self._keyframe)
        extradata = _START_CODE + sps + _START_CODE + pps
        return VideoFormat(self._picture.width, self._picture.height, self._picture.fps, extradata)

    # --- on picamera2's threads --------------------------------------------------------------------------------------

    def _stamp_frame(self, request: Any) -> None:
        try:
            metadata = request.get_metadata()
            captured_ns = metadata["SensorTimestamp"]
            with self._mapped(request, "main") as mapped:
                planes = _bright(mapped.array, self._picture)
                if not self._picture.has_look:
                    self._hooks.peephole.show(planes[len(planes) // 2], captured_ns)  # green is nearest to brightness
                for plane in planes:
                    self._stamp.apply(plane, captured_ns, self._number)
            self._number += 1
            self._look(request, captured_ns)
            duration_ns = metadata.get("FrameDuration", 0) * 1_000
            self._count_missed(captured_ns, duration_ns)
            self._shots.append(_Shot(captured_ns, duration_ns or self._frame_ns))
        except Exception as error:  # noqa: BLE001 - it would end the camera's thread, and the camera would just stop
            self._failed(f"A frame could not be stamped: {error!r}.")

    def _look(self, request: Any, captured_ns: int) -> None:
        if self._picture.has_look and self._hooks.peephole.is_due(captured_ns):
            width, height = LOOK_SIZE
            with self._mapped(request, "lores") as mapped:
                self._hooks.peephole.show(mapped.array[:height, :width], captured_ns)

    def _count_missed(self, captured_ns: int, duration_ns: int) -> None:
        """Frames the sensor made no buffer was free for; known where it says how long a frame lasts."""
        if duration_ns and self._due_ns:
            self._hooks.missed(max(0, round((captured_ns - self._due_ns) / duration_ns)))
        self._due_ns = captured_ns + duration_ns

    def _take_packet(self, data: bytes, is_keyframe: bool, captured_us: int) -> None:
        """A packet whose frame was not stamped has no shot here, and goes no further."""
        while self._shots and self._shots[0].captured_ns < (captured_us - 1) * 1_000:
            self._shots.popleft()
        if not self._shots or self._shots[0].captured_ns >= (captured_us + 2) * 1_000:
            return
        shot = self._shots.popleft()
        self._relay.put(VideoPacket(data, shot.captured_ns, shot.duration_ns, is_keyframe))
        if is_keyframe and not self._keyframe:
            self._keyframe = data
            self._told.set()

    def _failed(self, reason: str) -> None:
        self._reason = reason
        self._relay.fail(reason)
        self._told.set()


def _bright(array: Plane, picture: Picture) -> list[Plane]:
    """The planes to draw on: brightness, or each colour of a picture that has no such plane."""
    if picture.planar:
        return [array[: picture.height, : picture.width]]
    return [array[:, :, colour] for colour in range(3)]
