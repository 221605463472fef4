"""The threads of one capture, from the opening of the devices to the last seal.

    keeper (camera) ─┐
                     ├─ bounded queue ─ mux thread ─ bounded queue ─ card thread
    keeper (sound)  ─┘
    camera, microphone ─ what is left to look at ─ sentinel thread

Rules: no device is opened before :meth:`Capture.start`, none is open a second after :meth:`Capture.stop`; a device's
callback hands over and returns; faults are posted, never raised into the loop; ``Sealed`` is posted exactly once.
"""

from __future__ import annotations

import gc
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from recorder.capture.bounded import BoundedQueue
from recorder.capture.card import QUEUE_BYTES, CardWriter
from recorder.capture.faults import Faults
from recorder.capture.keeper import Keeper
from recorder.capture.ports import AudioBlock, DeviceFailure, VideoPacket
from recorder.capture.recording import Recording
from recorder.capture.watching import Watch
from recorder.events import Event, Sealed
from recorder.timekeeping import NS_PER_S, boottime_ns

if TYPE_CHECKING:
    from recorder.capture.ports import Camera, Durable, Microphone, SegmentFactory
    from recorder.capture.senses import Peephole
    from recorder.capture.sentinel import Patience
    from recorder.capture.sound import SoundEncoder
    from recorder.config import Config

CLOSE_WITHIN_S = 1.0
_INBOX_BYTES = 32 * 1024 * 1024
_SMALL = (64, 64)
_CLOSING_ROUND_S = 0.02
_TOGETHER_NS = 390_000_000  # so long pictures wait for one another; then all of it is muxed, written and synced
_ROUND_S = 0.5  # the mux thread goes round so often at least

_Job = VideoPacket | AudioBlock | Callable[[], None]

_log = logging.getLogger(__name__)


