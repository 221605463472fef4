"""The configuration: TOML in, frozen structs out, or every fault at once.

Rules: units stand in the names; nothing is created and nothing starts before the whole is right. Limits of policy are
enforced here: retention can be shortened, never above 24 hours. Relative paths are relative to the file. How single
keys are read, and what is said of those that cannot be, stands in ``config_reading.py``; here stand the keys, and the
faults that lie between them or between a key and the machine. ``config/recorder.toml`` explains each key to people.
"""

import errno
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from recorder.config_reading import Readable, build, read
from recorder.errors import AgeError, ConfigError
from recorder.presets import PresetName, preset_of
from recorder.vault.age import X25519Recipient

DAY_S = 86_400
PIN_KEYS = (
    *("consent", "hold", "ignition", "consent_ring", "hold_ring", "recording_lamp", "devices_lamp", "fault_lamp"),
    "buzzer",
)
LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*\Z")
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Authority = Annotated[
    str,
    Meta(
        pattern=r"^cabin-authority-1:[A-Za-z0-9+/]{43}=$",
        description="the line of the office's authority.pub, cabin-authority-1:...",
    ),
]
Vehicle = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$",
        description="up to 32 letters, digits, spaces, '.', '_' or '-', beginning with a letter or digit",
    ),
]

Pin = Annotated[int, Meta(ge=2, le=27)]
PinList = Annotated[tuple[Pin, ...], Meta(description="GPIO numbers from 2 to 27 in brackets, such as [17]")]
Level = Literal["low", "high"]


class StoreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where footage lies, and how much room to leave beside it."""

    path: Path
    runtime: Path = Path("/run/cabin-recorder")
    min_free_bytes: Annotated[int, Meta(ge=0)] = 500_000_000
    hold_quota: Annotated[float, Meta(gt=0, le=1)] = 0.5


class KeysConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom footage is encrypted to, and what the recorder signs with. Only public halves belong to the office."""

    recipients: list[str]
    device_key: Path | None = None  # default: device.key beside the store
    slot: Path | None = None  # default: a file named slot beside the device key
    authority: Authority | None = None
    local_release: bool = True


class CameraConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera, and what its picture is to be."""

    kind: Literal["file", "picamera", "synthetic", "webcam"]
    path: Path | None = None
    device: Path | None = None
    always_stamp: bool = False
    number: Annotated[int, Meta(ge=0, le=3)] = 0
    upside_down: bool = False
    slowest_fps: Annotated[float, Meta(ge=1, le=120)] | None = None
    exposure: Literal["normal", "short", "long"] = "normal"
    exposure_ev: Annotated[float, Meta(ge=-8, le=8)] = 0.0
    tuning: str | None = None
    preset: PresetName = "pi4"  # its values, which are the defaults here, count where a key is not written
    width: Annotated[int, Meta(ge=64, le=4096, multiple_of=2)] = 1280
    height: Annotated[int, Meta(ge=64, le=2160, multiple_of=2)] = 720
    fps: Annotated[float, Meta(ge=1, le=120)] = 30.0
    bitrate_bps: Annotated[int, Meta(ge=50_000, le=50_000_000)] = 4_000_000
    gop_s: Annotated[float, Meta(ge=0.1, le=1)] = 1.0
    step_down: bool = True


class MicrophoneConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which microphone. ``rate_hz`` is the rate it is read at; the recording is 48 kHz mono."""

    kind: Literal["file", "portaudio", "synthetic"]
    path: Path | None = None
    device: str | None = None
    channels: Annotated[int, Meta(ge=1, le=8)] = 1
    rate_hz: Annotated[int, Meta(ge=8_000, le=192_000)] = 48_000


class AudioConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """When sound is recorded. ``off`` never opens the microphone; ``on-hold`` not before the press, if not told to."""

    mode: Literal["always", "on-hold", "off"] = "always"
    before_hold_s: Annotated[float, Meta(ge=0, le=60)] = 0.0

    @property
    def kept_before_s(self) -> float:
        """Seconds of sound kept in memory for a press of hold."""
        return self.before_hold_s if self.mode == "on-hold" else 0.0


