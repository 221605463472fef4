"""A cabin in which everything goes wrong on order, and a stopwatch on what the recorder in it shows and says.

The recorder is a process of its own (``faulty.py``): its lens is a V4L2 device below libavdevice, its microphone one of
PulseAudio's below PortAudio. Its service manager is here, too: a notify socket whose messages are timed, and somebody
who starts it again when it has ended itself.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from recorder.cabin.signals import STEADY
from recorder.cabin.simulated import panel_client
from recorder.errors import NotRunningError
from recorder.runtime import Runtime
from recorder.timekeeping import boottime_ns
from recorder.vault.age import X25519Identity
from tests.powercut.hands import Gone, Hands

CHECKOUT = Path(__file__).parents[2]
WATCHDOG_S = 4.0
GOES_ROUND = ("mux", "card", "device", "loop")  # the threads of faulty.py that can be made to die
PATIENCE_S = 30.0

CONFIG = """
vehicle = "VAN-1"
[store]
path = "{card}/store"
runtime = "runtime"
min_free_bytes = 0
[keys]
recipients = ["{recipient}"]
device_key = "device.key"
[camera]
{camera}
[microphone]
{microphone}
[segments]
length_s = {length_s}
[journey]
run_on_s = 0
[panel]
kind = "simulated"
[notice]
enabled = false
[sentinel]
enabled = false
"""
SYNTHETIC = "width = 320\nheight = 240\nfps = 15.0"


class Manager:
    """What systemd is to a service: hears READY, STATUS and WATCHDOG on a real notify socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
        self.fed_s: list[float] = []
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        while message := self._socket.recv(1000):
            if message == b"WATCHDOG=1":
                self.fed_s.append(time.monotonic())

    def starved_s(self, since_s: float) -> float:
        """The longest time without a WATCHDOG=1 from then until now."""
        times = [since_s, *(at_s for at_s in tuple(self.fed_s) if at_s > since_s), time.monotonic()]
        return max(after - before for before, after in pairwise(times))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fault looked like from outside, in seconds since it began; None: never.

    ``lamp_s``: the recording lamp was out; ``fault_s``: the fault stood in the status; ``ended_s``: the process had
    ended itself; ``back_s``: it recorded again, since the mend. ``from_ns``, ``until_ns``: all of it, boottime.
    """

    lamp_s: float | None
    fault_s: float | None
    ended_s: float | None
    back_s: float
    from_ns: int
    until_ns: int


@dataclass
class Cabin:
    """One recorder, its devices, and its service manager."""

    folder: Path
    camera: str = f'kind = "synthetic"\n{SYNTHETIC}'
    microphone: str = 'kind = "synthetic"'
    environment: dict[str, str] = field(default_factory=dict)
    card: str = "card"
    length_s: float = 2

    def __post_init__(self) -> None:
        self.identity = X25519Identity.generate()
        self.config = self.folder / "recorder.toml"
        text = CONFIG.format(
            card=self.card,
            recipient=self.identity.recipient.text,
            camera=self.camera,
            microphone=self.microphone,
            length_s=self.length_s,
        )
        self.config.write_text(text)
        self.hands = Hands(self.config)
        self.manager = Manager(self.folder / "notify")
        self.process: subprocess.Popen[str] | None = None
        self.log = self.folder / "recorder.log"

    def start(self, *arguments: str) -> None:
        """Turn the power on; back when the panel answers."""
        environment = {**os.environ, **self.environment, **self.manager.environment}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.daemon.faulty", self.config, *arguments],
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.hands.wait_for_start(self.is_alive)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def order(self, line: str) -> None:
        """Have something go wrong, or mended, inside."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def record(self) -> str:
        """From the key to the recording; the journey."""
        self.hands.press("ignition on", "press consent")
        return str(self.until_recording()["journey"])

    def until_recording(self) -> dict[str, Any]:
        """The first status that says so, without a fault."""
        return self.hands.until(lambda now: now["state"] == "Recording" and not now["faults"], PATIENCE_S)

    def lamps(self) -> dict[str, str]:
        """How each lamp is lit now. Gone."""
        try:
            [answer] = panel_client(Runtime(self.folder / "runtime").panel_socket, ["state"])
        except (NotRunningError, OSError) as error:
            raise Gone from error
        return dict(part.split("=") for part in answer.split())

    def suffers(self, kind: str, fault: "Fault") -> Seen:
        """Have ``fault`` happen, wait until the recorder shows ``kind`` or has ended, mend it, and wait again."""
        from_ns, began_s = boottime_ns(), time.monotonic()
        fault.provoke()
        lamp_s = fault_s = ended_s = None
        try:
            while fault_s is None or lamp_s is None:  # the fault may be told before or after the lamp
                now = self.hands.look()
                since_s = time.monotonic() - began_s
                assert since_s < PATIENCE_S, f"nothing seen of it: {now}\n{self.log.read_text()[-2000:]}"
                if lamp_s is None and self.lamps()["recording"] != STEADY.name:
                    lamp_s = since_s
                if fault_s is None and kind in now["faults"]:
                    fault_s = since_s
            if fault.ends_process:
                self.hands.until(lambda _: False, PATIENCE_S)
        except Gone:
            assert self.process is not None
            assert self.process.wait(PATIENCE_S) == 70, self.log.read_text()[-2000:]
            ended_s = time.monotonic() - began_s
            lamp_s = ended_s if lamp_s is None else lamp_s
        fault.mend()
        mended_s = time.monotonic()
        if ended_s is not None:
            self.start()
        self.until_recording()
        return Seen(lamp_s, fault_s, ended_s, time.monotonic() - mended_s, from_ns, boottime_ns())

    def park(self) -> None:
        """Turn the key back; everything is sealed."""
        self.hands.press("ignition off")
        self.hands.until(lambda now: now["state"] == "Parked", PATIENCE_S)

    def close(self) -> None:
        """Whatever is left goes."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.manager.close()

    def entries(self, journey: str) -> list[dict[str, Any]]:
        """The journey's signed log."""
        card = self.folder / self.card
        text = (card / "store" / "journeys" / journey / "log.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class Fault:
    """How it is made to happen, and undone. ``ends_process``: the recorder can only be rid of it by ending itself."""

    provoke: Any
    mend: Any
    ends_process: bool = False
