"""What a press means: tables of single presses, and properties over anything wires can do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.cabin.buttons import DEBOUNCE_S, LONG_S, STUCK_S, ButtonDecoder
from recorder.cabin.signals import Feedback
from recorder.events import ConsentPressed, ConsentWithdrawn, FaultCleared, FaultRaised, HoldAllPressed, HoldPressed

LONG_ENOUGH, NOT_COUNTED = Feedback.LONG_ENOUGH, Feedback.NOT_COUNTED
ALWAYS_S = 100_000.0


def play(button, edges, contacts=1, ticks_s=()):
    """Read all contacts as released at 0, then ``edges`` (time, contact, down); what is said at the end of time."""
    decoder = ButtonDecoder(button, contacts)
    said = [outcome for contact in range(contacts) for outcome in decoder.sense(False, 0.0, contact)]
    moments = sorted(
        [(at_s, 1, contact, down) for at_s, contact, down in edges] + [(at_s, 0, 0, False) for at_s in ticks_s]
    )
    for at_s, is_edge, contact, down in moments:
        said += decoder.sense(down, at_s, contact) if is_edge else decoder.advance(at_s)
    return said + list(decoder.advance(ALWAYS_S))


def press(began_s, seconds, contact=0):
    return [(began_s, contact, True), (began_s + seconds, contact, False)]


STUCK_CONSENT = [LONG_ENOUGH, FaultRaised("button-stuck-consent"), FaultCleared("button-stuck-consent")]
STUCK_HOLD = [LONG_ENOUGH, FaultRaised("button-stuck-hold"), FaultCleared("button-stuck-hold")]


@pytest.mark.parametrize(
    ("button", "seconds", "said"),
    [
        ("consent", 0.02, []),
        ("consent", 0.05, [ConsentPressed()]),
        ("consent", 0.99, [ConsentPressed()]),
        ("consent", 1.01, [NOT_COUNTED]),
        ("consent", 2.99, [NOT_COUNTED]),
        ("consent", 3.01, [LONG_ENOUGH, ConsentWithdrawn()]),
        ("consent", 19.99, [LONG_ENOUGH, ConsentWithdrawn()]),
        ("consent", 20.01, STUCK_CONSENT),
        ("consent", 3600.0, STUCK_CONSENT),
        ("hold", 0.02, []),
        ("hold", 0.05, [HoldPressed()]),
        ("hold", 4.99, [HoldPressed()]),
        ("hold", 5.01, [LONG_ENOUGH, HoldAllPressed()]),
        ("hold", 19.99, [LONG_ENOUGH, HoldAllPressed()]),
        ("hold", 20.01, STUCK_HOLD),
    ],
)
def test_one_press(button, seconds, said):
    """Each length of a press has one meaning."""
    assert play(button, press(1.0, seconds)) == said


@pytest.mark.parametrize(
    ("button", "seconds"), [("consent", LONG_S["consent"]), ("hold", LONG_S["hold"])], ids=["consent", "hold"]
)
def test_the_tone_comes_when_the_press_is_long_enough(button, seconds):
    """The tone comes while the button is still down, at the moment from which a release means the long press."""
    decoder = ButtonDecoder(button)
    decoder.sense(False, 0.0)
    assert decoder.sense(True, 10.0) == ()
    assert decoder.advance(10.0 + seconds - 0.001) == ()
    assert decoder.due_s == 10.0 + seconds
    assert decoder.advance(10.0 + seconds) == (LONG_ENOUGH,)
    assert decoder.sense(False, 10.0 + seconds) == ()
    assert decoder.due_s == 10.0 + seconds + DEBOUNCE_S
    assert len(decoder.advance(10.0 + seconds + DEBOUNCE_S)) == 1
    assert decoder.due_s is None


@pytest.mark.parametrize("seconds", [0.5, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("button", ["consent", "hold"])
def test_down_at_the_start_means_nothing(button, seconds):
    """A contact that was never seen released does not count when it is released; the next press does."""
    decoder = ButtonDecoder(button)
    said = [*decoder.sense(True, 0.0), *decoder.sense(False, seconds), *decoder.advance(seconds + 1)]
    assert said == []
    decoder.sense(True, 100.0)
    decoder.sense(False, 100.5)
    assert decoder.advance(101.0) == (ConsentPressed() if button == "consent" else HoldPressed(),)


def test_a_short_circuit_from_the_start_is_a_fault():
    """Without a tone, for it is no press; cleared by the release, which means nothing else."""
    decoder = ButtonDecoder("consent")
    assert decoder.sense(True, 5.0) == ()
    assert decoder.advance(5.0 + STUCK_S) == (FaultRaised("button-stuck-consent"),)
    assert decoder.due_s is None
    decoder.sense(False, 60.0)
    assert decoder.advance(61.0) == (FaultCleared("button-stuck-consent"),)


def test_contacts_in_parallel_are_judged_each_by_itself():
    """The driver leans on one hold button; the passenger's still works."""
    assert play("hold", [*press(1.0, 10.0), *press(2.0, 0.2, contact=1)], contacts=2) == [
        HoldPressed(),
        LONG_ENOUGH,
        HoldAllPressed(),
    ]