def default_notice(audio: AudioConfig) -> str:
    """What passengers are told, in English, where the configuration has no words of its own: no more than is true."""
    since = f", and {audio.kept_before_s:g} seconds from before it" if audio.kept_before_s else ""
    sound = {
        "always": "with picture and sound, for everyone's safety.",
        "on-hold": "with picture, for everyone's safety. Sound is recorded from when somebody presses the hold button"
        f"{since}.",
        "off": "with picture and without sound, for everyone's safety.",
    }[audio.mode]
    return (
        f"This journey is recorded {sound} "
        "The recording is deleted within twenty-four hours unless something happens that makes it needed. "
        "If you agree, please press the green button. If you change your mind, hold the button for three seconds."
    )


class SentinelConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether what is recorded is looked at and listened to, and how long a silence must last to be a fault."""

    enabled: bool = True
    silence_s: Annotated[float, Meta(ge=10, le=3600)] = 120.0


class SegmentsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long one segment is."""

    length_s: Annotated[float, Meta(ge=1, le=600)] = 60.0


class RetentionConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long footage that is not held may live. ``epoch_s`` and ``sweep_s`` follow a shortened ``max_age_s``."""

    max_age_s: Annotated[
        float, Meta(gt=0, le=DAY_S, description=f"seconds, more than 0 and at most {DAY_S} (the policy's 24 hours)")
    ] = float(DAY_S)
    sweep_s: Positive | None = None  # default: 60, or a twentieth of max_age_s where that is less
    epoch_s: Positive | None = None  # default: 600, or a tenth of max_age_s where that is less; more is refused
    clock_grace_s: NotNegative = 900.0

    @property
    def sweep_seconds(self) -> float:
        """Seconds between two sweeps."""
        return self.sweep_s if self.sweep_s is not None else min(60.0, self.max_age_s / 20)

    @property
    def longest_epoch_s(self) -> float:
        """What goes together must be little, so that a shortened retention stays observable."""
        return self.max_age_s / 10

    @property
    def epoch_seconds(self) -> float:
        """Seconds of footage that go together."""
        return self.epoch_s if self.epoch_s is not None else min(600.0, self.longest_epoch_s)


class JourneyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Times in the life of a journey."""

    run_on_s: NotNegative = 300.0
    notice_fresh_s: Positive = 300.0
    starting_s: Positive = 5.0
    consent_lapse_s: Positive = 300.0


class PanelConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Buttons and lamps. The pins are those of ``recorder/cabin/pins.py``, which says what each key means."""

    kind: Literal["gpio", "simulated"]
    consent: PinList = (17,)
    hold: PinList = (27, 22)
    ignition: Pin = 5
    consent_ring: PinList = (16,)
    hold_ring: PinList = (20,)
    recording_lamp: PinList = (21,)
    devices_lamp: PinList = (26,)
    fault_lamp: PinList = (13,)
    buzzer: Pin | None = None
    buttons_active: Level = "low"
    buttons_pull: bool = True
    ignition_active: Level = "low"
    ignition_pull: bool = True
    lamps_active: Level = "high"
    ignition_off_s: Annotated[float, Meta(ge=0.1, le=60)] = 3.0


class PowerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Who switches the recorder off."""

    kind: Literal["logind", "simulated"] = "simulated"
    rtc: (
        Annotated[str, Meta(pattern=r"^rtc[0-9]+$", description='a clock of /sys/class/rtc, such as "rtc0"')] | None
    ) = None


class NoticeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The spoken notice: one text, or one per language code (``en``, ``cy``), spoken in the order given."""

    # Checked below, not by Meta: msgspec 0.22 corrupts memory where a union joins a str with a pattern and a container.
    text: str | dict[str, str] | None = None  # default: what is true in this audio mode, in English
    device: str | None = None
    enabled: bool = True


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration of one recorder."""

    vehicle: Vehicle
    store: StoreConfig
    keys: KeysConfig
    camera: CameraConfig
    microphone: MicrophoneConfig
    panel: PanelConfig
    audio: AudioConfig = AudioConfig()
    sentinel: SentinelConfig = SentinelConfig()
    segments: SegmentsConfig = SegmentsConfig()
    retention: RetentionConfig = RetentionConfig()
    journey: JourneyConfig = JourneyConfig()
    power: PowerConfig = PowerConfig()
    notice: NoticeConfig = NoticeConfig()

    @property
    def notice_texts(self) -> dict[str, str]:
        """What passengers are told: language code to text, in speaking order."""
        text = default_notice(self.audio) if self.notice.text is None else self.notice.text
        return {"en": text} if isinstance(text, str) else dict(text)

    @property
    def device_key(self) -> Path:
        """Where the recorder's own signing key lies."""
        return self.keys.device_key or self.store.path.parent / "device.key"

    @property
    def slots(self) -> tuple[Path, ...]:
        """Where the erasable secret may lie, best first: the last is a file, for when the one before fails."""
        file = self.device_key.with_name("slot")
        return (file,) if self.keys.slot in (None, file) else (self.keys.slot, file)


