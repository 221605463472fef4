"""Holding and releasing, and what is held when the witnesses disagree."""

import json

import pytest

from recorder.errors import StoreError
from recorder.vault import words
from recorder.vault.age import X25519Identity
from recorder.vault.deletion import delete_segments
from recorder.vault.journal import read_entries
from recorder.vault.logbook import HoldInfo
from recorder.vault.mending import mend_hold
from recorder.vault.pruner import Pruner
from recorder.vault.records import clear_headers
from recorder.vault.retention import Policy, Reason, Verdict
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, FakeClock, events, plaintext, record_segment


def test_a_hold_is_in_the_file_the_log_and_the_ledger(store: Store, journey_id: str) -> None:
    """Three places say who, when and why; a release says so too and removes the file."""
    store.hold(journey_id, "panel", "button")
    members = json.loads((store.journeys_path / journey_id / "HOLD").read_text())
    assert {name: members[name] for name in ("journey", "who", "when", "clock", "reason")} == {
        "journey": journey_id,
        "who": "panel",
        "when": "2026-11-22T13:11:43.000Z",
        "clock": "synchronised",
        "reason": "button",
    }
    assert store.journey(journey_id).held
    store.release(journey_id, "office", "copied")
    record = store.journey(journey_id)
    assert (record.held, record.hold, record.problems) == (False, None, ())
    assert events(store, journey_id)[2:] == [words.HOLD, words.RELEASE]
    entry = read_entries(store.ledger.path)[-1]
    assert (entry.event, entry.data) == (
        words.RELEASE,
        {"journey": journey_id, "log_head": store.log(journey_id).head, "who": "office", "reason": "copied"},
    )


def test_each_press_is_logged_and_the_first_hold_stands(store: Store, journey_id: str) -> None:
    """Holding what is held adds an entry and changes nothing."""
    store.hold(journey_id, "panel", "button")
    before = (store.journeys_path / journey_id / "HOLD").read_bytes()
    store.hold(journey_id, "lead", "incident 7")
    assert (store.journeys_path / journey_id / "HOLD").read_bytes() == before
    assert events(store, journey_id)[2:] == [words.HOLD, words.HOLD]
    assert store.journey(journey_id).hold == HoldInfo("panel", "2026-11-22T13:11:43.000Z", "button")


def test_what_is_not_held_cannot_be_released(store: Store, journey_id: str) -> None:
    """The command says so instead of pretending."""
    with pytest.raises(StoreError, match="is not held"):
        store.release(journey_id, "office", "by mistake")
    assert events(store, journey_id)[2:] == []


def test_what_was_held_again_in_the_middle_of_a_release_stays(store: Store, journey_id: str) -> None:
    """A release cut before its second step, then a press of hold: no start finishes the release behind its back."""
    store.hold(journey_id, "panel", "button")
    path = store.journeys_path / journey_id / "HOLD"
    hold = path.read_bytes()
    store.release(journey_id, "office", "copied", "ab" * 16)
    path.write_bytes(hold)  # as if it had not been removed yet
    store.hold(journey_id, "panel", "button")
    assert mend_hold(store, journey_id) is None
    assert store.journey(journey_id).held
    assert path.exists()


def test_removing_the_file_releases_nothing(store: Store, journey_id: str) -> None:
    """``rm HOLD``: still held, and the record says what is wrong; holding again or releasing mends it."""
    store.hold(journey_id, "panel", "button")
    (store.journeys_path / journey_id / "HOLD").unlink()
    record = store.journey(journey_id)
    assert record.held
    assert record.hold == HoldInfo("panel", "2026-11-22T13:11:43.000Z", "button")
    assert [problem.split(", but")[0] for problem in record.problems] == [f"{journey_id} is held by its log"]
    store.hold(journey_id, "lead", "again")
    assert store.journey(journey_id).problems == ()
    (store.journeys_path / journey_id / "HOLD").unlink()
    store.release(journey_id, "lead", "done")
    assert (store.journey(journey_id).held, store.journey(journey_id).problems) == (False, ())


def test_removing_the_file_deletes_nothing_and_is_an_alarm_at_each_sweep(
    store: Store, journey_id: str, clock: FakeClock, identity: X25519Identity
) -> None:
    """A year later, and after the keys of its epoch were erased with what else was in it: it still opens."""
    other = store.begin_journey(CONSENT)
    store = Store(store.root, store.key, [identity.recipient], clock, slots=store.headers.keyring._slots)
    for each in (journey_id, other):
        record_segment(store, each, clock)
    footage = plaintext(store.journeys_path / journey_id, 1, identity)
    store.hold(journey_id, "panel", "button")
    (store.journeys_path / journey_id / "HOLD").unlink()
    assert clear_headers(store.journeys_path / journey_id) == {}, "its header lies sealed, in an epoch with another's"
    clock.advance(365 * 86_400)
    for _ in range(2):
        report = Pruner(store, Policy(86_400, 60, 900, 0), clock).sweep()
        assert [alarm.partition(", but")[0] for alarm in report.alarms] == [f"{journey_id} is held by its log"]
        assert [segment.number for segment in store.journey(journey_id).segments] == [1]
    assert (store.journey(other).segments, store.headers.keyring.keys()) == ((), {}), "the key was erased"
    assert plaintext(store.journeys_path / journey_id, 1, identity) == footage


def test_a_hold_says_what_had_gone_before(store: Store, journey_id: str, clock: FakeClock) -> None:
    """What was deleted before anybody held the journey is in the entry of the hold."""
    for _ in range(3):
        record_segment(store, journey_id, clock)
    verdicts = [Verdict(footage, Reason.DUE, "it is due") for footage in store.journey(journey_id).footage[:2]]
    delete_segments(store, verdicts)
    store.hold(journey_id, "panel", "button")
    entry = read_entries(store.log(journey_id).path)[-1]
    assert (entry.event, entry.data["deleted"]) == (words.HOLD, [1, 2])


def test_a_hold_the_log_does_not_know_still_holds(store: Store, journey_id: str) -> None:
    """A HOLD put there by hand keeps the journey, and is reported."""
    (store.journeys_path / journey_id / "HOLD").write_text('{"who": "?", "when": "?", "reason": "?"}')
    record = store.journey(journey_id)
    assert (record.held, record.hold) == (True, HoldInfo("?", "?", "?"))
    assert "has a HOLD that its log does not" in record.problems[0]


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"[]", b"{}", b"\xff"])
def test_a_damaged_hold_still_holds(store: Store, journey_id: str, content: bytes) -> None:
    """That it exists is the flag."""
    store.hold(journey_id, "panel", "button")
    (store.journeys_path / journey_id / "HOLD").write_bytes(content)
    record = store.journey(journey_id)
    assert (record.held, record.hold) == (True, HoldInfo("panel", "2026-11-22T13:11:43.000Z", "button"))
    assert record.problems == (f"{store.journeys_path / journey_id / 'HOLD'} is damaged; what it holds is kept.",)
