"""The recorder that runs: composition root, and the one loop.

inbox → journey → commands → workers, and their events back into the inbox. This thread owns all state; every other
thread, callback and signal handler only puts a value into the inbox (SimpleQueue.put is reentrant). There is one
start-up path, and it is the recovery path: a consent in the runtime folder is a journey to go on with.

Order of a start: own the runtime folder → store and key → resume → panel and control socket → ready → recovery and
first sweep (clerk, sweeper) beside the warming up of capture. Presses count from the panel on; the clerk does them
in order, behind the recovery.
"""

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from recorder import __version__, copying
from recorder import commands as do
from recorder import events as on
from recorder.assembly import Parts
from recorder.cabin.signals import lamps
from recorder.clerk import CapturePlan, Recovered
from recorder.clockwatch import ClockWatch
from recorder.control import ControlRequest, ControlServer
from recorder.errors import RecorderError, UsageError
from recorder.events import Event
from recorder.freshness import Freshness, observe
from recorder.journey import Journey, StateName, step
from recorder.recordings import Recordings
from recorder.resting import Resting
from recorder.sweeper import Swept
from recorder.systemd import Notifier
from recorder.timekeeping import NS_PER_S, boottime_ns, iso_utc
from recorder.vault.pruner import SweepReport
from recorder.vault.retention import Reason
from recorder.watchdog import EXIT_STUCK, Watchdog, end_process

TICK_S = 0.1
STOP_WITHIN_S = 75.0
DRAIN_S = 10.0

log = logging.getLogger(__name__)


