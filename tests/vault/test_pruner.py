"""Sweeps over a real store: what goes, what stays, what the ledger says, what happens when a step fails."""

import errno
import os
from pathlib import Path

import pytest

from recorder.vault import words
from recorder.vault.journal import DeviceKey, read_entries
from recorder.vault.pruner import Pruner
from recorder.vault.retention import Policy, Reason
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, Facts, FakeClock, assert_logs_sound, open_like, record_segment

POLICY = Policy(max_age_s=20, sweep_s=1, clock_grace_s=5, min_free_bytes=0)


@pytest.fixture
def pruner(store: Store, clock: FakeClock) -> Pruner:
    return Pruner(store, POLICY, clock)


def numbers(store: Store, journey_id: str) -> list[int]:
    return [segment.number for segment in store.journey(journey_id).segments]


def tombstones(store: Store) -> list[tuple[str, dict[str, object]]]:
    return [(e.event, e.data) for e in read_entries(store.ledger.path) if e.event.startswith("tombstone")]


def test_segments_go_one_by_one_before_they_are_too_old(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner
) -> None:
    """A day in twenty seconds: each unheld segment goes in its turn, none reaches the limit, the live one stays."""
    began: dict[int, int] = {}
    gone_at: dict[int, int] = {}
    for number in range(1, 6):
        began[number] = clock.now_ns
        writer = store.open_segment(journey_id, number, clock.now_ns)
        for _ in range(4):
            clock.advance(1)
            for verdict in pruner.sweep().deleted:
                gone_at[verdict.footage.number] = clock.now_ns
        if number < 5:
            writer.seal("rotation", Facts(began[number], clock.now_ns))
    for _ in range(30):
        clock.advance(1)
        for verdict in pruner.sweep().deleted:
            gone_at[verdict.footage.number] = clock.now_ns
    ages_s = {number: (gone_at[number] - began[number]) / 1e9 for number in gone_at}
    assert ages_s == {1: 18, 2: 18, 3: 18, 4: 18}
    assert numbers(store, journey_id) == [5]
    assert_logs_sound(store, store.key)


def test_a_tombstone_says_what_when_and_why(store: Store, journey_id: str, clock: FakeClock, pruner: Pruner) -> None:
    """Intent before, done after; what, when recorded, why, and which class of erasure."""
    record_segment(store, journey_id, clock)
    size_bytes = store.journey(journey_id).segments[0].size_bytes
    clock.advance(10)
    report = pruner.sweep()
    intent, done = tombstones(store)
    assert intent == (
        words.TOMBSTONE_INTENT,
        {
            "journey": journey_id,
            "segments": [
                {
                    "number": 1,
                    "recorded": "2026-11-22T13:11:43.000Z",
                    "size_bytes": size_bytes,
                    "reason": "due",
                    "why": "its oldest frame is 20 s old, of 20 s allowed",
                }
            ],
        },
    )
    intent_seq = read_entries(store.ledger.path)[-2].seq
    assert done == (
        words.TOMBSTONE_DONE,
        {"journey": journey_id, "erasure": "slot", "intent": intent_seq, "deleted": [1], "failed": []},
    )
    assert [(v.footage.number, v.reason) for v in report.deleted] == [(1, Reason.DUE)]
    assert (report.deleted_bytes, report.kept_bytes, report.alarms) == (size_bytes, 0, ())


def test_a_sweep_with_nothing_to_do_leaves_no_trace(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner
) -> None:
    """It writes nothing, and says when the next thing is due."""
    record_segment(store, journey_id, clock)
    before = store.ledger.path.read_bytes()
    report = pruner.sweep()
    assert store.ledger.path.read_bytes() == before
    assert (report.deleted, report.spared, report.logs_deleted, report.alarms) == ((), (), (), ())
    assert report.kept_counts == {Reason.YOUNG: 1}
    assert report.next_due_s == 8
    assert report.next_due_utc_ns == clock.now().utc_ns + 8_000_000_000


