"""Orders carried out on a real store: what is held or released, said in the logs, answered on the stick; once."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.export import orders
from recorder.export.obeying import Obeyed, Obeying
from recorder.manifest import opaque_name
from recorder.office.bundle import verify
from recorder.office.contents import look
from recorder.office.papers import read_papers
from recorder.order import Place, orders_folder, render_order
from recorder.order_files import read_orders
from recorder.vault import words
from recorder.vault.ledger import older_files
from recorder.vault.recovery import recover
from recorder.vault.rotation import look_after_ledger
from tests.export.ordering import DAY_S, MEMORY, Office, about_orders, answer_to, at, entries_of, newest, put
from tests.export.van import VEHICLE, Van
from tests.vault.kit import Facts, assert_logs_sound, events, fragment, init_segment, open_like

NOTHING = Obeyed()
FOOTAGE = init_segment() + fragment(5000)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where there is any: what is tried here is no disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


@pytest.fixture
def office() -> Office:
    return Office()


def unheld(van: Van) -> str:
    journey = van.begin()
    van.record(journey, FOOTAGE)
    van.store.end_journey(journey, "ignition-off")
    return journey


def copied(van: Van, stick: Path) -> tuple[str, str]:
    """A held journey that has ended, and the hash of the manifest of its copy."""
    journey = unheld(van)
    van.store.hold(journey, "driver", "hold button")
    (done,) = van.export(stick, journey).journeys
    return journey, done.manifest_sha256


def said_to(stick: Path, number: str) -> str:
    answer = answer_to(stick, number)
    return "no answer" if answer is None else answer.said


def names(van: Van, *journeys: str) -> tuple[str, ...]:
    return tuple(opaque_name(journey, van.store.key.sign) for journey in journeys)


# --- what is done ------------------------------------------------------------------------------------------------


def test_everything_on_board_is_held_by_one_order(van: Van, stick: Path, office: Office) -> None:
    """The office hears of it the next morning: all that is there is held, said in every log, and answered."""
    first, second = unheld(van), unheld(van)
    order = office.hold()
    office.put(stick, order)
    van.clock.advance(0.9 * DAY_S)
    obeyed = office.insert(van, stick)
    assert (obeyed.held, obeyed.released, obeyed.refused, obeyed.problems) == ((first, second), (), 0, ())
    assert obeyed.lines == (f"Order {order.number[:8]} was applied: 2 journeys are held.",)
    for journey in (first, second):
        record = van.store.journey(journey)
        assert record.held
        assert record.hold is not None
        assert (record.hold.who, record.hold.reason) == (f"office order by {order.who}", order.reason)
        assert newest(van, journey, words.HOLD).data["order"] == order.number
    sha256 = hashlib.sha256(render_order(order, office.key.sign)).hexdigest()
    ((event, data),) = about_orders(van)
    said = {name: getattr(order, name) for name in ("number", "who", "reason", "issued", "expires")}
    assert (event, data) == (
        words.ORDER_APPLIED,
        said | {"kind": "hold", "journeys": [first, second], "order_sha256": sha256},
    )
    answer = answer_to(stick, order.number)
    assert answer is not None
    assert (answer.outcome, answer.said, answer.order_sha256) == ("applied", "2 journeys are held.", sha256)
    assert answer.journeys == names(van, first, second)
    assert answer.ledger == Place(*van.store.ledger.end)
    assert_logs_sound(van.store, van.store.key)


def test_what_an_order_holds_is_on_the_stick_of_the_same_insertion(van: Van, stick: Path, office: Office) -> None:
    """Its log, which travels along, says by which order; the excerpt of the ledger has the order."""
    journey = unheld(van)
    order = office.hold(scope="journey", journey=names(van, journey)[0])
    office.put(stick, order)
    (held,) = office.insert(van, stick).held
    assert van.export(stick, held).exit_code == 0
    assert verify(stick, van.trust, [van.identity]).exit_code == 0
    (papers,) = read_papers(look(stick), [van.identity], [])
    assert papers.logs is not None
    (applied,) = [entry for entry in papers.logs.ledger if entry.event == words.ORDER_APPLIED]
    assert (applied.data["number"], applied.data["journeys"]) == (order.number, [journey])


def test_a_span_holds_what_was_under_way(van: Van, stick: Path, office: Office) -> None:
    """And not what was long over."""
    early = unheld(van)
    van.clock.advance(3600)
    late = unheld(van)
    office.put(stick, office.hold(scope="span", since=at(3600), until=at(4000)))
    assert office.insert(van, stick).held == (late,)
    assert [van.store.journey(one).held for one in (early, late)] == [False, True]


def test_a_span_holds_what_no_trusted_clock_can_place(van: Van, stick: Path, office: Office) -> None:
    """A journey of an unproven clock may have been under way at any time."""
    van.clock.set_wall(-30 * DAY_S, "unproven")
    journey = unheld(van)
    van.clock.set_wall(30 * DAY_S, "synchronised")
    van.clock.reboot("boot-2")
    office.put(stick, office.hold(scope="span", since=at(-7200), until=at(-3600)))
    assert office.insert(van, stick).held == (journey,)


def test_a_journey_that_is_being_recorded_is_held_with_all_that_comes(van: Van, stick: Path, office: Office) -> None:
    """The order comes while it runs."""
    journey = van.begin()
    writer = van.open_segment(journey, FOOTAGE)
    office.put(stick, office.hold())
    assert office.insert(van, stick).held == (journey,)
    writer.seal("rotation", Facts(van.clock.now_ns - 1, van.clock.now_ns))
    van.record(journey, FOOTAGE)
    assert [left.number for left in van.export(stick, journey).journeys[0].left_out] == []
    assert len(list(van.folder(stick, journey).glob("*.mp4.age"))) == 2


def test_a_release_ends_the_hold_that_it_names(van: Van, stick: Path, office: Office) -> None:
    """With the copy that the office has; said in both logs, and answered."""
    journey, manifest = copied(van, stick)
    order = office.release(van, journey, manifest)
    office.put(stick, order)
    obeyed = office.insert(van, stick)
    assert (obeyed.held, obeyed.released, obeyed.refused) == ((), (journey,), 0)
    assert not van.store.journey(journey).held
    release = newest(van, journey, words.RELEASE).data
    assert (release["who"], release["order"]) == (f"office order by {order.who}", order.number)
    answer = answer_to(stick, order.number)
    assert answer is not None
    assert (answer.outcome, answer.said, answer.journeys) == ("applied", "The hold has ended.", names(van, journey))
    assert_logs_sound(van.store, van.store.key)


def test_a_release_leaves_a_newer_hold(van: Van, stick: Path, office: Office) -> None:
    """Pressed again after the copy; or released and held anew; or recorded further. Each is told apart."""
    journey, manifest = copied(van, stick)
    order = office.release(van, journey, manifest)
    van.store.hold(journey, "driver", "hold button")
    office.put(stick, order)
    assert office.insert(van, stick).refused == 1
    assert said_to(stick, order.number) == orders.HELD_AGAIN
    van.store.release(journey, "uid 0", "by mistake")
    van.store.hold(journey, "driver", "hold button")
    assert office.insert(van, stick).refused == 1
    assert said_to(stick, order.number) == orders.ANOTHER_HOLD
    assert van.store.journey(journey).held


def test_a_release_waits_for_what_was_not_copied(van: Van, stick: Path, office: Office) -> None:
    """A journey that was still under way at the copy has more by now: the office has not seen it."""
    journey = van.begin()
    van.record(journey, FOOTAGE)
    van.store.hold(journey, "driver", "hold button")
    (done,) = van.export(stick, journey).journeys
    van.record(journey, FOOTAGE)
    van.store.end_journey(journey, "ignition-off")
    first = office.release(van, journey, done.manifest_sha256)
    office.put(stick, first)
    assert office.insert(van, stick).released == ()
    assert said_to(stick, first.number) == orders.NOT_ALL
    (again,) = van.export(stick, journey).journeys
    second = office.release(van, journey, again.manifest_sha256)
    office.put(stick, second)
    assert office.insert(van, stick).released == (journey,)


# --- once --------------------------------------------------------------------------------------------------------


def test_a_stick_that_comes_back_changes_nothing_and_says_nothing(van: Van, stick: Path, office: Office) -> None:
    """Neither what was carried out nor what was refused is said again, while its answer is there and true."""
    journey = unheld(van)
    office.put(stick, office.hold(), office.hold(vehicle="Van 4"))
    assert office.insert(van, stick).held == (journey,)
    before = van.store.ledger.end
    assert office.insert(van, stick) == NOTHING
    assert van.store.ledger.end == before


def test_a_replay_holds_nothing_again(van: Van, stick: Path, office: Office) -> None:
    """The same order on another stick, after a release: refused, logged, answered with what became of it."""
    journey = unheld(van)
    order = office.hold()
    office.put(stick, order)
    office.insert(van, stick)
    applied = van.store.ledger.end
    van.store.release(journey, "uid 0", "over")
    shutil.rmtree(stick / "CABIN-ORDERS")
    office.put(stick, order)
    obeyed = office.insert(van, stick)
    assert (obeyed.held, van.store.journey(journey).held) == ((), False)
    event, data = about_orders(van)[-1]
    assert (event, data["why"], data["number"]) == (words.ORDER_REFUSED, orders.CARRIED_OUT, order.number)
    answer = answer_to(stick, order.number)
    assert answer is not None
    assert (answer.outcome, answer.said) == ("applied", "It was carried out before; nothing was done again.")
    assert answer.ledger == Place(*applied)


def test_a_number_that_was_used_counts_for_no_other_order(van: Van, stick: Path, office: Office) -> None:
    """A careless program of the office's used a number twice."""
    unheld(van)
    order = office.hold()
    office.put(stick, order)
    office.insert(van, stick)
    office.put(stick, office.hold(number=order.number, reason="another case"))
    assert office.insert(van, stick).refused == 1
    assert said_to(stick, order.number) == orders.CARRIED_OUT


