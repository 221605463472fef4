"""``redact``: parse, call, print, exit code, like the other commands of the office, which take fewer options."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.cli_office import ask_passphrase, register_of

if TYPE_CHECKING:
    from recorder.office.redaction.boxes import Course
    from recorder.office.redaction.redact import Request
    from recorder.office.register import Disclosure

_SPAN = '"FROM-TO", either may be left out; times as 75.5 or 1:15.5'
_BOX = '"FROM-TO:x,y,w,h" in pixels from the top left, or "T:x,y,w,h > T:x,y,w,h" for one that moves'
_MOST_BOXES_BYTES = 1 << 20


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The folder for the copy; else that of VIDEO.")
@click.option("--box", "boxes", multiple=True, help=f"Cover this: {_BOX}.")
@click.option("--boxes", "boxes_file", type=click.Path(path_type=Path), help="A file of such boxes, one a line.")
@click.option("--exclude", "excluded", multiple=True, help="What is detected in here is left: as --box.")
@click.option("--no-faces", is_flag=True, help="Cover only what is given by hand.")
@click.option("--mute", "muted", multiple=True, help=f"Silence: {_SPAN}.")
@click.option("--mask-voice", "masked", multiple=True, help=f"Change voices: {_SPAN}.")
@click.option("--cover", type=click.Choice(["solid", "cells"]), default="solid", show_default=True)
@click.option(
    "--every", type=click.IntRange(1, 10), default=2, show_default=True, help="Look for faces in every n-th frame."
)
@click.option(
    "--detail",
    type=click.IntRange(160, 4096),
    default=960,
    show_default=True,
    help="The longer side of the picture that is looked at, in pixels; more finds smaller faces and takes longer.",
)
@click.option("--threshold", type=click.FloatRange(0.05, 0.9), default=0.2, show_default=True, help="How sure.")
@click.option("--margin", type=click.FloatRange(0.0, 2.0), default=0.35, show_default=True, help="Around each face.")
@click.option("--keys", type=click.Path(path_type=Path), help="The folder that keygen made: enters it in the register.")
@click.option("--to", "recipient", help="Who is given the copy; with --reference, --reason and --keys.")
@click.option("--reference", help="Their reference, or that of the access request.")
@click.option("--reason", help="Why they are given it.")
def redact(
    *,
    video: Path,
    out: Path | None,
    boxes: tuple[str, ...],
    boxes_file: Path | None,
    excluded: tuple[str, ...],
    no_faces: bool,
    muted: tuple[str, ...],
    masked: tuple[str, ...],
    cover: str,
    every: int,
    detail: int,
    threshold: float,
    margin: float,
    keys: Path | None,
    recipient: str | None,
    reference: str | None,
    reason: str | None,
) -> int:
    """Make a copy of VIDEO that hides third parties: faces, what --box names, voices where asked; and a log of it."""
    from recorder.office.redaction.cover import Style  # noqa: PLC0415
    from recorder.office.redaction.detecting import Search  # noqa: PLC0415
    from recorder.office.redaction.ranges import SoundRanges  # noqa: PLC0415
    from recorder.office.redaction.redact import Request  # noqa: PLC0415
    from recorder.office.redaction.wishes import parse_course, parse_span  # noqa: PLC0415

    request = Request(
        video,
        video.parent if out is None else out,
        None if no_faces else Search(every, detail, threshold, margin),
        Style(cover),
        (*map(parse_course, boxes), *_boxes_of(boxes_file)),
        tuple(map(parse_course, excluded)),
        SoundRanges(tuple(map(parse_span, muted)), tuple(map(parse_span, masked))),
    )
    return _carry_out(request, keys, _given(keys, recipient, reference, reason))


def _carry_out(request: "Request", keys: Path | None, given: "Disclosure | None") -> int:
    from recorder.office.redaction.redact import plan  # noqa: PLC0415
    from recorder.office.redaction.redact import redact as make_copy  # noqa: PLC0415
    from recorder.progress import step_bars  # noqa: PLC0415

    planned = plan(request)
    click.echo("What this cannot promise:")
    for sentence in planned.promises:
        click.echo(f"  - {sentence}")
    register = None if keys is None else register_of(keys, ask_passphrase)
    with step_bars() as show:
        made = make_copy(planned, show)
    for line in made.lines:
        click.echo(line)
    if register is not None:
        click.echo(f"Line {made.enter(register, given)} of the register.")
    return made.exit_code


def _given(keys: Path | None, to: str | None, reference: str | None, reason: str | None) -> "Disclosure | None":
    """To whom the copy is given, where that was said; UsageError where it was said by half."""
    from recorder.errors import UsageError  # noqa: PLC0415
    from recorder.office.register import Disclosure  # noqa: PLC0415

    if (to, reference, reason) == (None, None, None):
        return None
    given = Disclosure(to or "", reference or "", reason or "")
    if keys is None or given.missing:
        raise UsageError("Who is given the copy is entered whole or not at all: --keys, --to, --reference, --reason.")
    return given


def _boxes_of(path: Path | None) -> "tuple[Course, ...]":
    from recorder.errors import UsageError  # noqa: PLC0415
    from recorder.office.redaction.wishes import parse_courses  # noqa: PLC0415

    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BOXES_BYTES + 1)
        if len(text) <= _MOST_BOXES_BYTES:
            return parse_courses(text.decode("utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a file of boxes: {error}") from error
    raise UsageError(f"{path} is no file of boxes, for it has more than a megabyte; name another.")