def test_held_footage_stays_until_it_is_released(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner
) -> None:
    """Held by file or by log, over any time; the sweep after the release takes it."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    clock.advance(10**6)
    report = pruner.sweep()
    assert (report.kept_counts, report.held_bytes) == ({Reason.HELD: 1}, store.journey(journey_id).size_bytes)
    (store.journeys_path / journey_id / "HOLD").unlink()
    report = pruner.sweep()
    assert report.kept_counts == {Reason.HELD: 1}
    assert [alarm.split(", but")[0] for alarm in report.alarms] == [f"{journey_id} is held by its log"]
    store.release(journey_id, "office", "copied")
    assert [v.footage.number for v in pruner.sweep().deleted] == [1]


def test_the_last_of_a_journey_is_its_log(store: Store, journey_id: str, clock: FakeClock, pruner: Pruner) -> None:
    """Ended and empty: the log goes, the ledger keeps its head."""
    record_segment(store, journey_id, clock)
    store.end_journey(journey_id, "ignition-off")
    clock.advance(20)
    head = store.log(journey_id).head
    report = pruner.sweep()
    assert report.logs_deleted == (journey_id,)
    assert list(store.journeys_path.iterdir()) == []
    assert tombstones(store)[2] == (
        words.TOMBSTONE_INTENT,
        {
            "journey": journey_id,
            "segments": [],
            "log": {"head": head, "began": "2026-11-22T13:11:43.000Z", "ended": "2026-11-22T13:11:53.000Z"},
        },
    )
    assert tombstones(store)[3][0] == words.TOMBSTONE_DONE
    assert pruner.sweep().alarms == ()
    assert_logs_sound(store, store.key)


def test_an_open_journey_keeps_its_log(store: Store, journey_id: str, clock: FakeClock, pruner: Pruner) -> None:
    """A withdrawn passenger may agree again an hour later, and be recorded into the same journey."""
    record_segment(store, journey_id, clock)
    clock.advance(3600)
    assert pruner.sweep().logs_deleted == ()
    assert record_segment(store, journey_id, clock) == 2


def test_a_held_journey_keeps_its_log(store: Store, journey_id: str, pruner: Pruner) -> None:
    """Even without a segment: who held what, and why, is evidence."""
    store.hold(journey_id, "panel", "button")
    store.end_journey(journey_id, "ignition-off")
    assert pruner.sweep().logs_deleted == ()
    assert store.journey(journey_id).held


def test_a_strange_file_keeps_the_directory_and_is_reported(store: Store, journey_id: str, pruner: Pruner) -> None:
    """Nobody's files are removed with ours."""
    store.end_journey(journey_id, "ignition-off")
    (store.journeys_path / journey_id / "notes.txt").write_text("mine")
    report = pruner.sweep()
    assert report.logs_deleted == ()
    assert report.alarms == (f"{store.journeys_path / journey_id} has strange files: notes.txt; remove them.",)
    assert (store.journeys_path / journey_id / "log.jsonl").exists()


