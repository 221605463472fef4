"""What is said first, what waits, and what is never said any more: scripts of wishes and endings."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.cabin.loudspeaker import SilentLoudspeaker
from recorder.cabin.notice import NoticeLibrary
from recorder.cabin.signals import Feedback
from recorder.cabin.voice import Voice
from recorder.commands import Phrase
from recorder.errors import PanelError
from recorder.events import FaultCleared, FaultRaised, NoticeEnded

WITHIN_S = 5.0
TONE, NOT_COUNTED = Feedback.LONG_ENOUGH, Feedback.NOT_COUNTED


class Shelf:
    """A library whose files need no espeak-ng: each is named after what it says."""

    sha256 = "0" * 64

    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        self.missing = missing

    def notice(self) -> Path:
        return self._file("notice")

    def phrase(self, phrase: Phrase) -> Path:
        return self._file(phrase.value)

    def sound(self, sound: Phrase | Feedback) -> Path:
        return self._file(f"tones of {sound.value}")

    def _file(self, name: str) -> Path:
        if name in self.missing:
            raise PanelError(f"{name} is missing")
        return Path(name)


class HandLoudspeaker:
    """Plays until it is told that the sound has ended; a new sound replaces the old, as the port says."""

    def __init__(self) -> None:
        self.begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.closed: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._done: Callable[[bool], None] | None = None

    def play(self, wav: Path, done: Callable[[bool], None]) -> None:
        self.end(finished=False)
        self._done = done
        self.begun.put(str(wav))

    def end(self, *, finished: bool = True) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(finished)

    def close(self) -> None:
        self.end(finished=False)
        self.closed.put(True)


class Bench:
    """A voice, its loudspeaker, and what it posted."""

    def __init__(self, library: object, *, enabled: bool = True) -> None:
        self.loudspeaker = HandLoudspeaker()
        self.posted: queue.SimpleQueue = queue.SimpleQueue()
        self.opened = 0
        self.voice = Voice(library, self._open, self.posted.put, enabled=enabled)

    def _open(self) -> HandLoudspeaker:
        self.opened += 1
        return self.loudspeaker

    def heard(self) -> str:
        """What begins to be said next, waited for."""
        return self.loudspeaker.begun.get(timeout=WITHIN_S)

    def event(self):
        """What is posted next, waited for."""
        return self.posted.get(timeout=WITHIN_S)

    def close(self) -> None:
        """Close, and nothing was said or posted that was not taken."""
        self.voice.close()
        assert self.loudspeaker.begun.empty()
        assert self.posted.empty()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(Shelf())
    bench.voice.start()
    yield bench
    bench.close()


def test_the_notice_to_its_end(bench):
    """Played once, posted once."""
    bench.voice.play_notice()
    assert bench.heard() == "notice"
    bench.loudspeaker.end()
    assert bench.event() == NoticeEnded(finished=True)


def test_a_phrase_waits_for_the_notice(bench):
    """Nobody talks over the notice; a phrase that waits already is not said twice."""
    bench.voice.play_notice()
    assert bench.heard() == "notice"
    for phrase in (Phrase.RECORDING, Phrase.HELD, Phrase.HELD):
        bench.voice.say(phrase)
    bench.loudspeaker.end()
    assert bench.event() == NoticeEnded(finished=True)
    assert bench.heard() == "recording"
    bench.loudspeaker.end()
    assert bench.heard() == "held"


@pytest.mark.parametrize("phrase", [Phrase.WITHDRAWN, Phrase.FAILED, Phrase.STOPPED])
def test_what_must_be_heard_breaks_off_everything(bench, phrase):
    """The notice ends unfinished, what waited is dropped: after a withdrawal nobody says "recording"."""
    bench.voice.play_notice()
    assert bench.heard() == "notice"
    bench.voice.say(Phrase.RECORDING)
    bench.voice.say(phrase)
    assert bench.event() == NoticeEnded(finished=False)
    assert bench.heard() == phrase.value
    bench.loudspeaker.end()


def test_a_waiting_notice_that_is_dropped_has_ended_too(bench):
    """A notice that was wished for ends, whether it was begun or not."""
    bench.voice.say(Phrase.HELD)
    assert bench.heard() == "held"
    bench.voice.play_notice()
    bench.voice.say(Phrase.WITHDRAWN)
    assert bench.event() == NoticeEnded(finished=False)
    assert bench.heard() == "withdrawn"


def test_the_notice_begins_anew_when_it_is_wished_again(bench):
    """From its beginning, and only the last one's end is posted."""
    bench.voice.play_notice()
    assert bench.heard() == "notice"
    bench.voice.play_notice()
    assert bench.heard() == "notice"
    bench.loudspeaker.end()
    assert bench.event() == NoticeEnded(finished=True)


