"""The whole life of a journey as one transition table. PURE: no I/O, no threads, no clock, no logging.

``step(journey, event) -> (journey, commands)`` looks up one row and carries it out. Rules the table enforces:

- ``StartCapture`` is asked for only while a consent stands that was pressed in this journey and is in the signed log;
- a withdrawal forgets the consent before it closes the devices, so that no crash in between can resume it;
- a hold is asked for in every state, and never forgotten before it is durable;
- sound is recorded while it is wanted, and not a moment longer: what changes that is told in one place;
- only capture faults change the state; every other fault is shown and logged;
- every state that opened devices leads back to closed ones, and ``Failed`` retries with growing pauses.

Every state has a row for every event (a test counts them). A row that changes nothing is ``IGNORE``, spelled out.
What the rows do stands in ``journey_rows.py``, what entering a state means in ``journey_entries.py``, what a journey
is in ``journey_state.py``. The diagram in the README is
drawn from this table by :func:`diagram`.
"""

from typing import NamedTuple

from recorder import events as on
from recorder import journey_rows as rows
from recorder.events import Event
from recorder.journey_entries import Outcome, follow_sound
from recorder.journey_rows import Action
from recorder.journey_state import CAPTURE_FAULTS, Capture, Journey, Settings, StateName

__all__ = ["CAPTURE_FAULTS", "TABLE", "Capture", "Journey", "Row", "Settings", "StateName", "diagram", "step"]


def step(journey: Journey, event: Event) -> Outcome:
    """The next state and what it asks for, in order. Never raises for any event in any state."""
    after, commands = TABLE[journey.name][type(event)].action(journey, event)
    return after, (*commands, *follow_sound(journey, after))


class Row(NamedTuple):
    """What an event does in a state, and every other state it may lead to."""

    action: Action
    targets: tuple[StateName, ...] = ()


S = StateName
IGNORE = Row(rows.ignore)
ENDS = (S.SEALING, S.PARKED)

_EVERYWHERE: dict[type, Row] = {
    on.Tick: Row(rows.tick),
    on.NoticeEnded: Row(rows.notice_ended),
    on.HoldPressed: Row(rows.hold),
    on.HoldAllPressed: Row(rows.hold_all),
    on.HoldDurable: Row(rows.hold_durable),
    on.HeldByOrder: Row(rows.held_by_order),
    on.OrderRefused: Row(rows.order_refused),
    on.HoldReleased: Row(rows.hold_released),
    on.FaultRaised: Row(rows.fault),
    on.FaultCleared: Row(rows.fault_over),
    on.PictureStepped: Row(rows.picture_stepped),
    on.StickInserted: Row(rows.stick),
    on.ExportDone: Row(rows.export_done),
    on.NothingToExport: Row(rows.nothing_to_export),
    on.ExportFailed: Row(rows.export_failed),
    on.ClockChanged: Row(rows.clock),
}

