"""Words and tones become WAV files by the real espeak-ng, and what goes wrong is one sentence."""

import hashlib
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from recorder.cabin.notice import LEAD_S, PAUSE_S, RATE_HZ, NoticeLibrary
from recorder.cabin.signals import Feedback, tones
from recorder.commands import Phrase
from recorder.config import AudioConfig, default_notice
from recorder.errors import PanelError

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the Debian package espeak-ng is missing")

TEXTS = {"en": "This journey is recorded.", "cy": "Mae'r daith hon yn cael ei recordio."}


LEAD = round(LEAD_S * RATE_HZ)


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


def pitches_hz(heard: np.ndarray, sound) -> list[int]:
    """The strongest frequency of each tone, read where the tones should be."""
    found, begin = [], LEAD
    for tone in tones(sound):
        end = begin + round(tone.duration_s * RATE_HZ)
        if tone.frequency_hz:
            spectrum = np.abs(np.fft.rfft(heard[begin:end] * np.hanning(end - begin), RATE_HZ))
            found.append(int(spectrum.argmax()))
        else:
            assert not heard[begin:end].any()
            found.append(0)
        begin = end
    return found


def test_the_name_of_the_notice_can_be_checked_with_stock_tools(tmp_path):
    """sha256sum over the texts, a newline between them, gives what the log says."""
    said = subprocess.run(["sha256sum"], input="\n".join(TEXTS.values()).encode(), capture_output=True, check=True)
    assert NoticeLibrary(TEXTS, tmp_path).sha256 == said.stdout.decode().split()[0]
    assert NoticeLibrary({"en": "x"}, tmp_path).sha256 == hashlib.sha256(b"x").hexdigest()


def test_the_languages_follow_one_another(tmp_path):
    """A notice of two languages is the one, a pause, the other."""
    both = samples(NoticeLibrary(TEXTS, tmp_path).notice())
    alone = [samples(NoticeLibrary({language: text}, tmp_path).notice()) for language, text in TEXTS.items()]
    assert np.array_equal(both, np.concatenate([alone[0], alone[1][LEAD:]]))
    turned = samples(NoticeLibrary(dict(reversed(TEXTS.items())), tmp_path).notice())
    assert np.array_equal(turned, np.concatenate([alone[1], alone[0][LEAD:]]))
    assert not both[:LEAD].any()
    assert not both[-round(PAUSE_S * RATE_HZ) :].any()


def test_the_notice_is_speech(tmp_path):
    """The default notice takes as long as a person would, and is neither silent nor clipped."""
    heard = samples(NoticeLibrary({"en": default_notice(AudioConfig())}, tmp_path).notice())
    assert 10 < len(heard) / RATE_HZ < 40
    assert np.sqrt(np.mean(heard.astype(float) ** 2)) > 500
    assert np.mean(np.abs(heard) >= 32_767) < 0.001


@pytest.mark.parametrize("phrase", Phrase)
def test_a_phrase_is_its_tones_and_then_words(tmp_path, phrase):
    """The tones are there at their pitches, and longer words follow."""
    library = NoticeLibrary(TEXTS, tmp_path)
    heard = samples(library.phrase(phrase))
    alone = samples(library.sound(phrase))
    assert np.array_equal(heard[: len(alone)], alone)
    assert len(heard) - len(alone) > RATE_HZ
    wanted = [tone.frequency_hz for tone in tones(phrase)]
    assert all(abs(found - hz) <= 5 for found, hz in zip(pitches_hz(heard, phrase), wanted, strict=True))


@pytest.mark.parametrize("sound", [*Phrase, *Feedback])
def test_tones_need_no_espeak(tmp_path, sound):
    """Every sound is there without any program, as loud as meant and without a click at either end."""
    heard = samples(NoticeLibrary(TEXTS, tmp_path, program="/nowhere/espeak-ng").sound(sound))
    assert 9_000 < np.abs(heard).max() < 11_000
    assert abs(int(heard[0])) < 100
    assert np.abs(np.diff(heard.astype(int))).max() < 5_000


def test_rendered_once(tmp_path):
    """The same words are the same file, kept; other words are another."""
    library = NoticeLibrary(TEXTS, tmp_path)
    first = library.notice()
    made_ns = first.stat().st_mtime_ns
    assert NoticeLibrary(TEXTS, tmp_path, program="/nowhere/espeak-ng").notice() == first
    assert first.stat().st_mtime_ns == made_ns
    assert NoticeLibrary({"en": "Something else."}, tmp_path).notice() != first


def test_nothing_but_whole_files_is_left(tmp_path):
    """No scratch stays behind, whether rendering went well or not."""
    library = NoticeLibrary({"en": "Well."}, tmp_path / "voice")
    kept = {library.notice(), library.sound(Phrase.HELD)}
    with pytest.raises(PanelError):
        NoticeLibrary({"zz": "Not well."}, tmp_path / "voice").notice()
    assert set((tmp_path / "voice").iterdir()) == kept


@pytest.mark.parametrize("text", ["-w /tmp/elsewhere.wav", "--voices", "$(touch x); `touch y`", "a\nb", "<b>&amp;</b>"])
def test_a_text_is_only_a_text(tmp_path, text):
    """Nothing in the words is an option or a command."""
    assert len(samples(NoticeLibrary({"en": text}, tmp_path).notice())) > RATE_HZ / 4


def test_a_long_text_is_spoken_to_its_end(tmp_path):
    """Twenty times the words take about twenty times the time."""
    once = samples(NoticeLibrary({"en": "Everyone is safe. "}, tmp_path).notice())
    often = samples(NoticeLibrary({"en": "Everyone is safe. " * 500}, tmp_path).notice())
    assert len(often) > 300 * (len(once) - PAUSE_S * RATE_HZ)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_what_can_go_wrong_is_one_sentence(tmp_path):
    """Each failure names what is wrong."""

    def failing(texts=TEXTS, program="espeak-ng", folder=tmp_path / "voice"):
        with pytest.raises(PanelError) as caught:
            NoticeLibrary(texts, folder, program).notice()
        return str(caught.value)

    a_file = tmp_path / "file"
    a_file.touch()
    assert failing({"zz": "Hello"}) == (
        "espeak-ng cannot speak the notice's language 'zz': Error: The specified espeak-ng voice does not exist."
    )
    assert failing({"en": ""}) == "espeak-ng cannot speak the notice's language 'en': no sound came of it"
    assert failing(program="/nowhere/espeak-ng") == (
        "/nowhere/espeak-ng is not installed, so nothing can be spoken; install the package espeak-ng."
    )
    assert failing(folder=a_file / "voice").startswith(f"Sounds cannot be kept in {a_file}/voice: ")
    rubbish = script(tmp_path / "rubbish", 'while [ "$1" != -w ]; do shift; done; echo rubbish > "$2"')
    assert failing(program=rubbish).startswith("espeak-ng rendered no WAV file: ")
    slow = tmp_path / "slow.wav"
    with wave.open(str(slow), "wb") as file:
        file.setparams((2, 2, 8_000, 0, "NONE", None))
        file.writeframes(bytes(8_000))
    other = script(tmp_path / "other", f'while [ "$1" != -w ]; do shift; done; cp {slow} "$2"')
    assert failing(program=other) == "espeak-ng did not render 16 bit, mono, 22050 Hz; choose one of its own voices."