def test_numbers_outlive_restarts_and_the_ledger_s_files(van: Van, stick: Path, office: Office) -> None:
    """Twelve months on the entry is gone from the card, no clock is trusted, and the order is still known."""
    journey = unheld(van)
    order = office.hold(scope="journey", journey=journey)
    office.put(stick, order)
    office.insert(van, stick)
    van.store.release(journey, "uid 0", "over")
    applied_seq = van.store.ledger.end[0]
    for month in range(60):
        van.clock.reboot(f"boot-{month + 2}", off_s=10 * DAY_S)
        van.store.ledger.append("start", {})
        recover(van.store)
        look_after_ledger(open_like(van.store))
    assert older_files(van.store.ledger.path)[0][0] > applied_seq
    van.clock.set_wall(0, "unproven")
    shutil.rmtree(stick / "CABIN-ORDERS")
    office.put(stick, order)
    assert office.insert(van, stick).held == ()
    assert not van.store.journey(journey).held
    answer = answer_to(stick, order.number)
    assert answer is not None
    assert answer.outcome == "applied"


def test_an_order_that_meant_nothing_is_not_used_up(van: Van, stick: Path, office: Office) -> None:
    """Nothing on board: refused; at the next insertion it counts."""
    order = office.hold()
    office.put(stick, order)
    assert office.insert(van, stick).refused == 1
    journey = unheld(van)
    assert office.insert(van, stick).held == (journey,)
    answer = answer_to(stick, order.number)
    assert answer is not None
    assert answer.outcome == "applied"


