"""How a journey enters a state: what must be set, and what must be asked for on the way in. PURE.

The rows (``journey_rows.py``) decide when; each function here says once what entering means.
"""

from dataclasses import replace

from recorder import commands as do
from recorder.commands import Command, Phrase
from recorder.journey_state import CAPTURE_FAULTS, NO_MEDIA, RETRY_FIRST_S, RETRY_LONGEST_S, Capture, Journey, StateName

Outcome = tuple[Journey, tuple[Command, ...]]


def await_consent(j: Journey) -> Outcome:
    """Ignition on, nobody has agreed: play the notice."""
    return replace(forget(j), name=StateName.AWAITING_CONSENT, notice_playing=True), (do.PlayNotice(),)


def park(j: Journey) -> Outcome:
    """Ignition off and nothing to seal: delete what is due, then let the power go."""
    return replace(forget(j), name=StateName.PARKED), (do.Sweep(), do.PowerOff())


def forget(j: Journey) -> Journey:
    """The journey is over; the next one begins with nothing of it."""
    return replace(
        j,
        journey=None,
        consented=False,
        fresh=NO_MEDIA,
        held=False,
        hold_asked=False,
        notice_playing=False,
        notice_ended_s=None,
        notice_finished=False,
        deadline_s=0.0,
        failed_since_s=None,
        retry_s=RETRY_FIRST_S,
        end_reason="",
    )


def start(j: Journey) -> Outcome:
    """Enter Starting; the devices open at once where nothing stands in the way."""
    j = replace(j, name=StateName.STARTING, fresh=NO_MEDIA, deadline_s=j.now_s + j.settings.starting_s)
    return open_devices(j)


def open_devices(j: Journey) -> Outcome:
    """Ask for capture, if the consent stands and is durable and the capture before this one has ended."""
    if j.journey is None or not j.consented or j.consents_pending or j.capture is not Capture.CLOSED:
        return j, ()
    # A new try: what was wrong with the devices before says nothing about now.
    j = replace(j, capture=Capture.OPEN, faults=j.faults - CAPTURE_FAULTS)
    sound = "audio" in j.wanted
    told = (do.Note("sound-began"),) if sound and j.settings.audio == "on-hold" else ()
    return j, (do.PersistConsent(j.journey or ""), do.StartCapture(j.journey or "", sound=sound), *told)


def follow_sound(before: Journey, j: Journey) -> tuple[Command, ...]:
    """In mode on-hold sound begins with the hold and ends with its release, whoever asked for either. Both are logged.

    Where the capture itself begins or ends, sound does with it.
    """
    wanted = "audio" in j.wanted
    if wanted == ("audio" in before.wanted) or not before.capture is j.capture is Capture.OPEN:
        return ()
    return do.RecordSound(wanted), do.Note("sound-began" if wanted else "sound-ended")


def close_devices(j: Journey, reason: str) -> Outcome:
    """Ask for the end of capture, if there is one."""
    if j.capture is not Capture.OPEN:
        return j, ()
    return replace(j, capture=Capture.CLOSING, fresh=NO_MEDIA), (do.StopCapture(reason),)


def recording_or_impaired(j: Journey) -> Outcome:
    """Be in the state that tells the truth about what is durable now."""
    if j.whole:
        return replace(j, name=StateName.RECORDING, failed_since_s=None, retry_s=RETRY_FIRST_S), ()
    if j.name is StateName.IMPAIRED:
        return j, ()
    j = replace(j, name=StateName.IMPAIRED, deadline_s=j.now_s + j.settings.starting_s)
    return j, (do.Say(Phrase.IMPAIRED),)


def fail(j: Journey) -> Outcome:
    """Enter Failed: devices closed, the next try after a pause that doubles. Spoken once, however many tries."""
    first = j.failed_since_s is None
    j, closing = close_devices(j, "fault")
    j = replace(
        j,
        name=StateName.FAILED,
        failed_since_s=j.now_s if j.failed_since_s is None else j.failed_since_s,
        deadline_s=j.now_s + j.retry_s,
        retry_s=min(2 * j.retry_s, RETRY_LONGEST_S),
    )
    saying = (do.Say(Phrase.FAILED),) if first else ()
    return j, (*closing, do.Note("failed", {"faults": sorted(j.faults)}), *saying)


def finish(j: Journey, reason: str) -> Outcome:
    """End the journey: forget the consent, close what is open, wait for the seal where there is one to wait for."""
    j, closing = close_devices(replace(j, consented=False, end_reason=reason), reason)
    return seal_or_end(j, (do.ForgetConsent(), *closing))


def seal_or_end(j: Journey, before: tuple[Command, ...]) -> Outcome:
    """Sealing while a capture still closes; otherwise the end at once."""
    if j.capture is Capture.CLOSING:
        return replace(j, name=StateName.SEALING), before
    j, ending = end(j)
    return j, (*before, *ending)


def end(j: Journey) -> Outcome:
    """The journey is over and nothing is open: write its end, then rest where the ignition says."""
    ending = () if j.journey is None else (do.EndJourney(j.journey, j.end_reason),)
    if j.stopping:
        return replace(forget(j), name=StateName.PARKED), (*ending, do.Exit())
    j, resting = await_consent(j) if j.ignition else park(j)
    return j, (*ending, *resting)
