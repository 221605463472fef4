"""What is said, one thing after the other: the notice, phrases, and the tones of buttons.

Rules: the loop and the panel only put a wish into a queue; rendering and playing happen on this thread. A phrase waits
for what is being said, except those that people must hear at once (:data:`URGENT`). A notice that cannot be spoken is
fault ``notice`` and an unfinished notice, and stops nothing.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recorder.cabin.notice import NoticeLibrary
from recorder.cabin.ports import Loudspeaker, Post
from recorder.cabin.signals import Feedback
from recorder.commands import Phrase
from recorder.errors import PanelError
from recorder.events import FaultCleared, FaultRaised, NoticeEnded

URGENT = frozenset({Phrase.WITHDRAWN, Phrase.FAILED})
LONGEST_NOTICE_S = 180.0
JOIN_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Notice:
    """The wish to speak the notice."""


_Wish = _Notice | Phrase | Feedback | None


class Voice:
    """Speaks through ``loudspeaker``. ``enabled`` false: nothing is ever spoken, and each notice ends unfinished."""

    def __init__(
        self, library: NoticeLibrary, open_loudspeaker: Callable[[], Loudspeaker], post: Post, *, enabled: bool = True
    ) -> None:
        self._library = library
        self._open_loudspeaker = open_loudspeaker
        self._post = post
        self._enabled = enabled
        self._wishes: queue.SimpleQueue[_Wish] = queue.SimpleQueue()
        self._interrupted = threading.Event()
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)

    @property
    def notice_sha256(self) -> str:
        """Which notice is spoken, for the entry of a consent."""
        return self._library.sha256

    def start(self) -> None:
        """Begin; what was wished before is said first."""
        self._thread.start()

    def play_notice(self) -> None:
        """Speak the notice from its beginning; answered by NoticeEnded."""
        self._wishes.put(_Notice())

    def say(self, phrase: Phrase) -> None:
        """Say one phrase; an urgent one at once."""
        if phrase in URGENT:
            self._interrupted.set()
        self._wishes.put(phrase)

    def sound(self, feedback: Feedback) -> None:
        """Sound a button's tone at once."""
        self._interrupted.set()
        self._wishes.put(feedback)

    def close(self) -> None:
        """Fall silent and end."""
        self._closing = True
        self._interrupted.set()
        self._wishes.put(None)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        loudspeaker = self._open_loudspeaker()
        try:
            while (wish := self._wishes.get()) is not None:
                finished = self._enabled and not self._closing and self._speak(loudspeaker, wish)
                if isinstance(wish, _Notice):
                    self._post(NoticeEnded(finished))
        finally:
            loudspeaker.close()

    def _speak(self, loudspeaker: Loudspeaker, wish: _Notice | Phrase | Feedback) -> bool:
        """Say it; whether it was heard to its end."""
        self._interrupted.clear()
        try:
            finished = self._play(loudspeaker, self._file(wish))
        except PanelError as error:
            log.error("%s", error)
            self._fault(failing=True)
            return False
        if isinstance(wish, _Notice):
            self._fault(failing=not finished and not self._interrupted.is_set())
        return finished

    def _file(self, wish: _Notice | Phrase | Feedback) -> Path:
        match wish:
            case _Notice():
                return self._library.notice()
            case Phrase():
                return self._library.phrase(wish)
            case Feedback():
                return self._library.sound(wish)

    def _play(self, loudspeaker: Loudspeaker, wav: Path) -> bool:
        ended: queue.SimpleQueue[bool] = queue.SimpleQueue()
        over = threading.Event()

        def done(finished: bool) -> None:
            ended.put(finished)
            over.set()

        loudspeaker.play(wav, done)
        waited_s = 0.0
        while not over.wait(0.05) and not self._interrupted.is_set() and waited_s < LONGEST_NOTICE_S:
            waited_s += 0.05
        return over.is_set() and ended.get()

    def _fault(self, *, failing: bool) -> None:
        if failing != self._failing:
            self._failing = failing
            self._post(FaultRaised("notice") if failing else FaultCleared("notice"))
