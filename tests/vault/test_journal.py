import base64
import errno
import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import JournalError, StoreError
from recorder.timekeeping import Instant
from recorder.vault import words
from recorder.vault.journal import (
    GENESIS,
    DeviceKey,
    Journal,
    complete_lines,
    cut_torn_tail,
    head_of,
    read_backwards,
    read_entries,
    read_readable,
    verify_chain,
)
from tests.vault.kit import START_UTC_NS, FakeClock


@pytest.fixture
def log(tmp_path: Path, key: DeviceKey, clock: FakeClock) -> Journal:
    log = Journal(tmp_path / "log.jsonl", key, clock)
    log.create()
    return log


def lines_of(log: Journal) -> list[bytes]:
    lines, torn_bytes = complete_lines(log.path.read_bytes())
    assert torn_bytes == 0
    return list(lines)


def test_an_entry_is_a_line_that_anyone_can_check_without_our_code(log: Journal, key: DeviceKey) -> None:
    """The README's description of a line is enough to check it."""
    log.append("first", {"b": 1, "a": {"d": None, "c": "é"}})
    log.append("second", {})
    first, second = log.path.read_bytes().splitlines()
    assert list(json.loads(first)) == ["seq", "utc", "clock", "boot_id", "boottime_ns", "event", "data", "prev", "sig"]
    assert first.startswith(
        b'{"seq":1,"utc":"2026-11-22T13:11:43.000Z","clock":"synchronised","boot_id":"boot-1",'
        b'"boottime_ns":100000000000,"event":"first","data":{"a":{"c":"\\u00e9","d":null},"b":1},"prev":"' + b"0" * 64
    )
    assert json.loads(second)["prev"] == hashlib.sha256(first).hexdigest()
    unsigned = first[: first.index(b',"sig":"')] + b"}"
    signature = base64.b64decode(json.loads(first)["sig"])
    assert key.public.verify(b"cabin-recorder log entry 1\n" + unsigned, signature)


def test_what_was_appended_is_what_is_read(log: Journal, clock: FakeClock) -> None:
    """An entry comes back as it went in, with both clocks."""
    written = [log.append("one", {"list": [1, 2], "text": "\u2028"})]
    clock.advance(1.5)
    written.append(log.append("two", {"tuple": (1, 2)}))
    assert read_entries(log.path) == tuple(written)
    assert tuple(read_backwards(log.path)) == tuple(reversed(written))
    assert written[1].data == {"tuple": [1, 2]}
    assert written[1].instant == Instant(START_UTC_NS + 1_500_000_000, 101_500_000_000, "boot-1", "synchronised")
    assert [entry.line for entry in written] == lines_of(log)
    assert log.head == head_of(lines_of(log)) == hashlib.sha256(lines_of(log)[-1]).hexdigest()


def test_an_empty_log_has_the_first_heads_head(log: Journal, key: DeviceKey) -> None:
    """The chain hangs on 64 zeros."""
    assert log.head == head_of([]) == GENESIS == "0" * 64
    assert read_entries(log.path) == verify_chain([], key.public) == ()


def test_half_characters_do_not_break_the_log(log: Journal, key: DeviceKey) -> None:
    """Text from a shell may hold lone surrogates; a hold with such a reason is still a hold."""
    log.append("hold", {"reason": "stra\udce9e"})
    assert verify_chain(lines_of(log), key.public)[0].data == {"reason": "stra?e"}


def test_what_json_cannot_say_is_refused_before_anything_is_written(log: Journal) -> None:
    """A programming error leaves no trace in the log."""
    with pytest.raises(ValueError, match="JSON"):
        log.append("gap", {"length": float("nan")})
    assert log.path.read_bytes() == b""


def altered(lines: list[bytes]) -> dict[str, tuple[list[bytes], int]]:
    """Ways to falsify a log of five lines, and the line that gives each away."""
    renumbered = lines[2].replace(b'"seq":3', b'"seq":2')
    return {
        "an altered word": ([*lines[:2], lines[2].replace(b"event-2", b"event-9"), *lines[3:]], 3),
        "a dropped line": ([*lines[:2], *lines[3:]], 3),
        "two lines swapped": ([lines[0], lines[2], lines[1], *lines[3:]], 2),
        "a line twice": ([*lines[:2], lines[1], *lines[2:]], 3),
        "a dropped line, renumbered": ([lines[0], renumbered, *lines[3:]], 2),
        "no first line": (lines[1:], 1),
        "white space": ([lines[0].replace(b",", b", ", 1), *lines[1:]], 1),
        "a member more": ([lines[0][:-1] + b',"more":1}', *lines[1:]], 1),
        "a member less": ([lines[0].replace(b'"event":"event-0",', b""), *lines[1:]], 1),
        "a signature that is none": ([lines[0].replace(b'"sig":"', b'"sig":"!'), *lines[1:]], 1),
        "not JSON": ([*lines[:4], b"\x00" * 20], 5),
        "an empty line": ([*lines, b""], 6),
        "a time that is none": ([lines[0].replace(b"2026-11-22T", b"2026-99-22T"), *lines[1:]], 1),
    }


