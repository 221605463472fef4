"""The journey's promises, one script each."""

import pytest

from recorder import commands as do
from recorder import events as on
from recorder.commands import Phrase
from recorder.journey import Capture, Journey, Settings, StateName
from tests.journey.scripts import ID, Script, awaiting, recording, starting

S = StateName


def test_a_whole_journey() -> None:
    """Key, notice, consent, recording, hold, key back, run-on, seal: in this order and nothing else."""
    script = Script()
    assert script.tell(on.Tick(10.0), on.IgnitionOn()) == [do.PlayNotice()]
    assert script.tell(on.NoticeEnded(finished=True), on.ConsentPressed()) == [do.RecordConsent(notice_finished=True)]
    assert script.journey.name is S.STARTING
    assert script.tell(on.ConsentRecorded(ID)) == [do.PersistConsent(ID), do.StartCapture(ID, sound=True)]
    assert script.tell(on.FirstDurable("video")) == []
    assert script.tell(on.FirstDurable("audio")) == [do.Say(Phrase.RECORDING)]
    assert script.journey.name is S.RECORDING
    assert script.tell(on.HoldPressed()) == [do.Hold("journey")]
    assert (script.journey.held, script.journey.hold_pending) == (False, True)
    assert script.tell(on.HoldDurable("journey", (ID,))) == [do.Say(Phrase.HELD)]
    assert (script.journey.held, script.journey.hold_pending) == (True, False)
    assert script.tell(on.IgnitionOff()) == [do.Note("run-on")]
    assert script.wait(299.0) == []
    assert script.journey.name is S.RUN_ON
    assert script.wait(1.0) == [do.ForgetConsent(), do.StopCapture("ignition-off")]
    assert script.journey.name is S.SEALING
    assert script.tell(on.Sealed()) == [
        do.Say(Phrase.STOPPED),
        do.EndJourney(ID, "ignition-off"),
        do.Sweep(),
        do.PowerOff(),
    ]
    assert script.journey == Journey(now_s=310.0)


def test_nothing_opens_without_consent() -> None:
    """However long the ignition is on, no press means no capture."""
    script = awaiting()
    assert script.wait(100_000.0) == []
    assert script.tell(on.HoldPressed(), on.IgnitionOff()) == [do.Hold("last"), do.Sweep(), do.PowerOff()]


def test_devices_open_only_when_the_consent_is_in_the_log() -> None:
    """A consent that is not durable opens nothing; a slow card makes Failed, and the retry waits for the log too."""
    script = awaiting()
    script.tell(on.ConsentPressed())
    assert script.wait(5.0) == [do.Note("failed", {"faults": []}), do.Say(Phrase.FAILED)]
    assert script.wait(1.0) == []
    assert script.tell(on.ConsentRecorded(ID)) == []
    assert script.wait(0.1) == [do.PersistConsent(ID), do.StartCapture(ID, sound=True)]


def test_a_stale_notice_is_repeated_before_a_press_counts() -> None:
    """If the notice ended more than five minutes ago, the press plays it again and the next press counts."""
    script = awaiting()
    script.wait(301.0)
    assert script.tell(on.ConsentPressed()) == [do.Note("notice-repeated"), do.PlayNotice()]
    assert script.journey.name is S.AWAITING_CONSENT
    assert script.tell(on.ConsentPressed()) == [do.RecordConsent(notice_finished=False)]
    assert script.journey.name is S.STARTING


def test_consent_while_recording_is_one_more_passenger() -> None:
    """The press is logged and the notice repeated; recording goes on."""
    script = recording()
    assert script.tell(on.ConsentPressed()) == [do.Note("consent-again"), do.PlayNotice()]
    assert script.journey.name is S.RECORDING


def test_withdrawal_forgets_before_it_closes() -> None:
    """The persisted consent goes first, so that a crash in between cannot resume it."""
    script = recording()
    assert script.tell(on.ConsentWithdrawn()) == [
        do.ForgetConsent(),
        do.StopCapture("withdrawn"),
        do.Note("withdrawn"),
        do.Say(Phrase.WITHDRAWN),
    ]
    assert script.journey.name is S.WITHDRAWN
    assert script.tell(on.FirstDurable("video"), on.Sealed()) == []
    assert script.journey.capture is Capture.CLOSED
    assert script.journey.fresh == frozenset()


