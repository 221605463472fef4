"""Turns the words of the recorder into sound files, once.

Rules: what may be said is rendered by espeak-ng (argument list, text on standard input, no shell) into WAV files named
by the SHA-256 of everything that shapes their sound, written whole or not at all; tones need no espeak-ng. Whatever
goes wrong is a PanelError for the fault ``notice``; it never stops anything.
"""

import hashlib
import json
import math
import subprocess
import tempfile
import wave
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from recorder.cabin.signals import Feedback, Tone, tones
from recorder.cabin.words import spoken
from recorder.commands import Phrase
from recorder.errors import PanelError

RATE_HZ = 22_050  # what espeak-ng's own voices speak at
SPEED_WPM = 150  # espeak-ng's default is 175, too fast for a notice heard once
LEAD_S = 0.1  # amplifiers and sound servers swallow the first moments of a sound
PAUSE_S = 0.5
AMPLITUDE = 10_000  # of 32 767, about as loud as the voice
FADE_S = 0.005  # a tone that begins at full strength clicks
RENDER_WITHIN_S = 30.0

Samples: TypeAlias = "array[int]"
"""Signed 16-bit samples, mono, at RATE_HZ."""


def notice_sha256(texts: Mapping[str, str]) -> str:
    """How a consent's log entry names the notice: the SHA-256 of its texts in speaking order, joined by newlines."""
    return hashlib.sha256("\n".join(texts.values()).encode()).hexdigest()


class NoticeLibrary:
    """The notice, the phrases and the tones as WAV files in ``folder``, rendered when first asked for.

    16 bit, mono, 22 050 Hz. ``texts``: language code of espeak-ng to the notice's words, in speaking order.
    """

    def __init__(self, texts: Mapping[str, str], folder: Path, program: str = "espeak-ng") -> None:
        self._texts = dict(texts)
        self._folder = folder
        self._program = program

    @property
    def sha256(self) -> str:
        """The SHA-256 of the notice's text, 64 hexadecimal digits."""
        return notice_sha256(self._texts)

    def notice(self) -> Path:
        """The notice in all its languages. Raises PanelError."""
        return self._file((), self._texts)

    def phrase(self, phrase: Phrase) -> Path:
        """The tones of ``phrase``, then its words in the notice's languages. Raises PanelError."""
        return self._file(tones(phrase), spoken(phrase, self._texts))

    def sound(self, sound: Phrase | Feedback) -> Path:
        """The tones alone. Raises PanelError only where ``folder`` cannot be written."""
        return self._file(tones(sound), {})

    def _file(self, first: tuple[Tone, ...], texts: Mapping[str, str]) -> Path:
        heard = [[(tone.frequency_hz, tone.duration_s) for tone in first], list(texts.items())]
        made_with = [RATE_HZ, SPEED_WPM, LEAD_S, PAUSE_S, AMPLITUDE, FADE_S]
        name = hashlib.sha256(json.dumps([made_with, heard]).encode()).hexdigest()
        path = self._folder / f"{name}.wav"
        if path.exists():
            return path
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".rendering-", dir=self._folder) as scratch:
                pieces = [_sine(first)] if first else []
                pieces += [self._speak(language, text, Path(scratch)) for language, text in texts.items()]
                whole = Path(scratch) / "whole.wav"
                _write(whole, _joined(pieces))
                whole.replace(path)
        except PanelError:
            raise  # it is an OSError too
        except OSError as error:
            raise PanelError(f"Sounds cannot be kept in {self._folder}: {error.strerror or error}.") from error
        return path

    def _speak(self, language: str, text: str, scratch: Path) -> Samples:
        """``text`` as espeak-ng speaks it."""
        path = scratch / "spoken.wav"
        path.unlink(missing_ok=True)
        command = [self._program, "-v", language, "-s", str(SPEED_WPM), "-b", "1", "--stdin", "-w", str(path)]
        try:
            done = subprocess.run(
                command, input=text.encode(), capture_output=True, timeout=RENDER_WITHIN_S, check=False
            )
        except FileNotFoundError as error:
            raise PanelError(
                f"{self._program} is not installed, so nothing can be spoken; install the package espeak-ng."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise PanelError(f"{self._program} did not render {language!r} within {RENDER_WITHIN_S:g} s.") from error
        # It ends with 0 when it could not write, and writes nothing for a text without words.
        if done.returncode != 0 or not path.exists():
            said = done.stderr.decode(errors="replace").strip() or "no sound came of it"
            raise PanelError(f"{self._program} cannot speak the notice's language {language!r}: {said}")
        return _read(path)


def _read(path: Path) -> Samples:
    try:
        with wave.open(str(path)) as file:
            layout = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            samples = array("h", file.readframes(file.getnframes()))
    except (wave.Error, EOFError, ValueError) as error:
        raise PanelError(f"espeak-ng rendered no WAV file: {error}.") from error
    if layout != (RATE_HZ, 1, 2):
        raise PanelError(f"espeak-ng did not render 16 bit, mono, {RATE_HZ} Hz; choose one of its own voices.")
    return samples


def _write(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def _joined(pieces: Iterable[Samples]) -> Samples:
    """A moment of silence, then the pieces with a pause after each."""
    whole = _silence(LEAD_S)
    for piece in pieces:
        whole += piece + _silence(PAUSE_S)
    return whole


def _silence(seconds: float) -> Samples:
    return array("h", bytes(2 * round(seconds * RATE_HZ)))


def _sine(notes: tuple[Tone, ...]) -> Samples:
    samples = array("h")
    for note in notes:
        count = round(note.duration_s * RATE_HZ)
        step = 2 * math.pi * note.frequency_hz / RATE_HZ
        samples.extend(round(AMPLITUDE * _envelope(index, count) * math.sin(index * step)) for index in range(count))
    return samples


def _envelope(index: int, count: int) -> float:
    """From 0 to 1 and back, so that a tone neither begins nor ends with a click."""
    return min(1.0, index / (FADE_S * RATE_HZ), (count - 1 - index) / (FADE_S * RATE_HZ))
