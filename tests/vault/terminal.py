"""A terminal for programs that read passphrases from nowhere else."""

import os
import pty
import select
import time
from collections.abc import Sequence

_DEADLINE_S = 60.0


def run_on_terminal(arguments: Sequence[str], typed: Sequence[str]) -> tuple[int, str]:
    """Run a program on a terminal of its own and type a line at each prompt; its exit code and what it said."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(arguments[0], list(arguments))  # noqa: S606 - a fixed program, not a person's input
    said, answers, deadline_s = b"", list(typed), time.monotonic() + _DEADLINE_S
    answered_to = 0
    try:
        while time.monotonic() < deadline_s:
            if not select.select([terminal], [], [], 1.0)[0]:
                continue
            try:
                block = os.read(terminal, 4096)
            except OSError:  # Linux says so when the program has closed its side
                break
            if not block:
                break
            said += block
            prompt_at = said.find(b": ", answered_to)
            if answers and prompt_at >= 0:
                os.write(terminal, answers.pop(0).encode() + b"\n")
                answered_to = len(said)
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said.decode(errors="replace")
