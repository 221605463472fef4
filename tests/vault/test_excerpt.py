"""An excerpt of the ledger shows one journey, is the whole chain all the same, and hides no fault."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.vault import words
from recorder.vault.entries import complete_lines, head_of, line_hash, parse_line
from recorder.vault.excerpt import excerpt, skipped
from recorder.vault.journal import DeviceKey, Journal
from recorder.vault.verification import Chain, Known, verify_log
from tests.vault.kit import FakeClock

OURS, OTHER = "20261122T131148Z-0123", "20261121T080000Z-4567"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory, key: DeviceKey) -> bytes:
    """Two journeys, two boots, ours exported along with the other; and what was written after that."""
    clock = FakeClock()
    journal = Journal(tmp_path_factory.mktemp("ledger") / "ledger.jsonl", key, clock)
    journal.create()
    journal.append(words.STORE_CREATED, {"recorder": key.public_text})  # 1
    journal.append(words.CLOCK_KNOWN, {"era": 1})  # 2, of the boot before
    journal.append(words.JOURNEY_BEGAN, {"journey": OTHER, "log_head": "a" * 64})
    journal.append(words.TOMBSTONE_DONE, {"journey": OTHER, "deleted": [1]})
    clock.reboot("boot-2")
    journal.append("start", {})  # 5
    journal.append(words.CLOCK_KNOWN, {"era": 1})
    journal.append(words.JOURNEY_BEGAN, {"journey": OURS, "log_head": "b" * 64})
    journal.append(words.HOLD, {"journey": OURS, "log_head": "c" * 64})
    journal.append(words.HOLD, {"journey": OTHER, "log_head": "d" * 64})
    journal.append("export-began", {"journeys": [OTHER, OURS]})  # 10
    journal.append("export-began", {"journey": OTHER, "log_head": "e" * 64})
    journal.append("exported", {"journey": OTHER, "log_head": "f" * 64})
    journal.append("export-began", {"journey": OURS, "log_head": "0" * 64})  # 13
    journal.append("start", {})
    journal.append(words.JOURNEY_BEGAN, {"journey": OTHER, "log_head": "9" * 64})
    return journal.path.read_bytes()


def shape(text: bytes) -> list[int | str]:
    """The numbers of the entries that are there, and of the others how many."""
    lines, rest_bytes = complete_lines(text)
    assert rest_bytes == 0
    return [parse_line(line).seq if skipped(line) is None else f"{len(skipped(line) or ())} skipped" for line in lines]


def changed(ledger: bytes, number: int, line: bytes | None) -> bytes:
    """Line ``number`` (from 1) is another, or gone."""
    lines = ledger.splitlines(keepends=True)
    return b"".join([*lines[: number - 1], *([] if line is None else [line]), *lines[number:]])


def test_what_goes_along(ledger: bytes) -> None:
    """The first line, the clocks of its boots, what names it; nothing else by more than its hash, nothing after it."""
    ours = excerpt(ledger, OURS, {"boot-2"})
    assert shape(ours) == [1, "4 skipped", 6, 7, 8, "1 skipped", 10, "2 skipped", 13]
    assert b"tombstone" not in ours
    assert ours.count(OTHER.encode()) == 1  # exported along with ours: so that the office can miss it
    assert shape(excerpt(ledger, OTHER, set())) == [1, "1 skipped", 3, 4, "4 skipped", 9, 10, 11, 12, "2 skipped", 15]


def test_it_is_the_whole_chain(ledger: bytes, key: DeviceKey) -> None:
    """Each line of the ledger has its hash under its number, in any excerpt; and whoever knows one finds it."""
    hashes = tuple(line_hash(line) for line in complete_lines(ledger)[0])
    for journey, length in ((OURS, 13), (OTHER, 15)):
        known = [Known(hashes[3], "a journey", 4), Known(hashes[9], "another")]
        check = verify_log(excerpt(ledger, journey, set()), key.public, known, is_excerpt=True)
        assert (check.wrong, check.chain) == (None, Chain(1, hashes[:length]))


def test_what_an_excerpt_lacks_is_noticed(ledger: bytes, key: DeviceKey) -> None:
    """Somebody knows another line under a number that is skipped, or one behind the end."""
    ours = excerpt(ledger, OURS, {"boot-2"})
    for seq, line in ((4, 2), (14, 10)):
        wrong = verify_log(ours, key.public, [Known("ab" * 32, "a journey", seq)], is_excerpt=True).wrong
        assert wrong is not None
        assert (wrong.line, "a journey knows an entry that is not there" in wrong.what) == (line, True)


def test_without_the_journey_it_is_all_of_it(ledger: bytes) -> None:
    """Nothing is cut off where nobody knows what belongs to it; the ends stand there."""
    assert shape(excerpt(ledger, "20990101T000000Z-ffff", {"boot-2"})) == [1, "4 skipped", 6, "8 skipped", 15]
    assert excerpt(b"", OURS, set()) == b""


@pytest.mark.parametrize("number", [2, 3, 4, 5, 9, 11])
def test_a_fault_among_what_is_skipped_is_not_hidden(ledger: bytes, key: DeviceKey, number: int) -> None:
    """A line altered, made unreadable or taken out on the recorder is as wrong in the excerpt as it is there."""
    line = ledger.splitlines(keepends=True)[number - 1]
    for other in (line.replace(b'"seq":', b'"seq": '), b"unreadable\n", None):
        ours = excerpt(changed(ledger, number, other), OURS, {"boot-2"})
        assert verify_log(ours, key.public, is_excerpt=True).wrong is not None


@given(st.data())
def test_any_change_to_an_excerpt_is_seen_where_it_is_pinned(
    ledger: bytes, key: DeviceKey, data: st.DataObject
) -> None:
    """Any byte of a line that is there, or of the last hash of a run, and any other shape of a run."""
    ours = excerpt(ledger, OURS, {"boot-2"})
    whole = verify_log(ours, key.public, is_excerpt=True)
    at = data.draw(st.integers(0, len(ours) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    other = ours[:at] + bytes([ours[at] ^ bit]) + ours[at + 1 :]
    known = [Known(digest, "somebody", seq) for seq, digest in enumerate(whole.hashes, start=1)]
    check = verify_log(other, key.public, known, is_excerpt=True)
    assert check.wrong is not None
    assert check.wrong.offset_bytes <= at


def runs(*hashes: str) -> bytes:
    return json.dumps({"skipped": list(hashes)}, separators=(",", ":")).encode() + b"\n"


def test_a_run_stands_between_two_lines(ledger: bytes, key: DeviceKey) -> None:
    """At neither end, not twice in a row, without a hash twice; and in no log that is no excerpt."""
    ours = excerpt(ledger, OURS, {"boot-2"})
    lines = ours.splitlines(keepends=True)
    hashes = skipped(lines[1].rstrip(b"\n")) or ()
    for wrong_line, text in (
        (1, b"".join(lines[1:])),
        (9, b"".join(lines[:-1]) + runs(head_of([lines[-1].rstrip(b"\n")]))),
        (3, b"".join([lines[0], runs(*hashes[:2]), runs(*hashes[2:]), *lines[2:]])),
        (2, b"".join([lines[0], runs(hashes[0], *hashes), *lines[2:]])),
    ):
        wrong = verify_log(text, key.public, is_excerpt=True).wrong
        assert wrong is not None
        assert wrong.line == wrong_line
    assert verify_log(ours, key.public).wrong is not None


@pytest.mark.parametrize(
    "line",
    [
        b'{"skipped":[]}',
        b'{"skipped":["' + b"a" * 63 + b'"]}',
        b'{"skipped":["' + b"A" * 64 + b'"]}',
        b'{"skipped":[1]}',
        b'{"skipped":["' + b"a" * 64 + b'"],"more":1}',
        b'{"skipped":["' + b"a" * 64 + b'"] }',
        b'{"skipped":[' + b"[" * 100_000,
        b'{"skipped":[',
        b'{"skipped":[],"skipped":5}',
    ],
)
def test_a_run_has_one_spelling(line: bytes) -> None:
    """What is written otherwise is none, and so no entry either."""
    assert skipped(line) is None


def test_where_two_copies_part() -> None:
    """By numbers: whichever is longer, and whatever old part is gone from one of them."""
    chain = Chain(3, ("c", "d", "e"))
    assert chain.parts_from(Chain(1, ("a", "b", "c", "d"))) is None
    assert chain.parts_from(Chain(1, ("a", "b", "c", "x", "y"))) == 4
    assert chain.parts_from(Chain(6, ("f",))) is None
    assert (chain.last_seq, chain.hash_of(5), chain.hash_of(6), chain.hash_of(2)) == (5, "e", None, None)
