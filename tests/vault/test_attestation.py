"""A whole store is as the recorder wrote it, or each file that is not is named with its first wrong byte."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.errors import StoreError
from recorder.vault.attestation import Fault, attest
from recorder.vault.deletion import delete_segments
from recorder.vault.entries import complete_lines
from recorder.vault.journal import DeviceKey
from recorder.vault.records import body_path
from recorder.vault.recovery import recover
from recorder.vault.retention import Reason, Verdict
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, FakeClock, fragment, record_segment


@pytest.fixture
def two(store: Store, clock: FakeClock) -> tuple[str, str]:
    """Two journeys of three segments: one held, one with a segment deleted and one torn, and one being written."""
    held, other = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    for journey_id in (held, held, held, other, other):
        record_segment(store, journey_id, clock, size_bytes=200_000)
    store.hold(held, "panel", "button")
    store.end_journey(held, "ignition-off")
    first = store.journey(other).footage[0]
    assert delete_segments(store, [Verdict(first, Reason.DUE, "it is due")]).gone == ((other, 1),)
    torn = store.open_segment(other, 3, clock.now_ns)
    torn.write(fragment(100_000), None)
    os.close(torn._fd)  # what the kernel does when the process dies
    recover(store)
    return held, other


def faults(store: Store) -> list[Fault]:
    return list(attest(store.root, store.key.public))


def test_a_sound_store_has_no_faults(store: Store, two: tuple[str, str], clock: FakeClock) -> None:
    """Held, deleted, torn, being written: all of it is accounted for."""
    writer = store.open_segment(two[1], 4, clock.now_ns)
    writer.write(fragment(70_000), None)
    with (store.journeys_path / two[1] / "log.jsonl").open("ab") as log:
        log.write(b'{"seq":')
    assert faults(store) == []


def test_a_sound_store_that_lost_old_files_has_none(store: Store, two: tuple[str, str], clock: FakeClock) -> None:
    """The ledger goes on in new files and loses old ones; what they knew is still known."""
    for number in range(48):
        clock.reboot(f"boot-{number}", off_s=10 * 86_400)
        recover(store)
        store.ledger.append("start", {})
    assert not (store.root / "ledger.000000001.jsonl").exists()
    assert faults(store) == []
    shutil.rmtree(store.journeys_path / two[0])
    assert faults(store) == [Fault(f"journeys/{two[0]}", "is gone, and no tombstone says why.")]


def alter(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def swap(one: Path, other: Path) -> None:
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_bytes)
    other.write_bytes(one_bytes)


BODY_BYTES = 16 + 200_000 + 4 * 16  # nonce, and what was written, in four chunks

Attack = Callable[[Path, Path], object]


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        pytest.param(
            lambda held, _: alter(body_path(held, 2), 100_000),
            {"HELD/00002.body": f"was altered, somewhere in its {BODY_BYTES} bytes"},
            id="a byte of a body",
        ),
        pytest.param(
            lambda held, _: body_path(held, 2).write_bytes(body_path(held, 2).read_bytes()[:70_000]),
            {"HELD/00002.body": f"ends at byte 70000 instead of {BODY_BYTES}; it was cut off."},
            id="a body cut off",
        ),
        pytest.param(
            lambda held, _: body_path(held, 2).write_bytes(body_path(held, 2).read_bytes() + b"more"),
            {"HELD/00002.body": f"goes on behind byte {BODY_BYTES}; something was added."},
            id="a body added to",
        ),
        pytest.param(
            lambda held, other: swap(body_path(held, 2), body_path(other, 2)),
            {"HELD/00002.body": "was altered", "OTHER/00002.body": "was altered"},
            id="bodies of two journeys exchanged",
        ),
        pytest.param(
            lambda held, _: body_path(held, 3).unlink(),
            {"HELD/00003.body": "is missing, and no tombstone says why."},
            id="a body removed",
        ),
        pytest.param(
            lambda _, other: body_path(other, 3).unlink(),
            {"OTHER/00003.body": "is missing, and no tombstone says why."},
            id="a torn body removed",
        ),
        pytest.param(
            lambda held, other: swap(held / "log.jsonl", other / "log.jsonl"),
            {
                "HELD/log.jsonl": "line 1 (from byte 0 on) begins the log of 'OTHER'.",
                "OTHER/log.jsonl": "line 1 (from byte 0 on) begins the log of 'HELD'.",
            },
            id="logs of two journeys exchanged",
        ),
        pytest.param(
            lambda held, _: shutil.rmtree(held),
            {"HELD": "is gone, and no tombstone says why."},
            id="a journey removed",
        ),
        pytest.param(
            lambda held, _: (held / "00001.header").write_bytes(b"age-encryption.org/v1\n"),
            {"HELD": "the clear header of segment 1 is another segment's."},
            id="a header put in the clear",
        ),
        pytest.param(
            lambda held, _: (held / "log.jsonl").unlink(),
            {"HELD": "log.jsonl cannot be read: No such file or directory."},
            id="a log removed",
        ),
    ],
)
def test_each_wrong_file_is_named(store: Store, two: tuple[str, str], attack: Attack, expected: dict[str, str]) -> None:
    """Altered, cut off, added to, exchanged, removed: the file, the byte, and what happened to it."""
    held, other = (store.journeys_path / journey_id for journey_id in two)
    attack(held, other)

    def named(text: str) -> str:
        return text.replace(held.name, "HELD").replace(other.name, "OTHER")

    found = {named(fault.place).removeprefix("journeys/"): named(fault.text) for fault in faults(store)}
    assert set(found) == set(expected)
    assert all(text in found[place] for place, text in expected.items()), found


def test_logs_are_checked_without_reading_footage(store: Store, two: tuple[str, str]) -> None:
    """As quick as a self-test should be; what only footage could tell is not said."""
    alter(body_path(store.journeys_path / two[0], 2), 100_000)
    assert attest(store.root, store.key.public, bodies=False) == ()


def test_a_log_that_was_put_back_is_named(store: Store, two: tuple[str, str]) -> None:
    """An older copy of a journey's log: the ledger knows what it lacks."""
    path = store.journeys_path / two[0] / "log.jsonl"
    lines, _ = complete_lines(path.read_bytes())
    path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
    (fault,) = faults(store)
    assert fault.place == f"journeys/{two[0]}/log.jsonl"
    place = f"line {len(lines)} (from byte {path.stat().st_size} on)"
    assert fault.text.startswith(f"{place} is missing or is not what it was")
    store.log(two[0]).append("another past", {})
    (fault,) = faults(store)
    assert f"line {len(lines)} (from byte" in fault.sentence


