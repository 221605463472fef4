"""Plays a WAV file through PortAudio, one at a time.

Rules: the caller never waits and never sees an exception; every sound ends with one ``done``, also where the device is
missing, stops or freezes. The device is opened for each sound and closed after it.

Facts it rests on: the stream must not be closed inside its ``finished_callback`` (python-sounddevice issue 78). That
callback comes when the last sample was handed over and not when it was heard, so silence longer than the device's
latency follows every sound; without it a short one would not be heard at all. A frozen device raises nothing, its
callbacks just stop; closing it may then never return.
"""

import logging
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder.cabin.ports import Loudspeaker
from recorder.errors import PanelError
from recorder.soundhost import sound_host

GRACE_S = 4.0  # how long a sound may be on its way after its end, or wait for the one before to let go
JOIN_S = 2.0
TAIL_S = 0.3  # how much longer than its latency a device may hold a sound back
LATENCY_S = 0.5  # buffered ahead: the encoder may have the processor for so long before a word breaks off

log = logging.getLogger(__name__)


def open_loudspeaker(device: str | None) -> Loudspeaker:
    """The output device whose name contains ``device`` (None: the default), or silence where there is none.

    Loads PortAudio, which asks every device for its abilities: call it where a second does not matter.
    """
    try:
        import sounddevice  # noqa: PLC0415 - loads PortAudio
    except Exception as error:  # noqa: BLE001 - no library, or a PortAudioError, which has no name before the import
        log.warning("PortAudio cannot be loaded, nothing will be heard: %s", error)
        return SilentLoudspeaker()
    try:
        with sound_host().in_use():
            found = sounddevice.query_devices(device, "output")
    except (sounddevice.PortAudioError, ValueError) as error:
        log.warning("there is no loudspeaker %s, nothing will be heard: %s", device or "(default)", error)
    else:
        log.info("sounds go to %s", found["name"])
        return PortAudioLoudspeaker(device)
    return SilentLoudspeaker()


class SilentLoudspeaker:
    """No loudspeaker: nothing is heard, and nobody waits for it."""

    def play(self, wav: Path, done: Callable[[bool], None]) -> None:
        """Not heard: ``done(False)`` at once."""
        done(False)

    def close(self) -> None:
        """There is nothing to let go of."""


class _Sound:
    """One sound on its way; ends once, whoever ends it first."""

    def __init__(self, wav: Path, done: Callable[[bool], None]) -> None:
        self.wav = wav
        self.over = threading.Event()
        self._done = done
        self._lock = threading.Lock()

    def end(self, *, finished: bool) -> None:
        """It has ended, or is to end now."""
        with self._lock:
            if self.over.is_set():
                return
            self.over.set()
        self._done(finished)


class PortAudioLoudspeaker:
    """An output device of PortAudio, by a part of its name; None is the default device.

    Each sound has a thread of its own, and one at a time has the device: whoever waits longer for it than
    :data:`GRACE_S` gives up, so a frozen device costs its own sound and delays no other.
    """

    def __init__(self, device: str | None) -> None:
        self._device = device
        self._device_in_use = threading.Lock()
        self._lock = threading.Lock()
        self._latest: _Sound | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def play(self, wav: Path, done: Callable[[bool], None]) -> None:
        """Begin to play in place of what plays; ``done(finished)`` follows, once, from any thread."""
        sound = _Sound(wav, done)
        with self._lock:
            before, self._latest = self._latest, sound
            closed = self._closed
            if not closed:
                self._thread = threading.Thread(target=self._run, args=(sound,), name="loudspeaker", daemon=True)
                self._thread.start()
        if before is not None:
            before.end(finished=False)
        if closed:
            sound.end(finished=False)

    def close(self) -> None:
        """Fall silent and let go of the device, within two seconds."""
        with self._lock:
            self._closed = True
            before, self._latest = self._latest, None
        if before is not None:
            before.end(finished=False)
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _run(self, sound: _Sound) -> None:
        if not self._device_in_use.acquire(timeout=GRACE_S):
            log.warning("the loudspeaker does not answer")
            sound.end(finished=False)
            return
        try:
            if not sound.over.is_set():
                self._play(sound)
        except PanelError as error:
            log.warning("%s", error)
            sound.end(finished=False)
        finally:
            self._device_in_use.release()

    def _play(self, sound: _Sound) -> None:
        """Play to the end, or until the sound is ended. Raises PanelError where it cannot begin."""
        rate_hz, channels, data = _read(sound.wav)
        player = _Player(data, on_end=lambda whole: sound.end(finished=whole))
        stream = player.open(self._device, rate_hz, channels)
        if not sound.over.wait(len(data) / (2 * channels * rate_hz) + LATENCY_S + TAIL_S + GRACE_S):
            log.warning("the loudspeaker stopped before the end of a sound")
            sound.end(finished=False)  # before closing, from which a frozen device may not return
        player.close(stream)


class _Player:
    """The samples of one sound, handed to PortAudio as it asks; ``on_end(whole)`` once it plays no more."""

    def __init__(self, data: bytes, on_end: Callable[[bool], None]) -> None:
        self._data = data
        self._on_end = on_end
        self._position = 0

    def open(self, device: str | None, rate_hz: int, channels: int) -> Any:
        """Open the device and begin. Raises PanelError."""
        import sounddevice  # noqa: PLC0415 - vendor library; open_loudspeaker has loaded it

        def feed(out: Any, _frames: int, _time: Any, _status: Any) -> None:
            chunk = self._data[self._position : self._position + len(out)]
            self._position += len(chunk)
            out[: len(chunk)] = chunk
            if len(chunk) < len(out):
                out[len(chunk) :] = bytes(len(out) - len(chunk))
                raise sounddevice.CallbackStop

        sound_host().enter()  # until close, for a microphone may want PortAudio's list of devices made anew
        try:
            stream = sounddevice.RawOutputStream(
                samplerate=rate_hz,
                channels=channels,
                dtype="int16",
                device=device,
                latency=LATENCY_S,
                callback=feed,
                finished_callback=lambda: self._on_end(self._position >= len(self._data)),
            )
            self._data += bytes(2 * channels * round((stream.latency + TAIL_S) * rate_hz))
            try:
                stream.start()
            except sounddevice.PortAudioError:
                stream.close(ignore_errors=True)
                raise
        except (sounddevice.PortAudioError, ValueError) as error:
            sound_host().leave()
            raise PanelError(f"The loudspeaker {device or '(default)'} cannot play: {error}") from error
        return stream

    @staticmethod
    def close(stream: Any) -> None:
        """Silent at once."""
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)
        sound_host().leave()


def _read(wav: Path) -> tuple[int, int, bytes]:
    """Rate in Hz, channels, and the 16-bit samples. Raises PanelError."""
    try:
        with wave.open(str(wav)) as file:
            rate_hz, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            data = file.readframes(file.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        raise PanelError(f"{wav} cannot be played: {error}") from error
    if width != 2:
        raise PanelError(f"{wav} cannot be played: it has {8 * width} bits a sample, not 16.")
    return rate_hz, channels, data
