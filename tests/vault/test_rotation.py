"""The ledger goes on in new files and loses the oldest, and is one log all the time."""

import multiprocessing
import shutil
import threading
from pathlib import Path

import pytest

from recorder.timekeeping import NS_PER_S, Instant
from recorder.vault import diskio, words
from recorder.vault.clockledger import ClockLedger, LedgerFollower
from recorder.vault.entries import complete_lines
from recorder.vault.journal import DeviceKey, Journal, read_entries
from recorder.vault.ledger import WayBack, older_files, read_files, read_ledger, whole_ledger
from recorder.vault.records import read_journey
from recorder.vault.recovery import recover
from recorder.vault.rotation import TOMBSTONES_S, ProvenAge, look_after_ledger
from recorder.vault.store import Store
from recorder.vault.verification import verify_log
from tests.vault.cuts import DEATHS, Death, each_cut
from tests.vault.kit import CONSENT, FakeClock, assert_logs_sound, open_like, record_segment
from tests.vault.test_cuts import assert_recovered

DAY_S = 86_400
deaths = pytest.mark.parametrize("death", DEATHS)


def names(store: Store) -> list[str]:
    return sorted(path.name for path in store.root.glob("ledger*"))


def firsts(store: Store) -> list[int]:
    """The numbers with which the older files begin."""
    return [first_seq for first_seq, _ in older_files(store.ledger.path)]


def live(store: Store, clock: FakeClock, months: int) -> None:
    """So many months, with a start every ten days."""
    for number in range(months * 3):
        clock.reboot(f"{clock.now().utc_ns}-{number}", off_s=10 * DAY_S)
        recover(open_like(store))
        store.ledger.append("start", {})


def test_a_month_is_a_file(store: Store, journey_id: str, clock: FakeClock) -> None:
    """The live file is always ``ledger.jsonl``; all of them, one behind the other, are one log."""
    before = store.ledger.path.read_bytes()
    clock.advance(29 * DAY_S)
    assert (look_after_ledger(store), names(store)) == ((), ["ledger.jsonl"])
    clock.advance(2 * DAY_S)
    assert (look_after_ledger(store), names(store)) == ((), ["ledger.000000001.jsonl", "ledger.jsonl"])
    assert (store.root / "ledger.000000001.jsonl").read_bytes() == before
    (first,) = read_entries(store.ledger.path)
    began = complete_lines(before)[0][-1].decode()
    assert (first.event, first.seq) == (words.LEDGER_CONTINUED, 3)
    told = {"heads": [[journey_id, store.log(journey_id).head]], "carried": [began], "era": 1, "orders": []}
    assert first.data == told
    assert whole_ledger(store.ledger.path).startswith(before)
    assert store.ledger.append("after", {}).seq == 4
    assert_logs_sound(store, store.key)
    assert recover(store).found == {}


def test_tombstones_live_twelve_months(store: Store, journey_id: str, clock: FakeClock) -> None:
    """A file goes when all in it is older; what remains verifies, and says what went."""
    store.end_journey(journey_id, "ignition-off")
    live(store, clock, 12)
    assert "ledger.000000001.jsonl" in names(store)
    oldest = older_files(store.ledger.path)[1][0]
    live(store, clock, 2)
    assert "ledger.000000001.jsonl" not in names(store)
    entries, damaged = read_ledger(store.ledger.path)
    dropped = [entry.data for entry in entries if entry.event == words.LEDGER_DROPPED]
    assert (damaged, dropped[0]["file"], dropped[0]["last"]) == ((), "ledger.000000001.jsonl", oldest - 1)
    age_s = (clock.now().utc_ns - entries[-1].instant.utc_ns) / NS_PER_S
    assert age_s < 10 * DAY_S
    assert_logs_sound(store, store.key)
    assert recover(store).found == {}, "the journey's head is known all the time"


def test_without_the_entry_that_accounts_for_it_a_missing_beginning_is_wrong(
    store: Store, journey_id: str, clock: FakeClock
) -> None:
    """Who removes an old file by hand is found out."""
    clock.advance(31 * DAY_S)
    look_after_ledger(store)
    (store.root / "ledger.000000001.jsonl").unlink()
    wrong = verify_log(whole_ledger(store.ledger.path), store.key.public).wrong
    assert wrong is not None
    assert (wrong.line, wrong.offset_bytes) == (1, 0)
    assert "no entry says that those before were old and removed" in wrong.what


def test_a_file_taken_out_of_the_middle_is_missed(store: Store, clock: FakeClock) -> None:
    """The chain goes through all of them."""
    live(store, clock, 4)
    _, second, *_ = older_files(store.ledger.path)
    offset_bytes = older_files(store.ledger.path)[0][1].stat().st_size
    second[1].unlink()
    wrong = verify_log(whole_ledger(store.ledger.path), store.key.public).wrong
    assert wrong is not None
    assert wrong.offset_bytes == offset_bytes
    assert f"entries {second[0]} to" in wrong.what