def test_a_ledger_that_was_put_back_is_named(store: Store, two: tuple[str, str], clock: FakeClock) -> None:
    """An older copy of the ledger, even one that was written on: the journeys' logs know what it lacks."""
    older = store.ledger.path.read_bytes()
    store.end_journey(two[1], "ignition-off")
    third = store.begin_journey(CONSENT)
    store.ledger.path.write_bytes(older)
    store.ledger.append("start", {})
    store.ledger.append("start", {})
    first, *_ = faults(store)
    line = older.count(b"\n") + 1
    assert first.place == "ledger.jsonl"
    assert first.text.startswith(f"line {line} (from byte {len(older)} on) is missing or is not what it was: ")
    assert f"the log of {third} knows an entry that is not there" in first.text


def test_another_recorders_key(store: Store, two: tuple[str, str], tmp_path: Path) -> None:
    """A card from another recorder is wrong from its first byte."""
    other = DeviceKey.load_or_create(tmp_path / "other.key").public
    places = [fault.place for fault in attest(store.root, other, bodies=False)]
    assert places == ["ledger.jsonl", *(f"journeys/{journey_id}/log.jsonl" for journey_id in sorted(two))]


def test_no_store_is_an_error(tmp_path: Path, key: DeviceKey) -> None:
    """Nothing to check is not "all is well"."""
    with pytest.raises(StoreError):
        attest(tmp_path / "absent", key.public)
