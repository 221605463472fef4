"""The person beside the machine, asked on the terminal whatever pytest does with its output."""

from pathlib import Path
from typing import Protocol

TERMINAL = Path("/dev/tty")


class Person(Protocol):
    """Someone with hands, eyes and ears."""

    def do(self, sentence: str) -> None:
        """Asked to do something; returns at once."""
        ...

    def agrees(self, question: str) -> bool:
        """The answer to a question of yes or no."""
        ...


class AtTheTerminal:
    """Whoever started the tests. Raises OSError where nobody can be asked."""

    def __init__(self, terminal: Path = TERMINAL) -> None:
        self._out = terminal.open("w", encoding="utf-8")
        self._in = terminal.open(encoding="utf-8")

    def do(self, sentence: str) -> None:
        print(f"\n>>> {sentence}", file=self._out, flush=True)

    def agrees(self, question: str) -> bool:
        print(f"\n>>> {question} [y/n] ", end="", file=self._out, flush=True)
        return self._in.readline().strip().lower().startswith("y")

    def close(self) -> None:
        """Let go of the terminal."""
        self._out.close()
        self._in.close()
