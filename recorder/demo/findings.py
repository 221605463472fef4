"""What came of the demo, found by looking at the results: the table at its end.

Every row is read back from what the recorder left (store, ledger, stick, film), compared with what was promised, and
says so. Nothing is taken from what the demo believes to have done.
"""

import json
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from recorder.demo.contact_sheet import contact_sheet
from recorder.demo.measure import Measurement, measure
from recorder.errors import RecorderError

OFFSET_WITHIN_MS = 20.0
PLAINTEXT_MARKERS = (b"ftyp", b"moov", b"moof", b"mdat", b"avcC", b"mp4a", b"x264", b"Lavc")

Entries = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at; ``good`` None: only told, not judged."""

    what: str
    found: str
    good: bool | None


@dataclass(slots=True)
class Findings:
    """The rows so far."""

    rows: list[Row] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything that was judged is as promised."""
        return all(row.good is not False for row in self.rows)

    def add(self, what: str, found: str, good: bool | None = None) -> None:
        """One more row."""
        self.rows.append(Row(what, found, good))

    def print(self) -> None:
        """The table, for people."""
        from rich.console import Console  # noqa: PLC0415 - only here
        from rich.table import Column, Table  # noqa: PLC0415

        table = Table("what", Column("found", overflow="fold"), "")
        marks = {True: "[green]ok[/]", False: "[red]WRONG[/]", None: ""}
        for row in self.rows:
            table.add_row(row.what, row.found, marks[row.good])
        Console().print(table)


def gather(out: Path, film: Path, held: str, unheld: str) -> Findings:
    """Look at everything the demo left in ``out``."""
    findings = Findings()
    store = out / "store"
    _look_at_store(findings, store, held)
    _look_at_deletion(findings, _entries(store / "ledger.jsonl"), unheld)
    _look_at_stick(findings, out, held)
    _look_at_film(findings, measure(film), film)
    sheet = out / "contact-sheet.png"
    pictures = contact_sheet(film, sheet)
    findings.add("contact sheet", f"{pictures} pictures in {sheet}", pictures > 0)
    return findings


def _entries(path: Path) -> Entries:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _look_at_store(findings: Findings, store: Path, held: str) -> None:
    log = _entries(store / "journeys" / held / "log.jsonl")
    findings.add("journey that was held", f"{held}, {log[0]['utc']} to {log[-1]['utc']}")
    sealed = [entry["data"] for entry in log if entry["event"] == "segment-sealed"]
    size_mb = sum(data["size_bytes"] for data in sealed) / 1e6
    gaps = [gap for data in sealed for gap in data["gaps"]]
    torn = [entry for entry in log if entry["event"] == "segment-torn"]
    findings.add("segments, sealed and signed", f"{len(sealed)}, {size_mb:.1f} MB", len(sealed) > 1 and not torn)
    findings.add("gaps, by the signed log", str(len(gaps)), not gaps)
    searched, found = 0, []
    for path in store.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            searched += len(content)
            found += [f"{path.name}: {marker!r}" for marker in PLAINTEXT_MARKERS if marker in content]
    findings.add("plaintext on the card", f"{found or 'none'} in {searched / 1e6:.1f} MB searched", not found)


def _look_at_deletion(findings: Findings, ledger: Entries, unheld: str) -> None:
    reasons: dict[int, tuple[str, float]] = {}
    intents = {entry["seq"]: entry for entry in ledger if entry["event"] == "tombstone-intent"}
    for done in (entry for entry in ledger if entry["event"] == "tombstone-done"):
        intent = intents[done["data"]["intent"]]
        if intent["data"]["journey"] == unheld:
            for segment in intent["data"]["segments"]:
                lived_s = (
                    datetime.fromisoformat(done["utc"]) - datetime.fromisoformat(segment["recorded"])
                ).total_seconds()
                reasons[segment["number"]] = (segment["why"], lived_s)
    for number, (why, lived_s) in sorted(reasons.items()):
        findings.add(f"deleted: segment {number} of {unheld}", f"after {lived_s:.1f} s: {why}")
    [limit_s] = {entry["data"]["max_age_s"] for entry in ledger if entry["event"] == "start"}
    oldest_s = max((lived_s for _, lived_s in reasons.values()), default=0.0)
    in_time = bool(reasons) and oldest_s < limit_s
    findings.add("oldest footage not held, at its deletion", f"{oldest_s:.1f} s of {limit_s:g} s allowed", in_time)


def _look_at_stick(findings: Findings, out: Path, held: str) -> None:
    """Open one file as the office might in ten years: with Debian's `age` and `ffprobe`, nothing of ours."""
    files = sorted((out / "stick").rglob("*.mp4.age"))
    identity = out / "office" / "identity.txt"
    opened = 0
    for file in files:
        age = subprocess.run(["age", "-d", "-i", identity, file], capture_output=True, check=False)
        probe = subprocess.run(
            ["ffprobe", "-v", "error", "-i", "pipe:0"], input=age.stdout, capture_output=True, check=False
        )
        opened += age.returncode == 0 and probe.returncode == 0 and not probe.stderr
    whole = len(files) > 0 and opened == len(files)
    findings.add("opened with stock `age` and `ffprobe`", f"{opened} of {len(files)} files", whole)


def _look_at_film(findings: Findings, found: Measurement, film: Path) -> None:
    picture, sound = found.picture, found.sound
    if picture is None:
        raise RecorderError(f"{film} has no picture.")
    findings.add("film", f"{film}, {picture.until_s - picture.from_s:.1f} s")
    findings.add("frames", str(picture.frames), picture.frames > 0)
    findings.add("gaps in the picture", str(len(picture.gaps)), not picture.gaps)
    if sound is not None:
        missing = sound.expected - sound.samples
        findings.add("samples missing of the sound", f"{missing} of {sound.expected}", missing == 0 and not sound.gaps)
    if not found.synthetic:
        return
    lost = picture.missing + picture.unreadable
    findings.add("frames lost, by the counter in the picture", str(lost), lost == 0)
    findings.add("frames seen twice or out of order", str(picture.duplicated + picture.disordered),
                 picture.duplicated + picture.disordered == 0)  # fmt: skip
    worst, mean = found.worst_offset_ms, found.mean_offset_ms
    if worst is None or mean is None:
        findings.add("offset of picture and sound", "no flash or beep was found", good=False)
    else:
        in_step = worst <= OFFSET_WITHIN_MS
        findings.add("offset of picture and sound", f"worst {worst:.1f} ms, mean {mean:+.1f} ms", in_step)