@pytest.mark.parametrize("how", list(altered([b'"event":"event-0",'] * 5)))
def test_each_falsification_is_named_by_its_line(log: Journal, key: DeviceKey, how: str) -> None:
    """A log that was altered, cut in the middle, reordered or added to does not verify, and the place is named."""
    for number in range(5):
        log.append(f"event-{number}", {"number": number})
    assert len(verify_chain(lines_of(log), key.public)) == 5
    lines, first_wrong = altered(lines_of(log))[how]
    with pytest.raises(JournalError) as caught:
        verify_chain(lines, key.public)
    assert caught.value.line == first_wrong
    assert f"line {first_wrong}" in str(caught.value)


def test_another_recorders_log_is_not_this_ones(log: Journal, tmp_path: Path) -> None:
    """A log proves which recorder wrote it."""
    log.append("event", {})
    other = DeviceKey.load_or_create(tmp_path / "other.key")
    with pytest.raises(JournalError, match="not signed by the recorder") as caught:
        verify_chain(lines_of(log), other.public)
    assert caught.value.line == 1


def test_a_cut_end_shows_only_against_a_known_head(log: Journal, key: DeviceKey) -> None:
    """A shorter log is a valid one; the ledger's copy of the head tells that something is missing."""
    log.append("one", {})
    log.append("two", {})
    lines = lines_of(log)
    assert len(verify_chain(lines[:1], key.public)) == 1
    assert head_of(lines[:1]) != log.head


@settings(deadline=None)  # it writes to a disk that others use too
@given(cut=st.integers(min_value=1, max_value=10_000))
def test_every_torn_end_is_cut_said_and_written_behind(tmp_path_factory, key: DeviceKey, cut: int) -> None:
    """Whatever prefix of the last line survived, the log goes on, whole, and says what it lost."""
    log = Journal(tmp_path_factory.mktemp("torn") / "log.jsonl", key, FakeClock())
    log.create()
    log.append("kept", {})
    sound_bytes = log.path.stat().st_size
    log.append("torn", {"filler": "x" * 100})
    lost_bytes = min(cut, log.path.stat().st_size - sound_bytes)
    os.truncate(log.path, log.path.stat().st_size - lost_bytes)
    torn_bytes = log.path.stat().st_size - sound_bytes
    log.append("after", {})
    entries = verify_chain(lines_of(log), key.public)
    said = [(words.LOG_TORN, {"bytes_cut": torn_bytes})] if torn_bytes else []
    assert [(entry.event, entry.data) for entry in entries] == [("kept", {}), *said, ("after", {})]


@pytest.mark.parametrize("garbage", [b"\x00" * 300, b'{"seq":2', b"\x00" * 300 + b'tail"}\n', b"\n"])
def test_garbage_at_the_end_is_torn_too(log: Journal, key: DeviceKey, garbage: bytes) -> None:
    """Blocks of one entry may reach the card in any order: zeros, or its end without its beginning."""
    log.append("kept", {})
    with log.path.open("ab") as file:
        file.write(garbage)
    assert Journal(log.path, key, FakeClock()).mend() == len(garbage)
    assert log.mend() == 0
    entries = verify_chain(lines_of(log), key.public)
    assert [(entry.event, entry.data) for entry in entries] == [
        ("kept", {}),
        (words.LOG_TORN, {"bytes_cut": len(garbage)}),
    ]


def test_cutting_a_torn_end_alone(log: Journal, key: DeviceKey) -> None:
    """The function cuts and counts; a sound log is left alone."""
    log.append("kept", {})
    assert cut_torn_tail(log.path) == 0
    with log.path.open("ab") as file:
        file.write(b"half a line")
    assert cut_torn_tail(log.path) == 11
    assert [entry.event for entry in verify_chain(lines_of(log), key.public)] == ["kept"]


def test_damage_in_the_middle_stays_as_evidence_and_hides_nothing_else(log: Journal, key: DeviceKey) -> None:
    """A damaged line is named, the others are read, and the log goes on behind them."""
    for number in range(4):
        log.append(f"event-{number}", {})
    lines = lines_of(log)
    log.path.write_bytes(b"\n".join([lines[0], b"\xff" * len(lines[1]), *lines[2:]]) + b"\n")
    Journal(log.path, key, FakeClock()).append("after", {})
    entries, damaged = read_readable(log.path)
    assert [entry.event for entry in entries] == ["event-0", "event-2", "event-3", "after"]
    assert [entry.event for entry in read_backwards(log.path)] == ["after", "event-3", "event-2", "event-0"]
    assert damaged == (2,)
    assert entries[-1].seq == 5
    for read in (read_entries, lambda path: verify_chain(complete_lines(path.read_bytes())[0], key.public)):
        with pytest.raises(JournalError) as caught:
            read(log.path)
        assert caught.value.line == 2


