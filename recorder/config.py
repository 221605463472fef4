"""The configuration: TOML in, frozen structs out, or every fault at once.

Rules: units stand in the names; an unknown key is refused with the nearest known one; a fault is one sentence
that begins with its key; nothing is created and nothing starts before the whole is right. Limits of policy are
enforced here: retention can be shortened, never above 24 hours. Relative paths are relative to the file.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct

from recorder.errors import AgeError, ConfigError
from recorder.vault.age import X25519Recipient

DAY_S = 86_400
S = TypeVar("S", bound=Struct)
DEFAULT_NOTICE = (
    "This journey is recorded with picture and sound, for everyone's safety. "
    "The recording is deleted within twenty-four hours unless something happens that makes it needed. "
    "If you agree, please press the green button. If you change your mind, hold the button for three seconds."
)

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class StoreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where footage lies, and how much room to leave beside it."""

    path: Path
    runtime: Path = Path("/run/cabin-recorder")
    min_free_bytes: Annotated[int, Meta(ge=0)] = 500_000_000


class KeysConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom footage is encrypted to, and what the recorder signs with. Only public halves belong to the office."""

    recipients: list[str]
    device_key: Path | None = None  # default: device.key beside the store
    authority: str | None = None
    local_release: bool = True


class CameraConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera, and what its picture is to be."""

    kind: Literal["file", "synthetic"]
    path: Path | None = None
    width: Annotated[int, Meta(ge=64, le=4096, multiple_of=2)] = 1280
    height: Annotated[int, Meta(ge=64, le=2160, multiple_of=2)] = 720
    fps: Annotated[float, Meta(ge=1, le=120)] = 30.0
    bitrate_bps: Annotated[int, Meta(ge=50_000, le=50_000_000)] = 4_000_000


class MicrophoneConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which microphone. ``rate_hz`` is the rate it is read at; the recording is 48 kHz mono."""

    kind: Literal["file", "synthetic"]
    path: Path | None = None
    rate_hz: Annotated[int, Meta(ge=8_000, le=192_000)] = 48_000


class AudioConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """When sound is recorded. ``off`` never opens the microphone."""

    mode: Literal["always", "on-hold", "off"] = "always"


class SegmentsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long one segment is."""

    length_s: Annotated[float, Meta(ge=1, le=600)] = 60.0


class RetentionConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long footage that is not held may live. ``epoch_s`` and ``sweep_s`` follow a shortened ``max_age_s``."""

    max_age_s: Annotated[float, Meta(gt=0, le=DAY_S)] = float(DAY_S)
    sweep_s: Positive | None = None  # default: 60, at most a twentieth of max_age_s
    epoch_s: Positive | None = None  # default: 600; never more than a tenth of max_age_s
    clock_grace_s: NotNegative = 900.0

    @property
    def sweep_seconds(self) -> float:
        """Seconds between two sweeps."""
        return self.sweep_s if self.sweep_s is not None else min(60.0, self.max_age_s / 20)

    @property
    def epoch_seconds(self) -> float:
        """Seconds of footage that go together; capped so that a shortened retention stays observable."""
        return min(self.epoch_s if self.epoch_s is not None else 600.0, self.max_age_s / 10)


class JourneyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Times in the life of a journey."""

    run_on_s: NotNegative = 300.0
    notice_fresh_s: Positive = 300.0
    starting_s: Positive = 5.0
    consent_lapse_s: Positive = 300.0


class PanelConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Buttons and lamps."""

    kind: Literal["simulated"]


class PowerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Who switches the recorder off."""

    kind: Literal["simulated"] = "simulated"


class NoticeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The spoken notice: one text, or one per language code (``en``, ``cy``), spoken in the order given."""

    text: str | dict[str, str] = DEFAULT_NOTICE
    device: str | None = None
    enabled: bool = True

    @property
    def texts(self) -> dict[str, str]:
        """Language code to text, in speaking order."""
        return {"en": self.text} if isinstance(self.text, str) else dict(self.text)


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration of one recorder."""

    vehicle: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
    store: StoreConfig
    keys: KeysConfig
    camera: CameraConfig
    microphone: MicrophoneConfig
    panel: PanelConfig
    audio: AudioConfig = AudioConfig()
    segments: SegmentsConfig = SegmentsConfig()
    retention: RetentionConfig = RetentionConfig()
    journey: JourneyConfig = JourneyConfig()
    power: PowerConfig = PowerConfig()
    notice: NoticeConfig = NoticeConfig()

    @property
    def device_key(self) -> Path:
        """Where the recorder's own signing key lies."""
        return self.keys.device_key or self.store.path.parent / "device.key"


