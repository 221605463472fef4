"""What the ledger is told of time, and that a next process knows it: a real ledger on a real disk."""

from pathlib import Path
from typing import Any

import pytest

from recorder.errors import StoreError
from recorder.vault import words
from recorder.vault.clockledger import ClockLedger, LedgerFollower
from recorder.vault.entries import parse_line
from recorder.vault.journal import read_entries
from recorder.vault.store import Store
from tests.vault.kit import FakeClock

DAY_S = 86_400


def clock_ledger(store: Store) -> ClockLedger:
    """As a process that has just started."""
    return ClockLedger(store.ledger.append, LedgerFollower(store.ledger.path))


def told(store: Store) -> list[tuple[str, dict[str, Any]]]:
    """What the ledger was told of time."""
    about = {words.CLOCK_KNOWN, words.CLOCK_ERA, words.POWERED}
    return [(entry.event, entry.data) for entry in read_entries(store.ledger.path) if entry.event in about]


def sweep(clocks: ClockLedger, clock: FakeClock) -> None:
    """What a sweep does that deletes nothing."""
    clocks.look(clock.now())
    clocks.note()


def test_a_boot_is_made_known_once(store: Store, clock: FakeClock) -> None:
    """Every boot counts for the gaps between them, also one in which nothing else happens."""
    clocks = clock_ledger(store)
    for _ in range(3):
        sweep(clocks, clock)
    assert told(store) == []  # the store was created in this boot: it is known
    clock.reboot("boot-2", quality="unproven")
    for _ in range(3):
        sweep(clocks, clock)
        sweep(clock_ledger(store), clock)
    assert told(store) == [(words.CLOCK_KNOWN, {"era": 1, "quality": "unproven"})]


def test_a_better_clock_is_made_known_once(store: Store, clock: FakeClock) -> None:
    """Without it a power cut would lose what the time of this boot was."""
    created = clock.now()
    clock.reboot("boot-2", quality="unproven")
    clocks = clock_ledger(store)
    for quality in ("unproven", "rtc", "rtc", "synchronised", "rtc", "unproven"):
        clock.set_wall(0, quality)
        sweep(clocks, clock)
    assert [data["quality"] for _, data in told(store)] == ["unproven", "rtc", "synchronised"]
    clock.reboot("boot-3", quality="rtc")
    assert clock_ledger(store).look(clock.now()).age_s(created, clock.now()) == 80


def test_a_new_era_is_announced_with_its_reason(store: Store, clock: FakeClock) -> None:
    """Once, by whoever finds it; another process comes to the same."""
    clocks = clock_ledger(store)
    sweep(clocks, clock)
    clock.set_wall(-3 * DAY_S)
    for _ in range(2):
        sweep(clocks, clock)
        sweep(clock_ledger(store), clock)
    assert told(store) == [
        (
            words.CLOCK_ERA,
            {
                "era": 2,
                "why": "the clock was set, or was wrong before",
                "step_s": -3.0 * DAY_S,
                "high_water": "2026-11-19T13:11:43.000Z",
            },
        )
    ]


def test_an_era_that_another_entry_began_is_announced_too(store: Store, clock: FakeClock) -> None:
    """The stamp of any entry is a moment; the announcement follows."""
    sweep(clock_ledger(store), clock)
    clock.set_wall(3 * DAY_S)
    store.ledger.append("start", {})
    sweep(clock_ledger(store), clock)
    assert [data["era"] for _, data in told(store)] == [2]


def test_power_is_noted_ten_times_a_grace(store: Store, clock: FakeClock) -> None:
    """However often is swept: the card is spared, and a power cut forgets a tenth at most."""
    clocks = clock_ledger(store)
    for _ in range(100):
        clock.advance(9)
        clocks.look(clock.now())
        clocks.note_power(clock.now(), 900)
    noted_s = [data["boottime_s"] for event, data in told(store) if event == words.POWERED]
    assert noted_s == list(range(190, 1001, 90))


def test_powered_time_survives_restarts(store: Store, clock: FakeClock) -> None:
    """Of the process and of the machine."""
    first = clock.now()
    for boot in range(2, 5):
        clock.reboot(f"boot-{boot}", quality="unproven")
        clocks = clock_ledger(store)
        clock.advance(100)
        clocks.look(clock.now())
        clocks.note_power(clock.now(), 900)
    doubt = clock_ledger(store).look(clock.now()).doubt(first.boot_id, clock.now())
    assert doubt.powered_s == 330


def test_a_damaged_line_says_nothing_and_hides_nothing(store: Store, clock: FakeClock) -> None:
    """The boots before and after it are still known."""
    for boot in ("boot-2", "boot-3"):
        clock.reboot(boot)
        sweep(clock_ledger(store), clock)
    lines = store.ledger.path.read_bytes().split(b"\n")
    store.ledger.path.write_bytes(b"\n".join([lines[0], b"{", *lines[2:]]))
    history = clock_ledger(store).look(clock.now())
    assert history.age_s(parse_line(lines[0]).instant, clock.now()) == 80


def test_only_what_is_new_is_read(store: Store, clock: FakeClock) -> None:
    """A sweep costs what was added since the last one; a half line waits until it is whole."""
    follow = LedgerFollower(store.ledger.path)
    assert [entry.event for entry in follow()[1]] == [words.STORE_CREATED]
    store.ledger.append("start", {})
    whole = store.ledger.path.read_bytes()
    store.ledger.path.write_bytes(whole[:-5])
    assert follow() == (False, ())
    store.ledger.path.write_bytes(whole)
    is_other, entries = follow()
    assert (is_other, [entry.event for entry in entries]) == (False, ["start"])


def test_another_ledger_is_read_from_its_beginning(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """One that was replaced, or cut."""
    follow = LedgerFollower(store.ledger.path)
    store.ledger.append("start", {})
    assert len(follow()[1]) == 2
    lines = store.ledger.path.read_bytes().splitlines(keepends=True)
    store.ledger.path.write_bytes(lines[0])
    assert [follow()[0] for _ in range(2)] == [True, False]
    (tmp_path / "new").write_bytes(b"".join(lines))
    (tmp_path / "new").rename(store.ledger.path)
    is_other, entries = follow()
    assert (is_other, len(entries)) == (True, 2)


def test_a_ledger_that_cannot_be_read_leaves_what_is_known(store: Store, clock: FakeClock) -> None:
    """It is an error, and this moment counts all the same."""
    clocks = clock_ledger(store)
    first = clock.now()
    clocks.look(first)
    hidden = store.ledger.path.rename(store.root / "hidden")
    clock.reboot("boot-2", off_s=90)
    with pytest.raises(StoreError, match="cannot be read"):
        clocks.look(clock.now())
    assert clocks.history.age_s(first, clock.now()) == 100
    hidden.rename(store.ledger.path)
    assert clocks.look(clock.now()).age_s(first, clock.now()) == 100
