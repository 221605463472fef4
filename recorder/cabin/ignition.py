"""What the ignition line means. PURE: levels and times in, IgnitionOn and IgnitionOff out.

Rules: the first level counts at once, for a recorder that starts with the ignition on must not hesitate; after that a
level counts once it was steady. Off must be steady for longer than on: an engine that is being started pulls the line
down for a second or two, and a recorder that waits for consent would go to sleep over it.
"""

from recorder.events import IgnitionOff, IgnitionOn

ON_STEADY_S = 0.05
OFF_STEADY_S = 3.0


class IgnitionDecoder:
    """One line. Times are seconds of any clock that never runs backwards.

    Call :meth:`sense` whenever the level may have changed and :meth:`advance` at :attr:`due_s`, as with
    :class:`~recorder.cabin.buttons.ButtonDecoder`; a late call changes when something is reported, never what.
    """

    def __init__(self, off_steady_s: float = OFF_STEADY_S) -> None:
        self._off_steady_s = off_steady_s
        self._level: bool | None = None
        self._level_since_s = 0.0
        self._on = False

    def sense(self, on: bool, now_s: float) -> tuple[IgnitionOn | IgnitionOff, ...]:
        """The line reads ``on`` at ``now_s``: what follows from that."""
        if self._level is None:
            self._level = self._on = on
            return (IgnitionOn(),) if on else ()
        outcomes = self.advance(now_s)
        if on != self._level:
            self._level, self._level_since_s = on, now_s
        return outcomes

    def advance(self, now_s: float) -> tuple[IgnitionOn | IgnitionOff, ...]:
        """Time has passed with the level as it was: what follows from that."""
        due_s = self.due_s
        if due_s is None or now_s < due_s:
            return ()
        self._on = not self._on
        return (IgnitionOn(),) if self._on else (IgnitionOff(),)

    @property
    def due_s(self) -> float | None:
        """When :meth:`advance` has something to say; None: not before the level changes."""
        if self._level is None or self._level == self._on:
            return None
        return self._level_since_s + (ON_STEADY_S if self._level else self._off_steady_s)
