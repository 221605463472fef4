"""What every loudspeaker promises; and that the sound heard from a real one is the sound of the file."""

import queue
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from recorder.cabin.loudspeaker import GRACE_S, PortAudioLoudspeaker, SilentLoudspeaker, open_loudspeaker
from recorder.cabin.notice import NoticeLibrary
from recorder.cabin.ports import Loudspeaker
from recorder.cabin.signals import Feedback
from recorder.cabin.voice import Voice
from recorder.commands import Phrase
from recorder.events import NoticeEnded
from tests.contract.pulse import RATE_HZ, PulseAudio, portaudio_on, require_pulse

WITHIN_S = 20.0


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseAudio]:
    """A sound card that PortAudio finds as its default device."""
    require_pulse()
    daemon = PulseAudio(tmp_path_factory.mktemp("pulse"))
    with portaudio_on(daemon):
        yield daemon
    daemon.stop()


@dataclass(frozen=True)
class Candidate:
    """A loudspeaker, and whether anything can be heard from it."""

    loudspeaker: Loudspeaker
    audible: bool


CANDIDATES = {
    "silent": lambda: Candidate(SilentLoudspeaker(), audible=False),
    "missing-device": lambda: Candidate(PortAudioLoudspeaker("no such device"), audible=False),
    "pulseaudio": lambda: Candidate(PortAudioLoudspeaker(None), audible=True),
}


@pytest.fixture(params=["silent", "missing-device", pytest.param("pulseaudio", marks=pytest.mark.sound)])
def candidate(request: pytest.FixtureRequest) -> Iterator[Candidate]:
    if request.param == "pulseaudio":
        request.getfixturevalue("pulse")
    made = CANDIDATES[request.param]()
    yield made
    made.loudspeaker.close()


@pytest.fixture
def real(pulse: PulseAudio) -> Iterator[Loudspeaker]:
    made = open_loudspeaker(None)
    assert isinstance(made, PortAudioLoudspeaker)
    yield made
    made.close()


class Ending:
    """Collects every call of ``done``."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def __call__(self, finished: bool) -> None:
        self._calls.put(finished)

    def wait(self) -> bool:
        return self._calls.get(timeout=WITHIN_S)

    @property
    def only_one(self) -> bool:
        """Whether no call came beside those that were waited for."""
        return self._calls.empty()


def tone(path: Path, seconds: float, width: int = 2) -> Path:
    """A WAV of a 440 Hz tone."""
    count = round(seconds * RATE_HZ)
    samples = (8000 * np.sin(np.arange(count) * 2 * np.pi * 440 / RATE_HZ)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, width, RATE_HZ, 0, "NONE", None))
        file.writeframes(samples.tobytes() if width == 2 else bytes(count * width))
    return path


# --- every loudspeaker -------------------------------------------------------------------------------------------


def test_every_sound_ends_once(candidate: Candidate, tmp_path: Path) -> None:
    """One call of done for each play; finished where the sound could be heard, and then not before its time."""
    wav = tone(tmp_path / "a.wav", 0.5)
    for _ in range(2):
        ending, began_s = Ending(), time.monotonic()
        candidate.loudspeaker.play(wav, ending)
        assert ending.wait() is candidate.audible
        assert not candidate.audible or time.monotonic() - began_s > 0.4
        assert ending.only_one
    candidate.loudspeaker.close()
    assert ending.only_one


def test_what_cannot_be_played_ends_unfinished(candidate: Candidate, tmp_path: Path) -> None:
    """No file, no WAV, no samples of 16 bit: never an exception, always done(False); and then it plays again."""
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "empty.wav").touch()
    eight_bits = tone(tmp_path / "8.wav", 0.1, width=1)
    for wav in (tmp_path / "none.wav", tmp_path / "text.wav", tmp_path / "empty.wav", eight_bits):
        ending = Ending()
        candidate.loudspeaker.play(wav, ending)
        assert ending.wait() is False
    ending = Ending()
    candidate.loudspeaker.play(tone(tmp_path / "a.wav", 0.1), ending)
    assert ending.wait() is candidate.audible


def test_a_new_sound_replaces_the_old(candidate: Candidate, tmp_path: Path) -> None:
    """The old one ends unfinished, at once; the new one plays."""
    long, short = tone(tmp_path / "long.wav", 30.0), tone(tmp_path / "short.wav", 0.1)
    endings = [Ending() for _ in range(4)]
    for ending in endings[:3]:
        candidate.loudspeaker.play(long, ending)
    candidate.loudspeaker.play(short, endings[3])
    assert [ending.wait() for ending in endings] == [False, False, False, candidate.audible]
    assert all(ending.only_one for ending in endings)


def test_close_ends_what_plays(candidate: Candidate, tmp_path: Path) -> None:
    """The sound ends unfinished; whatever is asked later does too; a second close is harmless."""
    wav, endings = tone(tmp_path / "long.wav", 30.0), [Ending(), Ending()]
    candidate.loudspeaker.play(wav, endings[0])
    candidate.loudspeaker.close()
    candidate.loudspeaker.play(wav, endings[1])
    candidate.loudspeaker.close()
    assert [ending.wait() for ending in endings] == [False, False]
    assert all(ending.only_one for ending in endings)


# --- a real one --------------------------------------------------------------------------------------------------


def heard(pulse: PulseAudio, loudspeaker: Loudspeaker, wav: Path) -> tuple[np.ndarray, float]:
    """What the sound card heard of ``wav``, laid over it, and how alike they are (1: the same)."""
    recording, ending = pulse.record(), Ending()
    loudspeaker.play(wav, ending)
    assert ending.wait() is True
    recording.wait_for(recording.count + RATE_HZ)
    everything, meant = recording.stop().astype(float), read(wav).astype(float)
    begin = int(alike(everything, meant).argmax())
    return everything[begin : begin + len(meant)], likeness(everything, meant)


def alike(everything: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """The correlation of ``meant`` with ``everything`` for every place at which it could begin."""
    size = 1 << (len(everything) + len(meant)).bit_length()
    return np.fft.irfft(np.fft.rfft(everything, size) * np.conj(np.fft.rfft(meant, size)), size)[: len(everything)]


def likeness(everything: np.ndarray, meant: np.ndarray) -> float:
    """1: ``everything`` is ``meant`` and silence. 0: they have nothing in common."""
    return float(alike(everything, meant).max() / np.sqrt((meant**2).sum() * (everything**2).sum()))


def read(wav: Path) -> np.ndarray:
    with wave.open(str(wav)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


@pytest.mark.sound
def test_the_sound_heard_is_the_sound_of_the_file(pulse: PulseAudio, real: Loudspeaker, tmp_path: Path) -> None:
    """A spoken phrase comes out of the sound card whole, as loud and as long as it was rendered, and nothing else."""
    wav = NoticeLibrary({"en": "x"}, tmp_path).phrase(Phrase.NOTHING_TO_HOLD)
    sound, how_alike = heard(pulse, real, wav)
    meant = read(wav).astype(float)
    assert how_alike > 0.95
    for played, rendered in zip(np.array_split(sound, 4), np.array_split(meant, 4), strict=True):
        assert np.sqrt(np.mean((played - rendered) ** 2)) < 0.2 * np.sqrt(np.mean(meant**2))


@pytest.mark.sound
@pytest.mark.parametrize("seconds", [0.1, 0.4, 1.5])
def test_nothing_is_cut_off(pulse: PulseAudio, real: Loudspeaker, tmp_path: Path, seconds: float) -> None:
    """However short, a sound without any silence around it is heard to its last moment before it is said to be over."""
    wav = tone(tmp_path / "a.wav", seconds)
    recording, ending, began_s = pulse.record(), Ending(), time.monotonic()
    real.play(wav, ending)
    assert ending.wait() is True
    assert time.monotonic() - began_s >= seconds
    real.close()
    recording.wait_for(recording.count + RATE_HZ)
    loud = np.flatnonzero(np.abs(recording.stop()) > 1000)
    assert seconds - 0.05 < (loud[-1] - loud[0]) / RATE_HZ < seconds + 0.05


@pytest.mark.sound
def test_another_sound_is_told_apart(pulse: PulseAudio, real: Loudspeaker, tmp_path: Path) -> None:
    """The measure above can fail: the tones of one phrase are not like another's."""
    library = NoticeLibrary({"en": "x"}, tmp_path)
    sound, _ = heard(pulse, real, library.sound(Phrase.HELD))
    other = read(library.sound(Phrase.IMPAIRED)).astype(float)
    assert likeness(sound, other) < 0.5


