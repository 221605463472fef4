"""What a journey can ask for. PURE: one frozen dataclass a command, no behaviour.

The loop carries commands out in the order given. Where the order is the promise (a withdrawal forgets the consent
before it closes the devices) the table in ``journey.py`` says so.
"""

from dataclasses import dataclass, field
from enum import Enum

from recorder.events import HoldScope


class Phrase(Enum):
    """What the recorder says or sounds; the words are in the cabin's notice texts, the tones in ``signals``."""

    RECORDING = "recording"
    RECORDING_SOUND = "recording-sound"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    AGREED_AGAIN = "agreed-again"
    HELD = "held"
    NOTHING_TO_HOLD = "nothing-to-hold"
    IMPAIRED = "impaired"
    FAILED = "failed"
    ORDER_REFUSED = "order-refused"
    EXPORT_DONE = "export-done"
    NOTHING_TO_EXPORT = "nothing-to-export"
    EXPORT_FAILED = "export-failed"


@dataclass(frozen=True, slots=True)
class PlayNotice:
    """Speak the notice from its beginning."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say or sound one phrase."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class RecordConsent:
    """Write the consent into the signed log, beginning a journey where none is; answered by ConsentRecorded."""

    notice_finished: bool


@dataclass(frozen=True, slots=True)
class PersistConsent:
    """Keep the consent in the runtime directory, so that a crash resumes this journey."""

    journey: str


@dataclass(frozen=True, slots=True)
class ForgetConsent:
    """Remove the consent from the runtime directory; done before the next command begins."""


@dataclass(frozen=True, slots=True)
class StartCapture:
    """Open the camera, and the microphone where ``sound`` is wanted, and record into ``journey``."""

    journey: str
    sound: bool


@dataclass(frozen=True, slots=True)
class StopCapture:
    """Close camera and microphone at once, seal the last segment; answered by Sealed. ``reason`` goes into the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordSound:
    """Record sound too from now on, or no more, while the picture goes on; asked for in audio mode ``on-hold`` only."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class EndJourney:
    """Close the log of ``journey`` with its end."""

    journey: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep footage; answered by HoldDurable, retried until it is."""

    scope: HoldScope


@dataclass(frozen=True, slots=True)
class Note:
    """Write an entry into the journey's signed log, or into the ledger where there is no journey."""

    event: str
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Let the pruner run now."""


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Set the alarm for the next deletion and ask for power to be cut."""


@dataclass(frozen=True, slots=True)
class Exit:
    """End the process with exit code 0."""


Command = (
    PlayNotice
    | Say
    | RecordConsent
    | PersistConsent
    | ForgetConsent
    | StartCapture
    | StopCapture
    | RecordSound
    | EndJourney
    | Hold
    | Note
    | Sweep
    | PowerOff
    | Exit
)
