"""What can be read of a recorder without changing it: status, journeys, self-test.

Rules: nothing is created, opened or locked for longer than a look; a view is one value that prints as JSON for
programs and as lines for people; whoever asks may run beside the recorder or without it.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from recorder.assembly import recipients_of
from recorder.config import Config
from recorder.control import ask
from recorder.errors import NotRunningError, OrderError, RecorderError
from recorder.order import authority_key
from recorder.presets import PRESETS, day_bytes
from recorder.runtime import Runtime
from recorder.timekeeping import NS_PER_S, SystemClock, iso_utc, parse_iso_utc
from recorder.vault.age import X25519Recipient
from recorder.vault.attestation import attest
from recorder.vault.records import LEDGER_NAME, JourneyRecord, read_journeys
from recorder.vault.signing import DeviceKey
from recorder.vault.slots import Slot

ERASURE = {
    "slot": "final, by memory that forgets",
    "file": "weaker, by a file (a laboratory may find on the card what was deleted)",
}

CLOCK_SENTENCES = {
    "synchronised": "synchronised by the network",
    "rtc": "by the clock chip, which has not stopped",
    "unproven": "unproven: ages are known within one start only",
}
"""What each quality of :data:`recorder.timekeeping.ClockQuality` means to people."""


AUDIO = {
    "always": "recorded always",
    "on-hold": "recorded while the journey is held",
    "off": "never recorded, the microphone stays closed",
}
"""What each mode of ``audio.mode`` means to people."""


@dataclass(frozen=True, slots=True)
class View:
    """Something to print."""

    as_json: Any
    lines: tuple[str, ...]
    exit_code: int = 0


def status(config: Config) -> View:
    """How the recorder that runs fares; exit code 1 where none runs."""
    try:
        answer = ask(Runtime(config.store.runtime).control_socket, "status")
    except NotRunningError as error:
        return View({"running": False, "error": str(error)}, (str(error),), 1)
    records = read_journeys(config.store.path)
    store = {
        "segments": sum(len(record.segments) for record in records),
        "size_bytes": sum(record.size_bytes for record in records),
        "held_bytes": sum(record.size_bytes for record in records if record.held),
        "free_bytes": shutil.disk_usage(config.store.path).free,
    }
    problems = [problem for record in records for problem in record.problems]
    answer = {"running": True, "vehicle": config.vehicle, **answer, "store": store, "problems": problems}
    answer["oldest_unheld"] = oldest_unheld(records)
    return View(answer, tuple(_status_lines(answer)))


def oldest_unheld(records: Iterable[JourneyRecord]) -> str | None:
    """When the oldest frame was recorded that nobody holds, as ISO 8601; None where there is none, or nobody knows."""
    began = [segment.began for record in records if not record.held for segment in record.segments]
    return min((moment for moment in began if moment is not None), default=None)


def _status_lines(answer: dict[str, Any]) -> Iterator[str]:
    held = "held" if answer["held"] else "not held"
    yield f"{answer['vehicle']}: {answer['state']}" + (
        f", journey {answer['journey']} ({held})" if answer["journey"] else ""
    )
    kept_s = answer["audio_before_hold_s"]
    before = f", with {kept_s:g} s from before the press, kept in memory" if kept_s else ""
    yield f"  sound: {AUDIO[answer['audio']]}{before}; {'on' if answer['recording_sound'] else 'off'} now"
    for medium in ("video", "audio"):
        age_s = answer[f"durable_{medium}_age_s"]
        if age_s is not None:
            yield f"  newest durable {medium}: {age_s:.1f} s ago"
    store = answer["store"]
    yield (
        f"  on the card: {store['segments']} segments, {store['size_bytes'] / 1e6:.1f} MB, "
        f"of which held {store['held_bytes'] / 1e6:.1f} MB; free {store['free_bytes'] / 1e9:.1f} GB"
    )
    oldest, due = answer["oldest_unheld"] or "none", answer["next_deletion"] or "none due"
    yield f"  oldest not held: {oldest}; next deletion: {due}"
    yield f"  clock: {answer['clock']}; deletion: {ERASURE[answer['erasure']]}"
    if answer["export"]:
        yield _copy_line(answer["export"])
    yield f"  faults: {', '.join(answer['faults']) or 'none'}"
    for problem in answer["problems"]:
        yield f"  ! {problem}"


def _copy_line(copy: dict[str, Any]) -> str:
    size_mb, copied_mb, checked_mb = (copy[f"{name}_bytes"] / 1e6 for name in ("size", "copied", "checked"))
    passes = (
        f"{copy['copied_files']} of {copy['files']} files copied ({copied_mb:.1f} of {size_mb:.1f} MB)",
        f"{copy['checked_files']} read back ({checked_mb:.1f} MB)",
    )
    left_s = copy["left_s"]
    left = "" if left_s is None else f"; {left_s / 60:.0f} min left" if left_s >= 90 else f"; {left_s:.0f} s left"
    return f"  copying to {copy['target']}: {', '.join(passes)}{left}"


def journeys(config: Config) -> View:
    """Every journey on the card."""
    records = read_journeys(config.store.path)
    return View([_journey_json(record) for record in records], tuple(_journey_lines(records)))


def _journey_json(record: JourneyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "began": record.began,
        "ended": record.ended,
        "held": record.held,
        "hold": None
        if record.hold is None
        else {"who": record.hold.who, "when": record.hold.when, "reason": record.hold.reason},
        "segments": [
            {
                "number": segment.number,
                "size_bytes": segment.size_bytes,
                "began": segment.began,
                "ended": segment.ended,
                "torn": segment.torn,
                "live": segment.live,
            }
            for segment in record.segments
        ],
        "problems": list(record.problems),
    }


def _journey_lines(records: tuple[JourneyRecord, ...]) -> Iterator[str]:
    if not records:
        yield "No journeys on the card."
    for record in records:
        torn = sum(segment.torn for segment in record.segments)
        yield (
            f"{record.id}  {record.began or '?'} to {record.ended or 'now'}  {len(record.segments)} segments"
            f"{f', {torn} torn' if torn else ''}  {record.size_bytes / 1e6:.1f} MB{'  HELD' if record.held else ''}"
        )
        for problem in record.problems:
            yield f"  ! {problem}"


# --- self-test ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def check(config: Config) -> View:
    """Look at everything that can be looked at while camera and microphone stay closed."""
    findings = (
        Finding("configuration", ok=True, detail=f"vehicle {config.vehicle}, audio {config.audio.mode}"),
        _check_key(config),
        *(_check_recipient(recipient) for recipient in recipients_of(config)),
        _check_orders(config),
        _check_store(config),
        _check_logs(config),
        _check_oldest(config),
        _check_slot(config),
        _check_picture(config),
        _check_space(config),
        _check_clock(),
        _check_voice(),
        _check_running(config),
    )
    ok = all(finding.ok for finding in findings)
    lines = [f"{'ok  ' if f.ok else 'FAIL'}  {f.name}: {f.detail}" for f in findings]
    lines.append("All is well." if ok else "Something is wrong; see FAIL above.")
    recorder = _public_key(config)
    as_json = {
        "ok": ok,
        "recorder": recorder,
        "checks": [{"name": f.name, "ok": f.ok, "detail": f.detail} for f in findings],
    }
    return View(as_json, tuple(lines), 0 if ok else 1)


def _public_key(config: Config) -> dict[str, str] | None:
    if not config.device_key.exists():
        return None
    key = DeviceKey.load(config.device_key)
    return {"public_key": key.public_text, "fingerprint": key.fingerprint}


def _check_key(config: Config) -> Finding:
    try:
        known = _public_key(config)
    except RecorderError as error:
        return Finding("recorder's key", ok=False, detail=str(error))
    if known is None:
        return Finding("recorder's key", ok=True, detail="not made yet; the first start makes it")
    return Finding("recorder's key", ok=True, detail=f"{known['public_key']} (fingerprint {known['fingerprint']})")


def _check_recipient(recipient: X25519Recipient) -> Finding:
    return Finding("recipient", ok=True, detail=f"{recipient.text} (fingerprint {recipient.fingerprint})")


def _check_orders(config: Config) -> Finding:
    """Whose orders count, and who else may end a hold."""
    root = "root may release holds here" if config.keys.local_release else "nobody else releases holds"
    if config.keys.authority is None:
        return Finding("orders", ok=True, detail=f"no office's count (keys.authority is not set); {root}")
    try:
        key = authority_key(config.keys.authority)
    except OrderError as error:
        return Finding("orders", ok=False, detail=f"keys.authority: {error}")
    return Finding(
        "orders", ok=True, detail=f"those of {config.keys.authority} (fingerprint {key.fingerprint}); {root}"
    )


def _check_store(config: Config) -> Finding:
    try:
        records = read_journeys(config.store.path)
    except RecorderError as error:
        return Finding("store", ok=False, detail=str(error))
    problems = [problem for record in records for problem in record.problems]
    held = sum(record.held for record in records)
    detail = "; ".join(problems) or f"{config.store.path}, {len(records)} journeys, {held} held"
    return Finding("store", ok=not problems, detail=detail)


def _check_logs(config: Config) -> Finding:
    """Every entry of every log; footage is not read, which would take as long as the card does."""
    if not config.device_key.exists() or not (config.store.path / LEDGER_NAME).exists():
        return Finding("logs", ok=True, detail="none yet")
    try:
        faults = attest(config.store.path, DeviceKey.load(config.device_key).public, bodies=False)
    except RecorderError as error:
        return Finding("logs", ok=False, detail=str(error))
    detail = " ".join(fault.sentence for fault in faults) or "every entry is signed and in its place"
    return Finding("logs", ok=not faults, detail=detail)


def _check_oldest(config: Config) -> Finding:
    """The promise about deletion, in figures; whether it is kept is the sweeps' to say, who know what clocks prove."""
    name = "oldest not held"
    try:
        oldest = oldest_unheld(read_journeys(config.store.path))
    except RecorderError:
        return Finding(name, ok=False, detail="the store cannot be read")
    if oldest is None:
        return Finding(name, ok=True, detail="none")
    gone_by_ns = parse_iso_utc(oldest) + round(config.retention.max_age_s * NS_PER_S)
    return Finding(name, ok=True, detail=f"recorded at {oldest}; gone before {iso_utc(gone_by_ns)}")