def test_the_fault_lasts_until_the_last_stuck_contact_is_released():
    """One fault a button, however many contacts are stuck."""
    assert play("hold", [*press(1.0, 30.0), *press(2.0, 60.0, contact=1)], contacts=2) == [
        LONG_ENOUGH,
        LONG_ENOUGH,
        FaultRaised("button-stuck-hold"),
        FaultCleared("button-stuck-hold"),
    ]


def test_an_agreement_before_a_withdrawal_stays_before_it():
    """Even where nobody asked in between, what happened first is said first."""
    assert play("consent", [*press(1.0, 5.0), *press(5.5, 0.49, contact=1)], contacts=2) == [
        LONG_ENOUGH,
        ConsentPressed(),
        ConsentWithdrawn(),
    ]


# --- properties --------------------------------------------------------------------------------------------------

milliseconds = st.integers(1, 30_000).map(lambda value: value / 1000)
buttons = st.sampled_from(["consent", "hold"])


@st.composite
def wires(draw):
    """Any edges on two contacts, in order of time."""
    edges, now_s = [], 0.0
    for pause_s, contact, down in draw(
        st.lists(st.tuples(milliseconds, st.integers(0, 1), st.booleans()), max_size=30)
    ):
        now_s += pause_s
        edges.append((now_s, contact, down))
    return edges


@given(buttons, wires(), st.lists(milliseconds, max_size=20))
def test_asking_more_often_changes_nothing(button, edges, ticks_s):
    """What is said depends on the wires alone, not on when somebody asked."""
    assert play(button, edges, contacts=2, ticks_s=ticks_s) == play(button, edges, contacts=2)


@given(buttons, wires())
def test_said_only_what_a_steady_press_allows(button, edges):
    """At most one event a steady press; a withdrawal or hold-all only after its tone; faults in pairs, or still on."""
    said = play(button, edges, contacts=2)
    presses = [o for o in said if not isinstance(o, Feedback | FaultRaised | FaultCleared)]
    assert len(presses) <= sum(down for _, _, down in edges)
    longs = [o for o in said if isinstance(o, ConsentWithdrawn | HoldAllPressed)]
    assert len(longs) <= said.count(LONG_ENOUGH)
    faults = [type(o) for o in said if isinstance(o, FaultRaised | FaultCleared)]
    assert faults == [FaultRaised, FaultCleared] * (len(faults) // 2) + [FaultRaised] * (len(faults) % 2)


@given(
    buttons,
    st.lists(st.tuples(st.integers(100, 1000), st.integers(50, 25_000)), max_size=8),
    st.lists(st.integers(1, int(DEBOUNCE_S * 1000) - 1), min_size=4, max_size=4),
)
def test_bouncing_contacts_change_nothing(button, presses_ms, bounces_ms):
    """Chatter before a level becomes steady leaves every meaning as it is."""
    clean, bouncing, now_ms = [], [], 1000
    for pause_ms, length_ms in presses_ms:
        now_ms += pause_ms + 200
        for at_ms, down in ((now_ms, True), (now_ms + length_ms + 200, False)):
            clean.append((at_ms / 1000, 0, down))
            chatter_ms, level = at_ms, down
            edges = [(at_ms, down)]
            for bounce_ms in bounces_ms:
                chatter_ms -= bounce_ms
                level = not level
                edges.append((chatter_ms, level))
            bouncing += [(edge_ms / 1000, 0, edge_down) for edge_ms, edge_down in reversed(edges)]
        now_ms += length_ms + 200
    assert play(button, bouncing) == play(button, clean)


@given(buttons, st.lists(st.integers(50, 25_000), max_size=8))
def test_every_clean_press_is_answered(button, lengths_ms):
    """No press is lost, whatever came before: each gives what it gives alone."""
    edges, expected, now_s = [], [], 1.0
    for length_ms in lengths_ms:
        edges += press(now_s, length_ms / 1000)
        expected += play(button, press(1.0, length_ms / 1000))
        now_s += length_ms / 1000 + 1
    assert play(button, edges) == expected


@given(buttons, wires())
def test_no_time_is_due_twice(button, edges):
    """Advancing to what is due always leaves something later due, or nothing: a panel's thread never spins."""
    decoder = ButtonDecoder(button, 2)
    for at_s, contact, down in edges:
        decoder.sense(down, at_s, contact)
        decoder.advance(at_s)
        due_s = decoder.due_s
        assert due_s is None or due_s > at_s
