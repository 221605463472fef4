"""Forks recorders: ``python -m tests.powercut.forked`` reads one order a line (JSON) and forks a recorder for it.

It answers with the recorder's pid, and with how it ended. What a recorder imports late is imported here at once, so
that a fork has it; none of it may start a thread.
"""

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recorder.capture.devices
import recorder.capture.encoder
import recorder.capture.pipeline
import recorder.capture.sound  # noqa: F401
from recorder.assembly import assemble
from recorder.config import load
from recorder.daemon import Daemon
from recorder.systemd import Notifier
from tests.powercut import shim
from tests.powercut.forks import Ended
from tests.powercut.shim import Cut, How

_COUNTED = "counted"
_BROKEN = 99  # what a recorder ends with that died of a bug


def main() -> None:
    """Fork what is ordered until standard input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        read_fd, write_fd = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_fd)
            _record(order, write_fd)
        os.close(write_fd)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        with os.fdopen(read_fd) as report:
            told = dict(line.split() for line in report)
        counted = int(told.pop(_COUNTED, 0))
        call, at_ns = next(iter(told.items()), ("", "0"))
        ended = Ended(os.waitstatus_to_exitcode(status), call, int(at_ns), counted)
        print(json.dumps(asdict(ended)), flush=True)


def _record(order: dict[str, Any], report_fd: int) -> None:
    """Be a recorder, as ``cabin-recorder run`` is one; never returns."""
    code = _BROKEN
    try:
        os.umask(0o077)
        config_path = Path(order["config"])
        log = os.open(config_path.with_name("recorder.log"), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        for fd in (1, 2):
            os.dup2(log, fd)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
        config = load(config_path)
        shim.arm(Cut(How(order["how"]), order["at"], order["times"]), Path(order["card"]), report_fd)
        code = Daemon(assemble(config), Notifier({})).run()
    except BaseException:
        logging.exception("the recorder died")
    finally:
        os.write(report_fd, f"{_COUNTED} {shim.count()}\n".encode())
        os._exit(code)


if __name__ == "__main__":
    main()
