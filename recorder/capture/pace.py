"""At which step one camera records now: looks twice a second whether its encoder keeps up, and says so when it changes.

The step belongs to the camera and not to its opening: a computer that was too slow before is not faster now. Which step
is right is decided in ``stepping.py``; who sees that it has changed makes its picture anew.
"""

import logging
import threading
from collections.abc import Callable
from fractions import Fraction

from recorder.capture.heat import Heat
from recorder.capture.stepping import STEPS, Look, Standing, Step, judge, opened
from recorder.events import Event, PictureStepped

LOOK_EVERY_NS = 500_000_000
_LOSING_SHARE = 10  # one frame in so many

_log = logging.getLogger(__name__)


def _nobody(_event: Event) -> None:
    """Nobody wants to hear of it."""


class Pace:
    """The pace of one camera. Used by one thread at a time, but for :meth:`missed`."""

    def __init__(
        self,
        tell: Callable[[Event], None] = _nobody,
        is_hot: Callable[[], bool] | None = None,
        steps: tuple[Step, ...] = STEPS,
    ) -> None:
        """``tell`` hears of each change. ``is_hot``: this computer's own word, if not given. One step never changes."""
        self._tell, self._steps = tell, steps
        self._is_hot = is_hot or Heat().is_hot
        self._standing = Standing()
        self._size, self._fps = (0, 0), Fraction(1)
        self._frames = self._missed = 0
        self._next_look_ns = 0
        self._counting = threading.Lock()

    @property
    def step(self) -> Step:
        """The step to record at."""
        return self._steps[self._standing.level]

    @property
    def reason(self) -> str:
        """Why it is this one, as a sentence."""
        sentences = {
            "slow": "The encoder could not keep up.",
            "hot": "The computer slows down for heat.",
            "calm": "The computer has kept up for long enough to try more.",
        }
        return sentences[self._standing.reason]

    def opened(self, width: int, height: int, fps: Fraction) -> None:
        """The camera was opened; what it gives at the first step."""
        self._size, self._fps = (width, height), fps
        self._standing = opened(self._standing)
        self._frames = self._missed = 0

    def missed(self, count: int = 1) -> None:
        """So many frames were lost because the encoder was not ready for them. From any thread."""
        with self._counting:
            self._missed += count

    def saw(self, captured_ns: int, now_ns: int) -> bool:
        """A frame captured then has left the encoder now; whether the step is another one from here on."""
        self._frames += 1
        if now_ns < self._next_look_ns:
            return False
        self._next_look_ns = now_ns + LOOK_EVERY_NS
        with self._counting:
            missed, self._missed = self._missed, 0
        losing = missed * _LOSING_SHARE > self._frames + missed
        self._frames = 0
        before = self._standing
        look = Look(now_ns, now_ns - captured_ns, losing=losing, hot=self._is_hot())
        self._standing = judge(before, look, len(self._steps))
        if self._standing.level == before.level:
            return False
        self._announce(look)
        return True

    def _announce(self, look: Look) -> None:
        width, height = map(self.step.side, self._size)
        fps = float(self._fps / self.step.every)
        _log.warning(
            "picture: %dx%d at %g from now on: %s (%d ms late)", width, height, fps, self.reason, look.late_ns // 10**6
        )
        self._tell(PictureStepped(width, height, fps, self._standing.reason))


def steady() -> Pace:
    """A pace that never changes."""
    return Pace(is_hot=lambda: False, steps=STEPS[:1])