def test_after_withdrawal_a_new_press_goes_on_in_the_same_journey() -> None:
    """The devices open again only after the old capture has ended and the new consent is in the log."""
    script = recording()
    script.tell(on.ConsentWithdrawn())
    assert script.tell(on.ConsentPressed()) == [do.RecordConsent(notice_finished=True)]
    assert script.tell(on.ConsentRecorded(ID)) == []
    assert script.tell(on.Sealed()) == [do.PersistConsent(ID), do.StartCapture(ID, sound=True)]


def test_withdrawn_and_ignition_off_ends_the_journey() -> None:
    """The journey is ended as withdrawn, whether or not the last segment is sealed already."""
    still_closing, closed = recording(), recording()
    still_closing.tell(on.ConsentWithdrawn(), on.IgnitionOff())
    assert still_closing.journey.name is S.SEALING
    closed.tell(on.ConsentWithdrawn(), on.Sealed())
    closed.commands.clear()
    end = [do.EndJourney(ID, "withdrawn"), do.Sweep(), do.PowerOff()]
    assert still_closing.tell(on.Sealed()) == [do.Say(Phrase.STOPPED), *end]
    assert closed.tell(on.IgnitionOff()) == [do.ForgetConsent(), *end]


def test_withdrawal_in_the_run_on_ends_the_journey() -> None:
    """With the ignition off there is nothing to come back to."""
    script = recording()
    script.tell(on.IgnitionOff())
    assert script.tell(on.ConsentWithdrawn())[:2] == [do.ForgetConsent(), do.StopCapture("withdrawn")]
    assert script.journey.name is S.SEALING
    assert do.EndJourney(ID, "withdrawn") in script.tell(on.Sealed())


def test_withdrawal_in_the_run_on_before_anything_opened() -> None:
    """Consent, key back, withdrawal, all before the log was durable: nothing opens, the log is closed when it comes."""
    script = awaiting()
    script.tell(on.ConsentPressed(), on.IgnitionOff(), on.ConsentWithdrawn())
    assert script.journey.name is S.PARKED
    assert script.tell(on.ConsentRecorded(ID)) == [do.EndJourney(ID, "abandoned")]
    assert not any(isinstance(command, do.StartCapture) for command in script.commands)


def test_ignition_back_within_the_run_on_is_the_same_journey() -> None:
    """Engine stop-start does not end a journey."""
    script = recording()
    assert script.tell(on.IgnitionOff(), on.IgnitionOn()) == [do.Note("run-on")]
    assert (script.journey.name, script.journey.journey) == (S.RECORDING, ID)
    script.tell(on.IgnitionOff(), on.DurableStale("audio"))
    assert script.tell(on.IgnitionOn()) == [do.Say(Phrase.IMPAIRED)]
    script.tell(on.IgnitionOff(), on.DurableStale("video"), on.IgnitionOn())
    assert script.journey.name is S.STARTING


def test_one_medium_is_impaired_and_none_is_failed() -> None:
    """After five seconds the lamps say what is missing; nothing at all closes the devices."""
    one, none = starting(), starting()
    one.tell(on.FirstDurable("video"))
    assert one.wait(5.0) == [do.Say(Phrase.IMPAIRED)]
    assert one.journey.name is S.IMPAIRED
    assert none.wait(5.0) == [do.StopCapture("fault"), do.Note("failed", {"faults": []}), do.Say(Phrase.FAILED)]
    assert none.journey.name is S.FAILED


def test_impaired_and_back() -> None:
    """A fault is spoken once; when it is over the state is Recording again, without a word."""
    script = recording()
    assert script.tell(on.FaultRaised("microphone")) == [
        do.Note("fault", {"kind": "microphone"}),
        do.Say(Phrase.IMPAIRED),
    ]
    assert script.tell(on.DurableStale("audio"), on.FirstDurable("audio")) == []
    assert script.tell(on.FaultCleared("microphone")) == [do.Note("fault-cleared", {"kind": "microphone"})]
    assert script.journey.name is S.RECORDING


