"""Readiness, status text and watchdog for systemd, without a library; silent where nobody listens.

The protocol is sd_notify(3): datagrams of ``KEY=value`` lines to the socket named by ``NOTIFY_SOCKET``.
"""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Tells the service manager how the recorder fares. Every method does nothing without ``NOTIFY_SOCKET``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        owner = environment.get("WATCHDOG_PID", str(os.getpid()))
        self._watchdog_usec = int(environment.get("WATCHDOG_USEC", "0")) if owner == str(os.getpid()) else 0

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often the watchdog wants to hear, at half its limit (sd_watchdog_enabled(3)); None: not at all."""
        return self._watchdog_usec / 2_000_000 if self._address and self._watchdog_usec else None

    def ready(self, status: str) -> None:
        """Start-up is finished; ``status`` is the first line for ``systemctl status``, in the same datagram."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The recorder has begun to end."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={text}")

    def watchdog(self) -> None:
        """All is well."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(self._address)
            sender.sendall(message.encode())