def load(path: Path, *, places: bool = True) -> Config:
    """Read and judge ``path``. Raises ConfigError with one sentence for each fault; creates nothing.

    ``places`` false: for whoever uses none of its folders, which then may be gone or read-only.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an existing file with --config.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}; mend that line.") from error
    except (ValueError, RecursionError) as error:  # tomllib lets through a number, or a depth, that Python refuses
        raise ConfigError(f"{path}: has a number of thousands of digits, or brackets as deep; mend it.") from error
    readable, faults = read(Config, document)
    if "camera.preset" in readable:
        readable |= preset_of(readable["camera.preset"], document.get("camera", ()), "camera.")
    readable = _resolved(readable, path.resolve().parent)
    faults += [*_recipient_faults(readable), *_release_faults(readable), *_retention_faults(readable)]
    faults += [*_notice_faults(readable), *_device_faults(readable)]
    faults += _place_faults(readable) if places else ()
    faults += [*_audio_faults(readable), *_pin_faults(readable), *_mixing_faults(readable)]
    if faults:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return build(Config, readable)


def _resolved(readable: Readable, base: Path) -> Readable:
    """Paths made absolute, relative ones from ``base``."""
    return {key: base / value if isinstance(value, Path) else value for key, value in readable.items()}


def _recipient_faults(readable: Readable) -> Iterator[str]:
    recipients = readable.get("keys.recipients")
    if recipients == []:
        yield "keys.recipients: is empty; give at least one age1... recipient, made by `cabin-recorder keygen`."
    for index, text in enumerate(recipients or ()):
        try:
            X25519Recipient.parse(text)
        except AgeError as error:
            yield f"keys.recipients[{index}]: {error}"


def _release_faults(readable: Readable) -> Iterator[str]:
    if readable.get("keys.local_release") is False and readable.get("keys.authority") is None:
        yield "keys.local_release: is false, and without keys.authority no order counts: nobody could end a hold."


def _retention_faults(readable: Readable) -> Iterator[str]:
    try:
        retention = build(RetentionConfig, readable, "retention.")
        length_s = readable["segments.length_s"]
    except KeyError:
        return  # one of them cannot be read, and is a fault already
    if retention.epoch_seconds > retention.longest_epoch_s:
        yield (
            f"retention.epoch_s: {retention.epoch_seconds:g} s is more than a tenth of max_age_s "
            f"({retention.longest_epoch_s:g} s); shorten it, or leave it out."
        )
    needed_s = length_s + retention.epoch_seconds + retention.sweep_seconds
    if retention.max_age_s <= needed_s:
        yield (
            f"retention.max_age_s: {retention.max_age_s:g} s is not longer than segments.length_s + epoch_s + sweep_s "
            f"({length_s:g} + {retention.epoch_seconds:g} + {retention.sweep_seconds:g} = {needed_s:g} s); "
            "shorten these or lengthen max_age_s."
        )


def _notice_faults(readable: Readable) -> Iterator[str]:
    text = readable.get("notice.text")
    if isinstance(text, str) and not text.strip():
        yield "notice.text: is empty; write what passengers are told, or leave the key out for the default text."
    if text == {}:
        yield 'notice.text: names no language; write text = "..." or [notice.text] with a line such as en = "...".'
    for language, words in text.items() if isinstance(text, dict) else ():
        if not LANGUAGE.match(language):
            yield f'notice.text: "{language}" is not a language code; write one such as "en", "cy" or "en-gb".'
        if not words.strip():
            yield f"notice.text.{language}: is empty; write what passengers are told, or leave the language out."


def _device_faults(readable: Readable) -> Iterator[str]:
    for name in ("camera", "microphone"):
        clip = readable.get(f"{name}.path")
        if readable.get(f"{name}.kind") != "file" or f"{name}.path" not in readable:
            continue
        if clip is not None and not _is(clip, stat.S_ISREG):
            yield f"{name}.path: {clip} is not a file; name an existing clip."
        if clip is None and (name == "camera" or readable.get("camera.kind") not in (None, "file")):
            yield f'{name}.path: is missing; {name}.kind = "file" needs the clip to play.'
    if readable.get("camera.kind") == "webcam" and "camera.device" in readable and not readable["camera.device"]:
        yield 'camera.device: is missing; camera.kind = "webcam" needs its path, best one of /dev/v4l/by-id.'
    slowest, fps = readable.get("camera.slowest_fps"), readable.get("camera.fps")
    if slowest is not None and fps is not None and slowest > fps:
        yield f"camera.slowest_fps: {slowest:g} is faster than camera.fps, {fps:g}; it is the rate in the dark."


def _audio_faults(readable: Readable) -> Iterator[str]:
    mode, before_s = readable.get("audio.mode"), readable.get("audio.before_hold_s")
    if mode in ("always", "off") and before_s:
        yield f'audio.before_hold_s: means something in audio.mode "on-hold" only, and that is "{mode}"; take it out.'


def _pin_faults(readable: Readable) -> Iterator[str]:
    if readable.get("panel.kind") != "gpio":
        return
    taken: dict[int, str] = {}
    for name in PIN_KEYS:
        pins = readable.get(f"panel.{name}")
        if name in ("consent", "hold") and pins == ():
            yield f"panel.{name}: is empty; a recorder needs this button."
        for pin in pins if isinstance(pins, tuple) else () if pins is None else (pins,):
            if pin in taken:
                yield f"panel.{name}: GPIO{pin} is panel.{taken[pin]} already; give each its own pin."
            taken.setdefault(pin, name)


def _mixing_faults(readable: Readable) -> Iterator[str]:
    panel, power = readable.get("panel.kind"), readable.get("power.kind")
    if panel == "simulated" and power == "logind":
        yield 'power.kind: "logind" switches off, and panel.kind is "simulated"; use "simulated" for both.'
    if panel == "gpio" and power == "simulated":
        yield 'power.kind: "simulated" never switches off, and panel.kind is "gpio"; write kind = "logind" in [power].'


def _place_faults(readable: Readable) -> Iterator[str]:
    store, runtime, key = (readable.get(name) for name in ("store.path", "store.runtime", "keys.device_key"))
    slot = readable.get("keys.slot")
    if store is not None and slot is not None and slot.resolve().is_relative_to(store.resolve()):
        yield f"keys.slot: {slot} lies in store.path, {store}; the secret must lie outside of what it guards."
    if store is not None and runtime is not None and _nested(store, runtime):
        yield (
            f"store.runtime: {runtime} and store.path, {store}, must lie apart: the one is forgotten when the power "
            "goes, the other must not be."
        )
    for name, folder in (("store.path", store), ("store.runtime", runtime), ("keys.device_key", key and key.parent)):
        if folder is None:
            continue
        there = next(place for place in (folder, *folder.parents) if _is(place, lambda _mode: True))
        if not _is(there, stat.S_ISDIR):
            yield f"{name}: {folder} cannot be a folder, for {there} is a file; name another place."
        elif not _writable(there):
            yield f"{name}: {folder} cannot be written ({there} is read-only, or not yours); name another place."
    if key is not None and _is(key, stat.S_ISDIR):
        yield f"keys.device_key: {key} is a folder; name a file in it."


def _nested(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether ``path`` can be seen and is of this kind; what cannot be seen is not there."""
    try:
        return kind(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _writable(folder: Path) -> bool:
    """Try it, leaving nothing behind: root is refused by read-only filesystems, not by modes."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600))  # a file without a name
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
            return False
    else:
        return True
    try:  # open(2): some filesystems know no files without a name
        Path(tempfile.mkdtemp(dir=folder)).rmdir()
    except OSError:
        return False
    return True
