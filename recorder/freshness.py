"""When does a medium count as durable? PURE.

The recording lamp must never lie: a medium is fresh while its newest durable moment is less than two seconds old,
and stale from then on. This turns what the card reports into the two events the journey knows.
"""

from dataclasses import dataclass

from recorder.events import DurableStale, Event, FirstDurable, Medium

FRESH_NS = 2_000_000_000
MEDIA: tuple[Medium, ...] = ("video", "audio")


@dataclass(frozen=True, slots=True)
class Freshness:
    """Which media are fresh, and when each was last durable (boottime ns; None: not in this capture)."""

    newest_ns: tuple[int | None, int | None] = (None, None)
    fresh: frozenset[Medium] = frozenset()

    def age_s(self, medium: Medium, now_ns: int) -> float | None:
        """Seconds since the newest durable moment of ``medium``; None where there is none."""
        newest = self.newest_ns[MEDIA.index(medium)]
        return None if newest is None else (now_ns - newest) / 1e9


def observe(
    before: Freshness, video_ns: int | None, audio_ns: int | None, now_ns: int
) -> tuple[Freshness, tuple[Event, ...]]:
    """The freshness now, and an event for each medium that has become fresh or stale."""
    newest = {"video": video_ns, "audio": audio_ns}
    fresh = frozenset(m for m in MEDIA if (at := newest[m]) is not None and now_ns - at < FRESH_NS)
    became: list[Event] = [FirstDurable(m) for m in MEDIA if m in fresh - before.fresh]
    became += [DurableStale(m) for m in MEDIA if m in before.fresh - fresh]
    return Freshness((video_ns, audio_ns), fresh), tuple(became)
