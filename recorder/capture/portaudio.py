"""A microphone through PortAudio.

Rules: the callback copies and returns; a block's time is told from the difference of two readings of PortAudio's clock,
never from one of them, for what that clock counts from depends on the driver (PortAudio issue 559) and it may be set
while it runs; and then steadied. A stream that ends by itself is a failure, and the list of devices is made anew after
it, for the old one knows them by numbers that another sound card may have by now. One that freezes looks alive to
PortAudio, so whoever opened it watches for the next block.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from recorder.capture.opening import Opening, release
from recorder.capture.ports import AudioBlock, DeviceFailure
from recorder.capture.relay import Relay
from recorder.capture.steady import Measured, SteadyClock
from recorder.errors import DeviceAbsentError
from recorder.soundhost import SoundHost, sound_host
from recorder.timekeeping import NS_PER_S, boottime_ns

if TYPE_CHECKING:
    from recorder.capture.ports import Samples

_BLOCKS_PER_S = 50
_TOGETHER = 5  # blocks are handed on at once: to wake a thread for one costs more than the block
_SEAM_NS = NS_PER_S // 1000  # blocks that follow one another so closely are one: what is lost is a block or more
_RUN_IN = 5  # blocks that are not delivered: so long a driver is wrong about its delay by as much as ten milliseconds
_LATENCY_S = 0.2  # so long Python may be busy elsewhere before a sample is lost
_DELAY_AT_MOST_S = 2.0  # a longer one is no delay but an ADC time the driver does not fill in

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which device (a part of its name; None: the default one), and what it is to give."""

    name: str | None
    rate_hz: int
    channels: int

    def __str__(self) -> str:
        return self.name or "(default)"


class PortAudioMicrophone:
    """A microphone (:class:`recorder.capture.ports.Microphone`) by a part of its name; None is the default device.

    ``channels``: how many of its channels are heard; where there are several, their mean is.
    """

    def __init__(self, name: str | None, rate_hz: int, channels: int = 1, host: SoundHost | None = None) -> None:
        self._wanted = Wanted(name, rate_hz, channels)
        self._host = host or sound_host()
        self._opening: Opening[_Stream] = Opening("microphone")
        self._pulled = threading.Event()  # the list of devices may be older than what is plugged in

    def open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        """Open and begin. Looks for devices plugged in since, where it finds nothing that opens, and after a failure.

        Raises DeviceAbsentError: no such device, none that gives this rate and so many channels, or no PortAudio.
        """
        self._opening.begin(lambda: self._open(on_block, on_failure))

    def close(self) -> None:
        """Close; raises DeviceLostError where the driver does not let go."""
        self._opening.end(_Stream.close)

    def _open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> _Stream:
        def failed(failure: DeviceFailure) -> None:
            self._pulled.set()
            on_failure(failure)

        library = _library()
        if self._pulled.is_set() and self._refreshed(library):
            self._pulled.clear()
        try:
            return _Stream(library, self._host, self._wanted, on_block, failed)
        except DeviceAbsentError:
            if not self._refreshed(library):
                raise
        return _Stream(library, self._host, self._wanted, on_block, failed)

    def _refreshed(self, library: Any) -> bool:
        try:
            return self._host.refresh()
        except library.PortAudioError as error:
            raise DeviceAbsentError(f"PortAudio does not begin again: {error}.") from error