def test_what_waits_for_a_slow_card_is_waited_for() -> None:
    """A card that does not answer for a minute makes nothing durable, and nothing is lost: the devices stay open.

    Once it answers, what waited has five seconds to become durable; then nothing left is Failed, as ever.
    """
    script = recording()
    script.tell(on.DurableStale("audio"), on.DurableStale("video"), on.FaultRaised("card-slow"))
    for _ in range(600):
        assert script.wait(0.1) == []
    assert (script.journey.name, script.journey.devices_open) == (S.IMPAIRED, True)
    saved = script.journey
    script.tell(on.FaultCleared("card-slow"))
    assert script.wait(4.9) == []
    script.tell(on.FirstDurable("video"), on.FirstDurable("audio"))
    assert script.journey.name is S.RECORDING

    script.journey = saved
    script.tell(on.FaultCleared("card-slow"))
    assert script.wait(5.1)[0] == do.StopCapture("fault")
    assert script.journey.name is S.FAILED


def test_a_card_that_is_slow_from_the_start_is_waited_for() -> None:
    """Five seconds after the consent that is Impaired, and not Failed."""
    script = starting()
    script.tell(on.FaultRaised("card-slow"))
    script.wait(5.1)
    script.wait(60.0)
    assert (script.journey.name, script.journey.devices_open) == (S.IMPAIRED, True)


def test_impaired_with_nothing_left_fails_after_five_seconds() -> None:
    """Losing both media, one after the other, ends in Failed and a retry."""
    script = recording()
    script.tell(on.DurableStale("audio"))
    script.wait(60.0)
    assert script.tell(on.DurableStale("video")) == []
    assert script.wait(4.9) == []
    assert script.wait(0.2)[0] == do.StopCapture("fault")
    assert script.journey.name is S.FAILED


def test_failed_retries_with_growing_pauses_and_speaks_once() -> None:
    """Pauses of 1, 2, 4 … 60 s between tries of 5 s; the failure is said once."""
    script = starting()
    script.wait(5.0)
    pauses = []
    while script.journey.name is S.FAILED and len(pauses) < 5:
        script.tell(on.Sealed())
        since = script.journey.now_s
        while script.journey.name is S.FAILED:
            script.wait(0.5)
        pauses.append(script.journey.now_s - since)
        script.wait(5.0)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert script.commands.count(do.Say(Phrase.FAILED)) == 1


def test_consent_lapses_after_five_minutes_of_failure() -> None:
    """Nobody's agreement is kept for a recorder that cannot record."""
    script = starting()
    script.wait(5.0)
    script.tell(on.Sealed())
    script.commands.clear()
    while script.journey.name in {S.FAILED, S.STARTING}:
        script.wait(1.0)
        if script.journey.capture is Capture.CLOSING:
            script.tell(on.Sealed())
    assert script.journey.name is S.AWAITING_CONSENT
    assert script.commands[-3:] == [do.ForgetConsent(), do.EndJourney(ID, "consent-lapsed"), do.PlayNotice()]
    assert not script.journey.consented


def test_capture_that_ends_unasked_is_a_failure() -> None:
    """A pipeline that gave up is retried, in every state that records."""
    for script in (starting(), recording()):
        script.tell(on.Sealed())
        assert script.journey.name is S.FAILED
    impaired = recording()
    impaired.tell(on.DurableStale("video"), on.Sealed())
    assert impaired.journey.name is S.FAILED
    run_on = recording()
    run_on.tell(on.IgnitionOff())
    assert run_on.tell(on.Sealed())[:2] == [do.ForgetConsent(), do.EndJourney(ID, "fault")]


def test_capture_closing_when_the_ignition_goes_off_reopens_in_the_run_on() -> None:
    """A consent given again just before the key was turned back still records the run-on."""
    script = recording()
    script.tell(on.ConsentWithdrawn(), on.ConsentPressed(), on.IgnitionOff(), on.ConsentRecorded(ID))
    assert script.journey.name is S.RUN_ON
    assert script.tell(on.Sealed()) == [do.PersistConsent(ID), do.StartCapture(ID, sound=True)]