def test_a_hold_of_years_ago_has_its_witness(store: Store, clock: FakeClock) -> None:
    """The ledger's file with the hold is gone; with the journey's own log damaged it is still held, and as old."""
    held, released = store.begin_journey(CONSENT), store.begin_journey(CONSENT)
    record_segment(store, held, clock)
    for journey_id in (held, released):
        store.hold(journey_id, "panel", "button")
        store.end_journey(journey_id, "ignition-off")
    store.release(released, "office", "copied")
    live(store, clock, 28)
    assert not any(held in path.read_text().split('"event":"ledger-continued"')[0] for path in store.root.glob("l*"))
    for journey_id in (held, released):
        path = store.journeys_path / journey_id
        (path / "log.jsonl").write_bytes(b"?\n")
        (path / "HOLD").unlink(missing_ok=True)
        record = read_journey(path, store.ledger.path)
        assert (record.held, record.first is not None) == (journey_id == held, True)


def test_nothing_happens_while_the_time_is_not_known(store: Store, clock: FakeClock) -> None:
    """No file begins and none goes by a clock that nobody trusts."""
    clock.set_wall(3 * 366 * DAY_S, "unproven")
    assert (look_after_ledger(store), names(store)) == ((), ["ledger.jsonl"])


def test_a_clock_that_jumps_years_removes_nothing(store: Store, journey_id: str, clock: FakeClock) -> None:
    """A chip with a wrong year, in which the recorder even makes entries: files begin, none goes."""
    live(store, clock, 2)
    before = whole_ledger(store.ledger.path)
    clock.set_wall(5 * 366 * DAY_S)
    live(store, clock, 3)
    assert whole_ledger(store.ledger.path).startswith(before)


def test_a_deletion_that_has_not_ended_keeps_its_file(store: Store, clock: FakeClock) -> None:
    """Recovery finds it where it looks for it."""
    clock.advance(31 * DAY_S)
    intent = store.ledger.append(words.TOMBSTONE_INTENT, {"journey": "x", "segments": []})
    look_after_ledger(store)
    assert names(store) == ["ledger.jsonl"]
    store.ledger.append(words.TOMBSTONE_DONE, {"journey": "x", "intent": intent.seq, "deleted": []})
    look_after_ledger(store)
    assert len(names(store)) == 2


def moment(utc_s: float, boottime_s: float, boot: str, *, trusted: bool = True) -> Instant:
    return Instant(
        round(utc_s * NS_PER_S), round(boottime_s * NS_PER_S), boot, "synchronised" if trusted else "unproven"
    )


@pytest.mark.parametrize(
    ("moments", "age_s"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([moment(0, 5, "a", trusted=False), moment(9999, 8, "a", trusted=False)], 3, id="one boot"),
        pytest.param([moment(100, 5, "a"), moment(900, 8, "a")], 3, id="a step within a boot"),
        pytest.param([moment(100, 5, "a"), moment(900, 8, "b")], 800, id="two boots"),
        pytest.param([moment(100, 5, "a"), moment(900, 8, "b", trusted=False)], 0, id="an unknown gap"),
        pytest.param(
            [moment(100, 5, "a"), moment(0, 8, "b", trusted=False), moment(900, 38, "b")], 800, id="known a bit later"
        ),
        pytest.param([moment(0, 5, "a"), moment(29 * DAY_S, 8, "b")], 0, id="a jump of a month"),
        pytest.param([moment(0, 5, "a"), moment(TOMBSTONES_S, 8, "b"), moment(90, 3, "c")], 0, id="there and back"),
        pytest.param(
            [moment(0, 5, "a"), moment(20 * DAY_S, 8, "b"), moment(90, 3, "c")], 90, id="a small jump, and back"
        ),
    ],
)
def test_proven_age(moments: list[Instant], age_s: float) -> None:
    """What adds up by boottime and by clocks that were trusted on both sides; a jump adds nothing."""
    age = ProvenAge()
    for each in moments:
        age.take(each)
    assert age.ns == age_s * NS_PER_S


def test_who_follows_the_ledger_knows_a_month_back(store: Store, journey_id: str, clock: FakeClock) -> None:
    """What the clock's keeper reads goes on over the edge of a file: boots of yesterday, and the era, stay known."""
    follow = LedgerFollower(store.ledger.path)
    assert [entry.event for entry in follow()[1]] == [words.STORE_CREATED, words.JOURNEY_BEGAN]
    store.ledger.append(words.CLOCK_ERA, {"era": 7})
    clock.advance(31 * DAY_S)
    look_after_ledger(store)
    is_other, entries = follow()
    assert (is_other, [entry.event for entry in entries]) == (
        True,
        [words.STORE_CREATED, words.JOURNEY_BEGAN, words.CLOCK_ERA, words.LEDGER_CONTINUED],
    )
    assert follow() == (False, ())
    assert entries[-1].data["era"] == 7


