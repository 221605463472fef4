"""What is said, one thing after the other: the notice, phrases, and the tones of buttons.

Rules: the loop and the panel only put a wish into the inbox; rendering and playing happen on this room's threads. A
phrase waits for what is being said, but what must be heard at once (:data:`URGENT`) breaks it off and drops all that
waited: after a withdrawal nobody says "recording". A button's tone is heard at once, and what it broke off begins
again. A notice that cannot be spoken is the fault ``notice`` and an unfinished notice, and stops nothing.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from recorder.cabin.notice import NoticeLibrary
from recorder.cabin.ports import Loudspeaker, Post
from recorder.cabin.signals import Feedback
from recorder.commands import Phrase
from recorder.errors import PanelError
from recorder.events import FaultCleared, FaultRaised, NoticeEnded

URGENT = frozenset({Phrase.WITHDRAWN, Phrase.FAILED, Phrase.STOPPED})
LONGEST_S = 300.0  # of one sound; a loudspeaker that says nothing for longer is given up
JOIN_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Notice:
    """The wish to speak the notice."""


_Wish = _Notice | Phrase | Feedback


@dataclass(frozen=True, slots=True, eq=False)
class _Saying:
    """A wish while it is being said."""

    wish: _Wish


@dataclass(frozen=True, slots=True)
class _Ended:
    """The loudspeaker is done with ``saying``."""

    saying: _Saying
    finished: bool


class Voice:
    """Speaks through the loudspeaker that ``open_loudspeaker`` gives, which is called on the voice's own thread.

    ``enabled`` false: nothing is rendered or opened, nothing is spoken, and each notice ends unfinished.
    """

    def __init__(
        self, library: NoticeLibrary, open_loudspeaker: Callable[[], Loudspeaker], post: Post, *, enabled: bool = True
    ) -> None:
        self._library = library
        self._open_loudspeaker = open_loudspeaker
        self._post = post
        self._enabled = enabled
        self._inbox: queue.SimpleQueue[_Wish | _Ended | None] = queue.SimpleQueue()
        self._waiting: deque[_Wish] = deque()
        self._now: _Saying | None = None
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
        """Speak the notice from its beginning; NoticeEnded follows, once for the last of several such wishes."""
        self._inbox.put(_Notice())

    def say(self, phrase: Phrase) -> None:
        """Say one phrase; an urgent one at once."""
        self._inbox.put(phrase)

    def sound(self, feedback: Feedback) -> None:
        """Sound a button's tone at once."""
        self._inbox.put(feedback)

    def close(self) -> None:
        """Fall silent and end."""
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if not self._enabled:
            self._stay_silent()
            return
        loudspeaker = self._open_loudspeaker()
        try:
            while (message := self._next()) is not None:
                if isinstance(message, _Ended):
                    if message.saying is self._now:
                        self._now = None
                        self._ended(message.saying.wish, finished=message.finished)
                else:
                    self._wish(message)
                if self._now is None:
                    self._begin_next(loudspeaker)
        finally:
            loudspeaker.close()

    def _stay_silent(self) -> None:
        while (message := self._inbox.get()) is not None:
            if isinstance(message, _Notice):
                self._post(NoticeEnded(finished=False))

    def _next(self) -> _Wish | _Ended | None:
        if self._now is None:
            return self._inbox.get()
        try:
            return self._inbox.get(timeout=LONGEST_S)
        except queue.Empty:
            return _Ended(self._now, finished=False)

    def _wish(self, wish: _Wish) -> None:
        """Put ``wish`` where it belongs; what it breaks off is no longer being said."""
        saying = None if self._now is None else self._now.wish
        match wish:
            case _Notice():
                self._waiting = deque(other for other in self._waiting if not isinstance(other, _Notice))
                self._waiting.append(wish)
                if isinstance(saying, _Notice):
                    self._now = None
            case Phrase() if wish in URGENT:
                if any(isinstance(dropped, _Notice) for dropped in (saying, *self._waiting)):
                    self._post(NoticeEnded(finished=False))
                self._now, self._waiting = None, deque([wish])
            case Phrase() if wish not in self._waiting:
                self._waiting.append(wish)
            case Feedback():
                if saying is not None and not isinstance(saying, Feedback):
                    self._waiting.appendleft(saying)
                self._waiting.appendleft(wish)
                self._now = None

    def _begin_next(self, loudspeaker: Loudspeaker) -> None:
        """Say what waits first and can be said."""
        while self._now is None and self._waiting:
            wish = self._waiting.popleft()
            try:
                wav = self._file(wish)
            except PanelError as error:
                log.warning("%s", error)
                self._ended(wish, finished=False)
                continue
            self._now = saying = _Saying(wish)
            loudspeaker.play(wav, partial(self._done, saying))

    def _done(self, saying: _Saying, finished: bool) -> None:
        self._inbox.put(_Ended(saying, finished))

    def _file(self, wish: _Wish) -> Path:
        match wish:
            case _Notice():
                return self._library.notice()
            case Feedback():
                return self._library.sound(wish)
            case Phrase():
                try:
                    return self._library.phrase(wish)
                except PanelError as error:
                    log.warning("%s", error)
                    return self._library.sound(wish)

    def _ended(self, wish: _Wish, *, finished: bool) -> None:
        """Only the notice must be known to have been heard."""
        if not isinstance(wish, _Notice):
            return
        if finished == self._failing:
            self._failing = not finished
            self._post(FaultCleared("notice") if finished else FaultRaised("notice"))
        self._post(NoticeEnded(finished))
