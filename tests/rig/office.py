"""The safeguarding lead's computer, which is this one: the keys that `keygen` made, under a passphrase."""

import subprocess
import sys
from pathlib import Path

from recorder.office.keys import load_identities

PASSPHRASE = "four plain words here"  # noqa: S105 - it guards keys that live as long as the tests


class Office:
    """An office whose keys lie in ``folder``; it has the only key that opens. Commands are typed as a person would."""

    def __init__(self, folder: Path) -> None:
        self._keys = folder / "keys"
        made = self._run("keygen", "--out", self._keys, typed=f"{PASSPHRASE}\n{PASSPHRASE}\n")
        assert made.returncode == 0, made.stderr
        [self.identity] = load_identities(self._keys / "identity.txt", lambda: PASSPHRASE)
        self.recipient = (self._keys / "recipient.txt").read_text().strip()

    def enrol(self, vehicle: str, key: str) -> None:
        """``cabin-recorder enrol``: note whose key signs what comes from ``vehicle``."""
        done = self._run("enrol", vehicle, key, "--keys", self._keys)
        assert done.returncode == 0, done.stdout + done.stderr

    def verify(self, bundle: Path) -> subprocess.CompletedProcess[str]:
        """``cabin-recorder verify``, with the key."""
        return self._run("verify", bundle, "-i", self._keys / "identity.txt", typed=f"{PASSPHRASE}\n")

    def open(self, bundle: Path, out: Path) -> subprocess.CompletedProcess[str]:
        """``cabin-recorder open``."""
        return self._run("open", bundle, "-i", self._keys / "identity.txt", "-o", out, typed=f"{PASSPHRASE}\n")

    def _run(self, *arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
        """In a session of its own: a passphrase is asked for at the terminal, where there is one."""
        return subprocess.run(
            [sys.executable, "-m", "recorder", *map(str, arguments)],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            timeout=300,
        )