def _check_slot(config: Config) -> Finding:
    slot = Slot.at(config.slots[0])
    try:
        slot.read()
    except RecorderError as error:
        return Finding("deletion", ok=False, detail=f"{error} Until then the file {config.slots[-1]} is used: weaker.")
    return Finding("deletion", ok=True, detail=f"{ERASURE[slot.kind]}: {slot.path}")


def _check_picture(config: Config) -> Finding:
    camera = config.camera
    picture = f"{camera.width}x{camera.height}, {camera.fps:g} a second, {camera.bitrate_bps / 1e6:g} Mb/s"
    day = f"{day_bytes(camera.bitrate_bps) / 1e9:.0f} GB for 24 hours of recording"
    own = [name for name, value in asdict(PRESETS[camera.preset]).items() if getattr(camera, name) != value]
    changed = f" but for {', '.join(own)}" if own else ""
    return Finding("picture", ok=True, detail=f"preset {camera.preset}{changed}: {picture}; {day}")


def _check_space(config: Config) -> Finding:
    place = config.store.path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return Finding("space", ok=free > config.store.min_free_bytes, detail=f"{free / 1e9:.1f} GB free")


def _check_clock() -> Finding:
    now = SystemClock().now()
    return Finding("clock", ok=True, detail=f"{iso_utc(now.utc_ns)}, {CLOCK_SENTENCES[now.quality]}")


def _check_voice() -> Finding:
    found = shutil.which("espeak-ng") is not None
    return Finding("voice", ok=found, detail="espeak-ng is there" if found else "espeak-ng is missing; install it")


def _check_running(config: Config) -> Finding:
    try:
        answer = ask(Runtime(config.store.runtime).control_socket, "status")
    except NotRunningError:
        return Finding("recorder", ok=True, detail="not running")
    faults = ", ".join(answer["faults"]) or "no faults"
    return Finding("recorder", ok=not answer["faults"], detail=f"{answer['state']}, {faults}")
