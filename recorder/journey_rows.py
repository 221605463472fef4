"""What each row of the journey's table does: one small function a meaning. PURE.

A row takes the journey and the event and gives the next journey and the commands, in the order in which they must be
carried out. Which row answers which event in which state stands in ``journey.py`` alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from recorder import commands as do
from recorder import events as on
from recorder.commands import Phrase
from recorder.events import Event
from recorder.journey_entries import (
    Outcome,
    await_consent,
    close_devices,
    end,
    fail,
    finish,
    forget,
    open_devices,
    park,
    recording_or_impaired,
    seal_or_end,
    start,
)
from recorder.journey_state import NO_MEDIA, RETRY_FIRST_S, Capture, Journey, StateName

Action = Callable[[Journey, Any], Outcome]


# --- rows: time, ignition, notice --------------------------------------------------------------------------------


def ignore(j: Journey, _: Event) -> Outcome:
    """The event means nothing in this state."""
    return j, ()


def tick(j: Journey, e: on.Tick) -> Outcome:
    """Only the time changes."""
    return replace(j, now_s=e.now_s), ()


def tick_starting(j: Journey, e: on.Tick) -> Outcome:
    """At the deadline: Impaired with one medium, or while both wait for a slow card; Failed with none."""
    j = replace(j, now_s=e.now_s)
    if j.now_s < j.deadline_s:
        return j, ()
    if not j.fresh and not j.waits_for_card:
        return fail(j)
    return recording_or_impaired(replace(j, failed_since_s=None, retry_s=RETRY_FIRST_S))


def tick_impaired(j: Journey, e: on.Tick) -> Outcome:
    """Nothing durable for too long is Failed, unless a slow card is why: to close the devices would lose what waits."""
    j = replace(j, now_s=e.now_s)
    if j.waits_for_card:
        return replace(j, deadline_s=j.now_s + j.settings.starting_s), ()
    return fail(j) if not j.fresh and j.now_s >= j.deadline_s else (j, ())


def tick_run_on(j: Journey, e: on.Tick) -> Outcome:
    """The run-on ends."""
    j = replace(j, now_s=e.now_s)
    return (j, ()) if j.now_s < j.deadline_s else finish(j, "ignition-off")


def tick_failed(j: Journey, e: on.Tick) -> Outcome:
    """Try again after the pause; after too long the consent lapses and is asked for anew."""
    j = replace(j, now_s=e.now_s)
    if j.failed_since_s is not None and j.now_s - j.failed_since_s >= j.settings.consent_lapse_s:
        return finish(j, "consent-lapsed")
    if j.now_s < j.deadline_s or j.capture is not Capture.CLOSED or j.journey is None:
        return j, ()
    return start(j)


def ignition(j: Journey, e: on.IgnitionOn | on.IgnitionOff) -> Outcome:
    """Remembered for the end of this state."""
    return replace(j, ignition=isinstance(e, on.IgnitionOn)), ()


def wake(j: Journey, _: on.IgnitionOn) -> Outcome:
    """A new journey may begin."""
    return await_consent(replace(j, ignition=True))


def ignition_off_awaiting(j: Journey, _: on.IgnitionOff) -> Outcome:
    """Nobody agreed, nothing was recorded."""
    return park(replace(j, ignition=False))


def ignition_off_idle(j: Journey, _: on.IgnitionOff) -> Outcome:
    """The journey ends without a run-on, for nothing is being recorded."""
    reason = "withdrawn" if j.name is StateName.WITHDRAWN else "ignition-off"
    return finish(replace(j, ignition=False), reason)


def run_on(j: Journey, _: on.IgnitionOff) -> Outcome:
    """Recording goes on for a while."""
    j = replace(j, ignition=False, name=StateName.RUN_ON, deadline_s=j.now_s + j.settings.run_on_s)
    return j, (do.Note("run-on"),)


def ignition_back(j: Journey, _: on.IgnitionOn) -> Outcome:
    """Within the run-on it is the same journey."""
    j = replace(j, ignition=True)
    if not j.fresh:
        return replace(j, name=StateName.STARTING, deadline_s=j.now_s + j.settings.starting_s), ()
    return recording_or_impaired(j)


def notice_ended(j: Journey, e: on.NoticeEnded) -> Outcome:
    """From now on the notice grows old."""
    return replace(j, notice_playing=False, notice_ended_s=j.now_s, notice_finished=e.finished), ()


# --- rows: consent -----------------------------------------------------------------------------------------------


def consent(j: Journey, _: on.ConsentPressed) -> Outcome:
    """Agreement, unless the notice is so old that nobody aboard may have heard it: then it plays again."""
    if not j.notice_fresh:
        return replace(j, notice_playing=True), (do.Note("notice-repeated"), do.PlayNotice())
    finished = j.notice_finished and not j.notice_playing
    j = replace(j, consented=True, consents_pending=j.consents_pending + 1, failed_since_s=None, retry_s=RETRY_FIRST_S)
    j, _none = start(j)
    return j, (do.RecordConsent(finished),)


def consent_again(j: Journey, _: on.ConsentPressed) -> Outcome:
    """One more passenger agreed: logged, and the notice is repeated for them."""
    return replace(j, notice_playing=True), (do.Note("consent-again"), do.PlayNotice())


def consent_recorded(j: Journey, e: on.ConsentRecorded) -> Outcome:
    """The consent is durable: the devices may open."""
    return open_devices(_recorded(j, e))


def consent_recorded_unused(j: Journey, e: on.ConsentRecorded) -> Outcome:
    """Devices stay as they are, but the journey has a log now, which must be ended with it."""
    return _recorded(j, e), ()


def consent_recorded_late(j: Journey, e: on.ConsentRecorded) -> Outcome:
    """The journey was given up before its consent was on the card: close its log."""
    return replace(_recorded(j, e), journey=None), (do.EndJourney(e.journey, "abandoned"),)


def _recorded(j: Journey, e: on.ConsentRecorded) -> Journey:
    return replace(j, journey=e.journey, consents_pending=max(0, j.consents_pending - 1))


def withdraw(j: Journey, _: on.ConsentWithdrawn) -> Outcome:
    """A passenger takes the agreement back: forgotten first, then closed, then said."""
    j, closing = close_devices(replace(j, consented=False), "withdrawn")
    j = replace(j, name=StateName.WITHDRAWN)
    return j, (do.ForgetConsent(), *closing, do.Note("withdrawn"), do.Say(Phrase.WITHDRAWN))


def withdraw_in_run_on(j: Journey, e: on.ConsentWithdrawn) -> Outcome:
    """With the ignition off a withdrawal also ends the journey."""
    j, first = withdraw(j, e)
    return seal_or_end(replace(j, end_reason="withdrawn"), first)


def resume(j: Journey, e: on.Resumed) -> Outcome:
    """A consent that was given before a crash still stands; capture goes on in the same journey."""
    j = replace(forget(j), consented=True, journey=e.journey, held=e.held, ignition=e.ignition_on)
    j, opening = start(j)
    if not j.ignition:
        j = replace(j, name=StateName.RUN_ON, deadline_s=j.now_s + j.settings.run_on_s)
    return j, (do.Note("resumed", {"audio": j.settings.audio, "held": j.held}), *opening)


# --- rows: hold --------------------------------------------------------------------------------------------------


def hold(j: Journey, _: on.HoldPressed) -> Outcome:
    """The current journey from its consent to its seal; otherwise the last one on board."""
    return _ask_hold(j, "journey" if j.current else "last")


def hold_all(j: Journey, _: on.HoldAllPressed) -> Outcome:
    """Everything on board."""
    return _ask_hold(j, "all")


def _ask_hold(j: Journey, scope: on.HoldScope) -> Outcome:
    return replace(j, holds_pending=j.holds_pending + 1, hold_asked=j.hold_asked or j.current), (do.Hold(scope),)


def hold_durable(j: Journey, e: on.HoldDurable) -> Outcome:
    """The hold is on the card, or there was nothing to hold."""
    ours = j.journey in e.journeys if j.current else bool(e.journeys)
    pending = max(0, j.holds_pending - 1)
    j = replace(j, holds_pending=pending, held=j.held or ours, hold_asked=j.hold_asked and pending > 0)
    return j, (do.Say(Phrase.HELD if e.journeys else Phrase.NOTHING_TO_HOLD),)


def held_by_order(j: Journey, e: on.HeldByOrder) -> Outcome:
    """As a hold that is durable; a press that waits for its own goes on waiting."""
    ours = j.journey in e.journeys if j.current else bool(e.journeys)
    return replace(j, held=j.held or ours), (do.Say(Phrase.HELD),)


def order_refused(j: Journey, _: on.OrderRefused) -> Outcome:
    """Said, so that the office is asked; nothing else changes."""
    return j, (do.Say(Phrase.ORDER_REFUSED),)


def hold_released(j: Journey, e: on.HoldReleased) -> Outcome:
    """The office let go of a hold: where sound was recorded for its sake, no more is."""
    return replace(j, held=j.held and e.journey != j.journey), ()


# --- rows: what is durable, and faults ---------------------------------------------------------------------------


def fresh(j: Journey, e: on.FirstDurable) -> Outcome:
    """Counted only while devices are open: a closing capture's last words light no lamp."""
    return (replace(j, fresh=j.fresh | {e.medium}), ()) if j.capture is Capture.OPEN else (j, ())


