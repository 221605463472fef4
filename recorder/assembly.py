"""Puts a recorder together from its configuration: which part is handed to which.

The only file that knows every room; it decides nothing while the recorder runs. ``Parts`` is what the loop works
with. Nothing here opens a camera, a microphone or a socket.
"""

import logging
import math
import queue
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorder import __version__
from recorder.cabin.board import open_board
from recorder.cabin.logind import LogindPowerSupply
from recorder.cabin.loudspeaker import open_loudspeaker
from recorder.cabin.notice import NoticeLibrary
from recorder.cabin.panel import GpioPanel
from recorder.cabin.ports import Panel, PowerSupply
from recorder.cabin.power import SimulatedPowerSupply
from recorder.cabin.simulated import SimulatedPanel
from recorder.cabin.voice import Voice
from recorder.cabin.wakealarm import WakeAlarm
from recorder.clerk import CapturePlan, Clerk
from recorder.config import Config
from recorder.errors import ConfigError, RecorderError, StoreError, UsageError
from recorder.journey import Settings
from recorder.keyposition import simulated_key, wiring_of
from recorder.recordings import Capturing
from recorder.runtime import Runtime
from recorder.sweeper import Sweeper
from recorder.timekeeping import NS_PER_S, Clock, SystemClock
from recorder.vault.age import X25519Recipient
from recorder.vault.journal import DeviceKey
from recorder.vault.pruner import Pruner
from recorder.vault.recovery import RecoveryReport
from recorder.vault.retention import Policy
from recorder.vault.slots import Slot
from recorder.vault.store import JourneyRecord, Store

if TYPE_CHECKING:
    from recorder.capture.devices import Devices

log = logging.getLogger(__name__)

RESUME_WITHIN_S = 60.0
POWER_OFF_WANTED = Path("/run/cabin-recorder-power/off")
"""Outlives the service, unlike the runtime folder; read by ``systemd/shutdown/cabin-recorder``."""


def recipients_of(config: Config) -> tuple[X25519Recipient, ...]:
    """Whom footage is encrypted to."""
    return tuple(X25519Recipient.parse(text) for text in config.keys.recipients)


def policy_of(config: Config) -> Policy:
    """The retention that the configuration asks for."""
    retention = config.retention
    return Policy(
        max_age_s=retention.max_age_s,
        sweep_s=retention.sweep_seconds,
        clock_grace_s=retention.clock_grace_s,
        min_free_bytes=config.store.min_free_bytes,
        hold_quota=config.store.hold_quota,
    )


def settings_of(config: Config) -> Settings:
    """The times and modes of a journey."""
    journey = config.journey
    return Settings(
        run_on_s=journey.run_on_s,
        starting_s=journey.starting_s,
        notice_fresh_s=journey.notice_fresh_s,
        consent_lapse_s=journey.consent_lapse_s,
        audio=config.audio.mode,
    )


def open_store(config: Config, clock: Clock | None = None) -> Store:
    """The store with its key, made where missing. Raises ConfigError where its place cannot be used."""
    try:
        key = DeviceKey.load_or_create(config.device_key)
        slots = [Slot.at(path) for path in config.slots]
        store = Store(
            config.store.path,
            key,
            recipients_of(config),
            clock or SystemClock(),
            slots=slots,
            epoch_s=config.retention.epoch_seconds,
        )
        store.prepare()
    except StoreError as error:
        raise ConfigError(f"store.path: {error}") from error
    return store


