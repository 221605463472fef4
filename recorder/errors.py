"""Every error a person can meet, in one place.

Rules: one clear sentence that names what is wrong, where, and the mend; a leaf also inherits the builtin it
resembles, so that ``except OSError`` keeps its meaning; ``exit_code`` is what the command line ends with
(README, "Exit codes"). Vendor exceptions are translated at the adapter with ``raise ... from``.
"""


class RecorderError(Exception):
    """Anything the recorder refuses or cannot do. The text is one sentence for a person."""

    exit_code = 1


# --- configuration and use ---------------------------------------------------------------------------------------


class ConfigError(RecorderError, ValueError):
    """The configuration is wrong. ``faults`` lists every fault found, one sentence each."""

    exit_code = 2

    def __init__(self, faults: list[str] | tuple[str, ...] | str) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class UsageError(RecorderError, ValueError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class WrongPassphraseError(UsageError):
    """A passphrase does not open the key that it was typed for."""


# --- capture -----------------------------------------------------------------------------------------------------


class CaptureError(RecorderError, OSError):
    """Picture or sound could not be captured."""


class DeviceAbsentError(CaptureError):
    """A camera or microphone is not there, or would not open."""


class DeviceLostError(CaptureError):
    """A camera or microphone that worked has stopped working."""


class MuxError(CaptureError):
    """Packets could not be written as MP4."""


class MediaError(RecorderError, ValueError):
    """A recording or clip is not what it should be."""


# --- vault -------------------------------------------------------------------------------------------------------


class StoreError(RecorderError, OSError):
    """The store on the card could not be read or written."""


class LockTimeoutError(StoreError, TimeoutError):
    """Another process holds the store's lock for longer than it may."""


class NoSuchJourneyError(StoreError, LookupError):
    """The journey named is not in the store."""


class JournalError(RecorderError, ValueError):
    """A signed log is broken: ``line`` is the first wrong line (1-based), 0 where none can be named."""

    exit_code = 3

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


class AgeError(RecorderError, ValueError):
    """An age file, recipient or identity is wrong."""


class AgeHeaderError(AgeError):
    """The header is malformed or its MAC is wrong."""


class AgeNoMatchError(AgeError, LookupError):
    """None of the identities opens this file."""


class AgePayloadError(AgeError):
    """The payload is damaged. Whole chunks released before this error are authentic."""


class AgeTruncatedError(AgePayloadError, EOFError):
    """The payload ends without its final chunk: every whole chunk before is good."""


class AgeArmorError(AgeError):
    """The ASCII armor is malformed."""


# --- cabin, export, office, daemon -------------------------------------------------------------------------------


class PanelError(RecorderError, OSError):
    """Buttons, lamps or loudspeaker could not be used."""


class ExportError(RecorderError, OSError):
    """Held journeys could not be copied. What is whole on the target stays valid."""


class NothingHeldError(ExportError, LookupError):
    """There is nothing to export, for no journey is held: no failure, and the stick stays as it was."""

    exit_code = 5


class StickError(ExportError):
    """What was plugged in is meant for the recorder, and cannot be used; or could not be let go."""


class ForeignStickError(StickError, LookupError):
    """What was plugged in is not meant for the recorder: it is left alone, and nobody is told."""


class BundleError(RecorderError, ValueError):
    """A bundle is not one, or something in it is wrong."""

    exit_code = 3


class ModelError(RecorderError, LookupError):
    """The weights that find faces are missing, or are not the ones that were measured."""


class OrderError(RecorderError, ValueError):
    """An order from the office, or a recorder's answer to one, is not what it should be."""

    exit_code = 3


class OutputError(RecorderError, OSError):
    """The office's computer could not write keys, films or logs where it was told to."""


class NotRunningError(RecorderError, ConnectionError):
    """No recorder answers on the control socket."""


class AlreadyRunningError(RecorderError, OSError):
    """Another recorder already runs on this runtime directory."""