def test_space_takes_the_oldest_and_says_so(store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oldest first across journeys, never a held one; still too little room with only held ones left is an alarm."""
    first, second = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    for journey_id in (first, second, first, second):
        record_segment(store, journey_id, clock, length_s=1)
    store.hold(second, "panel", "button")
    one_bytes = store.journey(first).segments[0].size_bytes
    free_bytes = 1000

    def free() -> int:
        return free_bytes

    monkeypatch.setattr(store, "free_bytes", free)
    report = Pruner(store, Policy(20, 1, 5, free_bytes + one_bytes), clock).sweep()
    assert [(v.footage.journey, v.footage.number, v.reason) for v in report.deleted] == [(first, 1, Reason.SPACE)]
    assert report.alarms == ()
    report = Pruner(store, Policy(20, 1, 5, 10**9), clock).sweep()
    assert [(v.footage.journey, v.footage.number) for v in report.deleted] == [(first, 2)]
    assert numbers(store, second) == [1, 2]
    assert "bytes are missing of the 1000000000 to be kept free" in report.alarms[0]


def test_what_was_held_or_begun_since_the_plan_stays(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is a moment old when it is carried out: under the lock each segment is looked at again."""
    record_segment(store, journey_id, clock)
    clock.advance(20)
    listing = store.journeys()
    store.hold(journey_id, "panel", "button")
    monkeypatch.setattr(store, "journeys", lambda _remembered: listing)
    report = pruner.sweep()
    assert ([v.footage.number for v in report.spared], report.deleted, report.alarms) == ([1], (), ())
    assert numbers(store, journey_id) == [1]
    assert tombstones(store) == []


def test_two_sweeps_at_once_delete_once(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer's sweep beside the daemon's: the slower one finds nothing left, and that is no alarm."""
    record_segment(store, journey_id, clock)
    store.end_journey(journey_id, "ignition-off")
    clock.advance(20)
    slower = open_like(store)
    listing = slower.journeys()
    assert len(pruner.sweep().deleted) == 1
    monkeypatch.setattr(slower, "journeys", lambda _remembered: listing)
    report = Pruner(slower, POLICY, clock).sweep()
    assert (report.deleted, len(report.spared), report.logs_deleted, report.alarms) == ((), 1, (), ())
    assert len(tombstones(store)) == 4


def test_long_deletions_let_others_in(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is let go after each batch, and each batch has its tombstone."""
    monkeypatch.setattr("recorder.vault.pruner.BATCH_SEGMENTS", 2)
    for _ in range(5):
        record_segment(store, journey_id, clock, length_s=0.1)
    clock.advance(20)
    assert [v.footage.number for v in pruner.sweep().deleted] == [1, 2, 3, 4, 5]
    assert [data["deleted"] for event, data in tombstones(store) if event == words.TOMBSTONE_DONE] == [
        [1, 2],
        [3, 4],
        [5],
    ]


@pytest.mark.parametrize("kind", ["head", "body"])
def test_a_segment_that_will_not_go_is_an_alarm_and_the_others_go(
    store: Store, journey_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """One bad block stops neither the other deletions nor their tombstone; the next sweep tries again."""
    pruner = Pruner(store, POLICY, clock)
    for _ in range(3):
        record_segment(store, journey_id, clock, length_s=1)
    clock.advance(20)
    stubborn = store.journeys_path / journey_id / f"00002.{kind}"
    real_unlink = os.unlink

    def unlink(path: str | Path, **more: object) -> None:
        if Path(path) == stubborn:
            raise OSError(errno.EIO, "Input/output error")
        real_unlink(path, **more)

    monkeypatch.setattr(os, "unlink", unlink)
    report = pruner.sweep()
    assert [v.footage.number for v in report.deleted] == [1, 3]
    assert report.alarms == (f"{stubborn} cannot be deleted: Input/output error.",)
    assert tombstones(store)[1][1]["failed"] == [{"number": 2, "error": report.alarms[0]}]
    assert (store.journeys_path / journey_id / "00002.body").exists()
    monkeypatch.undo()
    assert [v.footage.number for v in pruner.sweep().deleted] == [2]


def test_a_full_card_makes_room_for_its_own_tombstone(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no room for a single entry the oldest segment goes first, and its tombstone is written where it was."""
    for _ in range(2):
        record_segment(store, journey_id, clock, length_s=1)
    clock.advance(20)
    first = store.journeys_path / journey_id / "00001.body"
    real_write = os.write

    def write(fd: int, data: bytes) -> int:
        if first.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    report = pruner.sweep()
    assert ([v.footage.number for v in report.deleted], report.alarms) == ([1, 2], ())
    assert [segment["number"] for segment in tombstones(store)[0][1]["segments"]] == [1, 2]
    assert_logs_sound(store, store.key)


def test_a_ledger_that_cannot_be_written_keeps_footage_and_is_an_alarm(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No deletion without its tombstone; no silence either."""
    record_segment(store, journey_id, clock)
    clock.advance(20)

    def broken(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", broken)
    report = pruner.sweep()
    assert (report.deleted, report.alarms) == ((), (f"{store.ledger.path} cannot be written: Input/output error.",))
    assert numbers(store, journey_id) == [1]


def test_an_unreadable_store_is_an_alarm(store: Store, clock: FakeClock, pruner: Pruner) -> None:
    """It is never read as nothing to do."""
    store.journeys_path.rmdir()
    report = pruner.sweep()
    assert report.alarms == (f"{store.journeys_path} cannot be read: No such file or directory.",)


def test_an_unreadable_free_space_is_an_alarm(
    store: Store, journey_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not knowing the space deletes nothing and is said; what is due by age goes all the same."""
    record_segment(store, journey_id, clock)
    clock.advance(20)
    record_segment(store, journey_id, clock)

    def broken(path: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("shutil.disk_usage", broken)
    report = Pruner(store, Policy(20, 1, 5, 10**15), clock).sweep()
    assert [v.footage.number for v in report.deleted] == [1]
    assert report.alarms == (f"the free space of {store.root} cannot be read: Input/output error.",)


def test_after_a_power_cut_without_a_trusted_clock_the_grace_decides(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner
) -> None:
    """Footage of another boot stays while the clock may still be proven, and goes when it was not."""
    record_segment(store, journey_id, clock, length_s=1)
    clock.reboot("boot-2", off_s=1, quality="unproven")
    policy = Policy(max_age_s=60, sweep_s=1, clock_grace_s=20, min_free_bytes=0)
    pruner = Pruner(store, policy, clock)
    report = pruner.sweep()
    assert (report.kept_counts, report.next_due_s) == ({Reason.GRACE: 1}, 10)
    clock.advance(10)
    assert [v.reason for v in pruner.sweep().deleted] == [Reason.UNPROVEN]


def test_a_clock_that_is_proven_once_proves_the_age_for_this_boot(
    store: Store, journey_id: str, clock: FakeClock
) -> None:
    """Network for a minute is enough, also when the process starts anew; then footage lives to its full age."""
    record_segment(store, journey_id, clock, length_s=1)
    clock.reboot("boot-2", off_s=1, quality="unproven")
    policy = Policy(max_age_s=60, sweep_s=1, clock_grace_s=20, min_free_bytes=0)
    clock.set_wall(0, "synchronised")
    assert Pruner(store, policy, clock).sweep().kept_counts == {Reason.YOUNG: 1}
    clock.set_wall(-90 * 86_400, "unproven")
    clock.advance(42)
    assert Pruner(store, policy, clock).sweep().kept_counts == {Reason.YOUNG: 1}
    clock.advance(1)
    assert [v.reason for v in Pruner(store, policy, clock).sweep().deleted] == [Reason.DUE]


def test_the_grace_is_counted_in_powered_time_across_boots(store: Store, journey_id: str, clock: FakeClock) -> None:
    """What the ledger says of power counts in the next boot and in the next process."""
    record_segment(store, journey_id, clock, length_s=1)
    clock.set_wall(-3 * 86_400)  # nobody knows how long the vehicle stood; from then on, its clock is right
    policy = Policy(max_age_s=86_400, sweep_s=1, clock_grace_s=100, min_free_bytes=0)
    reports = []
    for boot in range(2, 7):
        clock.reboot(f"boot-{boot}")
        clock.advance(15)
        reports.append(Pruner(store, policy, clock).sweep())
    assert [report.next_due_s for report in reports] == [75, 50, 25, None, None]
    assert [verdict.sentence for verdict in reports[3].deleted] == ["no clock proves its age, after 100 s with power"]


def test_holds_beyond_their_share_of_the_card_are_an_alarm(store: Store, journey_id: str, clock: FakeClock) -> None:
    """Long before the card is full; nothing goes for it."""
    record_segment(store, journey_id, clock)
    store.hold(journey_id, "panel", "button")
    report = Pruner(store, Policy(20, 1, 5, 0, hold_quota=0.0), clock).sweep()
    assert report.kept_counts == {Reason.HELD: 1}
    (alarm,) = report.alarms
    assert alarm == f"{report.held_bytes} bytes more are held than 0% of the card; export and release what is held."


def test_a_wall_clock_that_jumps_deletes_nothing_and_keeps_nothing(
    store: Store, journey_id: str, clock: FakeClock, pruner: Pruner, key: DeviceKey
) -> None:
    """Within one boot the wall clock has no say, either way."""
    record_segment(store, journey_id, clock, length_s=1)
    clock.set_wall(365 * 86_400)
    assert pruner.sweep().kept_counts == {Reason.YOUNG: 1}
    clock.set_wall(-2 * 365 * 86_400)
    clock.advance(17)
    assert [v.reason for v in pruner.sweep().deleted] == [Reason.DUE]