# --- what is refused ---------------------------------------------------------------------------------------------


def altered(data: bytes) -> bytes:
    return data.replace(b'"all"', b'"a11"')


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (altered, "It is not signed by the office's authority key, or was altered."),
        (lambda data: data[:-10], "It is not whole; it was cut off or altered, or is something else."),
        (lambda _: b"", "It is not whole; it was cut off or altered, or is something else."),
        (lambda _: b"x" * 5_000_000, "It is larger than any order."),
        (lambda _: b"\xff\xfe" * 100, "It is not whole; it was cut off or altered, or is something else."),
    ],
)
def test_what_is_no_order_is_refused_and_logged(
    van: Van, stick: Path, office: Office, damage: Callable[[bytes], bytes], why: str
) -> None:
    """Altered, cut off, empty, huge, binary: nothing is held, the ledger has the reason, the stick an answer."""
    unheld(van)
    order = office.hold()
    put(stick, order.number, damage(render_order(order, office.key.sign)))
    assert office.insert(van, stick).held == ()
    ((event, data),) = about_orders(van)
    assert (event, data["why"], data["file"], "number" in data) == (words.ORDER_REFUSED, why, order.number, False)
    answer = answer_to(stick, order.number)
    assert answer is not None
    assert (answer.outcome, answer.said, answer.journeys) == ("refused", why, ())