def test_the_notice_waits_for_a_phrase_and_is_said_once(bench):
    """Wished for twice while something else is said, it is said once."""
    bench.voice.say(Phrase.STOPPED)
    assert bench.heard() == "stopped"
    bench.voice.play_notice()
    bench.voice.play_notice()
    bench.loudspeaker.end()
    assert bench.heard() == "notice"
    bench.loudspeaker.end()
    assert bench.event() == NoticeEnded(finished=True)


@pytest.mark.parametrize("broken_off", ["notice", "held"])
def test_a_tone_is_heard_at_once_and_what_it_broke_off_begins_again(bench, broken_off):
    """Tones of buttons delay, but take nothing away."""
    bench.voice.play_notice() if broken_off == "notice" else bench.voice.say(Phrase.HELD)
    assert bench.heard() == broken_off
    bench.voice.sound(TONE)
    assert bench.heard() == "tones of long-enough"
    bench.voice.sound(NOT_COUNTED)
    assert bench.heard() == "tones of not-counted"
    bench.loudspeaker.end()
    assert bench.heard() == broken_off
    bench.loudspeaker.end()
    if broken_off == "notice":
        assert bench.event() == NoticeEnded(finished=True)


def test_a_notice_that_is_not_heard_is_a_fault_until_one_is(bench):
    """No loudspeaker: the fault once, each notice unfinished; heard again: the fault is over."""
    for finished, events in (
        (False, [FaultRaised("notice"), NoticeEnded(finished=False)]),
        (False, [NoticeEnded(finished=False)]),
        (True, [FaultCleared("notice"), NoticeEnded(finished=True)]),
        (True, [NoticeEnded(finished=True)]),
    ):
        bench.voice.play_notice()
        assert bench.heard() == "notice"
        bench.loudspeaker.end(finished=finished)
        assert [bench.event() for _ in events] == events


def test_without_words_there_are_tones():
    """espeak-ng missing: phrases are their tones, the notice is a fault, and nothing stops."""
    bench = Bench(Shelf(missing=frozenset({"notice", "held", "recording", "tones of recording"})))
    bench.voice.start()
    bench.voice.play_notice()
    bench.voice.say(Phrase.RECORDING)
    bench.voice.say(Phrase.HELD)
    assert [bench.event(), bench.event()] == [FaultRaised("notice"), NoticeEnded(finished=False)]
    assert bench.heard() == "tones of held"
    bench.close()


def test_wishes_before_the_start_are_kept():
    """Nothing is lost between ignition and the first word."""
    bench = Bench(Shelf())
    bench.voice.play_notice()
    assert bench.opened == 0
    bench.voice.start()
    assert bench.heard() == "notice"
    bench.close()
    assert bench.opened == 1
    assert bench.loudspeaker.closed.get_nowait()


def test_switched_off_nothing_is_opened_or_rendered():
    """Each notice ends unfinished, without a fault: it was decided so."""
    bench = Bench(Shelf(missing=frozenset({"notice"})), enabled=False)
    bench.voice.start()
    bench.voice.say(Phrase.HELD)
    bench.voice.sound(TONE)
    bench.voice.play_notice()
    assert bench.event() == NoticeEnded(finished=False)
    bench.close()
    assert bench.opened == 0


def test_close_before_the_start_is_harmless():
    """A recorder that fails while it starts closes what it has."""
    Bench(Shelf()).close()


def test_a_real_library_without_a_loudspeaker(tmp_path):
    """Nobody hears the notice: it ends unfinished and is a fault."""
    posted: queue.SimpleQueue = queue.SimpleQueue()
    library = NoticeLibrary({"en": "Hello."}, tmp_path)
    voice = Voice(library, SilentLoudspeaker, posted.put)
    assert voice.notice_sha256 == library.sha256
    voice.start()
    voice.play_notice()
    ends = [posted.get(timeout=WITHIN_S), posted.get(timeout=WITHIN_S)]
    assert ends == [FaultRaised("notice"), NoticeEnded(finished=False)]
    voice.close()