class Capture:
    """One capture of one journey: from consent, or a resumption, to withdrawal or the journey's end."""

    def __init__(
        self,
        *,
        camera: Camera,
        microphone: Microphone | None,
        open_segment: SegmentFactory,
        post: Callable[[Event], None],
        origin_ns: int,
        first_segment_number: int = 1,
        first_frame_number: int = 1,
        segment_length_s: float = 60.0,
        fps: Fraction | float = 30,
        sound: bool = True,
        sound_before_s: float = 0.0,
        watched: tuple[Peephole, Patience] | None = None,
        now_ns: Callable[[], int] = boottime_ns,
        card_queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """Nothing is opened yet.

        ``origin_ns``: boottime of the journey's zero. ``microphone``: None declares no sound track. ``sound``: whether
        sound is recorded from the start, else from :meth:`record_sound` on, and then with what is kept in memory of
        the ``sound_before_s`` before; only for those is the microphone open earlier. ``fps``: what the camera is
        expected to deliver, for the number of its first frame. ``post``: called from several threads. ``watched``:
        where the camera shows what it sees, and how patient the sentinel is; None: nobody looks or listens.
        """
        self._camera = camera
        self._origin_ns, self._now_ns = origin_ns, now_ns
        self._fps = Fraction(fps)
        self._last_frame_number = first_frame_number - 1
        self._sound, self._listens_before = sound, sound_before_s > 0
        self._post = post
        self._inbox: BoundedQueue[_Job] = BoundedQueue(_INBOX_BYTES)  # what the mux thread is to do
        self._keyframe_needed = False  # for a frame did not fit
        self._together_since_ns: int | None = None  # the oldest frame that the mux thread was not woken for
        self._reason: str | None = None  # once set, the capture stops
        self._closed = False  # nothing more is taken from the devices
        faults = Faults(post)
        self._card = CardWriter(
            open_segment,
            faults,
            on_lost=self._on_segment_lost,
            on_end=lambda: post(Sealed()),
            now_ns=now_ns,
            queue_bytes=card_queue_bytes,
        )
        self._recording = Recording(
            self._card,
            faults,
            origin_ns=origin_ns,
            first_segment_number=first_segment_number,
            segment_length_s=segment_length_s,
            with_sound=microphone is not None,
            sound_encoder=_sound_encoder,
            sound_before_s=sound_before_s,
        )
        self._camera_keeper = Keeper("camera", self._open_camera, camera.close, faults)
        self._microphone_keeper: Keeper | None = None
        if microphone is not None:
            open_microphone = partial(microphone.open, self._take_sound)
            self._microphone_keeper = Keeper("microphone", open_microphone, microphone.close, faults)
        self._watch: Watch | None = None
        if watched is not None:
            self._watch = Watch(watched[0], faults, watched[1], self._on_frozen)
        self._mux = threading.Thread(target=self._run, name="capture-mux", daemon=True)
        self._mux_beat_s = time.monotonic()
        self._mux_working = False

    def start(self) -> None:
        """Begin to open the devices; returns at once. Called once; after :meth:`stop` it does nothing."""
        if self._reason is not None:
            return
        self._card.start()
        self._mux_working = True
        self._mux.start()
        self._camera_keeper.want(wanted=True)
        self.record_sound(wanted=self._sound)
        for keeper in self._keepers:
            keeper.start()
        if self._watch is not None:
            self._watch.start()

    def record_sound(self, *, wanted: bool) -> None:
        """Record sound from now on, or no more; the microphone opens or closes with that. Returns at once."""
        if self._microphone_keeper is not None:
            self._inbox.put(partial(self._recording.want_sound, wanted))
            self._microphone_keeper.want(wanted or self._listens_before)

    def stop(self, reason: str) -> None:
        """Close the devices within a second, record what they gave, seal, post Sealed; returns at once.

        ``reason`` goes into the facts of the last segment; the first one given counts.
        """
        if self._reason is not None:
            return
        self._reason = reason
        self._inbox.ring()  # from now on it goes round more often
        if self._watch is not None:
            self._watch.stop()
        for keeper in self._keepers:
            keeper.end()
        if self._mux.ident is None:  # never started: there is nothing to seal
            self._post(Sealed())

    @property
    def devices_open(self) -> bool:
        """Whether a device is open, being opened or being closed."""
        return any(keeper.is_open for keeper in self._keepers)

    def durable(self) -> Durable:
        """The newest captured moment of each medium that survives a power cut now; silence filled in is no sound."""
        return self._card.durable

    def heartbeats(self) -> Mapping[str, float]:
        """When each thread that has work last went round (monotonic seconds), by its name."""
        beats: dict[str, float] = {keeper.kind: keeper.beat_s for keeper in self._keepers if keeper.working}
        if self._mux_working:
            beats["mux"] = self._mux_beat_s
        if self._card.working:
            beats["card"] = self._card.beat_s
        return beats

    def join(self, timeout_s: float) -> bool:
        """Wait for all threads to end after :meth:`stop`; False where one has not in time."""
        until_s = time.monotonic() + timeout_s
        threads = [keeper.thread for keeper in self._keepers] + [self._mux, self._card.thread]
        threads += [self._watch.thread] if self._watch else []
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, until_s - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    @property
    def _keepers(self) -> list[Keeper]:
        return [self._camera_keeper] + ([self._microphone_keeper] if self._microphone_keeper else [])

    # --- on the devices' threads: hand over and return --------------------------------------------------------------

    def _take_picture(self, packet: VideoPacket) -> None:
        self._camera_keeper.delivered()
        self._last_frame_number += 1
        if self._closed or (self._keyframe_needed and not packet.is_keyframe):
            return
        self._keyframe_needed = not self._inbox.put(packet, len(packet.data), ring=self._is_enough(packet))
        if self._keyframe_needed:
            _log.warning("picture lost: %d bytes wait for the mux thread", self._inbox.waiting_bytes)

    def _is_enough(self, packet: VideoPacket) -> bool:
        """Whether with this frame it is time to wake the mux thread; what comes before can wait for it."""
        if self._together_since_ns is None:
            self._together_since_ns = packet.captured_ns
        is_enough = packet.captured_ns + packet.duration_ns - self._together_since_ns >= _TOGETHER_NS
        if is_enough:
            self._together_since_ns = None
        return is_enough

    def _take_sound(self, block: AudioBlock) -> None:
        """Sound waits for a picture, or the next round: nobody depends on a tenth of a second of it."""
        if self._microphone_keeper is not None:
            self._microphone_keeper.delivered()
        if self._watch is not None:
            self._watch.ear.hear(block)
        if not self._closed and not self._inbox.put(block, block.samples.nbytes, ring=False):
            _log.warning("sound lost: %d bytes wait for the mux thread", self._inbox.waiting_bytes)

    # --- on the keepers' threads ------------------------------------------------------------------------------------

    def _open_camera(self, on_failure: Callable[[DeviceFailure], None]) -> None:
        """Open the camera; frame numbers go on, across faults and restarts, as if it had never been closed."""
        self._inbox.put(self._recording.camera_opening)
        elapsed = Fraction(self._now_ns() - self._origin_ns, NS_PER_S)
        number = max(self._last_frame_number + 1, int(elapsed * self._fps) + 1)
        self._last_frame_number = number - 1
        video = self._camera.open(number, self._take_picture, on_failure)
        self._fps = video.fps
        self._inbox.put(partial(self._recording.camera_opened, video))

    # --- on the sentinel's thread -----------------------------------------------------------------------------------

    def _on_frozen(self, reason: str) -> None:
        """Open the camera anew, once: that may wake it, and a picture that stands still is nothing to lose."""
        self._camera_keeper.failed(DeviceFailure(reason, reopen=True))

    # --- on the mux thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        stop_by_s: float | None = None
        while stop_by_s is None or (self.devices_open and time.monotonic() < stop_by_s):
            self._inbox.wait(_ROUND_S if self._reason is None else _CLOSING_ROUND_S)
            self._work_off(for_s=_ROUND_S)
            self._recording.round(self._now_ns())
            if self._reason is not None and stop_by_s is None:
                stop_by_s = time.monotonic() + CLOSE_WITHIN_S
        self._closed = True
        self._work_off()
        self._recording.end(self._reason or "")
        self._card.end()
        self._mux_working = False

    def _work_off(self, for_s: float = math.inf) -> None:
        """Do all that waits, or for so long, if it does not end; what is left then rings by itself."""
        began_s = self._mux_beat_s = time.monotonic()
        while (job := self._inbox.take()) is not None:
            if isinstance(job, VideoPacket):
                self._recording.picture(job)
            elif isinstance(job, AudioBlock):
                self._recording.sound(job)
            else:
                job()
            self._mux_beat_s = time.monotonic()
            if self._mux_beat_s - began_s > for_s:
                self._inbox.put(_nothing)
                break

    def _on_segment_lost(self, number: int, retry_after_s: float) -> None:
        """Called on the card's thread."""
        self._inbox.put(partial(self._segment_lost, number, retry_after_s))

    def _segment_lost(self, number: int, retry_after_s: float) -> None:
        self._recording.segment_lost(number, retry_after_s, self._card.durable)


def _nothing() -> None:
    """Only wakes whoever it is handed to."""


def warm_up(config: Config) -> None:
    """Load the vendor libraries and try the encoders, so that consent finds them ready. Opens no device."""
    from recorder.capture.devices import make_devices  # noqa: PLC0415 - heavy; the panel comes first
    from recorder.capture.encoder import PictureEncoder  # noqa: PLC0415

    make_devices(config)
    if config.camera.kind == "picamera":
        from recorder.capture.picamera import preload  # noqa: PLC0415

        preload()
    PictureEncoder(*_SMALL, Fraction(config.camera.fps), config.camera.bitrate_bps)  # beside the camera's own, soon
    _sound_encoder(0).finish()
    settle()


def settle() -> None:
    """Spare all that has been loaded each later collection of garbage: they took a sixth of what recording costs."""
    gc.collect()
    gc.freeze()


def _sound_encoder(position: int) -> SoundEncoder:
    from recorder.capture.sound import SoundEncoder  # noqa: PLC0415 - PyAV is heavy; the panel comes first

    return SoundEncoder(position)