@dataclass(frozen=True)
class Parts:
    """What the loop works with."""

    config: Config
    clock: Clock
    runtime: Runtime
    inbox: "queue.SimpleQueue[Any]"
    store: Store
    clerk: Clerk
    sweeper: Sweeper
    panel: Panel
    power: PowerSupply
    voice: Voice
    journey_settings: Settings
    capture_ready: threading.Event

    def begin_capture(self, plan: CapturePlan, sound: bool) -> Capturing:
        """A capture for ``plan``, not yet started."""
        from recorder.capture.devices import frame_rate  # noqa: PLC0415 - heavy; the panel comes first
        from recorder.capture.pipeline import Capture  # noqa: PLC0415
        from recorder.capture.ports import Durable  # noqa: PLC0415
        from recorder.capture.sentinel import Patience  # noqa: PLC0415

        sentinel = self.config.sentinel
        listens = self.config.microphone.kind != "file"  # a clip without sound is no fault
        patience = Patience(silent_s=sentinel.silence_s if listens else math.inf)
        return Capture(
            camera=self._devices.camera,
            microphone=self._devices.microphone,
            open_segment=lambda number, first_ns: self.store.open_segment(plan.journey, number, first_ns, Durable()),
            post=self.inbox.put,
            origin_ns=plan.origin_ns,
            first_segment_number=plan.next_segment,
            segment_length_s=self.config.segments.length_s,
            fps=frame_rate(self.config),
            sound=sound,
            sound_before_s=self.config.audio.kept_before_s,
            watched=(self._devices.peephole, patience) if sentinel.enabled else None,
        )

    @cached_property
    def _devices(self) -> "Devices":
        """Camera and microphone, closed. Made once: what a clip shows goes on where it was."""
        from recorder.capture.devices import make_devices  # noqa: PLC0415

        return make_devices(self.config, self.inbox.put)

    def warm_up(self) -> None:
        """Load what capture needs, beside everything else, so that consent finds it ready."""

        def load() -> None:
            from recorder.capture.pipeline import warm_up  # noqa: PLC0415

            warm_up(self.config)
            self.capture_ready.set()

        threading.Thread(target=load, name="warm-up", daemon=True).start()

    def resumed_journey(self) -> tuple[str, bool] | None:
        """The journey that a crash left with its consent standing, and whether it is held."""
        journey = self.runtime.consented_journey()
        if journey is None:
            return None
        try:
            record = self.store.journey(journey)
        except RecorderError:
            self.runtime.forget_consent()  # its journey is not on this card
            return None
        if not self._agreed(record):
            self.runtime.forget_consent()
            return None
        return journey, record.held

    def _agreed(self, record: JourneyRecord) -> bool:
        """Whether who agreed was told of the sound that is recorded now: the configuration may be another since."""
        told, audio = record.agreement, self.config.audio
        same = (told.get("audio"), told.get("audio_before_hold_s", 0.0)) == (audio.mode, audio.kept_before_s)
        if not same:
            log.warning("journey %s does not go on: audio was %s and is %s", record.id, told.get("audio"), audio.mode)
        return same

    def resumable(self, report: RecoveryReport) -> str | None:
        """The consented journey that a power cut of at most a minute, proven by trusted clocks, left unended."""
        unended, now = report.unended, self.clock.now()
        if unended is None or not unended.consented or unended.last is None:
            return None
        proven = unended.last.trusted and now.trusted and unended.last.boot_id != now.boot_id
        # The last write to a body is younger than the last entry. It was timed by the system's clock, whatever that
        # was worth: only where the entry was too, and that clock was synchronised, do they belong together.
        written_ns = unended.last_written_utc_ns if unended.last.quality == "synchronised" else None
        last_ns = max(unended.last.utc_ns, written_ns or 0)
        gap_s = (now.utc_ns - last_ns) / NS_PER_S
        short = proven and 0 <= gap_s <= RESUME_WITHIN_S
        return unended.id if short and self._agreed(self.store.journey(unended.id)) else None

    def consent_entry(self, *, notice_finished: bool) -> dict[str, Any]:
        """What a consent's entry in the log says: which notice, and whether it was heard to its end."""
        return {
            "notice_sha256": self.voice.notice_sha256,
            "languages": list(self.config.notice_texts),
            "notice_finished": notice_finished,
            "audio": self.config.audio.mode,
            "audio_before_hold_s": self.config.audio.kept_before_s,
        }

    def start_entry(self, resumed: str | None) -> dict[str, Any]:
        """What the ledger says of a start."""
        return {
            "version": __version__,
            "vehicle": self.config.vehicle,
            "recipients": [recipient.fingerprint for recipient in recipients_of(self.config)],
            "resumed": resumed,
            "max_age_s": self.config.retention.max_age_s,
            "audio": self.config.audio.mode,
            "audio_before_hold_s": self.config.audio.kept_before_s,
        }

    def may_release(self, uid: int) -> None:
        """Whether the command line may release a hold; see :func:`require_release_allowed`."""
        require_release_allowed(self.config, uid)


def require_release_allowed(config: Config, uid: int) -> None:
    """A release on the recorder itself needs root and ``keys.local_release``. Raises UsageError."""
    if not config.keys.local_release:
        raise UsageError("Releasing on the recorder is switched off (keys.local_release); the office sends an order.")
    if uid != 0:
        raise UsageError("Only root may release a hold on the recorder; use sudo, or let the office send an order.")


def _panel(config: Config, runtime: Runtime, voice: Voice) -> Panel:
    if config.panel.kind == "simulated":
        return SimulatedPanel(runtime.panel_socket, simulated_key(runtime), voice.sound)
    return GpioPanel(wiring_of(config.panel), lambda: open_board(runtime.folder), voice.sound)


def _power(config: Config, panel: Panel, clock: Clock) -> PowerSupply:
    if config.power.kind == "simulated":
        return SimulatedPowerSupply()
    alarm = WakeAlarm(config.power.rtc, now_ns=lambda: clock.now().utc_ns)
    return LogindPowerSupply(lambda: panel.ignition_on, alarm, POWER_OFF_WANTED)


def assemble(config: Config) -> Parts:
    """Build every part; owns the runtime folder from here on. Raises ConfigError, AlreadyRunningError, StoreError."""
    runtime = Runtime(config.store.runtime)
    runtime.take()
    clock = SystemClock()
    store = open_store(config, clock)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pruner = Pruner(store, policy_of(config), clock)
    voice = Voice(
        NoticeLibrary(config.notice_texts, runtime.folder / "voice"),
        lambda: open_loudspeaker(config.notice.device),
        inbox.put,
        enabled=config.notice.enabled,
    )
    panel = _panel(config, runtime, voice)
    return Parts(
        config=config,
        clock=clock,
        runtime=runtime,
        inbox=inbox,
        store=store,
        clerk=Clerk(store, clock, inbox.put),
        sweeper=Sweeper(pruner, config.retention.sweep_seconds, inbox.put),
        panel=panel,
        power=_power(config, panel, clock),
        voice=voice,
        journey_settings=settings_of(config),
        capture_ready=threading.Event(),
    )
