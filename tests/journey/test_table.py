"""The table is complete, says where each row leads, and holds its rules over every path."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import commands as do
from recorder import events as on
from recorder.events import Event
from recorder.journey import TABLE, Capture, Journey, Settings, StateName, diagram, step
from tests.journey.scripts import ID

ROOT = Path(__file__).parents[2]
FAULTS = ("card-slow", "clock")  # of those that change the state, the one with a meaning of its own

EVENTS: tuple[Event, ...] = (
    on.IgnitionOn(),
    on.IgnitionOff(),
    on.NoticeEnded(finished=True),
    on.ConsentPressed(),
    on.ConsentWithdrawn(),
    on.ConsentRecorded(ID),
    on.HoldPressed(),
    on.HoldAllPressed(),
    on.HoldDurable("journey", (ID,)),
    on.HoldDurable("last", ()),
    on.HeldByOrder((ID,)),
    on.HeldByOrder(("older",)),
    on.OrderRefused(),
    on.HoldReleased(ID),
    on.FirstDurable("video"),
    on.FirstDurable("audio"),
    on.DurableStale("video"),
    on.DurableStale("audio"),
    *(on.FaultRaised(kind) for kind in FAULTS),
    *(on.FaultCleared(kind) for kind in FAULTS),
    on.PictureStepped(640, 360, 15.0, "slow"),
    on.Sealed(),
    on.StickInserted("/stick"),
    on.ExportDone(),
    on.NothingToExport(),
    on.ExportFailed("The stick is full."),
    on.ClockChanged(1.0, "synchronised"),
    on.StopRequested(),
    on.Resumed(ID, held=False, ignition_on=True),
    on.Resumed(ID, held=True, ignition_on=False),
)
PAUSES_S = (0.5, 6.0, 400.0)


def test_every_state_has_a_row_for_every_event() -> None:
    """Nine states by every event there is."""
    assert set(TABLE) == set(StateName)
    for rows in TABLE.values():
        assert set(rows) == set(get_args(Event))


def test_rows_lead_where_they_say_and_nowhere_else() -> None:
    """Breadth first over all that can happen: the changes of state seen are exactly those declared."""
    seen: set[tuple[StateName, type, StateName]] = set()
    known: set[Journey] = set()
    edge = [Journey(settings=Settings(audio=mode)) for mode in ("always", "on-hold")]
    while edge:
        beyond = []
        for journey in edge:
            for event in (*EVENTS, *(on.Tick(journey.now_s + pause) for pause in PAUSES_S)):
                after, commands = step(journey, event)
                if after.name is not journey.name:
                    seen.add((journey.name, type(event), after.name))
                over = do.Exit() in commands  # the process has ended: nothing comes after
                if not over and (key := _essence(after)) not in known:
                    known.add(key)
                    beyond.append(after)
        edge = beyond
    declared = {(name, event, to) for name, rows in TABLE.items() for event, row in rows.items() for to in row.targets}
    assert seen == declared


def _essence(j: Journey) -> Journey:
    """The journey without what does not change its next state; keeps the search finite."""
    return replace(
        j,
        now_s=0.0,
        deadline_s=float(j.now_s >= j.deadline_s),
        notice_ended_s=float(j.notice_fresh),
        notice_playing=False,
        notice_finished=False,
        failed_since_s=None if j.failed_since_s is None else float(j.now_s - j.failed_since_s >= 300.0),
        retry_s=1.0,
        end_reason="",
        holds_pending=min(j.holds_pending, 1),
        consents_pending=min(j.consents_pending, 2),
        hold_asked=j.hold_asked and j.settings.audio == "on-hold",
        exporting=False,
        faults=j.faults & {"card-slow"},
    )


def test_the_readme_shows_this_table() -> None:
    """The diagram in the README is the one drawn from the table (`scripts/diagram` renews it)."""
    assert diagram() in (ROOT / "recorder" / "README.md").read_text(encoding="utf-8")


anything = st.lists(st.one_of(st.sampled_from(EVENTS), st.sampled_from(PAUSES_S)), max_size=60)


@given(anything, st.sampled_from(["always", "on-hold", "off"]))
@settings(max_examples=400, deadline=None)
def test_rules_hold_over_every_path(happenings: list[Event | float], mode: str) -> None:
    """Whatever happens in whatever order, sensible or not."""
    journey = Journey(settings=Settings(audio=mode))  # type: ignore[arg-type]
    consent_pressed = False  # since the journey began, and not withdrawn since
    holds_asked = holds_pressed = 0
    for happening in happenings:
        event = on.Tick(journey.now_s + happening) if isinstance(happening, float) else happening
        before = journey
        journey, commands = step(journey, event)
        asked = [type(command) for command in commands]

        consent_pressed |= isinstance(event, on.ConsentPressed | on.Resumed)
        if do.StartCapture in asked:
            assert consent_pressed, "capture without a consent press in this journey"
            assert asked.index(do.PersistConsent) < asked.index(do.StartCapture)
            assert journey.capture is Capture.OPEN
            assert before.capture is Capture.CLOSED or isinstance(event, on.Sealed)
            start = next(command for command in commands if isinstance(command, do.StartCapture))
            assert start.sound == ("audio" in journey.wanted)
        if do.StopCapture in asked:
            assert before.capture is Capture.OPEN
        if isinstance(event, on.ConsentWithdrawn) and before.consented:
            assert journey.capture is not Capture.OPEN, "devices left open after a withdrawal"
            assert do.ForgetConsent in asked
            if do.StopCapture in asked:
                assert asked.index(do.ForgetConsent) < asked.index(do.StopCapture)
        if isinstance(event, on.ConsentWithdrawn) or do.EndJourney in asked or do.ForgetConsent in asked:
            consent_pressed = False

        holds_pressed += isinstance(event, on.HoldPressed | on.HoldAllPressed)
        holds_asked += asked.count(do.Hold)
        assert holds_asked == holds_pressed, "a hold was lost"

        assert journey.devices_open == (journey.capture is not Capture.CLOSED)
        if journey.capture is Capture.OPEN:
            assert journey.consented, "devices open without a standing consent"
        if journey.name in {StateName.PARKED, StateName.AWAITING_CONSENT}:
            assert journey.capture is Capture.CLOSED or do.StopCapture in asked
            assert not journey.consented
        if journey.name in {StateName.WITHDRAWN, StateName.FAILED, StateName.SEALING}:
            assert journey.capture is not Capture.OPEN
        if journey.name is StateName.RECORDING:
            assert journey.whole or isinstance(event, on.Tick)
        if journey.name is StateName.FAILED and before.name is not StateName.FAILED:
            assert journey.deadline_s > journey.now_s, "Failed without a pause"


@given(anything, st.sampled_from(["always", "on-hold", "off"]))
@settings(max_examples=400, deadline=None)
def test_the_microphone_is_what_the_journey_wants(happenings: list[Event | float], mode: str) -> None:
    """Open as long as sound is wanted and devices are open; in mode off never, in mode on-hold only for a hold."""
    journey = Journey(settings=Settings(audio=mode))  # type: ignore[arg-type]
    listening = False
    for happening in happenings:
        event = on.Tick(journey.now_s + happening) if isinstance(happening, float) else happening
        journey, commands = step(journey, event)
        for command in commands:
            if isinstance(command, do.StartCapture):
                listening = command.sound
            if isinstance(command, do.RecordSound):
                assert (mode, command.wanted) == ("on-hold", not listening)
                listening = command.wanted
        if journey.capture is Capture.OPEN:
            assert listening == ("audio" in journey.wanted)
            assert listening == {"always": True, "off": False}.get(mode, journey.held or journey.hold_asked)


@given(anything)
@settings(max_examples=200, deadline=None)
def test_every_path_leads_back_to_closed_devices(happenings: list[Event | float]) -> None:
    """From wherever it is: ignition off, time, and the seal that was asked for end in Parked with nothing open."""
    journey = Journey()
    for happening in happenings:
        journey, _ = step(journey, on.Tick(journey.now_s + happening) if isinstance(happening, float) else happening)
    for event in (on.IgnitionOff(), on.Tick(journey.now_s + 1000.0), on.Sealed()):
        journey, _ = step(journey, event)
    assert (journey.name, journey.capture) == (StateName.PARKED, Capture.CLOSED)
