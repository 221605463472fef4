"""What the recorder that runs is told of a copy, so that its lamps and its voice know.

Rules: a recorder that does not run, or does not answer, changes nothing about the copy; the end of a copy that systemd
runs is told after the stick was let go (``cabin-recorder-export@.service``), for it says "you can remove the stick".
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from recorder.control import ask
from recorder.errors import NothingHeldError, NotRunningError, RecorderError
from recorder.export.tally import Progress

TELL_EVERY_S = 1.0

log = logging.getLogger(__name__)


class Teller:
    """Keeps the recorder behind ``control_socket``, if one runs, up to date about the copy into ``target``.

    ``tells_end`` false: somebody else tells how it ended, once the stick was let go; only the reason of a failure goes
    ahead.
    """

    def __init__(self, control_socket: Path, target: Path, *, tells_end: bool) -> None:
        self._socket = control_socket
        self._target = str(target)
        self._tells_end = tells_end
        self._next_s = 0.0

    def orders(self, held: Sequence[str], released: Sequence[str], refused: int) -> None:
        """What came of the office's orders: ids of journeys, and how many were refused. Nothing to tell is not told."""
        if held or released or refused:
            tell(self._socket, "orders", held=list(held), released=list(released), refused=refused)

    def began(self) -> None:
        """The copy begins."""
        tell(self._socket, "export-began", target=self._target)

    def progress(self, progress: Progress) -> None:
        """It goes on; told now and then. The target goes along for a recorder that has started since."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + TELL_EVERY_S
            tell(self._socket, "export-progress", target=self._target, **asdict(progress))

    def done(self) -> None:
        """All of it is on the target."""
        if self._tells_end:
            tell(self._socket, "export-done")

    def nothing(self) -> None:
        """No journey is held."""
        if self._tells_end:
            tell(self._socket, "export-nothing")

    def failed(self, reason: str) -> None:
        """It did not get through; ``reason`` is one sentence."""
        tell(self._socket, "export-failed" if self._tells_end else "export-failing", reason=reason)


def tell(control_socket: Path, command: str, **arguments: object) -> None:
    """Tell the recorder; nobody there is fine."""
    try:
        ask(control_socket, command, **arguments)
    except NotRunningError:
        log.debug("%s: no recorder runs that could be told", command)
    except RecorderError as error:
        log.warning("%s: %s", command, error)


def tell_end(control_socket: Path, place: Path, outcome: Mapping[str, str]) -> int:
    """Tell how a copy that systemd ran has ended, after the stick was let go; an exit code.

    ``place``: where the stick was; one that is still there was not let go. ``outcome``: the variables that systemd
    gives to ``ExecStopPost=`` (systemd.exec(5), "$SERVICE_RESULT, $EXIT_CODE, $EXIT_STATUS").
    """
    result, code, status = (outcome.get(name, "") for name in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"))
    if result == "exec-condition":
        return 0  # no stick of ours: it was left alone
    if place.exists():
        tell(control_socket, "export-failed", reason="The stick could not be let go; something still uses it.")
        return 1
    match result, code, status:
        case "success", "exited", "0":
            tell(control_socket, "export-done")
        case "success", "exited", nothing if nothing == str(NothingHeldError.exit_code):
            tell(control_socket, "export-nothing")
        case _, "", _:
            tell(control_socket, "export-failed", reason=f"The stick could not be mounted (systemd: {result}).")
        case _:
            reason = f"The copy did not get through (systemd: {result}, {code} {status})."
            tell(control_socket, "export-failed", reason=reason)
    return 0
