"""The supply of a vehicle: power off through systemd-logind, and be woken for the next deletion.

Rules: the ignition is read once more when nothing but the order is left to do, and where it is on again the machine
restarts instead, for a machine that is off while the key is turned stays off; that the recorder wants the power off
stands in a mark for whoever reads the ignition after everything has ended; logind's refusal is one sentence, and the
caller asks again. The interface is org.freedesktop.login1(5); polkit lets the recorder's user use it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recorder.cabin.wakealarm import WakeAlarm
from recorder.errors import PanelError

ANSWER_WITHIN_S = 5.0
IN_PROGRESS = "org.freedesktop.login1.OperationInProgress"

log = logging.getLogger(__name__)


class LogindPowerSupply:
    """The machine's own power.

    ``ignition_on`` reads the pin afresh. ``wanted``: the mark, a file that is there from the moment the recorder asks
    for the power to go until that is refused. ``bus``: a D-Bus address, or ``SYSTEM``.
    """

    def __init__(
        self,
        ignition_on: Callable[[], bool],
        alarm: WakeAlarm,
        wanted: Path,
        bus: str = "SYSTEM",
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._ignition_on = ignition_on
        self._alarm = alarm
        self._wanted = wanted
        self._bus = bus
        self._answer_within_s = answer_within_s

    def power_off(self) -> None:
        """Ask logind to power off, or to restart where the ignition is on again. Raises PanelError; then ask again.

        Returns once logind has agreed; systemd then ends the recorder as it ends everything.
        """
        with self._connected() as bus:
            method = "Reboot" if self._ignition_on() else "PowerOff"
            self._mark(off=method == "PowerOff")
            refusal = self._ask(bus, method)
        if refusal is None:
            log.info("logind agreed: %s", method)
        elif refusal[0] == IN_PROGRESS:
            log.info("the machine is going down already")
        else:
            self._mark(off=False)
            name, text = refusal
            raise PanelError(f"logind refuses {method}: {text} ({name}).")

    def wake_at(self, utc_ns: int) -> bool:
        """Set the alarm; False where no clock of this machine can wake it."""
        return self._alarm.set(utc_ns)

    def _mark(self, *, off: bool) -> None:
        """Without the mark the power goes all the same, and nobody looks at the key again."""
        try:
            if off:
                self._wanted.touch()
            else:
                self._wanted.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a key that is turned from now on may not be seen: %s", error)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415 - needed once, at the very end

        try:
            bus = open_dbus_connection(self._bus, auth_timeout=self._answer_within_s)
        except (OSError, ValueError) as error:
            raise PanelError(f"The power cannot be switched off, for D-Bus cannot be reached: {error}.") from error
        try:
            yield bus
        finally:
            bus.close()

    def _ask(self, bus: Any, method: str) -> tuple[str, str] | None:
        """None where logind agreed, else the name and the words of its refusal."""
        from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call  # noqa: PLC0415

        manager = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager")
        call = new_method_call(manager, method, "b", (False,))  # interactive: nobody is there to be asked
        try:
            reply = bus.send_and_get_reply(call, timeout=self._answer_within_s)
        except OSError as error:
            raise PanelError(f"logind did not answer {method}: {str(error) or 'no answer in time'}.") from error
        if reply.header.message_type is not MessageType.error:
            return None
        words = reply.body[0] if reply.body else "no reason given"
        return str(reply.header.fields[HeaderFields.error_name]), str(words).rstrip(".")