def test_an_order_under_another_s_number_is_refused(van: Van, stick: Path, office: Office) -> None:
    """Else one order could be answered twice."""
    put(stick, "0" * 32, render_order(office.hold(), office.key.sign))
    office.insert(van, stick)
    assert about_orders(van)[0][1]["why"] == "It is in a file of another number."


def test_without_an_authority_nobody_gives_orders(van: Van, stick: Path, office: Office) -> None:
    """A recorder that was told of no office says so, and holds nothing."""
    unheld(van)
    office.put(stick, office.hold())
    obeyed = Obeying(van.store, VEHICLE, None).obey(read_orders(stick, VEHICLE))
    assert (obeyed.held, obeyed.refused) == ((), 1)
    assert "no order counts" in about_orders(van)[0][1]["why"]


def test_another_vehicle_s_folder_is_not_looked_at(van: Van, stick: Path, office: Office) -> None:
    """One stick goes round all vehicles."""
    unheld(van)
    office.put(stick, office.hold(vehicle="Van 4"), vehicle="Van 4")
    assert office.insert(van, stick) == NOTHING


def test_an_answer_by_somebody_else_silences_nobody(van: Van, stick: Path, office: Office) -> None:
    """Who puts an answer there that another recorder signed, or a torn one, does not stop the order."""
    journey = unheld(van)
    order = office.hold()
    office.put(stick, order)
    other = Van.build(stick.parent / "other")
    unheld(other)
    office.insert(other, stick)
    assert answer_to(stick, order.number) is not None
    assert office.insert(van, stick).held == (journey,)
    (stick.joinpath(*orders_folder(VEHICLE)) / f"{order.number}.answer.json").write_bytes(b"torn")
    assert office.insert(van, stick).held == ()


def test_one_journey_that_cannot_be_held_stops_no_other(van: Van, stick: Path, office: Office) -> None:
    """Its log is a folder: that is a problem, the order is not used up, and everything else is held by now."""
    bad, good = unheld(van), unheld(van)
    log = van.store.journeys_path / bad / "log.jsonl"
    kept = log.read_bytes()
    log.unlink()
    log.mkdir()
    order = office.hold()
    office.put(stick, order)
    obeyed = office.insert(van, stick)
    assert (obeyed.held, len(obeyed.problems), about_orders(van)) == ((good,), 1, [])
    assert answer_to(stick, order.number) is None
    log.rmdir()
    log.write_bytes(kept)
    assert office.insert(van, stick).held == (bad, good)
    assert events(van.store, good).count(words.HOLD) == 1


def test_a_release_that_was_cut_in_half_is_finished(van: Van, stick: Path, office: Office) -> None:
    """The log has it, HOLD is still there, the ledger knows nothing: the next insertion goes on."""
    journey, manifest = copied(van, stick)
    order = office.release(van, journey, manifest)
    hold = (van.store.journeys_path / journey / "HOLD").read_bytes()
    van.store.release(journey, f"office order by {order.who}", order.reason, order.number)
    (van.store.journeys_path / journey / "HOLD").write_bytes(hold)
    office.put(stick, order)
    assert office.insert(van, stick).released == (journey,)
    assert [entry.event for entry in entries_of(van, journey)].count(words.RELEASE) == 1
    assert not van.store.journey(journey).held
