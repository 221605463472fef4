"""What a journey is at one moment. PURE: frozen values and what follows from them, nothing else.

Rules: one value holds all that the next step depends on; what can be derived is a property, not a field.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from recorder.events import Medium

RETRY_FIRST_S = 1.0
RETRY_LONGEST_S = 60.0

CAPTURE_FAULTS = frozenset(
    {
        "camera",
        "microphone",
        "encoder",
        "mux",
        "card",
        "card-slow",
        "card-full",
        "camera-covered",
        "camera-blurred",
        "camera-moved",
        "camera-frozen",
        "microphone-silent",
    }
)
"""Fault kinds that make the recording worthless or incomplete; only these change the state."""

AudioMode = Literal["always", "on-hold", "off"]
NO_MEDIA: frozenset[Medium] = frozenset()


class StateName(Enum):
    """The states, spelled so everywhere: code, ``status --json``, log."""

    PARKED = "Parked"
    AWAITING_CONSENT = "AwaitingConsent"
    STARTING = "Starting"
    RECORDING = "Recording"
    IMPAIRED = "Impaired"
    RUN_ON = "RunOn"
    SEALING = "Sealing"
    WITHDRAWN = "Withdrawn"
    FAILED = "Failed"


class Capture(Enum):
    """What was last asked of the devices. ``CLOSING`` lasts until :class:`~recorder.events.Sealed`."""

    CLOSED = "closed"
    OPEN = "open"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Settings:
    """Times and modes of the journey, from the configuration; seconds."""

    run_on_s: float = 300.0
    starting_s: float = 5.0
    notice_fresh_s: float = 300.0
    consent_lapse_s: float = 300.0
    audio: AudioMode = "always"


@dataclass(frozen=True, slots=True)
class Journey:
    """Everything the next step depends on. Times are seconds of CLOCK_BOOTTIME.

    ``journey`` is known once its first consent is durable; ``consents_pending`` counts consents asked for that are not
    yet in the signed log; ``deadline_s`` belongs to the state: the end of Starting or of RunOn, of Impaired with
    nothing durable, or the next try of Failed.
    """

    settings: Settings = field(default_factory=Settings)
    name: StateName = StateName.PARKED
    now_s: float = 0.0
    ignition: bool = False
    journey: str | None = None
    consented: bool = False
    consents_pending: int = 0
    capture: Capture = Capture.CLOSED
    fresh: frozenset[Medium] = NO_MEDIA
    faults: frozenset[str] = frozenset()
    held: bool = False
    hold_asked: bool = False  # of this journey, and not answered yet
    holds_pending: int = 0
    notice_playing: bool = False
    notice_ended_s: float | None = None
    notice_finished: bool = False
    deadline_s: float = 0.0
    failed_since_s: float | None = None
    retry_s: float = RETRY_FIRST_S
    end_reason: str = ""
    exporting: bool = False
    stopping: bool = False

    @property
    def hold_pending(self) -> bool:
        """Whether a hold was asked for that is not durable yet."""
        return self.holds_pending > 0

    @property
    def wanted(self) -> frozenset[Medium]:
        """The media this journey is to record now."""
        mode = self.settings.audio
        sound = mode == "always" or (mode == "on-hold" and (self.held or self.hold_asked))
        return frozenset({"video", "audio"}) if sound else frozenset({"video"})

    @property
    def current(self) -> bool:
        """Whether there is a journey that a press of hold refers to."""
        return self.consented or self.journey is not None

    @property
    def devices_open(self) -> bool:
        """Whether camera and microphone may be open."""
        return self.capture is not Capture.CLOSED

    @property
    def whole(self) -> bool:
        """Whether everything wanted is durable and worth recording."""
        return self.wanted <= self.fresh and not self.faults & CAPTURE_FAULTS

    @property
    def waits_for_card(self) -> bool:
        """Whether what is captured waits in memory for a card that does not answer: nothing of it is lost yet."""
        return self.capture is Capture.OPEN and not self.fresh and "card-slow" in self.faults

    @property
    def notice_fresh(self) -> bool:
        """Whether those aboard can have heard the notice: it plays, or ended recently."""
        if self.notice_playing:
            return True
        return self.notice_ended_s is not None and self.now_s - self.notice_ended_s <= self.settings.notice_fresh_s
