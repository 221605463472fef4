"""The whole life of a journey as one transition table. PURE: no I/O, no threads, no clock, no logging.

``step(journey, event) -> (journey, commands)`` looks up one row and carries it out. Rules the table enforces:

- ``StartCapture`` is asked for only while a consent stands that was pressed in this journey;
- a withdrawal forgets the consent before it closes the devices, so that no crash in between can resume it;
- a hold is asked for in every state, and never forgotten before it is durable;
- only capture faults change the state; every other fault is shown and logged;
- every state that opened devices leads back to closed ones, and ``Failed`` retries with growing pauses.

Every state has a row for every event (a test counts them). A row that changes nothing is ``IGNORE``, spelled out.
The diagram in the README is drawn from this table by :func:`diagram`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, NamedTuple

from recorder import commands as do
from recorder import events as on
from recorder.commands import Command, Phrase
from recorder.events import Event, Medium

RETRY_FIRST_S = 1.0
RETRY_LONGEST_S = 60.0

CAPTURE_FAULTS = frozenset(
    {"camera", "microphone", "encoder", "mux", "card", "card-slow", "card-full", "covered", "blurred", "frozen", "silent"}
)
"""Fault kinds that make the recording worthless or incomplete; only these change the state."""

AudioMode = Literal["always", "on-hold", "off"]
NO_MEDIA: frozenset[Medium] = frozenset()


class StateName(Enum):
    """The states, spelled so everywhere: code, ``status --json``, log."""

    PARKED = "Parked"
    AWAITING_CONSENT = "AwaitingConsent"
    STARTING = "Starting"
    RECORDING = "Recording"
    IMPAIRED = "Impaired"
    RUN_ON = "RunOn"
    SEALING = "Sealing"
    WITHDRAWN = "Withdrawn"
    FAILED = "Failed"


class Capture(Enum):
    """What was last asked of the devices. ``CLOSING`` lasts until :class:`~recorder.events.Sealed`."""

    CLOSED = "closed"
    OPEN = "open"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Settings:
    """Times and modes of the journey, from the configuration; seconds."""

    run_on_s: float = 300.0
    starting_s: float = 5.0
    notice_fresh_s: float = 300.0
    consent_lapse_s: float = 300.0
    audio: AudioMode = "always"


@dataclass(frozen=True, slots=True)
class Journey:
    """Everything the next step depends on. Times are seconds of CLOCK_BOOTTIME."""

    settings: Settings = Settings()
    name: StateName = StateName.PARKED
    now_s: float = 0.0
    ignition: bool = False
    journey: str | None = None  # known once the consent is durable
    consented: bool = False  # a consent press stands: not withdrawn, not lapsed
    capture: Capture = Capture.CLOSED
    fresh: frozenset[Medium] = NO_MEDIA  # media that are durable now
    faults: frozenset[str] = frozenset()
    held: bool = False
    hold_pending: bool = False
    notice_playing: bool = False
    notice_ended_s: float | None = None
    notice_finished: bool = False
    deadline_s: float = 0.0  # of Starting, of RunOn, of Impaired with nothing durable, of the next retry
    failed_since_s: float | None = None
    retry_s: float = RETRY_FIRST_S
    end_reason: str = ""
    exporting: bool = False
    stopping: bool = False

    @property
    def wanted(self) -> frozenset[Medium]:
        """The media this journey is to record now."""
        sound = self.settings.audio == "always" or (self.settings.audio == "on-hold" and (self.held or self.hold_pending))
        return frozenset({"video", "audio"}) if sound else frozenset({"video"})

    @property
    def devices_open(self) -> bool:
        """Whether camera and microphone may be open."""
        return self.capture is not Capture.CLOSED

    @property
    def sound_and_whole(self) -> bool:
        """Whether everything wanted is durable and worth recording."""
        return self.wanted <= self.fresh and not self.faults & CAPTURE_FAULTS


Outcome = tuple[Journey, tuple[Command, ...]]
Action = Callable[[Journey, Any], Outcome]


def step(journey: Journey, event: Event) -> Outcome:
    """The next state and what it asks for, in order. Never raises for any event in any state."""
    return TABLE[journey.name][type(event)].action(journey, event)


# --- entering a state --------------------------------------------------------------------------------------------


def _await_consent(j: Journey) -> Outcome:
    j = replace(_forget_journey(j), name=StateName.AWAITING_CONSENT, notice_playing=True)
    return j, (do.PlayNotice(),)


def _park(j: Journey) -> Outcome:
    return replace(_forget_journey(j), name=StateName.PARKED), (do.Sweep(), do.PowerOff())


def _forget_journey(j: Journey) -> Journey:
    return replace(
        j,
        journey=None,
        consented=False,
        fresh=NO_MEDIA,
        held=False,
        notice_playing=False,
        notice_ended_s=None,
        notice_finished=False,
        failed_since_s=None,
        retry_s=RETRY_FIRST_S,
        end_reason="",
    )


def _start(j: Journey) -> Outcome:
    """Enter Starting; open the devices if the consent is durable and the last capture has ended."""
    j = replace(j, name=StateName.STARTING, fresh=NO_MEDIA, deadline_s=j.now_s + j.settings.starting_s)
    return _open_devices(j)


def _open_devices(j: Journey) -> Outcome:
    if j.journey is None or not j.consented or j.capture is not Capture.CLOSED:
        return j, ()
    return replace(j, capture=Capture.OPEN), (do.PersistConsent(j.journey), do.StartCapture(j.journey))


def _close_devices(j: Journey, reason: str) -> Outcome:
    if j.capture is not Capture.OPEN:
        return j, ()
    return replace(j, capture=Capture.CLOSING, fresh=NO_MEDIA), (do.StopCapture(reason),)


def _record(j: Journey) -> Outcome:
    """Enter the state that tells the truth about what is durable now."""
    if j.sound_and_whole:
        return replace(j, name=StateName.RECORDING, failed_since_s=None, retry_s=RETRY_FIRST_S), ()
    if j.name is StateName.IMPAIRED:
        return j, ()
    j = replace(j, name=StateName.IMPAIRED, deadline_s=j.now_s + j.settings.starting_s)
    return j, (do.Say(Phrase.IMPAIRED),)


def _fail(j: Journey) -> Outcome:
    """Enter Failed: devices closed, the next try after a pause that doubles."""
    first = j.failed_since_s is None
    j, closing = _close_devices(j, "fault")
    j = replace(
        j,
        name=StateName.FAILED,
        failed_since_s=j.now_s if j.failed_since_s is None else j.failed_since_s,
        deadline_s=j.now_s + j.retry_s,
        retry_s=min(2 * j.retry_s, RETRY_LONGEST_S),
    )
    return j, (*closing, do.Note("failed"), *((do.Say(Phrase.FAILED),) if first else ()))


def _finish(j: Journey, reason: str) -> Outcome:
    """End the journey: forget the consent, close what is open, wait for the seal where there is one to wait for."""
    j, closing = _close_devices(replace(j, consented=False, end_reason=reason), reason)
    if j.capture is Capture.CLOSING:
        return replace(j, name=StateName.SEALING), (do.ForgetConsent(), *closing)
    j, ending = _end(j)
    return j, (do.ForgetConsent(), *ending)


def _end(j: Journey) -> Outcome:
    """The journey is over and nothing is open: write its end, then rest where the ignition says."""
    ending = () if j.journey is None else (do.EndJourney(j.journey, j.end_reason),)
    if j.stopping:
        return replace(_forget_journey(j), name=StateName.PARKED), (*ending, do.Exit())
    j, resting = _await_consent(j) if j.ignition else _park(j)
    return j, (*ending, *resting)


# --- rows --------------------------------------------------------------------------------------------------------


def _ignore(j: Journey, _: Event) -> Outcome:
    return j, ()


def _tick(j: Journey, e: on.Tick) -> Outcome:
    return replace(j, now_s=e.now_s), ()


def _ignition(j: Journey, e: on.IgnitionOn | on.IgnitionOff) -> Outcome:
    return replace(j, ignition=isinstance(e, on.IgnitionOn)), ()


def _wake(j: Journey, _: on.IgnitionOn) -> Outcome:
    return _await_consent(replace(j, ignition=True))


def _ignition_off_without_consent(j: Journey, _: on.IgnitionOff) -> Outcome:
    return _park(replace(j, ignition=False))


def _ignition_off_without_capture(j: Journey, _: on.IgnitionOff) -> Outcome:
    reason = "withdrawn" if j.name is StateName.WITHDRAWN else "ignition-off"
    return _finish(replace(j, ignition=False), reason)


def _ignition_off_while_capturing(j: Journey, _: on.IgnitionOff) -> Outcome:
    j = replace(j, ignition=False, name=StateName.RUN_ON, deadline_s=j.now_s + j.settings.run_on_s)
    return j, (do.Note("run-on"),)


def _ignition_back(j: Journey, _: on.IgnitionOn) -> Outcome:
    j = replace(j, ignition=True)
    if not j.fresh:
        return replace(j, name=StateName.STARTING, deadline_s=j.now_s + j.settings.starting_s), ()
    return _record(j)


def _notice_ended(j: Journey, e: on.NoticeEnded) -> Outcome:
    return replace(j, notice_playing=False, notice_ended_s=j.now_s, notice_finished=e.finished), ()


def _consent(j: Journey, _: on.ConsentPressed) -> Outcome:
    """Agreement, unless the notice is so old that nobody aboard may have heard it."""
    if not j.notice_playing and (j.notice_ended_s is None or j.now_s - j.notice_ended_s > j.settings.notice_fresh_s):
        return replace(j, notice_playing=True), (do.Note("notice-repeated"), do.PlayNotice())
    j, opening = _start(replace(j, consented=True, journey=None, failed_since_s=None, retry_s=RETRY_FIRST_S))
    return j, (do.RecordConsent(j.notice_finished and not j.notice_playing), *opening)


def _consent_again(j: Journey, _: on.ConsentPressed) -> Outcome:
    """One more passenger agreed: logged, and the notice is repeated for them."""
    return replace(j, notice_playing=True), (do.Note("consent-again"), do.PlayNotice())


def _consent_recorded(j: Journey, e: on.ConsentRecorded) -> Outcome:
    return _open_devices(replace(j, journey=e.journey))


def _consent_recorded_late(j: Journey, e: on.ConsentRecorded) -> Outcome:
    """The journey was given up before its consent was on the card: close its log."""
    return j, (do.EndJourney(e.journey, "abandoned"),)


def _consent_recorded_unused(j: Journey, e: on.ConsentRecorded) -> Outcome:
    """Devices stay closed here, but the journey now has a log that must be ended with it."""
    return replace(j, journey=e.journey), ()


def _withdraw(j: Journey, _: on.ConsentWithdrawn) -> Outcome:
    j, closing = _close_devices(replace(j, consented=False), "withdrawn")
    j = replace(j, name=StateName.WITHDRAWN)
    return j, (do.ForgetConsent(), *closing, do.Note("withdrawn"), do.Say(Phrase.WITHDRAWN))


def _withdraw_parked(j: Journey, _: on.ConsentWithdrawn) -> Outcome:
    j, ending = _finish(j, "withdrawn")
    return j, (*ending[:2], do.Note("withdrawn"), do.Say(Phrase.WITHDRAWN), *ending[2:])


def _hold(j: Journey, _: on.HoldPressed) -> Outcome:
    """The current journey from its consent to its seal; otherwise the last one on board."""
    return _ask_hold(j, "journey" if j.consented or j.journey is not None else "last")


def _hold_all(j: Journey, _: on.HoldAllPressed) -> Outcome:
    return _ask_hold(j, "all")


def _ask_hold(j: Journey, scope: on.HoldScope) -> Outcome:
    sound = (do.RecordSound(),) if j.settings.audio == "on-hold" and j.capture is Capture.OPEN else ()
    return replace(j, hold_pending=True), (do.Hold(scope), *sound)


def _hold_durable(j: Journey, e: on.HoldDurable) -> Outcome:
    ours = j.journey in e.journeys if j.consented or j.journey is not None else bool(e.journeys)
    j = replace(j, hold_pending=False, held=j.held or ours)
    return j, (do.Say(Phrase.HELD if e.journeys else Phrase.NOTHING_TO_HOLD),)


def _hold_released(j: Journey, e: on.HoldReleased) -> Outcome:
    return replace(j, held=j.held and e.journey != j.journey), ()


def _fault(j: Journey, e: on.FaultRaised) -> Outcome:
    known = e.kind in j.faults
    return replace(j, faults=j.faults | {e.kind}), (() if known else (do.Note("fault", {"kind": e.kind}),))


def _fault_over(j: Journey, e: on.FaultCleared) -> Outcome:
    known = e.kind in j.faults
    return replace(j, faults=j.faults - {e.kind}), ((do.Note("fault-cleared", {"kind": e.kind}),) if known else ())


def _fresh(j: Journey, e: on.FirstDurable) -> Outcome:
    return replace(j, fresh=j.fresh | {e.medium}), ()


def _stale(j: Journey, e: on.DurableStale) -> Outcome:
    return replace(j, fresh=j.fresh - {e.medium}), ()


def _then_record(action: Action) -> Action:
    """After ``action``, be in the state that tells the truth."""

    def row(j: Journey, e: Event) -> Outcome:
        j, first = action(j, e)
        before = j.fresh
        j, then = _record(j)
        if j.name is StateName.IMPAIRED and isinstance(e, on.DurableStale) and not before:
            j = replace(j, deadline_s=j.now_s + j.settings.starting_s)
        return j, (*first, *then)

    return row


def _first_durable_in_starting(j: Journey, e: on.FirstDurable | on.FaultCleared) -> Outcome:
    """Starting waits for everything that is wanted; its deadline decides about less."""
    j, first = _fresh(j, e) if isinstance(e, on.FirstDurable) else _fault_over(j, e)
    if not j.sound_and_whole:
        return j, first
    j, then = _record(j)
    return j, (*first, *then, do.Say(Phrase.RECORDING))


def _tick_starting(j: Journey, e: on.Tick) -> Outcome:
    j = replace(j, now_s=e.now_s)
    if j.now_s < j.deadline_s:
        return j, ()
    return _record(replace(j, failed_since_s=None)) if j.fresh else _fail(j)


def _tick_impaired(j: Journey, e: on.Tick) -> Outcome:
    j = replace(j, now_s=e.now_s)
    return _fail(j) if not j.fresh and j.now_s >= j.deadline_s else (j, ())


def _tick_run_on(j: Journey, e: on.Tick) -> Outcome:
    j = replace(j, now_s=e.now_s)
    return (j, ()) if j.now_s < j.deadline_s else _finish(j, "ignition-off")


def _tick_failed(j: Journey, e: on.Tick) -> Outcome:
    j = replace(j, now_s=e.now_s)
    if j.failed_since_s is not None and j.now_s - j.failed_since_s >= j.settings.consent_lapse_s:
        j, ending = _finish(j, "consent-lapsed")
        return j, (do.Note("consent-lapsed"), *ending)
    if j.now_s < j.deadline_s or j.capture is not Capture.CLOSED or j.journey is None:
        return j, ()
    return _start(j)


def _sealed(j: Journey, _: on.Sealed) -> Outcome:
    return replace(j, capture=Capture.CLOSED), ()


def _sealed_starting(j: Journey, _: on.Sealed) -> Outcome:
    """The capture before this one has ended: now the devices may open. One that ended unasked has failed."""
    unasked = j.capture is Capture.OPEN
    j = replace(j, capture=Capture.CLOSED)
    return _fail(j) if unasked else _open_devices(j)


def _sealed_unasked(j: Journey, _: on.Sealed) -> Outcome:
    return _fail(replace(j, capture=Capture.CLOSED, fresh=NO_MEDIA))


def _sealed_unasked_parked(j: Journey, _: on.Sealed) -> Outcome:
    return _finish(replace(j, capture=Capture.CLOSED, fresh=NO_MEDIA), "fault")


def _sealed_at_end(j: Journey, _: on.Sealed) -> Outcome:
    j, ending = _end(replace(j, capture=Capture.CLOSED))
    return j, (*ending[:1], do.Say(Phrase.STOPPED), *ending[1:])


def _stick(j: Journey, e: on.StickInserted) -> Outcome:
    return (j, ()) if j.exporting else (replace(j, exporting=True), (do.Export(e.target),))


def _export_done(j: Journey, _: on.ExportDone) -> Outcome:
    return replace(j, exporting=False), (do.Say(Phrase.EXPORT_DONE),)


def _export_failed(j: Journey, e: on.ExportFailed) -> Outcome:
    return replace(j, exporting=False), (do.Note("export-failed", {"reason": e.reason}), do.Say(Phrase.EXPORT_FAILED))


def _clock(j: Journey, e: on.ClockChanged) -> Outcome:
    return j, (do.Note("clock-changed", {"step_s": e.step_s, "quality": e.quality}),)


def _stop(j: Journey, _: on.StopRequested) -> Outcome:
    return _finish(replace(j, stopping=True), "stop")


def _stop_sealing(j: Journey, _: on.StopRequested) -> Outcome:
    return replace(j, stopping=True), ()


def _resume(j: Journey, e: on.Resumed) -> Outcome:
    """A consent that was given before a crash still stands; capture goes on in the same journey."""
    j = replace(_forget_journey(j), consented=True, journey=e.journey, held=e.held, ignition=e.ignition_on)
    j, opening = _start(j)
    if not j.ignition:
        j = replace(j, name=StateName.RUN_ON, deadline_s=j.now_s + j.settings.run_on_s)
    return j, (do.Note("resumed"), *opening)


# --- the table ---------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What an event does in a state, and every other state it may lead to."""

    action: Action
    targets: tuple[StateName, ...] = ()


