"""Reading the ledger, which is one log in several files: ``ledger.jsonl`` to which is written, and older ones.

``ledger.000000001.jsonl`` has the number of its first entry in its name, so that ``cat ledger*.jsonl`` is the log as it
was written. What lies before the oldest file was removed when it was old; what is still wanted of that, the file's
first entry carries, as the very lines. How files begin and go: :mod:`recorder.vault.rotation`.

Rules: a reader sees the ledger as it was at one instant, whatever goes on meanwhile; nothing here writes.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from recorder.errors import JournalError
from recorder.vault import diskio, words
from recorder.vault.entries import Entry, complete_lines, parse_line, readable
from recorder.vault.journal import read_backwards

_PAIR = 2
_OLDER_FILE = re.compile(r"ledger\.([0-9]{9,})\.jsonl")


def older_path(ledger: Path, first_seq: int) -> Path:
    """What the file is called whose first entry has this number, when the ledger has gone on in another one."""
    return ledger.with_name(f"ledger.{first_seq:09d}.jsonl")


def older_files(ledger: Path) -> tuple[tuple[int, Path], ...]:
    """The older files in their order, with the numbers of their first entries. StoreError.

    One that is a second name of the live file is none: the ledger was about to go on in a new file, and did not.
    """
    with diskio.disk_errors(f"{ledger.parent} cannot be read"):
        live = ledger.stat()
        return tuple((seq, path) for seq, path in _named_older(ledger) if not _is(path, live))


def read_files(ledger: Path, newest: int | None = None) -> tuple[bytes, ...]:
    """What is in each file, the oldest first; only in so many of the ``newest``. StoreError.

    Files that come and go meanwhile change nothing: the live one was opened first, under whatever name it has by now.
    """
    with diskio.disk_errors(f"{ledger} cannot be read"), ledger.open("rb") as live:
        status = os.fstat(live.fileno())
        paths = [path for _, path in _named_older(ledger)]
        blocks = []
        for path in paths if newest is None else paths[-newest:]:  # one too many: it may be the live one
            try:
                with path.open("rb") as file:
                    if not os.path.samestat(os.fstat(file.fileno()), status):
                        blocks.append(file.read())
            except FileNotFoundError:
                continue  # it was old, and has just been removed
        blocks.append(live.read())
        return tuple(blocks if newest is None else blocks[-newest:])


def whole_ledger(ledger: Path) -> bytes:
    """All of it as one log, without the line that somebody may be writing now. StoreError."""
    data = b"".join(read_files(ledger))
    return data[: data.rfind(b"\n") + 1]


def read_ledger(ledger: Path) -> tuple[tuple[Entry, ...], tuple[int, ...]]:
    """The entries that can be read, those that the first carries before it, and which lines cannot be. StoreError.

    Lines are counted from the first of the oldest file.
    """
    entries, damaged = readable(complete_lines(b"".join(read_files(ledger)))[0])
    return (*carried_by(entries), *entries), damaged


def read_ledger_backwards(ledger: Path) -> Iterator[Entry]:
    """The entries that can be read, the last one first, for a reader that stops early. StoreError.

    To be called where nothing moves the files: under the store's lock, or at a start.
    """
    yield from read_backwards(ledger)
    for _, path in reversed(older_files(ledger)):
        yield from read_backwards(path)


def lines_before(ledger: Path, live: os.stat_result) -> tuple[bytes, ...]:
    """The lines of the newest older file, a month at least: for a reader that follows the ``live`` one. OSError."""
    for _, path in reversed(_named_older(ledger)):
        with suppress(FileNotFoundError), path.open("rb") as file:
            if not os.path.samestat(os.fstat(file.fileno()), live):
                return complete_lines(file.read())[0]
    return ()


def carried_by(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What the first of these entries carries of a file that is gone: entries as they were written."""
    first = next(iter(entries), None)
    if first is None or first.event != words.LEDGER_CONTINUED:
        return ()
    lines = first.data.get("carried")
    return tuple(_parsed(lines)) if isinstance(lines, list) else ()


def orders_in(entries: Iterable[Entry]) -> frozenset[str]:
    """The numbers of the office's orders that these entries call carried out, or that were before the first of them."""
    numbers: set[str] = set()
    for entry in entries:
        told = entry.data.get("orders") if entry.event == words.LEDGER_CONTINUED else None
        numbers.update(number for number in (told if isinstance(told, list) else ()) if isinstance(number, str))
        number = entry.data.get("number") if entry.event == words.ORDER_APPLIED else None
        numbers.update([number] if isinstance(number, str) else [])
    return frozenset(numbers)


def order_entry(ledger: Path, number: str) -> Entry | None:
    """The entry that says that the order with this number was carried out; None where the ledger has none. StoreError.

    Where the file with that entry is gone, it is the one that carries the number on.
    """
    needle = number.encode("ascii", "replace")
    lines = (line for line in complete_lines(b"".join(read_files(ledger)))[0] if needle in line)
    return next((entry for entry in readable(lines)[0] if number in orders_in([entry])), None)


def summed_up(entry: Entry) -> Iterator[tuple[str, str]]:
    """The journeys and the heads of their logs that a summary of the ledger names."""
    heads = entry.data.get("heads") if entry.event in (words.RECOVERED, words.LEDGER_CONTINUED) else None
    for pair in heads if isinstance(heads, list) else ():
        if isinstance(pair, list) and len(pair) == _PAIR:
            yield str(pair[0]), str(pair[1])


class WayBack:
    """What the ledger says since its last summary: deletions without an end, and the heads it knows of logs.

    ``length``: how many entries that took to find out. ``intents``: by their numbers. ``heads``: by journey, in the
    order in which these began.
    """

    def __init__(self, ledger: Path) -> None:
        entries: list[Entry] = []
        for entry in read_ledger_backwards(ledger):
            entries.append(entry)
            if entry.event in (words.RECOVERED, words.LEDGER_CONTINUED):
                break
        self.length = len(entries)
        self.heads: dict[str, str] = {}
        self.intents: dict[int, Entry] = {}
        for entry in reversed(entries):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        """A member that is missing or of the wrong type counts as not said: damage stops no start."""
        journey, head, number = (entry.data.get(name) for name in ("journey", "log_head", "intent"))
        if entry.event in (words.RECOVERED, words.LEDGER_CONTINUED):
            self.heads = dict(summed_up(entry))
        elif entry.event == words.TOMBSTONE_INTENT:
            self.intents[entry.seq] = entry
        elif entry.event in (words.TOMBSTONE_DONE, words.TOMBSTONE_WITHDRAWN):
            intent = self.intents.pop(number, None) if isinstance(number, int) else None
            if intent is not None and "log" in intent.data and entry.event == words.TOMBSTONE_DONE:
                self.heads.pop(str(intent.data.get("journey")), None)
        elif isinstance(journey, str) and isinstance(head, str):
            self.heads[journey] = head


def _named_older(ledger: Path) -> list[tuple[int, Path]]:
    matches = ((_OLDER_FILE.fullmatch(path.name), path) for path in ledger.parent.iterdir())
    return sorted((int(match[1]), path) for match, path in matches if match)


def _is(path: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), status)
    except FileNotFoundError:
        return False


def _parsed(lines: Iterable[object]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield parse_line(str(line).encode("ascii", "replace"))
        except JournalError:
            continue  # the entry that carries it is signed: no recorder has written this