def test_an_era_is_known_when_the_file_that_began_it_is_gone(store: Store, clock: FakeClock) -> None:
    """The clock's keeper does not begin to count again."""
    store.ledger.append(words.CLOCK_ERA, {"era": 7})
    live(store, clock, 16)
    assert not any(entry.event == words.CLOCK_ERA for entry in read_ledger(store.ledger.path)[0])
    clocks = ClockLedger(store.ledger.append, LedgerFollower(store.ledger.path))
    assert clocks.look(clock.now()).era == 7


# --- cuts and company ------------------------------------------------------------------------------------------------


@deaths
def test_cut_at_every_write(store: Store, journey_id: str, clock: FakeClock, tmp_path: Path, death: Death) -> None:
    """A new file and the removal of one: whenever the power goes, no entry is lost, and the next start finishes."""
    live(store, clock, 12)
    clock.advance(60 * DAY_S)
    keep = tmp_path / "kept"
    shutil.copytree(store.root, keep)
    before, files_before = whole_ledger(store.ledger.path), firsts(store)

    def fresh() -> None:
        shutil.rmtree(store.root)
        shutil.copytree(keep, store.root)

    look_after_ledger(store)
    files_after = firsts(store)
    assert files_after[-1] > files_before[-1], "a file begins"
    assert files_after[0] > files_before[0], "and at least one goes"
    beginnings = tuple(before[before.index(b'{"seq":%d,' % seq) :] for seq in files_before[:3])
    for _ in each_cut(lambda: look_after_ledger(open_like(store)), death, fresh):
        whole = whole_ledger(store.ledger.path)
        assert whole.startswith(beginnings)
        assert verify_log(whole, store.key.public).wrong is None
        again = open_like(store)
        again.ledger.append("after", {})
        assert_recovered(again)
        assert firsts(store) == files_after
        assert WayBack(store.ledger.path).heads == {journey_id: store.log(journey_id).head}


def append_many(path: Path, key_path: Path, name: str, count: int) -> None:
    log = Journal(path, DeviceKey.load(key_path), FakeClock())
    for number in range(count):
        log.append(name, {"number": number})


def test_entries_written_while_files_begin_are_all_there(tmp_path: Path) -> None:
    """Writers in other processes and threads notice that the log goes on elsewhere, and lose nothing."""
    key_path, path = tmp_path / "device.key", tmp_path / "ledger.jsonl"
    key = DeviceKey.load_or_create(key_path)
    log = Journal(path, key, FakeClock())
    log.create()
    log.append("first", {})
    context = multiprocessing.get_context("spawn")
    workers: list[threading.Thread | multiprocessing.process.BaseProcess] = [
        context.Process(target=append_many, args=(path, key_path, f"process-{index}", 40)) for index in range(2)
    ]
    shared = Journal(path, key, FakeClock())
    workers.append(threading.Thread(target=lambda: [shared.append("thread", {"number": n}) for n in range(40)]))
    for worker in workers:
        worker.start()
    begun = 0
    while any(worker.is_alive() for worker in workers):
        older = path.with_name(f"ledger.{read_entries(path)[0].seq:09d}.jsonl")
        log.go_on_in_new_file(older, words.LEDGER_CONTINUED, {"heads": [], "carried": []})
        whole = b"".join(read_files(path))
        assert verify_log(whole[: whole.rfind(b"\n") + 1], key.public).wrong is None
        begun += 1
    check = verify_log(whole_ledger(path), key.public)
    assert check.wrong is None
    for name in ("process-0", "process-1", "thread"):
        assert [entry.data["number"] for entry in check.entries if entry.event == name] == list(range(40))
    assert begun > 1


@pytest.mark.parametrize("call", ["link", "rename"])
def test_a_card_that_refuses_leaves_the_ledger_as_it_was(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """An alarm of the start, and the next one does it."""
    clock.advance(31 * DAY_S)
    before = whole_ledger(store.ledger.path)

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"os.{call}", full)
    report = recover(store)
    assert [alarm.rpartition(": ")[2] for alarm in report.alarms] == ["No space left on device."]
    monkeypatch.undo()
    assert whole_ledger(store.ledger.path) == before
    assert not [path for path in store.root.iterdir() if diskio.is_temp(path.name)]
    assert recover(store).alarms == ()
    assert len(names(store)) == 2
    assert_logs_sound(store, store.key)