@pytest.mark.parametrize("fault", ["clock", "notice", "slot", "hold-quota"])
def test_other_faults_change_no_state(fault: str) -> None:
    """Clock, notice and slot are shown and logged, and stop nothing."""
    script = recording()
    assert script.tell(on.FaultRaised(fault), on.FaultRaised(fault)) == [do.Note("fault", {"kind": fault})]
    assert (script.journey.name, script.journey.faults) == (S.RECORDING, {fault})
    assert script.tell(on.FaultCleared(fault), on.FaultCleared(fault)) == [do.Note("fault-cleared", {"kind": fault})]


def test_stop_seals_then_exits() -> None:
    """SIGTERM while recording: forget, close, seal, end, exit; when idle: exit."""
    script = recording()
    assert script.tell(on.StopRequested()) == [do.ForgetConsent(), do.StopCapture("stop")]
    assert script.tell(on.StopRequested()) == []
    assert script.tell(on.Sealed()) == [do.Say(Phrase.STOPPED), do.EndJourney(ID, "stop"), do.Exit()]
    assert Script().tell(on.StopRequested()) == [do.ForgetConsent(), do.Exit()]
    assert awaiting().tell(on.StopRequested()) == [do.ForgetConsent(), do.Exit()]


def test_ignition_on_while_sealing_asks_for_a_new_consent() -> None:
    """After the run-on it is a new journey."""
    script = recording()
    script.tell(on.IgnitionOff())
    script.wait(300.0)
    script.tell(on.IgnitionOn())
    assert script.tell(on.Sealed()) == [do.Say(Phrase.STOPPED), do.EndJourney(ID, "ignition-off"), do.PlayNotice()]
    assert script.journey.name is S.AWAITING_CONSENT


def test_resumed_after_a_crash() -> None:
    """The same consented journey goes on, held or not, with the ignition as it is."""
    driving, parked = Script(), Script()
    opening = [do.PersistConsent(ID), do.StartCapture(ID, sound=True)]
    assert driving.tell(on.Tick(5.0), on.Resumed(ID, held=True, ignition_on=True)) == [
        do.Note("resumed", {"audio": "always", "held": True}),
        *opening,
    ]
    assert (driving.journey.name, driving.journey.held) == (S.STARTING, True)
    assert parked.tell(on.Tick(5.0), on.Resumed(ID, held=False, ignition_on=False)) == [
        do.Note("resumed", {"audio": "always", "held": False}),
        *opening,
    ]
    assert parked.journey.name is S.RUN_ON


def test_hold_refers_to_the_current_journey_or_the_last_on_board() -> None:
    """From consent to seal the current one; otherwise the last, however old; a long press everything."""
    script = awaiting()
    assert script.tell(on.HoldPressed(), on.HoldAllPressed()) == [do.Hold("last"), do.Hold("all")]
    assert script.tell(on.HoldDurable("last", ())) == [do.Say(Phrase.NOTHING_TO_HOLD)]
    assert script.tell(on.ConsentPressed(), on.HoldPressed())[-1] == do.Hold("journey")
    sealing = recording()
    sealing.tell(on.IgnitionOff())
    sealing.wait(300.0)
    assert sealing.tell(on.HoldPressed()) == [do.Hold("journey")]


def test_a_hold_on_an_older_journey_does_not_light_the_lamp_of_this_one() -> None:
    """The lamp speaks of the journey that runs."""
    script = recording()
    script.tell(on.HoldPressed(), on.HoldDurable("last", ("older",)))
    assert not script.journey.held


def test_an_order_holds_as_a_press_does_and_answers_none() -> None:
    """The lamp is lit and it is said; a press that is not durable yet goes on waiting for its own answer."""
    script = recording()
    script.tell(on.HoldPressed())
    assert script.tell(on.HeldByOrder((ID, "older"))) == [do.Say(Phrase.HELD)]
    assert (script.journey.held, script.journey.hold_pending) == (True, True)
    other = recording()
    other.tell(on.HeldByOrder(("older",)))
    assert not other.journey.held
    assert other.tell(on.OrderRefused()) == [do.Say(Phrase.ORDER_REFUSED)]
    parked = Script()
    parked.tell(on.HeldByOrder(("older",)))
    assert parked.journey.held


