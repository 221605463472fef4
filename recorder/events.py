"""What can happen to a journey. PURE: one frozen dataclass an event, no behaviour.

Only ``Tick`` carries time; the loop sends one before every other event, so the journey always knows the time
without asking for it.
"""

from dataclasses import dataclass
from typing import Literal

Medium = Literal["video", "audio"]
HoldScope = Literal["journey", "last", "all"]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes. ``now_s``: seconds of CLOCK_BOOTTIME."""

    now_s: float


@dataclass(frozen=True, slots=True)
class IgnitionOn:
    """The key was turned."""


@dataclass(frozen=True, slots=True)
class IgnitionOff:
    """The key was turned back."""


@dataclass(frozen=True, slots=True)
class NoticeEnded:
    """The spoken notice is over; ``finished`` is false where it could not be played to its end."""

    finished: bool


@dataclass(frozen=True, slots=True)
class ConsentPressed:
    """A passenger pressed and released consent in less than a second."""


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """A passenger held consent for three seconds or more and released it."""


@dataclass(frozen=True, slots=True)
class ConsentRecorded:
    """The consent is durable in the signed log of ``journey``; capture may begin."""

    journey: str


@dataclass(frozen=True, slots=True)
class HoldPressed:
    """Hold was pressed: the current journey, else the last on board."""


@dataclass(frozen=True, slots=True)
class HoldAllPressed:
    """Hold was pressed for five seconds: everything on board."""


@dataclass(frozen=True, slots=True)
class HoldDurable:
    """The hold asked for with ``scope`` is on the card. ``journeys``: what it keeps; empty: nothing was on board."""

    scope: HoldScope
    journeys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldByOrder:
    """An order of the office's, brought on a stick, is carried out: ``journeys`` are held, durably."""

    journeys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """A stick brought orders that the recorder does not follow; the ledger has the reasons."""


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """The hold on ``journey`` was released by the office or on the command line."""

    journey: str


@dataclass(frozen=True, slots=True)
class FirstDurable:
    """``medium`` has become durable: what was captured less than two seconds ago is on the card."""

    medium: Medium


@dataclass(frozen=True, slots=True)
class DurableStale:
    """``medium`` is no longer durable: its newest durable moment is two seconds old."""

    medium: Medium


@dataclass(frozen=True, slots=True)
class FaultRaised:
    """Something is wrong. ``kind`` is a word from :data:`recorder.journey.CAPTURE_FAULTS` or any other fault's."""

    kind: str


@dataclass(frozen=True, slots=True)
class FaultCleared:
    """The fault ``kind`` is over."""

    kind: str


@dataclass(frozen=True, slots=True)
class PictureStepped:
    """The picture has another size or rate from now on.

    ``reason``: the computer could not keep up ("slow"), slows down for heat ("hot"), or has kept up for long enough to
    try more ("calm").
    """

    width: int
    height: int
    fps: float
    reason: Literal["slow", "hot", "calm"]


@dataclass(frozen=True, slots=True)
class Sealed:
    """Capture has ended: devices are closed and the last segment is sealed."""


@dataclass(frozen=True, slots=True)
class StickInserted:
    """Held journeys are being copied to ``target``, by a process of their own."""

    target: str


@dataclass(frozen=True, slots=True)
class ExportDone:
    """Held journeys are on the stick, read back; it may be unplugged."""


@dataclass(frozen=True, slots=True)
class NothingToExport:
    """A stick came, and no journey is held."""


@dataclass(frozen=True, slots=True)
class ExportFailed:
    """The export did not finish; ``reason`` is one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClockChanged:
    """The wall clock was set, or its quality changed. ``step_s``: how far it jumped, forward positive."""

    step_s: float
    quality: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    """SIGTERM: seal what runs and end."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A consented journey was found at start: after a crash, or after a proven power cut of at most a minute."""

    journey: str
    held: bool
    ignition_on: bool


Event = (
    Tick
    | IgnitionOn
    | IgnitionOff
    | NoticeEnded
    | ConsentPressed
    | ConsentWithdrawn
    | ConsentRecorded
    | HoldPressed
    | HoldAllPressed
    | HoldDurable
    | HeldByOrder
    | OrderRefused
    | HoldReleased
    | FirstDurable
    | DurableStale
    | FaultRaised
    | FaultCleared
    | PictureStepped
    | Sealed
    | StickInserted
    | ExportDone
    | NothingToExport
    | ExportFailed
    | ClockChanged
    | StopRequested
    | Resumed
)