class _Stream:
    """One opening of the device. Raises DeviceAbsentError."""

    def __init__(
        self,
        library: Any,
        host: SoundHost,
        wanted: Wanted,
        on_block: Callable[[AudioBlock], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> None:
        self._library, self._host, self._wanted = library, host, wanted
        self._on_block = on_block
        self._blocks = self._overflows = 0
        self._closing = False
        self._clock = SteadyClock(wanted.rate_hz)
        self._frame_bytes = 2 * wanted.channels
        self._waiting: deque[bytes] = deque()  # blocks whose time is not known yet
        self._run_in = _RUN_IN
        self._heard: list[_Heard] = []  # on PortAudio's thread
        self._relay: Relay[list[_Heard]] = Relay("microphone", self._pass_on, on_failure)
        host.enter()
        try:
            self._stream = self._begin(_find(library, wanted.name))
        except BaseException:
            host.leave()
            self._relay.stop()
            raise

    def close(self) -> None:
        """Let go of the device; nothing is delivered once this returns."""
        self._closing = True
        try:
            release("microphone", self._let_go)
        finally:
            self._hand_on(_LAST)
            self._relay.stop()
        _log.info(
            "microphone=%s closed, blocks=%d overflows=%d off_ppm=%.0f",
            self._wanted,
            self._blocks,
            self._overflows,
            self._clock.off_ppm,
        )

    def _let_go(self) -> None:
        self._stream.abort()
        self._stream.close()
        self._host.leave()

    def _begin(self, device: int) -> Any:
        try:
            stream = self._library.RawInputStream(
                samplerate=self._wanted.rate_hz,
                channels=self._wanted.channels,
                dtype="int16",
                device=device,
                blocksize=self._wanted.rate_hz // _BLOCKS_PER_S,
                latency=_LATENCY_S,
                callback=self._hear,
                finished_callback=self._finished,
            )
        except (self._library.PortAudioError, ValueError) as error:
            raise DeviceAbsentError(
                f"The microphone {self._wanted} does not open with {self._wanted.channels} channel(s) at "
                f"{self._wanted.rate_hz} Hz: {error}; see microphone.rate_hz and microphone.channels."
            ) from error
        try:
            stream.start()
        except self._library.PortAudioError as error:
            self._closing = True
            stream.close(ignore_errors=True)
            raise DeviceAbsentError(f"The microphone {self._wanted} does not start: {error}.") from error
        return stream

    # --- on PortAudio's thread ---------------------------------------------------------------------------------------

    def _hear(self, data: Any, frames: int, time: Any, status: Any) -> None:
        now_ns = boottime_ns()
        self._blocks += 1
        self._overflows += bool(status.input_overflow)
        delay_ns = delay_of_first_ns(time.currentTime, time.inputBufferAdcTime, frames, self._wanted.rate_hz)
        latest_ns = now_ns - frames * NS_PER_S // self._wanted.rate_hz
        measured = Measured(now_ns - delay_ns, frames, latest_ns, seam=bool(status.input_overflow))
        self._heard.append(_Heard(bytes(data), measured))
        if len(self._heard) >= _TOGETHER:
            self._hand_on()

    def _hand_on(self, *more: _Heard) -> None:
        """What was heard, and ``more``; called elsewhere only when nothing more is heard."""
        heard, self._heard = self._heard, []
        self._relay.put([*heard, *more])

    def _finished(self) -> None:
        if not self._closing:
            self._hand_on(_LAST)
            self._relay.fail(f"The microphone {self._wanted} has stopped; it may be unplugged.")

    # --- on the relay's thread ---------------------------------------------------------------------------------------

    def _pass_on(self, together: list[_Heard]) -> None:
        """Hand on what has found its time, as one block where it is without a seam."""
        run: list[bytes] = []
        begin_ns = due_ns = 0
        for heard in together:
            for placed_ns, data in self._placed(heard):
                if abs(placed_ns - due_ns) > _SEAM_NS or len(run) == _TOGETHER:
                    self._deliver(run, begin_ns)
                    run, begin_ns, due_ns = [], placed_ns, placed_ns
                run.append(data)
                due_ns += len(data) // self._frame_bytes * NS_PER_S // self._wanted.rate_hz
        self._deliver(run, begin_ns)

    def _placed(self, heard: _Heard) -> Iterator[tuple[int, bytes]]:
        """What has found its time, and that."""
        if heard is _LAST:
            known_ns = self._clock.rest()
        elif self._run_in:
            self._run_in -= 1
            return
        else:
            self._waiting.append(heard.data)
            known_ns = self._clock.place(heard.measured)
        for begin_ns in known_ns:
            yield begin_ns, self._waiting.popleft()

    def _deliver(self, run: list[bytes], begin_ns: int) -> None:
        if run:
            samples: Samples = np.frombuffer(b"".join(run), np.int16)
            if self._wanted.channels > 1:
                samples = samples.reshape(-1, self._wanted.channels).mean(axis=1).astype(np.int16)
            self._on_block(AudioBlock(samples, begin_ns, self._wanted.rate_hz))


class _Heard(NamedTuple):
    """What a callback was given, copied, and what it tells of its time."""

    data: bytes
    measured: Measured


_LAST = _Heard(b"", Measured(0, 0, 0))  # nothing follows


def delay_of_first_ns(now_s: float, adc_s: float, frames: int, rate_hz: int) -> int:
    """How long ago the first of ``frames`` samples was captured, by two readings of one clock (s).

    Never less than the samples last: through PulseAudio the ADC time may lie in the future. And where the driver gives
    no ADC time, as long as they last.
    """
    delay_ns = round((now_s - adc_s) * NS_PER_S)
    lasts_ns = frames * NS_PER_S // rate_hz
    return max(delay_ns, lasts_ns) if delay_ns < _DELAY_AT_MOST_S * NS_PER_S else lasts_ns


def _library() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 - loads PortAudio, which asks every device for its abilities
    except Exception as error:  # no library, or a PortAudioError, which has no name before the import
        raise DeviceAbsentError(f"PortAudio cannot be loaded ({error}); install libportaudio2.") from error
    return sounddevice


def _find(library: Any, name: str | None) -> int:
    """The number of the input device whose name is, or else contains, ``name``. Raises DeviceAbsentError."""
    try:
        devices = [device for device in library.query_devices() if device["max_input_channels"] > 0]
        default = library.default.device[0] if name is None else None
    except library.PortAudioError as error:
        raise DeviceAbsentError(f"PortAudio does not list its devices: {error}.") from error
    wanted = (name or "").casefold()
    names: dict[int, str] = {device["index"]: device["name"] for device in devices}
    if default is not None:
        fitting = [index for index in names if index == default]
    else:
        fitting = [index for index, known in names.items() if known.casefold() == wanted]
        fitting += [index for index, known in names.items() if wanted in known.casefold()]
    if not fitting:
        known = ", ".join(repr(one) for one in names.values()) or "none"
        raise DeviceAbsentError(f"There is no microphone {name or '(default)'}; those found: {known}.")
    return fitting[0]