def test_an_order_that_holds_this_journey_begins_its_sound() -> None:
    """As the press of hold would, where sound is recorded for its sake."""
    script = recording(audio="on-hold")
    assert script.tell(on.HeldByOrder((ID,))) == [do.Say(Phrase.HELD), *BEGAN]


def test_a_released_hold_puts_the_lamp_out() -> None:
    """Only the release of this journey's hold does."""
    script = recording()
    script.tell(on.HoldPressed(), on.HoldDurable("journey", (ID,)), on.HoldReleased("older"))
    assert script.journey.held
    script.tell(on.HoldReleased(ID))
    assert not script.journey.held


BEGAN, ENDED = (
    [do.RecordSound(wanted=True), do.Note("sound-began")],
    [
        do.RecordSound(wanted=False),
        do.Note("sound-ended"),
    ],
)


def test_audio_on_hold_records_sound_with_the_hold() -> None:
    """Before the press picture alone is whole; after it sound is wanted, its absence shows, and it is said aloud."""
    script = recording(audio="on-hold")
    assert script.journey.wanted == {"video"}
    assert script.tell(on.HoldPressed()) == [do.Hold("journey"), *BEGAN]
    assert script.journey.name is S.STARTING
    assert script.tell(on.HoldDurable("journey", (ID,))) == [do.Say(Phrase.HELD)]
    assert script.tell(on.FirstDurable("audio")) == [do.Say(Phrase.RECORDING_SOUND)]
    assert script.tell(on.HoldAllPressed()) == [do.Hold("all")]


def test_audio_on_hold_follows_every_hold() -> None:
    """One from the command line as well, in every state in which devices are open."""
    for script in (starting(audio="on-hold"), recording(audio="on-hold")):
        assert script.tell(on.HoldDurable("journey", (ID,))) == [do.Say(Phrase.HELD), *BEGAN]
        assert script.journey.name is S.STARTING
    impaired = recording(audio="on-hold")
    impaired.tell(on.FaultRaised("camera"))
    assert impaired.tell(on.HoldPressed()) == [do.Hold("journey"), *BEGAN]
    run_on = recording(audio="on-hold")
    run_on.tell(on.IgnitionOff())
    assert run_on.tell(on.HoldPressed()) == [do.Hold("journey"), *BEGAN]


def test_audio_on_hold_ends_with_the_release() -> None:
    """Nobody listens any longer than the hold lasts; that of another journey changes nothing."""
    script = recording(audio="on-hold")
    script.tell(on.HoldPressed(), on.HoldDurable("journey", (ID,)), on.FirstDurable("audio"))
    assert script.tell(on.HoldReleased("older")) == []
    assert script.tell(on.HoldReleased(ID)) == ENDED
    assert (script.journey.name, script.journey.wanted) == (S.RECORDING, {"video"})
    assert script.tell(on.HoldPressed()) == [do.Hold("journey"), *BEGAN]


def test_a_hold_on_the_journey_before_is_no_hold_on_this_one() -> None:
    """Pressed before consent it keeps the last journey; this one begins without sound, answered or not."""
    script = awaiting(audio="on-hold")
    script.tell(on.HoldPressed())
    assert script.tell(on.ConsentPressed(), on.ConsentRecorded(ID))[-1] == do.StartCapture(ID, sound=False)
    assert script.tell(on.HoldDurable("last", ("older",))) == [do.Say(Phrase.HELD)]
    assert script.journey.wanted == {"video"}


def test_a_hold_that_did_not_keep_this_journey_ends_its_sound() -> None:
    """Wanted from the press on, lest a word is missed; no longer than until it is known that nothing is held."""
    script = recording(audio="on-hold")
    assert script.tell(on.HoldPressed()) == [do.Hold("journey"), *BEGAN]
    assert script.tell(on.HoldDurable("journey", ())) == [
        do.Say(Phrase.NOTHING_TO_HOLD),
        do.Say(Phrase.RECORDING),
        *ENDED,
    ]