TABLE: dict[StateName, dict[type, Row]] = {
    S.PARKED: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(rows.wake, (S.AWAITING_CONSENT,)),
        on.IgnitionOff: IGNORE,
        on.ConsentPressed: IGNORE,
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(rows.consent_recorded_late),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: IGNORE,
        on.StopRequested: Row(rows.stop),
        on.Resumed: Row(rows.resume, (S.STARTING, S.RUN_ON)),
    },
    S.AWAITING_CONSENT: {
        **_EVERYWHERE,
        on.IgnitionOn: IGNORE,
        on.IgnitionOff: Row(rows.ignition_off_awaiting, (S.PARKED,)),
        on.ConsentPressed: Row(rows.consent, (S.STARTING,)),
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(rows.consent_recorded_late),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: IGNORE,
        on.StopRequested: Row(rows.stop, (S.PARKED,)),
        on.Resumed: Row(rows.resume, (S.STARTING, S.RUN_ON)),
    },
    S.STARTING: {
        **_EVERYWHERE,
        on.Tick: Row(rows.tick_starting, (S.IMPAIRED, S.FAILED)),
        on.IgnitionOn: Row(rows.ignition),
        on.IgnitionOff: Row(rows.run_on, (S.RUN_ON,)),
        on.ConsentPressed: Row(rows.consent_again),
        on.ConsentWithdrawn: Row(rows.withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: Row(rows.consent_recorded),
        on.FirstDurable: Row(rows.when_whole(rows.fresh), (S.RECORDING,)),
        on.DurableStale: Row(rows.stale),
        on.HoldDurable: Row(rows.when_whole(rows.hold_durable), (S.RECORDING,)),
        on.HoldReleased: Row(rows.when_whole(rows.hold_released), (S.RECORDING,)),
        on.FaultCleared: Row(rows.when_whole(rows.fault_over), (S.RECORDING,)),
        on.Sealed: Row(rows.sealed_starting, (S.FAILED,)),
        on.StopRequested: Row(rows.stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
    S.RECORDING: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(rows.ignition),
        on.IgnitionOff: Row(rows.run_on, (S.RUN_ON,)),
        on.ConsentPressed: Row(rows.consent_again),
        on.ConsentWithdrawn: Row(rows.withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: IGNORE,
        on.HoldPressed: Row(rows.then_wanted(rows.hold), (S.STARTING,)),
        on.HoldAllPressed: Row(rows.then_wanted(rows.hold_all), (S.STARTING,)),
        on.HoldDurable: Row(rows.then_wanted(rows.hold_durable), (S.STARTING,)),
        on.HeldByOrder: Row(rows.then_wanted(rows.held_by_order), (S.STARTING,)),
        on.FirstDurable: Row(rows.fresh),
        on.DurableStale: Row(rows.then_truth(rows.stale), (S.IMPAIRED,)),
        on.FaultRaised: Row(rows.then_truth(rows.fault), (S.IMPAIRED,)),
        on.Sealed: Row(rows.sealed_unasked, (S.FAILED,)),
        on.StopRequested: Row(rows.stop, (S.SEALING,)),
        on.Resumed: IGNORE,
    },
    S.IMPAIRED: {
        **_EVERYWHERE,
        on.Tick: Row(rows.tick_impaired, (S.FAILED,)),
        on.IgnitionOn: Row(rows.ignition),
        on.IgnitionOff: Row(rows.run_on, (S.RUN_ON,)),
        on.ConsentPressed: Row(rows.consent_again),
        on.ConsentWithdrawn: Row(rows.withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: IGNORE,
        on.HoldDurable: Row(rows.then_truth(rows.hold_durable), (S.RECORDING,)),
        on.HoldReleased: Row(rows.then_truth(rows.hold_released), (S.RECORDING,)),
        on.FirstDurable: Row(rows.then_truth(rows.fresh), (S.RECORDING,)),
        on.DurableStale: Row(rows.stale_impaired),
        on.FaultCleared: Row(rows.then_truth(rows.fault_over), (S.RECORDING,)),
        on.Sealed: Row(rows.sealed_unasked, (S.FAILED,)),
        on.StopRequested: Row(rows.stop, (S.SEALING,)),
        on.Resumed: IGNORE,
    },
    S.RUN_ON: {
        **_EVERYWHERE,
        on.Tick: Row(rows.tick_run_on, ENDS),
        on.IgnitionOn: Row(rows.ignition_back, (S.STARTING, S.RECORDING, S.IMPAIRED)),
        on.IgnitionOff: IGNORE,
        on.ConsentPressed: Row(rows.consent_again),
        on.ConsentWithdrawn: Row(rows.withdraw_in_run_on, ENDS),
        on.ConsentRecorded: Row(rows.consent_recorded),
        on.FirstDurable: Row(rows.fresh),
        on.DurableStale: Row(rows.stale),
        on.Sealed: Row(rows.sealed_in_run_on, (S.PARKED,)),
        on.StopRequested: Row(rows.stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
    S.SEALING: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(rows.ignition),
        on.IgnitionOff: Row(rows.ignition),
        on.ConsentPressed: IGNORE,
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(rows.consent_recorded_unused),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: Row(rows.sealed_at_end, (S.AWAITING_CONSENT, S.PARKED)),
        on.StopRequested: Row(rows.stop_sealing),
        on.Resumed: IGNORE,
    },
    S.WITHDRAWN: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(rows.ignition),
        on.IgnitionOff: Row(rows.ignition_off_idle, (S.SEALING, S.PARKED)),
        on.ConsentPressed: Row(rows.consent, (S.STARTING,)),
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(rows.consent_recorded_unused),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: Row(rows.sealed),
        on.StopRequested: Row(rows.stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
    S.FAILED: {
        **_EVERYWHERE,
        on.Tick: Row(rows.tick_failed, (S.STARTING, S.SEALING, S.AWAITING_CONSENT)),
        on.IgnitionOn: Row(rows.ignition),
        on.IgnitionOff: Row(rows.ignition_off_idle, (S.SEALING, S.PARKED)),
        on.ConsentPressed: Row(rows.consent_again),
        on.ConsentWithdrawn: Row(rows.withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: Row(rows.consent_recorded_unused),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: Row(rows.sealed),
        on.StopRequested: Row(rows.stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
}


def diagram() -> str:
    """The table's changes of state as a Mermaid state diagram, for the README."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.PARKED.value}"]
    for name, row_of in TABLE.items():
        arrows: dict[StateName, list[str]] = {}
        for event, row in row_of.items():
            for target in row.targets:
                arrows.setdefault(target, []).append("time" if event is on.Tick else event.__name__)
        lines += [f"    {name.value} --> {target.value}: {', '.join(causes)}" for target, causes in arrows.items()]
    return "\n".join(lines) + "\n"
