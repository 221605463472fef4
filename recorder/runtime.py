"""What must survive a crash of the recorder but not the loss of power: the runtime folder, on tmpfs.

``journey.json`` is the consent of the journey that runs. It exists only while that consent stands: a crash finds it
and goes on in the same journey; a withdrawal removes it before anything else. ``recorder.lock`` keeps a second
recorder out.
"""

import fcntl
import json
from pathlib import Path
from typing import IO

from recorder.errors import AlreadyRunningError, StoreError


class Runtime:
    """The runtime folder of one recorder, owned by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._consent = folder / "journey.json"
        self._lock: IO[bytes] | None = None

    @property
    def control_socket(self) -> Path:
        """Where the running recorder answers."""
        return self.folder / "control.sock"

    @property
    def panel_socket(self) -> Path:
        """Where the simulated panel listens."""
        return self.folder / "panel.sock"

    def take(self) -> None:
        """Make the folder and own it until the process ends. Raises AlreadyRunningError, StoreError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.folder / "recorder.lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(
                f"A recorder already runs on {self.folder}; stop it first, or name another store.runtime."
            ) from error
        except OSError as error:
            raise StoreError(f"store.runtime: {self.folder} cannot be used: {error.strerror}.") from error

    def persist_consent(self, journey: str) -> None:
        """Remember that ``journey`` has consent; whole or not at all."""
        temporary = self._consent.with_suffix(".tmp")
        temporary.write_text(json.dumps({"journey": journey}), encoding="utf-8")
        temporary.replace(self._consent)

    def forget_consent(self) -> None:
        """Remove the consent; when this returns no crash can resume it."""
        self._consent.unlink(missing_ok=True)

    def consented_journey(self) -> str | None:
        """The journey whose consent stood when the last process ended; None where there is none."""
        try:
            return str(json.loads(self._consent.read_text(encoding="utf-8"))["journey"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            self.forget_consent()  # a consent that cannot be read is no consent
            return None