def test_audio_on_hold_across_withdrawal_and_a_new_consent() -> None:
    """The hold is on the whole journey: sound comes back with the new consent, and that is in the log."""
    script = recording(audio="on-hold")
    script.tell(on.HoldPressed(), on.HoldDurable("journey", (ID,)), on.ConsentWithdrawn())
    assert script.tell(on.Sealed(), on.ConsentPressed()) == [do.RecordConsent(notice_finished=True)]
    opening = [do.PersistConsent(ID), do.StartCapture(ID, sound=True), do.Note("sound-began")]
    assert script.tell(on.ConsentRecorded(ID)) == opening
    unheld = recording(audio="on-hold")
    unheld.tell(on.ConsentWithdrawn(), on.Sealed(), on.ConsentPressed())
    assert unheld.tell(on.ConsentRecorded(ID)) == [do.PersistConsent(ID), do.StartCapture(ID, sound=False)]
    assert unheld.tell(on.HoldPressed())[1:] == BEGAN


@pytest.mark.parametrize(
    ("mode", "held", "sound"),
    [
        ("always", False, True),
        ("always", True, True),
        ("on-hold", False, False),
        ("on-hold", True, True),
        ("off", False, False),
        ("off", True, False),
    ],
)
def test_resumed_in_each_mode(mode: str, held: bool, sound: bool) -> None:
    """A held journey goes on with sound in mode on-hold; in mode off nothing brings it back. The log says which."""
    script = Script(Journey(settings=Settings(audio=mode)))  # type: ignore[arg-type]
    commands = script.tell(on.Tick(5.0), on.Resumed(ID, held=held, ignition_on=True))
    assert commands[0] == do.Note("resumed", {"audio": mode, "held": held})
    assert do.StartCapture(ID, sound=sound) in commands
    assert (do.Note("sound-began") in commands) is (mode == "on-hold" and held)


def test_audio_off_never_asks_for_sound() -> None:
    """In mode off the microphone stays closed, held or not."""
    script = awaiting(audio="off")
    script.tell(on.ConsentPressed(), on.ConsentRecorded(ID), on.FirstDurable("video"), on.HoldPressed())
    script.tell(on.HoldDurable("journey", (ID,)), on.HoldReleased(ID), on.HoldAllPressed())
    assert script.journey.name is S.RECORDING
    assert do.StartCapture(ID, sound=False) in script.commands
    assert not any(isinstance(command, do.RecordSound) for command in script.commands)


def test_a_release_can_make_the_recording_whole_again() -> None:
    """In mode on-hold, sound that never came is no longer wanted once the hold is released."""
    script = recording(audio="on-hold")
    script.tell(on.HoldPressed(), on.HoldDurable("journey", (ID,)))
    script.wait(5.0)
    assert script.journey.name is S.IMPAIRED
    script.tell(on.HoldReleased(ID))
    assert script.journey.name is S.RECORDING


def test_an_export_is_shown_and_said() -> None:
    """From the stick to done, failed, or nothing to do; recording goes on beside it."""
    script = recording()
    assert script.tell(on.StickInserted("/a")) == []
    assert script.journey.exporting
    assert script.tell(on.ExportDone()) == [do.Say(Phrase.EXPORT_DONE)]
    script.tell(on.StickInserted("/b"))
    assert script.tell(on.ExportFailed("The stick is full.")) == [
        do.Note("export-failed", {"reason": "The stick is full."}),
        do.Say(Phrase.EXPORT_FAILED),
    ]
    script.tell(on.StickInserted("/c"))
    assert script.tell(on.NothingToExport()) == [do.Say(Phrase.NOTHING_TO_EXPORT)]
    assert (script.journey.exporting, script.journey.name) == (False, S.RECORDING)


def test_a_smaller_picture_is_logged() -> None:
    """And nothing else: what is recorded is whole."""
    script = recording()
    assert script.tell(on.PictureStepped(960, 540, 15.0, "hot")) == [
        do.Note("picture", {"width": 960, "height": 540, "fps": 15.0, "reason": "hot"})
    ]
    assert script.journey.name is S.RECORDING


def test_a_clock_change_is_logged() -> None:
    """And nothing else."""
    assert recording().tell(on.ClockChanged(-3600.0, "unproven")) == [
        do.Note("clock-changed", {"step_s": -3600.0, "quality": "unproven"})
    ]
