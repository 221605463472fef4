"""PortAudio, of which a process has one, whoever uses it: who does, and when its list of devices may be made anew.

PortAudio lists the devices when it is initialised, and never again (python-sounddevice issue 493): a microphone plugged
in later is found only by ending PortAudio and beginning it again, which closes every open stream under its user's
feet. Rule: whoever lists devices or has a stream open is counted; the list is made anew only while nobody is.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


class SoundHost:
    """Counts the users of PortAudio."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    def enter(self) -> None:
        """From now on the caller uses PortAudio; waits while the list is made anew (a second at most)."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """The caller no longer uses it: its streams are closed."""
        with self._lock:
            self._users -= 1

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """:meth:`enter` and :meth:`leave` around a block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def refresh(self) -> bool:
        """Make the list of devices anew; False, and nothing done, while somebody uses PortAudio.

        Raises OSError where PortAudio cannot be loaded, and sounddevice's PortAudioError where it does not begin.
        """
        import sounddevice  # noqa: PLC0415 - loads PortAudio

        with self._lock:
            if self._users:
                return False
            sounddevice._terminate()  # the way its author names in issue 493
            sounddevice._initialize()
            return True


@cache
def sound_host() -> SoundHost:
    """The one of this process."""
    return SoundHost()