class Daemon:
    """One recorder, from start to exit."""

    def __init__(self, parts: Parts, notifier: Notifier) -> None:
        self._parts = parts
        self._notifier = notifier
        self._inbox: queue.SimpleQueue[Any] = parts.inbox
        self._journey = Journey(settings=parts.journey_settings)
        self._freshness = Freshness()
        self._recordings = Recordings(parts.begin_capture, self._inbox.put)
        self._watchdog = Watchdog(notifier)
        self._clock_watch = ClockWatch(parts.clock)
        self._swept: SweepReport | None = None
        self._recovered = False
        self._resting = Resting(parts.power)
        self._stop_by_s: float | None = None
        self._shown: Any = None
        self._exit: int | None = None
        self._copying = copying.Copying()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; the exit code."""
        threading.excepthook = _end_with_thread
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        control = self._start()
        try:
            self._loop()
        except Exception as failure:  # a bug, or no memory: lens and microphone close with the process
            log.critical("the loop died", exc_info=failure)
            end_process("the loop has died")
        finally:
            self._notifier.stopping()
            control.close()
            self._parts.panel.close()
            self._parts.voice.close()
        drained = self._parts.clerk.stop(DRAIN_S) and self._parts.sweeper.stop(DRAIN_S)
        if not drained:
            log.error("the card did not take everything within %g s; the next start will mend it", DRAIN_S)
        return (self._exit or 0) if drained else EXIT_STUCK

    def _start(self) -> ControlServer:
        parts = self._parts
        resumed = parts.resumed_journey()
        journey = None if resumed is None else resumed[0]
        parts.clerk.recover(parts.start_entry(journey), journey)
        self._handle(on.Tick(boottime_ns() / NS_PER_S))
        if resumed is not None:
            journey, held = resumed
            log.info("journey %s goes on after an unexpected end", journey)
            self._handle(on.Resumed(journey, held=held, ignition_on=parts.panel.ignition_on))
        parts.panel.start(self._inbox.put)
        control = ControlServer(parts.runtime.control_socket, self._inbox.put)
        self._show()
        self._notifier.ready(self._journey.name.value)
        log.info("cabin-recorder %s is ready", __version__)
        parts.clerk.start()
        parts.sweeper.start()
        parts.voice.start()
        parts.warm_up()
        return control

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._inbox.put(on.StopRequested())

    def _loop(self) -> None:
        next_tick_s = time.monotonic()
        while self._exit is None:
            try:
                message = self._inbox.get(timeout=max(0.0, next_tick_s - time.monotonic()))
            except queue.Empty:
                next_tick_s = time.monotonic() + TICK_S
                self._tick()
            else:
                self._receive(message)
            self._show()

    # --- what comes in -------------------------------------------------------------------------------------------

    def _receive(self, message: Any) -> None:
        match message:
            case ControlRequest():
                self._answer(message)
            case CapturePlan():
                self._recordings.begin(message)
            case Recovered():
                self._recovered = True
                self._resume_after_power_cut(message)
            case Swept():
                self._swept = message.report
            case _:
                self._happen(message)

    def _happen(self, event: Event) -> None:
        """The journey always knows the time before it learns what happened."""
        self._handle(on.Tick(boottime_ns() / NS_PER_S))
        if isinstance(event, on.Sealed):
            self._recordings.sealed()
            self._freshness = Freshness()
        if isinstance(event, on.StopRequested) and self._stop_by_s is None:
            self._stop_by_s = time.monotonic() + STOP_WITHIN_S
        self._handle(event)

    def _tick(self) -> None:
        self._handle(on.Tick(boottime_ns() / NS_PER_S))
        self._look_at_durable()
        self._look_at_workers()
        for event in (*self._clock_watch.look(), *self._copying.look(time.monotonic())):
            self._handle(event)
        self._rest()

    def _look_at_durable(self) -> None:
        durable = self._recordings.durable()
        self._freshness, became = observe(self._freshness, durable.video_ns, durable.audio_ns, boottime_ns())
        for event in became:
            self._handle(event)

    def _look_at_workers(self) -> None:
        self._recordings.check()
        slow = self._parts.clerk.slow
        if slow != ("log-slow" in self._journey.faults):
            self._handle(on.FaultRaised("log-slow") if slow else on.FaultCleared("log-slow"))
        self._watchdog.feed(self._recordings.heartbeats())
        if self._stop_by_s is not None and time.monotonic() > self._stop_by_s:
            end_process(f"not sealed {STOP_WITHIN_S:g} s after the stop")

    def _resume_after_power_cut(self, recovered: Recovered) -> None:
        """A consented journey that the power cut short goes on, if the gap is proven to be short."""
        journey = self._parts.resumable(recovered.report)
        idle = self._journey.name in {StateName.PARKED, StateName.AWAITING_CONSENT}
        if journey is not None and idle and self._parts.panel.ignition_on:
            log.info("journey %s goes on after a power cut", journey)
            held = recovered.report.unended is not None and recovered.report.unended.held
            self._happen(on.Resumed(journey, held=held, ignition_on=True))
        elif (unended := recovered.report.unended) is not None and unended.id != self._journey.journey:
            self._parts.clerk.end_journey(unended.id, "power-cut")

    def _rest(self) -> None:
        parked = self._journey.name is StateName.PARKED and not self._journey.ignition and not self._journey.exporting
        if not parked:
            self._resting.wake()
        elif self._recovered and self._swept and not self._parts.sweeper.busy and self._parts.clerk.idle:
            awaits_clock = Reason.GRACE in self._swept.kept_counts
            due = self._swept.next_due_utc_ns
            for event in self._resting.look(time.monotonic(), due, awaits_clock=awaits_clock):
                self._handle(event)

    # --- what the journey asks for -------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        before = self._journey
        self._journey, commands = step(before, event)
        if self._journey.name is not before.name:
            log.info("%s -> %s (%s)", before.name.value, self._journey.name.value, type(event).__name__)
            self._notifier.status(self._journey.name.value)
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: do.Command) -> None:  # noqa: PLR0912 - one branch a command, nothing nested
        parts = self._parts
        match command:
            case do.PlayNotice():
                parts.voice.play_notice()
            case do.Say(phrase):
                parts.voice.say(phrase)
            case do.RecordConsent(finished):
                parts.clerk.record_consent(parts.consent_entry(notice_finished=finished))
            case do.PersistConsent(journey):
                parts.runtime.persist_consent(journey)
            case do.ForgetConsent():
                parts.runtime.forget_consent()
            case do.StartCapture(journey, sound):
                self._freshness = Freshness()
                self._recordings.plan(journey, sound=sound)
                parts.clerk.plan_capture(journey)
            case do.StopCapture(reason):
                self._recordings.stop(reason)
            case do.RecordSound(wanted):
                self._recordings.record_sound(wanted=wanted)
            case do.EndJourney(journey, reason):
                parts.clerk.end_journey(journey, reason)
            case do.Hold(scope):
                parts.clerk.hold(scope)
            case do.Note(event, data):
                parts.clerk.note(event, data)
            case do.Sweep():
                parts.sweeper.sweep_soon()
            case do.PowerOff():
                self._resting.wake()
            case do.Exit():
                self._exit = 0

    def _show(self) -> None:
        showing = lamps(self._journey)
        if showing != self._shown:
            self._shown = showing
            self._parts.panel.show(showing)

    # --- what people ask for -------------------------------------------------------------------------------------

    def _answer(self, request: ControlRequest) -> None:
        answers: Mapping[str, Callable[[ControlRequest], None]] = {
            "status": lambda request: request.answer(**self._status()),
            "hold": self._answer_hold,
            "release": self._answer_release,
            "orders": self._answer_orders,
            **dict.fromkeys(copying.COMMANDS, self._answer_export),
        }
        answer = answers.get(request.command)
        if answer is None:
            request.refuse(
                UsageError(f"The recorder does not know {request.command!r}; it knows {', '.join(answers)}.")
            )
            return
        try:
            answer(request)
        except RecorderError as error:
            request.refuse(error)
        except (KeyError, TypeError, ValueError) as error:
            request.refuse(UsageError(f"{request.command}: {error} is missing or wrong."))

    def _status(self) -> dict[str, Any]:
        now_ns, journey = boottime_ns(), self._journey
        due = None if self._swept is None else self._swept.next_due_utc_ns
        return {
            "state": journey.name.value,
            "journey": journey.journey,
            "held": journey.held,
            "hold_pending": journey.hold_pending,
            "ignition": journey.ignition,
            "audio": self._parts.config.audio.mode,
            "audio_before_hold_s": self._parts.config.audio.kept_before_s,
            "recording_sound": journey.devices_open and "audio" in journey.wanted,
            "durable_video_age_s": self._freshness.age_s("video", now_ns),
            "durable_audio_age_s": self._freshness.age_s("audio", now_ns),
            "devices_open": journey.devices_open,
            "capture_ready": self._parts.capture_ready.is_set(),
            "faults": sorted(journey.faults),
            "clock": self._parts.clock.now().quality,
            "erasure": self._parts.store.headers.keyring.kind,
            "next_deletion": None if due is None else iso_utc(due),
            "export": self._copying.shown,
        }

    def _answer_hold(self, request: ControlRequest) -> None:
        journey, reason = str(request.arguments["journey"]), str(request.arguments["reason"])
        self._parts.clerk.hold_asked(request, journey, reason)

    def _answer_release(self, request: ControlRequest) -> None:
        journey, reason = str(request.arguments["journey"]), str(request.arguments["reason"])
        self._parts.may_release(request.peer_uid)
        self._parts.clerk.release_asked(request, journey, reason)

    def _answer_orders(self, request: ControlRequest) -> None:
        """Orders are carried out by the process that copies; here lamps and voice learn of it."""
        held, released = (tuple(map(str, request.arguments[name])) for name in ("held", "released"))
        refused = int(request.arguments["refused"])
        log.info("orders: %d journeys held, %d released, %d orders refused", len(held), len(released), refused)
        for journey in released:
            self._happen(on.HoldReleased(journey))
        if held:
            self._happen(on.HeldByOrder(held))
        if refused:
            self._happen(on.OrderRefused())
        request.answer()

    def _answer_export(self, request: ControlRequest) -> None:
        """A copy runs in a process of its own; here it is only shown and said."""
        for event in self._copying.hear(request.command, request.arguments, time.monotonic()):
            log.info("stick: %s", type(event).__name__)
            self._happen(event)
        request.answer()


def _end_with_thread(failure: threading.ExceptHookArgs) -> None:
    """A thread that died leaves half a recorder: end it; a whole one starts and the journey goes on."""
    try:
        name = failure.thread.name if failure.thread else "?"
        log.critical("thread %s died", name, exc_info=failure.exc_value or True)
    finally:  # also where there is no memory left for a sentence
        end_process("a thread has died")