def load(path: Path) -> Config:
    """Read and judge ``path``. Raises ConfigError with one sentence for each fault; creates nothing."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an existing file with --config.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}; mend that line.") from error
    values, faults = _struct(Config, document, "")
    if values is not None:
        values = _resolve(values, path.resolve().parent)
    faults += _across(document, values)
    if faults or values is None:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return values


def _struct(kind: type[S], table: Any, prefix: str) -> tuple[S | None, list[str]]:
    """Judge one table field by field, so that every fault is found and not only the first."""
    if not isinstance(table, dict):
        return None, [f"{prefix.rstrip('.')}: expected a table ([{prefix.rstrip('.')}]), got {_shown(table)}."]
    hints = get_type_hints(kind, include_extras=True)
    faults: list[str] = []
    values: dict[str, Any] = {}
    for key in table:
        if key not in hints:
            faults.append(f"{prefix}{key}: unknown key{_nearest(key, list(hints))}.")
    for field in msgspec.structs.fields(kind):
        key, hint = field.name, hints[field.name]
        if key not in table:
            if field.required:
                faults.append(f"{prefix}{key}: is missing; it is required.")
        elif isinstance(hint, type) and issubclass(hint, Struct):
            values[key], inner = _struct(hint, table[key], f"{prefix}{key}.")
            faults += inner
        else:
            try:
                values[key] = msgspec.convert(table[key], hint, strict=True, dec_hook=_path)
            except msgspec.ValidationError as error:
                faults.append(f"{prefix}{key}: {_plain(str(error), hint)}, got {_shown(table[key])}.")
    return (None if faults else kind(**values)), faults


def _resolve(config: Config, base: Path) -> Config:
    """Make relative paths absolute, relative to the file's folder."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else base / path.expanduser()

    replace = msgspec.structs.replace
    return replace(
        config,
        store=replace(config.store, path=at(config.store.path), runtime=at(config.store.runtime)),
        keys=replace(config.keys, device_key=at(config.keys.device_key)),
        camera=replace(config.camera, path=at(config.camera.path)),
        microphone=replace(config.microphone, path=at(config.microphone.path)),
    )


def _across(document: dict[str, Any], config: Config | None) -> list[str]:
    """Faults between keys, or between a key and the machine; as many as the readable parts allow."""
    faults = list(_recipient_faults(document.get("keys")))
    faults += _retention_faults(document)
    if config is not None:
        faults += _device_faults(config)
        faults += _store_faults(config.store)
    return faults


def _recipient_faults(keys: Any) -> Iterator[str]:
    recipients = keys.get("recipients") if isinstance(keys, dict) else None
    if not isinstance(recipients, list):
        return
    if not recipients:
        yield "keys.recipients: is empty; give at least one age1... recipient, made by `cabin-recorder keygen`."
    for index, text in enumerate(recipients):
        if not isinstance(text, str):
            continue  # already reported as a wrong type
        try:
            X25519Recipient.parse(text)
        except AgeError as error:
            yield f"keys.recipients[{index}]: {error}"


def _retention_faults(document: dict[str, Any]) -> Iterator[str]:
    try:
        retention = msgspec.convert(document.get("retention", {}), RetentionConfig)
        segments = msgspec.convert(document.get("segments", {}), SegmentsConfig)
    except msgspec.ValidationError:
        return  # already reported field by field
    needed = segments.length_s + retention.epoch_seconds + retention.sweep_seconds
    if retention.max_age_s <= needed:
        yield (
            f"retention.max_age_s: {retention.max_age_s:g} s is not longer than segments.length_s + epoch_s + sweep_s "
            f"({segments.length_s:g} + {retention.epoch_seconds:g} + {retention.sweep_seconds:g} = {needed:g} s); "
            "shorten these or lengthen max_age_s."
        )


def _device_faults(config: Config) -> Iterator[str]:
    for name, device in (("camera", config.camera), ("microphone", config.microphone)):
        clip = device.path
        if name == "microphone" and clip is None and config.camera.kind == "file":
            clip = config.camera.path  # the clip's own sound
        if device.kind != "file":
            continue
        if clip is None:
            yield f'{name}.path: is missing; {name}.kind = "file" needs the clip to play.'
        elif not clip.is_file():
            yield f"{name}.path: {clip} is not a file; name an existing clip."


def _store_faults(store: StoreConfig) -> Iterator[str]:
    for key, path in (("store.path", store.path), ("store.runtime", store.runtime)):
        ancestor = path
        while not ancestor.exists() and ancestor != ancestor.parent:
            ancestor = ancestor.parent
        if not ancestor.is_dir():
            yield f"{key}: {path} cannot be a folder, for {ancestor} is a file; name another place."
        elif not _writable(ancestor):
            yield f"{key}: {path} cannot be written (no permission on {ancestor}, or it is read-only); name another place."
    if store.path == store.runtime:
        yield "store.runtime: must not be store.path; the one is forgotten at power-off, the other is not."


def _writable(folder: Path) -> bool:
    """Try with a file that has no name (O_TMPFILE): root is refused by read-only filesystems, not by modes."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except (IsADirectoryError, NotImplementedError):
        return os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        return error.errno == 95 and os.access(folder, os.W_OK | os.X_OK)  # EOPNOTSUPP: some filesystems
    return True


def _path(kind: type[Any], value: Any) -> Any:
    """What msgspec does not know by itself: paths are text."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError("Expected `str`")


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(message: str, hint: Any) -> str:
    """Turn msgspec's words into words a fitter knows."""
    if "Invalid enum value" in message:
        choices = getattr(hint, "__args__", ())
        return f"expected one of {', '.join(map(repr, choices))}"
    text = message.split(", got ", maxsplit=1)[0]
    for word, plain in (
        ("`float`", "a number"),
        ("`int`", "a whole number"),
        ("`str`", "text in quotes"),
        ("`bool`", "true or false"),
        ("`array`", "a list"),
        ("`object`", "a table"),
    ):
        text = text.replace(word, plain)
    if "matching regex" in text:
        return "expected letters, digits, spaces, '.', '_' or '-', beginning with a letter or digit"
    text = (
        text.replace(">=", "of at least")
        .replace("<=", "of at most")
        .replace(">", "greater than")
        .replace("<", "less than")
    )
    return text[0].lower() + text[1:]
