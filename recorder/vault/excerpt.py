"""The ledger for somebody whom one journey concerns: its whole chain, and of all other lines no more than the hash.

Rules: each line of the ledger is there, as it is or as what the next one's ``prev`` names, so that any two excerpts can
be compared number for number; the first line and the last are there as they are, and so is whatever is damaged or does
not follow: an excerpt hides no fault. Nothing here touches a file. The form is in ``recorder/export/README.md``.
"""

import json
import re
from collections.abc import Collection
from typing import Any, Final

from recorder.errors import JournalError
from recorder.vault import words
from recorder.vault.entries import Entry, complete_lines, line_hash, parse_line

_SKIPPED: Final = b'{"skipped":['
_HASH = re.compile(r"[0-9a-f]{64}")
_LINK = re.compile(rb'\{"seq":([0-9]{1,15}),.*"prev":"([0-9a-f]{64})","sig":"[^"]*"\}')
_OF_CLOCKS: Final = (words.CLOCK_KNOWN, words.CLOCK_ERA)
_MAY_CONCERN: Final = tuple(f'"{event}"'.encode("ascii") for event in (*_OF_CLOCKS, words.LEDGER_DROPPED))


def excerpt(ledger: bytes, journey: str, boots: Collection[str]) -> bytes:
    """What of ``ledger`` goes along with ``journey``, which was recorded in these ``boots``; up to its last mention.

    All of it where nothing mentions the journey.
    """
    lines, _ = complete_lines(ledger)
    needle = journey.encode("utf-8")
    shown = [needle in line or any(event in line for event in _MAY_CONCERN) for line in lines]
    entries = [_entry(line) if shows else None for line, shows in zip(lines, shown, strict=True)]
    mentions = [number for number, entry in enumerate(entries) if entry is not None and _names(entry.data, journey)]
    last = mentions[-1] if mentions else len(lines) - 1
    text, run = bytearray(), list[str]()
    expected: tuple[int, str] | None = None  # nothing comes before the first line, so it is always shown
    for number, line in enumerate(lines[: last + 1]):
        link, digest, entry = _link(line), line_hash(line), entries[number]
        is_evidence = link is None or link != expected or (shown[number] and entry is None)
        expected = None if link is None else (link[0] + 1, digest)
        if is_evidence or number == last or (entry is not None and _concerns(entry, journey, boots)):
            text += _rendered(run) + line + b"\n"
            run.clear()
        else:
            run.append(digest)
    return bytes(text)


def skipped(line: bytes) -> tuple[str, ...] | None:
    """The hashes of the lines that ``line`` stands for; None where it is a line of its own. One run, one spelling."""
    if not line.startswith(_SKIPPED):
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    hashes = said.get("skipped")
    if not isinstance(hashes, list) or not all(isinstance(one, str) and _HASH.fullmatch(one) for one in hashes):
        return None
    return tuple(hashes) if hashes and _rendered(hashes) == line + b"\n" else None


def _rendered(hashes: list[str]) -> bytes:
    if not hashes:
        return b""
    return json.dumps({"skipped": hashes}, separators=(",", ":")).encode("ascii") + b"\n"


def _concerns(entry: Entry, journey: str, boots: Collection[str]) -> bool:
    return (
        _names(entry.data, journey)
        or entry.event == words.LEDGER_DROPPED
        or (entry.event in _OF_CLOCKS and entry.boot_id in boots)
    )


def _names(data: dict[str, Any], journey: str) -> bool:
    along = data.get("journeys")
    return data.get("journey") == journey or (isinstance(along, list) and journey in along)


def _link(line: bytes) -> tuple[int, str] | None:
    """The number of a line, and the hash that it names; a look at the ends is all that most lines are worth."""
    match = _LINK.fullmatch(line)
    return (int(match[1]), match[2].decode("ascii")) if match else None


def _entry(line: bytes) -> Entry | None:
    try:
        return parse_line(line)
    except JournalError:
        return None