def stale(j: Journey, e: on.DurableStale) -> Outcome:
    """The medium no longer arrives on the card."""
    return replace(j, fresh=j.fresh - {e.medium}), ()


def stale_impaired(j: Journey, e: on.DurableStale) -> Outcome:
    """With nothing left the time to Failed begins."""
    j, _ = stale(j, e)
    return (j if j.fresh else replace(j, deadline_s=j.now_s + j.settings.starting_s)), ()


def fault(j: Journey, e: on.FaultRaised) -> Outcome:
    """Shown and logged, once."""
    known = e.kind in j.faults
    return replace(j, faults=j.faults | {e.kind}), (() if known else (do.Note("fault", {"kind": e.kind}),))


def fault_over(j: Journey, e: on.FaultCleared) -> Outcome:
    """Shown and logged, once."""
    known = e.kind in j.faults
    return replace(j, faults=j.faults - {e.kind}), ((do.Note("fault-cleared", {"kind": e.kind}),) if known else ())


def picture_stepped(j: Journey, e: on.PictureStepped) -> Outcome:
    """Logged: less is recorded, or again more, and nothing is wrong with it."""
    return j, (do.Note("picture", {"width": e.width, "height": e.height, "fps": e.fps, "reason": e.reason}),)


def then_truth(action: Action) -> Action:
    """After ``action``, be in the state that tells the truth."""

    def row(j: Journey, e: Event) -> Outcome:
        j, first = action(j, e)
        j, then = recording_or_impaired(j)
        return j, (*first, *then)

    return row