S = StateName
IGNORE = Row(_ignore)
ENDS = (S.SEALING, S.AWAITING_CONSENT, S.PARKED)

_EVERYWHERE: dict[type, Row] = {
    on.Tick: Row(_tick),
    on.NoticeEnded: Row(_notice_ended),
    on.HoldPressed: Row(_hold),
    on.HoldAllPressed: Row(_hold_all),
    on.HoldDurable: Row(_hold_durable),
    on.HoldReleased: Row(_hold_released),
    on.FaultRaised: Row(_fault),
    on.FaultCleared: Row(_fault_over),
    on.StickInserted: Row(_stick),
    on.ExportDone: Row(_export_done),
    on.ExportFailed: Row(_export_failed),
    on.ClockChanged: Row(_clock),
}

TABLE: dict[StateName, dict[type, Row]] = {
    S.PARKED: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(_wake, (S.AWAITING_CONSENT,)),
        on.IgnitionOff: IGNORE,
        on.ConsentPressed: IGNORE,
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(_consent_recorded_late),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: IGNORE,
        on.StopRequested: Row(_stop),
        on.Resumed: Row(_resume, (S.STARTING, S.RUN_ON)),
    },
    S.AWAITING_CONSENT: {
        **_EVERYWHERE,
        on.IgnitionOn: IGNORE,
        on.IgnitionOff: Row(_ignition_off_without_consent, (S.PARKED,)),
        on.ConsentPressed: Row(_consent, (S.STARTING,)),
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(_consent_recorded_late),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: IGNORE,
        on.StopRequested: Row(_stop, (S.PARKED,)),
        on.Resumed: Row(_resume, (S.STARTING, S.RUN_ON)),
    },
    S.STARTING: {
        **_EVERYWHERE,
        on.Tick: Row(_tick_starting, (S.RECORDING, S.IMPAIRED, S.FAILED)),
        on.IgnitionOn: Row(_ignition),
        on.IgnitionOff: Row(_ignition_off_while_capturing, (S.RUN_ON,)),
        on.ConsentPressed: Row(_consent_again),
        on.ConsentWithdrawn: Row(_withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: Row(_consent_recorded),
        on.FirstDurable: Row(_first_durable_in_starting, (S.RECORDING,)),
        on.DurableStale: Row(_stale),
        on.FaultCleared: Row(_first_durable_in_starting, (S.RECORDING,)),
        on.Sealed: Row(_sealed_starting, (S.FAILED,)),
        on.StopRequested: Row(_stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
    S.RECORDING: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(_ignition),
        on.IgnitionOff: Row(_ignition_off_while_capturing, (S.RUN_ON,)),
        on.ConsentPressed: Row(_consent_again),
        on.ConsentWithdrawn: Row(_withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: IGNORE,
        on.HoldPressed: Row(_then_record(_hold), (S.IMPAIRED,)),
        on.HoldAllPressed: Row(_then_record(_hold_all), (S.IMPAIRED,)),
        on.FirstDurable: Row(_fresh),
        on.DurableStale: Row(_then_record(_stale), (S.IMPAIRED,)),
        on.FaultRaised: Row(_then_record(_fault), (S.IMPAIRED,)),
        on.Sealed: Row(_sealed_unasked, (S.FAILED,)),
        on.StopRequested: Row(_stop, (S.SEALING,)),
        on.Resumed: IGNORE,
    },
    S.IMPAIRED: {
        **_EVERYWHERE,
        on.Tick: Row(_tick_impaired, (S.FAILED,)),
        on.IgnitionOn: Row(_ignition),
        on.IgnitionOff: Row(_ignition_off_while_capturing, (S.RUN_ON,)),
        on.ConsentPressed: Row(_consent_again),
        on.ConsentWithdrawn: Row(_withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: IGNORE,
        on.HoldReleased: Row(_then_record(_hold_released), (S.RECORDING,)),
        on.FirstDurable: Row(_then_record(_fresh), (S.RECORDING,)),
        on.DurableStale: Row(_then_record(_stale)),
        on.FaultCleared: Row(_then_record(_fault_over), (S.RECORDING,)),
        on.Sealed: Row(_sealed_unasked, (S.FAILED,)),
        on.StopRequested: Row(_stop, (S.SEALING,)),
        on.Resumed: IGNORE,
    },
    S.RUN_ON: {
        **_EVERYWHERE,
        on.Tick: Row(_tick_run_on, ENDS),
        on.IgnitionOn: Row(_ignition_back, (S.STARTING, S.RECORDING, S.IMPAIRED)),
        on.IgnitionOff: IGNORE,
        on.ConsentPressed: Row(_consent_again),
        on.ConsentWithdrawn: Row(_withdraw_parked, ENDS),
        on.ConsentRecorded: Row(_consent_recorded),
        on.FirstDurable: Row(_fresh),
        on.DurableStale: Row(_stale),
        on.Sealed: Row(_sealed_unasked_parked, ENDS),
        on.StopRequested: Row(_stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
    S.SEALING: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(_ignition),
        on.IgnitionOff: Row(_ignition),
        on.ConsentPressed: IGNORE,
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(_consent_recorded_unused),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: Row(_sealed_at_end, (S.AWAITING_CONSENT, S.PARKED)),
        on.StopRequested: Row(_stop_sealing),
        on.Resumed: IGNORE,
    },
    S.WITHDRAWN: {
        **_EVERYWHERE,
        on.IgnitionOn: Row(_ignition),
        on.IgnitionOff: Row(_ignition_off_without_capture, (S.SEALING, S.PARKED)),
        on.ConsentPressed: Row(_consent, (S.STARTING,)),
        on.ConsentWithdrawn: IGNORE,
        on.ConsentRecorded: Row(_consent_recorded_unused),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: Row(_sealed),
        on.StopRequested: Row(_stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
    S.FAILED: {
        **_EVERYWHERE,
        on.Tick: Row(_tick_failed, (S.STARTING, S.SEALING, S.AWAITING_CONSENT)),
        on.IgnitionOn: Row(_ignition),
        on.IgnitionOff: Row(_ignition_off_without_capture, (S.SEALING, S.PARKED)),
        on.ConsentPressed: Row(_consent_again),
        on.ConsentWithdrawn: Row(_withdraw, (S.WITHDRAWN,)),
        on.ConsentRecorded: Row(_consent_recorded_unused),
        on.FirstDurable: IGNORE,
        on.DurableStale: IGNORE,
        on.Sealed: Row(_sealed),
        on.StopRequested: Row(_stop, (S.SEALING, S.PARKED)),
        on.Resumed: IGNORE,
    },
}


def diagram() -> str:
    """The table's changes of state as a Mermaid state diagram, for the README."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.PARKED.value}"]
    for name, rows in TABLE.items():
        arrows: dict[StateName, list[str]] = {}
        for event, row in rows.items():
            for target in row.targets:
                if target is not name:
                    arrows.setdefault(target, []).append("time" if event is on.Tick else event.__name__)
        lines += [f"    {name.value} --> {target.value}: {', '.join(causes)}" for target, causes in arrows.items()]
    return "\n".join(lines) + "\n"
