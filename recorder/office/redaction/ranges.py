"""Which sound is to be changed, and how much of it at each moment.

Source: an AAC packet decodes to 1024 samples, of which it shares each half with a neighbour (ISO/IEC 14496-3, 4.6.11:
windows overlap by half). Hence a packet reaches from its own time over that of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.office.redaction.wishes import Span

FADE_S = 0.01
LEAD_S = 0.025
"""What is asked for is whole so much before and after its range: an encoder's noise reaches over a packet (23 ms)."""


@dataclass(frozen=True, slots=True)
class SoundRanges:
    """What is muted, and where voices are masked."""

    muted: tuple[Span, ...] = ()
    masked: tuple[Span, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not (self.muted or self.masked)

    def touch(self, from_s: float, until_s: float) -> bool:
        """Whether anything in this time is changed, fades included."""
        return is_touched((*self.muted, *self.masked), from_s, until_s)


def is_touched(spans: Sequence[Span], from_s: float, until_s: float) -> bool:
    """Whether one of ``spans``, with its lead and fades, lies in this time."""
    reach_s = LEAD_S + FADE_S
    return any(span.touches(from_s - reach_s, until_s + reach_s) for span in spans)
