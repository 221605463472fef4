"""A log is accepted as it was written, and anything else is refused at or before its first wrong byte."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.vault import words
from recorder.vault.entries import GENESIS, complete_lines, head_of, line_hash
from recorder.vault.journal import DeviceKey, Journal
from recorder.vault.verification import Known, LogCheck, verify_log
from tests.vault.kit import FakeClock

ENTRIES = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def log(folder: Path, key: DeviceKey) -> bytes:
    """A log with all that JSON has."""
    journal = Journal(folder / "log.jsonl", key, FakeClock())
    journal.create()
    for number in range(ENTRIES):
        journal.append(f"event-{number}", {"f": 1.25, "l": [None, True, number], "t": "\u00fc", "z": {"b": 1, "a": 2}})
    return journal.path.read_bytes()


@pytest.fixture(scope="module")
def continued(folder: Path, key: DeviceKey, log: bytes) -> bytes:
    """A ledger whose first file is gone, as it should be."""
    journal = Journal(folder / "ledger.jsonl", key, FakeClock())
    journal.create()
    for _ in range(3):
        journal.append("old", {})
    journal.go_on_in_new_file(folder / "ledger.000000001.jsonl", words.LEDGER_CONTINUED, {"heads": [], "carried": []})
    journal.append(words.LEDGER_DROPPED, {"file": "ledger.000000001.jsonl", "first": 1, "last": 3})
    for number in range(4):
        journal.append(f"event-{number}", {})
    return journal.path.read_bytes()


def joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def checked(data: bytes, key: DeviceKey, whole: bytes) -> LogCheck:
    """As somebody checks it who knows its last line."""
    return verify_log(data, key.public, [Known(head_of(complete_lines(whole)[0]), "the ledger")])


def first_difference(one: bytes, other: bytes) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def assert_refused(data: bytes, key: DeviceKey, whole: bytes) -> None:
    check = checked(data, key, whole)
    assert check.wrong is not None
    assert check.wrong.offset_bytes <= first_difference(data, whole)
    assert joined([entry.line for entry in check.entries]) == data[: len(joined([e.line for e in check.entries]))]
    assert check.wrong.line <= data.count(b"\n") + 1


# --- anything else is refused ----------------------------------------------------------------------------------------


def test_a_log_is_accepted_as_it_was_written(log: bytes, continued: bytes, key: DeviceKey) -> None:
    """Whole, and a ledger that says why its beginning is gone."""
    for data in (log, continued):
        check = checked(data, key, data)
        assert check.wrong is None
        assert joined([entry.line for entry in check.entries]) == data
        assert check.hashes == tuple(line_hash(entry.line) for entry in check.entries)
    assert verify_log(b"", key.public, [Known(GENESIS, "the ledger")]).wrong is None


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_changed_byte_is_found(log: bytes, continued: bytes, key: DeviceKey, data: st.DataObject) -> None:
    """Every byte of it, line ends included, to any other value."""
    whole = data.draw(st.sampled_from([log, continued]))
    at = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    assert_refused(whole[:at] + bytes([value]) + whole[at + 1 :], key, whole)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_other_order_or_number_of_lines_is_found(
    log: bytes, continued: bytes, key: DeviceKey, data: st.DataObject
) -> None:
    """Moved, dropped, repeated, in any combination."""
    whole = data.draw(st.sampled_from([log, continued]))
    lines, _ = complete_lines(whole)
    changed = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines) + 2).filter(lambda c: tuple(c) != lines))
    assert_refused(joined(changed), key, whole)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_permutation_is_found(log: bytes, key: DeviceKey, data: st.DataObject) -> None:
    """All lines are there, and in another order."""
    lines, _ = complete_lines(log)
    changed = data.draw(st.permutations(lines).filter(lambda c: tuple(c) != lines))
    assert_refused(joined(changed), key, log)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_truncation_is_found(log: bytes, continued: bytes, key: DeviceKey, data: st.DataObject) -> None:
    """Wherever it ends: in a line, or behind one where only the ledger tells."""
    whole = data.draw(st.sampled_from([log, continued]))
    assert_refused(whole[: data.draw(st.integers(0, len(whole) - 1))], key, whole)


# --- and what is wrong is said ---------------------------------------------------------------------------------------


def another(folder: Path, key: DeviceKey, name: str, count: int) -> list[bytes]:
    """The lines of another log of the same recorder."""
    journal = Journal(folder / name, key, FakeClock())
    journal.create()
    for number in range(count):
        journal.append("other", {"number": number})
    return list(complete_lines(journal.path.read_bytes())[0])


@pytest.mark.parametrize(
    "case",
    [
        ("altered", 3, "is not signed by the recorder"),
        ("spaced", 3, "is not written as the recorder writes"),
        ("garbage", 3, "is not an entry of a log"),
        ("reordered", 3, "is entry 4, and entry 3 is line 4; lines were moved or put in"),
        ("dropped", 3, "is entry 4, and entry 3 is missing; something was removed"),
        ("two dropped", 3, "is entry 5, and entries 3 to 4 are missing; something was removed"),
        ("repeated", 4, "is entry 3 again, which is line 3; it was repeated"),
        ("beginning dropped", 1, "is entry 3, and entries 1 to 2 are missing"),
        ("another's line", 3, "is an entry 3 of this recorder that does not follow the line before"),
        ("another's line put in", 3, "is entry 3, and entry 3 is line 4; lines were moved or put in"),
        ("cut in a line", 6, "bytes without an end; it was cut off, or is just being written"),
        ("cut behind a line", 6, "the ledger knows an entry that is not there; the end was cut off"),
        ("an older state", 5, "the ledger knows an entry that is not there"),
        ("an older state, written on", 5, "or the log was rolled back to an older state"),
    ],
    ids=lambda case: case[0],
)
def test_what_is_wrong_is_said(folder: Path, log: bytes, key: DeviceKey, case: tuple[str, int, str]) -> None:
    """The line, the byte at which it begins, and a sentence that says what happened to it."""
    how, line, says = case
    lines = list(complete_lines(log)[0])
    a, b, c, d, e, f, _ = lines
    other = another(folder, key, f"{how}.jsonl", 5)
    path = folder / f"{how}, forked.jsonl"
    path.write_bytes(joined(lines[:4]))
    fork = Journal(path, key, FakeClock())
    fork.append("other past", {})
    changed = {
        "altered": joined([a, b, c.replace(b"event-2", b"event-9"), d]),
        "spaced": joined([a, b, c.replace(b",", b", ", 1), d]),
        "garbage": joined([a, b, b"\x00" * 50, d]),
        "reordered": joined([a, b, d, c, e]),
        "dropped": joined([a, b, d, e]),
        "two dropped": joined([a, b, e, f]),
        "repeated": joined([a, b, c, c, d]),
        "beginning dropped": joined([c, d, e]),
        "another's line": joined([a, b, other[2], d]),
        "another's line put in": joined([a, b, other[2], c, d]),
        "cut in a line": joined([a, b, c, d, e]) + f[:-1],
        "cut behind a line": joined([a, b, c, d, e]),
        "an older state": joined([a, b, c, d]),
        "an older state, written on": path.read_bytes(),
    }[how]
    is_whole_known = not how.startswith("cut in")
    heads = [line_hash(one) for one in (a, d, *([e, f] if is_whole_known else []))]
    known = [Known(head, "the ledger", seq) for head, seq in zip(heads, (1, 4, 5, 6), strict=False)]
    if how == "cut behind a line":
        known.pop(2)
    wrong = verify_log(changed, key.public, known).wrong
    assert wrong is not None
    assert wrong.line == line
    assert says in wrong.what
    assert wrong.offset_bytes == len(joined(complete_lines(changed)[0][: line - 1]))
    assert wrong.sentence.startswith(f"line {line} (from byte {wrong.offset_bytes} on) ")


def test_where_nobody_knows_a_number_the_doubt_begins_behind_the_last_line_that_is_known(
    log: bytes, key: DeviceKey
) -> None:
    """The ledger names heads only; what lies behind the last of them that is there may be another past."""
    lines, _ = complete_lines(log)
    known = [Known(line_hash(line), "the ledger") for line in (lines[1], lines[6])]
    wrong = verify_log(joined(lines[:5]), key.public, known).wrong
    assert wrong is not None
    assert (wrong.line, wrong.offset_bytes) == (3, len(joined(lines[:2])))


def test_a_line_of_a_part_that_was_removed_is_not_missed(continued: bytes, key: DeviceKey) -> None:
    """Who knows an entry of two years ago does not find it any more, and that is right."""
    assert verify_log(continued, key.public, [Known("ab" * 32, "a journey", 2)]).wrong is None
    wrong = verify_log(continued, key.public, [Known("ab" * 32, "a journey", 5)]).wrong
    assert wrong is not None
    assert wrong.line == 2


def test_another_recorders_log(log: bytes, tmp_path: Path) -> None:
    """Its fingerprint is named, for that is what people compare."""
    other = DeviceKey.load_or_create(tmp_path / "other.key").public
    wrong = verify_log(log, other).wrong
    assert wrong is not None
    assert (wrong.line, wrong.offset_bytes) == (1, 0)
    assert f"not signed by the recorder {other.fingerprint}" in wrong.what
