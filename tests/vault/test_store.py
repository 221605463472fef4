"""The store as daemon, commands and a second process use it."""

import os
import stat
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from recorder.errors import LockTimeoutError, NoSuchJourneyError, StoreError
from recorder.vault import sealing, words
from recorder.vault.age import X25519Identity
from recorder.vault.entries import complete_lines, head_of
from recorder.vault.journal import DeviceKey, read_entries
from recorder.vault.logbook import HoldInfo
from recorder.vault.records import JourneyRecord, SegmentRecord, read_journeys
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, Facts, FakeClock, assert_logs_sound, events, fragment, open_like, record_segment

# --- layout ------------------------------------------------------------------------------------------------------


def test_everything_is_for_the_owner_only(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Directories 0700, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        record_segment(store, journey_id, clock)
        store.hold(journey_id, "panel", "button")
    finally:
        os.umask(before)
    paths = [store.root, *store.root.rglob("*")]
    modes = {str(path.relative_to(store.root)): stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert modes == {
        ".": 0o700,
        "ledger.jsonl": 0o600,
        "keyring.0": 0o600,
        "keyring.1": 0o600,
        "journeys": 0o700,
        f"journeys/{journey_id}": 0o700,
        f"journeys/{journey_id}/log.jsonl": 0o600,
        f"journeys/{journey_id}/00001.head": 0o600,
        f"journeys/{journey_id}/00001.body": 0o600,
        f"journeys/{journey_id}/HOLD": 0o600,
    }


def test_preparing_again_changes_nothing_but_modes(store: Store) -> None:
    """Each start prepares; a store that somebody opened to others is closed again."""
    before = store.ledger.path.read_bytes()
    store.root.chmod(0o755)
    store.prepare()
    assert store.ledger.path.read_bytes() == before
    assert events(store) == [words.STORE_CREATED]
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_a_place_that_cannot_be_a_store_is_named(tmp_path: Path, key: DeviceKey, clock: FakeClock) -> None:
    """One sentence that names the path."""
    (tmp_path / "file").write_text("not a directory")
    store = Store(tmp_path / "file" / "store", key, [], clock, slots=[Slot.at(tmp_path / "slot")])
    with pytest.raises(StoreError, match=r"file/store cannot be prepared as a store: Not a directory\."):
        store.prepare()


# --- journeys ----------------------------------------------------------------------------------------------------


def test_a_journey_begins_with_its_consent(store: Store, identity: X25519Identity, clock: FakeClock) -> None:
    """The consent is in the journey's log, the journey in the ledger with the head of that log."""
    ledger_before = store.ledger.path.read_bytes()
    journey_id = store.begin_journey(CONSENT)
    assert journey_id.startswith("20261122T131143Z-")
    assert len(journey_id) == len("20261122T131143Z-7f3a")
    began, consent = read_entries(store.journeys_path / journey_id / "log.jsonl")
    assert (began.event, began.data) == (
        words.JOURNEY_BEGAN,
        {
            "journey": journey_id,
            "recorder": store.key.public_text,
            "recipients": [identity.recipient.text],
            "ledger": {"seq": 1, "head": head_of(complete_lines(ledger_before)[0])},
        },
    )
    assert (consent.event, consent.data) == (words.CONSENT, CONSENT)
    ledger = read_entries(store.ledger.path)[-1]
    assert (ledger.event, ledger.data) == (
        words.JOURNEY_BEGAN,
        {"journey": journey_id, "log_head": store.log(journey_id).head},
    )


def test_a_repeated_clock_gives_other_names(store: Store) -> None:
    """Two journeys of the same second are two journeys."""
    assert len({store.begin_journey(CONSENT) for _ in range(20)}) == 20
    assert len(store.journeys()) == 20


def test_a_name_that_is_taken_is_not_taken_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance may repeat itself too."""
    tails = iter(["aaaa", "0" * 8, "0" * 8, "aaaa", "bbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda size: next(tails, "f" * 2 * size))
    first, second = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    assert [first[-4:], second[-4:]] == ["aaaa", "bbbb"]


def test_a_journey_ends_once(store: Store, journey_id: str) -> None:
    """Its end is in its log and, with the head of that log, in the ledger; ending it again adds nothing."""
    store.end_journey(journey_id, "ignition-off")
    store.end_journey(journey_id, "again")
    assert events(store, journey_id) == [words.JOURNEY_BEGAN, words.CONSENT, words.JOURNEY_ENDED]
    entry = read_entries(store.ledger.path)[-1]
    assert (entry.event, entry.data) == (
        words.JOURNEY_ENDED,
        {"journey": journey_id, "log_head": store.log(journey_id).head, "reason": "ignition-off"},
    )
    assert events(store).count(words.JOURNEY_ENDED) == 1


@pytest.mark.parametrize(
    "name", ["absent", "", ".", "..", "../journeys", "a/b", "/etc", ".20261122T131143Z-7f3a.x.tmp"]
)
def test_a_journey_that_is_not_there_is_refused(store: Store, journey_id: str, name: str) -> None:
    """By name only, from this store only."""
    (store.journeys_path / ".20261122T131143Z-7f3a.x.tmp").mkdir()
    for call in (store.journey, store.log, lambda j: store.hold(j, "w", "r"), lambda j: store.open_segment(j, 1, 0)):
        with pytest.raises(NoSuchJourneyError):
            call(name)


def test_a_record_tells_all(store: Store, clock: FakeClock) -> None:
    """The whole value, for a journey with a sealed, a torn and a live segment."""
    first = clock.now()
    journey_id = store.begin_journey(CONSENT)
    path = store.journeys_path / journey_id
    record_segment(store, journey_id, clock, length_s=10)
    torn = store.open_segment(journey_id, 2, clock.now_ns)
    second = clock.now()
    os.close(torn._fd)  # what the kernel does when the process dies
    clock.advance(5)
    live = store.open_segment(journey_id, 3, clock.now_ns)
    third = clock.now()
    clock.advance(1)
    store.hold(journey_id, "panel", "button")

    def size_of(number: int) -> int:
        return sum((path / f"{number:05d}.{kind}").stat().st_size for kind in ("head", "body"))

    def epoch(number: int) -> int | None:
        return sealing.epoch_of((path / f"{number:05d}.head").read_bytes())

    assert store.journey(journey_id) == JourneyRecord(
        id=journey_id,
        path=path,
        began="2026-11-22T13:11:43.000Z",
        ended=None,
        first=first,
        last=third,
        consented=True,
        agreement=CONSENT,
        held=True,
        hold=HoldInfo("panel", "2026-11-22T13:11:59.000Z", "button"),
        segments=(
            SegmentRecord(
                1, size_of(1), "2026-11-22T13:11:43.000Z", "2026-11-22T13:11:53.000Z", first,
                epoch=epoch(1), torn=False, signed=True, live=False, has_header=True, was_clear=True, has_body=True,
            ),
            SegmentRecord(
                2, size_of(2), "2026-11-22T13:11:53.000Z", None, second,
                epoch=epoch(2), torn=True, signed=False, live=False, has_header=True, was_clear=True, has_body=True,
            ),
            SegmentRecord(
                3, size_of(3), "2026-11-22T13:11:58.000Z", None, third,
                epoch=epoch(3), torn=False, signed=False, live=True, has_header=True, was_clear=True, has_body=True,
            ),
        ),
        next_segment=4,
        problems=(),
    )  # fmt: skip
    assert store.journeys() == read_journeys(store.root) == (store.journey(journey_id),)
    assert store.journey(journey_id).size_bytes == sum(map(size_of, (1, 2, 3)))
    live.seal("stop", Facts(0, 0))


def test_where_there_is_no_store_there_are_no_journeys(tmp_path: Path) -> None:
    """Before the first start there is nothing to list, and nothing wrong; nothing is created by looking."""
    assert read_journeys(tmp_path / "store") == ()
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_its_list_is_an_error_not_an_empty_one(store: Store) -> None:
    """An unreadable list is never read as nothing to do."""
    store.journeys_path.rmdir()
    with pytest.raises(StoreError, match="journeys cannot be read"):
        store.journeys()


def test_a_withdrawal_ends_the_consent_until_the_next(store: Store, journey_id: str) -> None:
    """The record says whether somebody's agreement stands."""
    consented = [store.journey(journey_id).consented]
    for event in (words.WITHDRAWN, words.CONSENT):
        store.log(journey_id).append(event, {})
        consented.append(store.journey(journey_id).consented)
    assert consented == [True, False, True]


def test_a_clock_set_during_the_journey_proves_what_came_before(store: Store, clock: FakeClock) -> None:
    """A boot without time, then NTP: everything of that boot gets its true time."""
    clock.set_wall(-40 * 86_400, "unproven")
    journey_id = store.begin_journey(CONSENT)
    record_segment(store, journey_id, clock, length_s=10)
    assert store.journey(journey_id).began == "2026-10-13T13:11:43.000Z"
    assert store.journey(journey_id).segments[0].first.quality == "unproven"
    clock.set_wall(40 * 86_400, "synchronised")
    store.log(journey_id).append("clock-changed", {})
    record = store.journey(journey_id)
    assert (record.began, record.segments[0].began) == ("2026-11-22T13:11:43.000Z",) * 2
    assert (record.first.quality, record.segments[0].first.quality) == ("synchronised", "synchronised")


# --- segments ----------------------------------------------------------------------------------------------------


def test_a_number_is_used_once(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Not again after a seal, not again after a deletion; gaps are allowed."""
    record_segment(store, journey_id, clock)
    for kind in ("head", "body"):
        (store.journeys_path / journey_id / f"00001.{kind}").unlink()
    with pytest.raises(StoreError, match="the next one is 2"):
        store.open_segment(journey_id, 1, clock.now_ns)
    store.open_segment(journey_id, 7, clock.now_ns).seal("stop", Facts(0, 0))
    assert store.journey(journey_id).next_segment == 8


def test_an_ended_journey_gets_no_segment(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Its log's head is in the ledger: nothing is added behind that."""
    store.end_journey(journey_id, "ignition-off")
    with pytest.raises(StoreError, match="has ended"):
        store.open_segment(journey_id, 1, clock.now_ns)
    assert store.journey(journey_id).segments == ()


# --- together ----------------------------------------------------------------------------------------------------


def test_the_lock_is_one_processes_at_a_time_and_reentrant(store: Store) -> None:
    """Inside it a thread may lock again; another process waits, and says for how long it did."""
    other = open_like(store)
    with (
        store.lock(),
        store.lock(),
        pytest.raises(LockTimeoutError, match=r"locked by another process for 0\.05 s"),
        other.lock(0.05),
    ):
        pytest.fail("two had the lock")
    with other.lock(0.05):
        pass


def test_threads_of_one_process_wait_for_one_another(store: Store) -> None:
    """The same store object in another thread has no lock while we have it."""
    outcome: list[str] = []

    def try_it() -> None:
        try:
            with store.lock(0.05):
                outcome.append("locked")
        except LockTimeoutError as error:
            outcome.append(str(error))

    for expected in ("has been locked by this process", "locked"):
        thread = threading.Thread(target=try_it)
        if expected != "locked":
            with store.lock():
                thread.start()
                thread.join()
        else:
            thread.start()
            thread.join()
        assert expected in outcome.pop()


def test_a_second_process_changes_the_store_beside_the_daemon(store: Store, journey_id: str, clock: FakeClock) -> None:
    """A hold from a command while the daemon records: both logs stay whole, neither undoes the other."""
    command = open_like(store)
    writer = store.open_segment(journey_id, 1, clock.now_ns)
    daemon_log = store.log(journey_id)
    daemon_log.append("note", {"by": "daemon"})
    command.hold(journey_id, "uid 1000", "command")
    daemon_log.append("note", {"by": "daemon"})
    writer.write(fragment(1000), None)
    writer.seal("rotation", Facts(0, 0))
    command.release(journey_id, "uid 0", "command")
    store.end_journey(journey_id, "ignition-off")
    assert events(store, journey_id)[2:] == [
        words.SEGMENT_OPENED,
        "note",
        words.HOLD,
        "note",
        words.SEGMENT_SEALED,
        words.RELEASE,
        words.JOURNEY_ENDED,
    ]
    assert_logs_sound(store, store.key)


def test_a_look_into_the_middle_of_a_mutation_looks_again(store: Store, journey_id: str) -> None:
    """A lister that sees HOLD before its entry waits for the mutation to end instead of raising an alarm."""
    inside, looked = threading.Event(), threading.Event()

    def hold_slowly() -> None:
        with store.lock():
            (store.journeys_path / journey_id / "HOLD").write_text('{"who": "a", "when": "b", "reason": "c"}')
            inside.set()
            assert looked.wait(5)
            store.log_hold(journey_id, "a", "c")

    def lock_after_the_first_look() -> AbstractContextManager[None]:
        looked.set()
        return open_like(store).lock()

    holder = threading.Thread(target=hold_slowly)
    holder.start()
    assert inside.wait(5)
    (record,) = read_journeys(store.root, lock_after_the_first_look)
    holder.join()
    assert looked.is_set()
    assert (record.held, record.problems) == (True, ())


def test_a_lister_that_never_gets_the_lock_still_answers(store: Store, journey_id: str) -> None:
    """A process that hangs with the lock in its hand does not hide the journeys."""
    (store.journeys_path / journey_id / "HOLD").touch()

    with store.lock():
        (record,) = read_journeys(store.root, lambda: open_like(store).lock(0.01))
    assert record.held
    assert "has been locked by another process" in record.problems[-1]
