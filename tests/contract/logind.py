"""A system bus of one's own (Debian's dbus-daemon) and a stand-in for logind on it, since none runs in a test."""

import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import open_dbus_connection

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Bus:
    """A message bus in a folder; :attr:`address` is there when it answers."""

    def __init__(self, folder: Path) -> None:
        config = folder / "bus.conf"
        config.write_text(_CONFIG.format(socket=escape(str(folder / "bus"))))
        self._daemon = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--nopidfile", "--print-address", f"--config-file={config}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self._daemon.stdout.readline().strip()

    def close(self) -> None:
        self._daemon.terminate()
        self._daemon.communicate()


class StandInLogind:
    """Answers for org.freedesktop.login1: agrees, refuses by an error's name, or (``mute``) says nothing.

    ``look`` is called for every call, before its answer. :attr:`asked`: (interface, method, signature,
    arguments) of each.
    """

    def __init__(
        self,
        bus: Bus,
        refusal: tuple[str, str] | None = None,
        *,
        mute: bool = False,
        look: Callable[[], object] = lambda: None,
    ) -> None:
        self.asked: queue.SimpleQueue = queue.SimpleQueue()
        self._refusal = refusal
        self._mute = mute
        self._look = look
        self._bus = open_dbus_connection(bus.address)
        self._bus.bus_proxy.RequestName("org.freedesktop.login1")
        self._stopper = open_dbus_connection(bus.address)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Leave the bus."""
        here = DBusAddress("/", self._bus.unique_name, "org.example.Test")
        self._stopper.send(new_method_call(here, "Stop"))
        self._thread.join()
        self._stopper.close()
        self._bus.close()

    def _serve(self) -> None:
        while True:
            call = self._bus.receive()
            if call.header.message_type is not MessageType.method_call:
                continue
            fields = call.header.fields
            if fields[HeaderFields.member] == "Stop":
                return
            self._look()
            self.asked.put(
                (
                    fields[HeaderFields.interface],
                    fields[HeaderFields.member],
                    fields.get(HeaderFields.signature, ""),
                    call.body,
                )
            )
            if self._mute:
                continue
            if self._refusal is None and fields[HeaderFields.member].startswith("Can"):
                self._bus.send(new_method_return(call, "s", ("yes",)))
            elif self._refusal is None:
                self._bus.send(new_method_return(call))
            else:
                name, words = self._refusal
                self._bus.send(new_error(call, name, "s", (words,)))