@pytest.mark.sound
def test_the_device_is_free_between_sounds(pulse: PulseAudio, real: Loudspeaker, tmp_path: Path) -> None:
    """Nothing holds the sound card while nothing plays."""
    ending = Ending()
    real.play(NoticeLibrary({}, tmp_path).sound(Feedback.LONG_ENOUGH), ending)
    assert ending.wait() is True
    real.close()
    assert pulse.ask("list", "short", "sink-inputs") == ""


@pytest.mark.sound
@pytest.mark.slow
def test_a_frozen_device_ends_the_sound(pulse: PulseAudio, real: Loudspeaker, tmp_path: Path) -> None:
    """A sound card that stops without a word: it ends, the next waits little; thawed, it plays again."""
    wav = tone(tmp_path / "a.wav", 0.5)
    endings = [Ending() for _ in range(3)]
    recording = pulse.record()
    real.play(wav, endings[0])
    recording.wait_for_sound()
    pulse.freeze()
    try:
        began_s = time.monotonic()
        assert endings[0].wait() is False
        assert time.monotonic() - began_s < 0.5 + GRACE_S + 2.0
        real.play(wav, endings[1])
        assert endings[1].wait() is False
    finally:
        pulse.thaw()
    recording.stop()
    real.play(wav, endings[2])
    assert endings[2].wait() is True
    assert all(ending.only_one for ending in endings)


NOTHING_LOADED = """
import sys
import recorder.cabin.loudspeaker
assert not {"sounddevice", "numpy"} & set(sys.modules)
"""


def test_portaudio_is_loaded_only_when_a_loudspeaker_is_opened() -> None:
    """The panel is up before PortAudio asks every device for its abilities."""
    subprocess.run([sys.executable, "-c", NOTHING_LOADED], check=True)


def test_no_such_device_is_silence(caplog: pytest.LogCaptureFixture) -> None:
    """A device that is not there gives the silent loudspeaker, and says so in the log."""
    assert isinstance(open_loudspeaker("no such device"), SilentLoudspeaker)
    assert "no such device" in caplog.text


@pytest.mark.sound
def test_a_notice_is_heard_to_its_end(pulse: PulseAudio, tmp_path: Path) -> None:
    """Rendered by espeak-ng, spoken by the voice, played by PortAudio, heard by the sound card."""
    posted: queue.SimpleQueue = queue.SimpleQueue()
    library = NoticeLibrary({"en": "This is recorded."}, tmp_path)
    voice, recording = Voice(library, lambda: open_loudspeaker(None), posted.put), pulse.record()
    voice.start()
    voice.play_notice()
    assert posted.get(timeout=WITHIN_S) == NoticeEnded(finished=True)
    voice.close()
    meant, everything = read(library.notice()).astype(float), recording.stop().astype(float)
    assert likeness(everything, meant) > 0.95
