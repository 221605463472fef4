"""What a press means. PURE: levels and times in, events and tones out.

Rules: a contact counts only after it was seen released since the start, so a short circuit at boot is not consent; a
press acts on release; a level counts once it was steady for :data:`DEBOUNCE_S` (gpiozero's own ``bounce_time`` is
unreliable under lgpio, gpiozero issues 550 and 1090); a contact down for too long is a fault and changes nothing.
What is neither an agreement nor a withdrawal is nothing: the README says why.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from recorder import events as on
from recorder.cabin.signals import Feedback
from recorder.events import Event

Button = Literal["consent", "hold"]

DEBOUNCE_S = 0.03
AGREEMENT_BELOW_S = 1.0
LONG_S: dict[Button, float] = {"consent": 3.0, "hold": 5.0}
STUCK_S = 20.0


@dataclass(slots=True)
class _Contact:
    """One pair of wires. ``level``: as last read; ``down``: the last steady level; None: not known yet."""

    level: bool | None = None
    level_since_s: float = 0.0
    down: bool | None = None
    down_since_s: float = 0.0
    counts: bool = False
    long: bool = False
    stuck: bool = False


class ButtonDecoder:
    """One button with one or more contacts in parallel (driver, passengers), each judged by itself.

    Times are seconds of any clock that never runs backwards. Call :meth:`sense` whenever a level may have changed
    and :meth:`advance` at :attr:`due_s`; a late call changes when something is reported, never what.
    """

    def __init__(self, button: Button, contacts: int = 1) -> None:
        self._button = button
        self._contacts = tuple(_Contact() for _ in range(contacts))

    def sense(self, down: bool, now_s: float, contact: int = 0) -> tuple[Event | Feedback, ...]:
        """``contact`` reads ``down`` at ``now_s``: what follows from that, in order."""
        outcomes = self.advance(now_s)
        sensed = self._contacts[contact]
        if down != sensed.level:
            sensed.level, sensed.level_since_s = down, now_s
        return outcomes

    def advance(self, now_s: float) -> tuple[Event | Feedback, ...]:
        """Time has passed with the levels as they were: what follows from that, in order."""
        outcomes: list[Event | Feedback] = []
        while (due_s := self.due_s) is not None and due_s <= now_s:
            for contact in self._contacts:
                outcomes += self._advance(contact, due_s)
        return tuple(outcomes)

    @property
    def due_s(self) -> float | None:
        """When :meth:`advance` may next have something to say; None: not before a level changes."""
        return min((due_s for contact in self._contacts for due_s in self._dues_s(contact)), default=None)

    def _dues_s(self, contact: _Contact) -> Iterator[float]:
        if contact.level != contact.down:
            yield contact.level_since_s + DEBOUNCE_S
        elif contact.down and not contact.stuck:
            yield contact.down_since_s + STUCK_S
            if contact.counts and not contact.long:
                yield contact.down_since_s + LONG_S[self._button]

    def _advance(self, contact: _Contact, now_s: float) -> Iterator[Event | Feedback]:
        if contact.level != contact.down and now_s >= contact.level_since_s + DEBOUNCE_S:
            if contact.level:
                contact.counts = contact.down is False
                contact.down_since_s = contact.level_since_s
            elif contact.down:
                yield from self._released(contact)
            contact.down = contact.level
        if not (contact.down and contact.level):
            return
        if contact.counts and not contact.long and now_s >= contact.down_since_s + LONG_S[self._button]:
            contact.long = True
            yield Feedback.LONG_ENOUGH
        if not contact.stuck and now_s >= contact.down_since_s + STUCK_S:
            if not self._stuck:
                yield on.FaultRaised(self._stuck_fault)
            contact.stuck = True

    def _released(self, contact: _Contact) -> Iterator[Event | Feedback]:
        """The contact was released at ``level_since_s``."""
        was_stuck, was_long = contact.stuck, contact.long
        contact.stuck = contact.long = False
        if was_stuck:
            if not self._stuck:
                yield on.FaultCleared(self._stuck_fault)
        elif not contact.counts:
            return
        elif self._button == "hold":
            yield on.HoldAllPressed() if was_long else on.HoldPressed()
        elif was_long:
            yield on.ConsentWithdrawn()
        elif contact.level_since_s < contact.down_since_s + AGREEMENT_BELOW_S:
            yield on.ConsentPressed()
        else:
            yield Feedback.NOT_COUNTED

    @property
    def _stuck(self) -> bool:
        return any(contact.stuck for contact in self._contacts)

    @property
    def _stuck_fault(self) -> str:
        return f"button-stuck-{self._button}"