def then_wanted(action: Action) -> Action:
    """After ``action``, be in Starting where it asks for sound too, until that is durable."""

    def row(j: Journey, e: Event) -> Outcome:
        j, commands = action(j, e)
        if not j.whole:
            j = replace(j, name=StateName.STARTING, deadline_s=j.now_s + j.settings.starting_s)
        return j, commands

    return row


def when_whole(action: Action) -> Action:
    """After ``action``, leave Starting if everything wanted is durable; its deadline decides about less."""

    def row(j: Journey, e: Event) -> Outcome:
        j, first = action(j, e)
        if not j.whole:
            return j, first
        j, _ = recording_or_impaired(j)
        sound = j.settings.audio == "on-hold" and "audio" in j.wanted
        return j, (*first, do.Say(Phrase.RECORDING_SOUND if sound else Phrase.RECORDING))

    return row


# --- rows: the end of capture ------------------------------------------------------------------------------------


def sealed(j: Journey, _: on.Sealed) -> Outcome:
    """Nothing is open any more."""
    return replace(j, capture=Capture.CLOSED), ()


def sealed_starting(j: Journey, _: on.Sealed) -> Outcome:
    """The capture before this one has ended, so the devices may open. One that ended unasked has failed."""
    unasked = j.capture is Capture.OPEN
    j = replace(j, capture=Capture.CLOSED)
    return fail(j) if unasked else open_devices(j)


def sealed_unasked(j: Journey, _: on.Sealed) -> Outcome:
    """Capture ended by itself."""
    return fail(replace(j, capture=Capture.CLOSED, fresh=NO_MEDIA))


def sealed_in_run_on(j: Journey, _: on.Sealed) -> Outcome:
    """Asked for before the ignition went off, the devices may open now; unasked, the journey ends."""
    if j.capture is Capture.OPEN:
        return finish(replace(j, capture=Capture.CLOSED, fresh=NO_MEDIA), "fault")
    return open_devices(replace(j, capture=Capture.CLOSED))


def sealed_at_end(j: Journey, _: on.Sealed) -> Outcome:
    """The last segment is sealed."""
    j, ending = end(replace(j, capture=Capture.CLOSED))
    return j, (do.Say(Phrase.STOPPED), *ending)


# --- rows: stick, clock, stop ------------------------------------------------------------------------------------


def stick(j: Journey, _: on.StickInserted) -> Outcome:
    """Shown on the lamps until it is done or has failed."""
    return replace(j, exporting=True), ()


def export_done(j: Journey, _: on.ExportDone) -> Outcome:
    """Said aloud: the stick may be unplugged."""
    return replace(j, exporting=False), (do.Say(Phrase.EXPORT_DONE),)


def nothing_to_export(j: Journey, _: on.NothingToExport) -> Outcome:
    """No failure: said aloud, so that nobody waits, or believes that something was copied."""
    return replace(j, exporting=False), (do.Say(Phrase.NOTHING_TO_EXPORT),)


def export_failed(j: Journey, e: on.ExportFailed) -> Outcome:
    """Logged and said; nothing else changes."""
    return replace(j, exporting=False), (do.Note("export-failed", {"reason": e.reason}), do.Say(Phrase.EXPORT_FAILED))


def clock(j: Journey, e: on.ClockChanged) -> Outcome:
    """Logged; ages do not depend on it."""
    return j, (do.Note("clock-changed", {"step_s": e.step_s, "quality": e.quality}),)


def stop(j: Journey, _: on.StopRequested) -> Outcome:
    """SIGTERM: seal, then end the process."""
    return finish(replace(j, stopping=True), "stop")


def stop_sealing(j: Journey, _: on.StopRequested) -> Outcome:
    """Sealing already: end the process after it."""
    return replace(j, stopping=True), ()
