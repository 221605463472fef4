"""What :mod:`recorder.demo.measure` has found, as a table for people and as JSON. ``scripts/measure`` runs it."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from recorder.demo.measure import Measurement, PictureFacts, SoundFacts, Stretch, measure
from recorder.errors import MediaError


def main() -> None:
    """Measure the files named on the command line; exits 1 with a sentence where one cannot be read."""
    parser = argparse.ArgumentParser(prog="scripts/measure", description="Read recordings back: loss, gaps, offset.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object with an entry for each file")
    arguments = parser.parse_args()
    try:
        found = {str(path): measure(path) for path in arguments.files}
    except MediaError as error:
        sys.exit(str(error))
    console = Console()
    if arguments.json:
        console.print_json(json.dumps({name: as_json(measurement) for name, measurement in found.items()}))
        return
    for name, measurement in found.items():
        console.print(as_table(measurement, Path(name).name))


def as_json(measurement: Measurement) -> dict[str, Any]:
    """The measurement as JSON takes it, with the summary of its offsets."""
    summary = {"worst_offset_ms": measurement.worst_offset_ms, "mean_offset_ms": measurement.mean_offset_ms}
    return asdict(measurement) | summary


def as_table(measurement: Measurement, title: str) -> Table:
    """The measurement as a table of two columns."""
    table = Table("what", "found", title=title, title_justify="left")
    for what, found in rows(measurement):
        table.add_row(what, found)
    return table


def rows(measurement: Measurement) -> Iterator[tuple[str, str]]:
    """The measurement line by line: what was looked for, and what was found."""
    if measurement.picture is None:
        yield "picture", "none"
    else:
        yield from _picture_rows(measurement.picture)
    if measurement.sound is None:
        yield "sound", "none"
    else:
        yield from _sound_rows(measurement.sound, synthetic=measurement.synthetic)
    if measurement.mean_offset_ms is not None and measurement.worst_offset_ms is not None:
        seconds = len(measurement.offsets)
        yield "sound after picture, mean", f"{measurement.mean_offset_ms:+.1f} ms over {seconds} whole seconds"
        yield "sound after picture, worst", f"{measurement.worst_offset_ms:.1f} ms"


def _picture_rows(picture: PictureFacts) -> Iterator[tuple[str, str]]:
    yield "frames", f"{picture.frames} in {picture.until_s - picture.from_s:.3f} s"
    yield "gaps in the picture", _stretches(picture.gaps)
    if picture.first_counter is not None:
        yield "counters", f"{picture.first_counter} to {picture.last_counter}"
        yield "counters missing", str(picture.missing)
        yield "counters seen twice, or out of order", f"{picture.duplicated}, {picture.disordered}"
        yield "frames whose counter cannot be read", str(picture.unreadable)


def _sound_rows(sound: SoundFacts, *, synthetic: bool) -> Iterator[tuple[str, str]]:
    yield "samples", f"{sound.samples} of {sound.expected} at {sound.rate_hz} Hz"
    yield "gaps in the sound", _stretches(sound.gaps)
    if synthetic:
        yield "silence in the sound", _stretches(sound.silences)
        yield "jumps in the pilot tone", ", ".join(f"{at_s:.2f} s" for at_s in sound.slips_s) or "none"


def _stretches(stretches: tuple[Stretch, ...]) -> str:
    if not stretches:
        return "none"
    total_s = sum(stretch.until_s - stretch.from_s for stretch in stretches)
    first = ", ".join(f"{stretch.from_s:.2f} to {stretch.until_s:.2f} s" for stretch in stretches[:3])
    return f"{len(stretches)}, {total_s:.2f} s in all: {first}{', ...' if len(stretches) > 3 else ''}"


if __name__ == "__main__":
    main()
