"""Tries what a unit's sandbox should allow or refuse, and prints what came of each as JSON. Runs inside the sandbox.

Stands alone: it is copied into the container and run there by the recorder's own Python.
"""

import ctypes
import json
import os
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from errno import errorcode
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000  # linux/sched.h


def write(folder: str) -> Callable[[], object]:
    """Make and remove a file in ``folder``."""
    return lambda: tempfile.NamedTemporaryFile(dir=folder).close()


def run_from(folder: str) -> Callable[[], object]:
    """Put a program into ``folder`` and run it."""

    def attempt() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            program = Path(scratch) / "program"
            program.write_bytes(Path("/usr/bin/true").read_bytes())
            program.chmod(0o755)
            subprocess.run([program], check=True)

    return attempt


def call(name: str, *arguments: object) -> Callable[[], object]:
    """A system call by its libc name; its errno is an OSError."""

    def attempt() -> None:
        if getattr(LIBC, name)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), name)

    return attempt


def connect(path: str) -> Callable[[], object]:
    """Connect to a UNIX socket."""

    def attempt() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    return attempt


def call_back() -> None:
    """Be called from C through cffi, as PortAudio calls sounddevice."""
    import cffi  # noqa: PLC0415 - a sandbox that forbids it must fail here, not at the start

    ffi = cffi.FFI()
    assert ffi.callback("int(int)", lambda number: number + 1)(1) == 2


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write /etc": write("/etc"),
    "write /opt/cabin-recorder": write("/opt/cabin-recorder"),
    "write /var/lib": write("/var/lib"),
    "write /root": write("/root"),
    "write /run": write("/run"),
    "write /var/lib/cabin-recorder": write("/var/lib/cabin-recorder"),
    "write /run/cabin-recorder": write("/run/cabin-recorder"),
    "write /run/cabin-recorder-power": write("/run/cabin-recorder-power"),
    "write /tmp": write("/tmp"),  # noqa: S108 - its own
    "run from /tmp": run_from("/tmp"),  # noqa: S108
    "run from /var/lib/cabin-recorder": run_from("/var/lib/cabin-recorder"),
    "run from /run/cabin-recorder-power": run_from("/run/cabin-recorder-power"),
    "look at a stick": lambda: list(Path("/run/cabin-recorder-export").iterdir()),
    "open a block device": lambda: Path("/dev/cabin-block").open("rb").close(),
    "open the camera's group's device": lambda: Path("/dev/cabin-video").open("rb").close(),
    "talk over IPv4": lambda: socket.socket(socket.AF_INET).close(),
    "talk over netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "talk to the system bus": connect("/run/dbus/system_bus_socket"),
    "ask whether the clock is synchronised": call("adjtimex", ctypes.create_string_buffer(512)),
    "set the clock": lambda: time.clock_settime(time.CLOCK_MONOTONIC, 0),
    "read the boot id": lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
    "be called from C": call_back,
    "leave a core": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    "run first": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "mount": call("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "become root": lambda: os.setuid(0),
    "make a user namespace": call("unshare", CLONE_NEWUSER),
}


def outcome(attempt: Callable[[], object]) -> str:
    """``ok``, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return errorcode[error.errno or 0]
    except (MemoryError, SystemError, ValueError) as error:
        return type(error).__name__
    return "ok"


def main() -> None:
    """Try everything, in order; what would change the process comes last."""
    print(json.dumps({name: outcome(attempt) for name, attempt in ATTEMPTS.items()}))


main()