def test_two_damaged_lines_at_the_end_are_no_torn_write(log: Journal, key: DeviceKey) -> None:
    """At most one entry is ever unsynced: a second damaged line was once durable and stays as evidence."""
    log.append("kept", {})
    with log.path.open("ab") as file:
        file.write(b"damaged\nand damaged\n")
    log.append("after", {})
    assert [line[:9] for line in lines_of(log)] == [b'{"seq":1,', b"damaged", b'{"seq":3,', b'{"seq":4,']
    assert [entry.event for entry in read_readable(log.path)[0]] == ["kept", words.LOG_TORN, "after"]


def test_long_entries_are_found_again(log: Journal, key: DeviceKey) -> None:
    """An entry longer than the window that looks for it is still the last one."""
    log.append("short", {})
    log.append("long", {"gaps": ["x" * 100] * 500})
    again = Journal(log.path, key, FakeClock())
    assert again.append("after", {}).seq == 3
    assert len(verify_chain(lines_of(log), key.public)) == 3


def test_a_failed_write_leaves_no_half_line(log: Journal, key: DeviceKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full card refuses the entry; what was there stays as it was, and the next entry follows it."""
    log.append("kept", {})
    before = log.path.read_bytes()
    real_write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 50:
            return real_write(fd, data[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", lambda fd, data: full(fd, bytes(data)[:60]))
    with pytest.raises(StoreError, match="No space left") as caught:
        log.append("refused", {})
    assert caught.value.errno == 28
    assert log.path.read_bytes() == before
    monkeypatch.undo()
    log.append("after", {})
    assert [entry.event for entry in verify_chain(lines_of(log), key.public)] == ["kept", "after"]


@pytest.mark.parametrize("torn", [b"", b'{"seq":2,"utc"', b"\x00" * 300 + b"\n"])
@pytest.mark.parametrize("part", [0, 1, 40, 10_000])
def test_a_card_that_is_full_at_any_call_leaves_a_log_that_mends(
    log: Journal, key: DeviceKey, torn: bytes, part: int
) -> None:
    """Writing, syncing or cutting is refused, after part of the bytes or none: nothing sound is lost."""
    log.append("kept", {})
    sound = log.path.read_bytes() + torn
    at, failed = 0, True
    while failed:
        at += 1
        log.path.write_bytes(sound)
        full = FullCard(at, part)
        with pytest.MonkeyPatch.context() as patch:
            full.install(patch)
            told = refusal_of(lambda: Journal(log.path, key, FakeClock()).append("refused", {}))
        failed = full.was_full
        assert told == (errno.ENOSPC if failed else None)
        Journal(log.path, key, FakeClock()).append("after", {})
        names = [entry.event for entry in verify_chain(lines_of(log), key.public)]
        assert (names[0], names[-1]) == ("kept", "after")
        assert set(names[1:-1]) <= {words.LOG_TORN, "refused"}
        assert failed or names[-2] == "refused"
    assert at > 2


def refusal_of(action: Callable[[], object]) -> int | None:
    """What the system said where ``action`` was refused."""
    try:
        action()
    except StoreError as error:
        return error.errno
    return None


class FullCard:
    """From the ``at``-th call that writes, syncs or cuts, the system refuses; a write takes ``part`` bytes before."""

    def __init__(self, at: int, part: int) -> None:
        self._left = at
        self._part = part
        self.was_full = False

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("write", "fdatasync", "ftruncate"):
            patch.setattr(os, name, self._refusing(name, getattr(os, name)))

    def _refusing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, *args: Any) -> Any:
            self._left -= 1
            if self._left > 0:
                return real(fd, *args)
            if name == "write" and self._part and not self.was_full:
                self.was_full = True
                return real(fd, bytes(args[0])[: self._part])
            self.was_full = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return call


def test_a_log_that_is_not_there_is_not_made_by_writing(tmp_path: Path, key: DeviceKey) -> None:
    """An entry for a journey that has been deleted fails; it does not raise the dead."""
    log = Journal(tmp_path / "gone.jsonl", key, FakeClock())
    with pytest.raises(StoreError, match=r"gone\.jsonl"):
        log.append("event", {})
    assert list(tmp_path.iterdir()) == []


def append_many(path: Path, key_path: Path, name: str, count: int) -> None:
    log = Journal(path, DeviceKey.load(key_path), FakeClock())
    for number in range(count):
        log.append(name, {"number": number})


def test_processes_and_threads_share_one_log(tmp_path: Path) -> None:
    """Writers in several processes and threads lose nothing, and the chain holds."""
    key_path, path = tmp_path / "device.key", tmp_path / "log.jsonl"
    key = DeviceKey.load_or_create(key_path)
    shared = Journal(path, key, FakeClock())
    shared.create()
    context = multiprocessing.get_context("spawn")
    workers: list[object] = [
        context.Process(target=append_many, args=(path, key_path, f"process-{index}", 40)) for index in range(2)
    ]
    workers += [
        threading.Thread(target=lambda name=f"thread-{index}": [shared.append(name, {"number": n}) for n in range(40)])
        for index in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    entries = verify_chain(lines_of(shared), key.public)
    for name in ("process-0", "process-1", "thread-0", "thread-1"):
        assert [entry.data["number"] for entry in entries if entry.event == name] == list(range(40))
    assert len(entries) == 160
