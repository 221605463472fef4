"""The commands people type: parse, call, print, exit code. Thin: nothing is decided here.

Exit codes: 0 good · 1 the thing asked failed · 2 wrong use or configuration · 3 verification found something wrong ·
4 consistent, but signed by a recorder that is not known here · 5 nothing to export, for nothing is held. Errors go to
standard error, one sentence each.
"""

import json
import logging
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import click

from recorder import __version__
from recorder.config import load
from recorder.errors import ConfigError, RecorderError

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("/etc/cabin-recorder/recorder.toml"),
    show_default=True,
    help="The recorder's configuration.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text for people.")
RECORDER_KEY = click.option(
    "--recorder", "recorder_key", help="A recorder's public key, or the file that holds it: known for this once."
)
KEYS = click.option(
    "--keys", type=click.Path(path_type=Path), help="The folder of the office's keys; else that of the identity."
)
BUNDLE = click.argument("bundle", type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cabin-recorder")
def cli() -> None:
    """The cabin camera recorder. On the recorder: run to export. In the office: keygen, enrol, open, verify."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; ends the process with its exit code."""
    try:
        code = cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        click.echo("Stopped.", err=True)
        code = 1
    except ConfigError as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        code = error.exit_code
    except RecorderError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away; nobody is left to tell
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


# --- on the recorder ---------------------------------------------------------------------------------------------


@cli.command()
@CONFIG
def run(config_path: Path) -> int:
    """Run the recorder until SIGTERM."""
    os.umask(0o077)  # what the recorder creates is the recorder's alone
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    config = load(config_path)
    from recorder.assembly import assemble  # noqa: PLC0415 - the configuration's faults come first and fast
    from recorder.daemon import Daemon  # noqa: PLC0415
    from recorder.systemd import Notifier  # noqa: PLC0415

    return Daemon(assemble(config), Notifier(os.environ)).run()


@cli.command()
@CONFIG
@AS_JSON
def status(config_path: Path, as_json: bool) -> int:
    """Say how the recorder that runs fares; exit 1 where none runs."""
    from recorder import inspection  # noqa: PLC0415

    return _print(inspection.status(load(config_path)), as_json)


@cli.command()
@CONFIG
@AS_JSON
def journeys(config_path: Path, as_json: bool) -> int:
    """List the journeys on the card."""
    from recorder import inspection  # noqa: PLC0415

    return _print(inspection.journeys(load(config_path)), as_json)


@cli.command()
@CONFIG
@AS_JSON
def check(config_path: Path, as_json: bool) -> int:
    """Test this recorder without opening camera or microphone; exit 1 where something is wrong."""
    from recorder import inspection  # noqa: PLC0415

    return _print(inspection.check(load(config_path)), as_json)


@cli.command()
@click.argument("journey")
@click.option("--reason", required=True, help="Why; it goes into the signed log.")
@CONFIG
def hold(journey: str, reason: str, config_path: Path) -> int:
    """Keep JOURNEY until it is released."""
    config = load(config_path)
    from recorder import mutation  # noqa: PLC0415

    mutation.hold(config, journey, reason)
    click.echo(f"{journey} is held.")
    return 0


@cli.command()
@click.argument("journey")
@click.option("--reason", required=True, help="Why; it goes into the signed log.")
@CONFIG
def release(journey: str, reason: str, config_path: Path) -> int:
    """End the hold on JOURNEY; it is then deleted by its age. Needs root."""
    config = load(config_path)
    from recorder import mutation  # noqa: PLC0415

    mutation.release(config, journey, reason)
    click.echo(f"{journey} is released; the next sweep judges it by its age.")
    return 0


@cli.command()
@CONFIG
def prune(config_path: Path) -> int:
    """Delete what is due now, and say why."""
    config = load(config_path)
    from recorder import mutation  # noqa: PLC0415

    report = mutation.prune(config)
    for line in report.lines:
        click.echo(line)
    for alarm in report.alarms:
        click.echo(alarm, err=True)
    return 1 if report.alarms else 0


@cli.command()
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--journey", "journey_ids", multiple=True, help="Export this held journey instead of all of them.")
@click.option("--told-later", is_flag=True, hidden=True, help="Leave it to export-told to tell how it ended.")
@CONFIG
def export(target: Path, journey_ids: tuple[str, ...], told_later: bool, config_path: Path) -> int:
    """Copy held journeys (or the one named) into DIR, read them back, and log it. DIR is then a bundle."""
    config = load(config_path)
    from recorder import exporting  # noqa: PLC0415
    from recorder.progress import copy_bars  # noqa: PLC0415

    with copy_bars() as show:
        report = exporting.export(config, target, journey_ids, show, tells_end=not told_later)
    for line in report.lines:
        click.echo(line)
    return report.exit_code


@cli.command(hidden=True)
@CONFIG
def ignition(config_path: Path) -> int:
    """Say whether the ignition is on, where no recorder runs that has its pin: exit 0 on, 1 off or not known."""
    from recorder.keyposition import ignition_on  # noqa: PLC0415

    on = ignition_on(load(config_path, places=False))
    click.echo(f"The ignition is {'on' if on else 'off'}.")
    return 0 if on else 1


@cli.command(hidden=True)
@click.argument("step", type=click.Choice(["check", "mount", "release"]))
@click.argument("name")
@CONFIG
def stick(step: Literal["check", "mount", "release"], name: str, config_path: Path) -> int:
    """Root's part of the copy onto the partition NAME; for the export unit alone."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    from recorder.plugged import take_step  # noqa: PLC0415

    take_step(step, name, config_path)
    return 0


@cli.command(hidden=True)
@click.argument("place", metavar="DIR", type=click.Path(readable=False, path_type=Path))
@CONFIG
def export_told(place: Path, config_path: Path) -> int:
    """Tell the recorder how the copy onto the stick that was at DIR has ended; for the export unit alone."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    config = load(config_path)
    from recorder.runtime import Runtime  # noqa: PLC0415
    from recorder.telling import tell_end  # noqa: PLC0415

    return tell_end(Runtime(config.store.runtime).control_socket, place, os.environ)


@cli.command()
@click.argument("lines", nargs=-1, required=True)
@CONFIG
def panel(lines: tuple[str, ...], config_path: Path) -> int:
    """Press the simulated panel, e.g. "ignition on" "press consent" "hold consent 3" "press hold" "state"."""
    config = load(config_path)
    from recorder.cabin.simulated import panel_client  # noqa: PLC0415
    from recorder.runtime import Runtime  # noqa: PLC0415

    refused = False
    for answer in panel_client(Runtime(config.store.runtime).panel_socket, lines):
        click.echo(answer)
        refused |= answer.startswith("error")
    return 1 if refused else 0


# --- in the office -----------------------------------------------------------------------------------------------


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder for the keys.")
@click.option("--no-passphrase", is_flag=True, help="Leave the keys unprotected; for trials only.")
def keygen(out: Path, no_passphrase: bool) -> int:
    """Make the office's keys."""
    from recorder.office.keys import keygen as make_keys  # noqa: PLC0415

    passphrase = None if no_passphrase else click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    for line in make_keys(out, passphrase).lines:
        click.echo(line)
    return 0


@cli.command()
@click.option("-i", "--identity", required=True, type=click.Path(path_type=Path), help="The office's identity.txt.")
@click.option("--checks", is_flag=True, help="Print the check of each line instead, as on the recovery sheet.")
def recipient(identity: Path, checks: bool) -> int:
    """Print the public half of an identity: after typing it in from the recovery sheet, or to see which one it is."""
    from recorder.office.keys import line_checks  # noqa: PLC0415

    lines = line_checks(identity) if checks else [one.recipient.text for one in _identities(identity)]
    for line in lines:
        click.echo(line)
    return 0


@cli.command(name="open")
@BUNDLE
@click.option("-i", "--identity", required=True, type=click.Path(path_type=Path), help="The office's identity.txt.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Where the films go.")
def open_(bundle: Path, identity: Path, out: Path) -> int:
    """Decrypt, check and join the journeys of BUNDLE: one MP4 a journey, and its log."""
    from recorder.office.open import open_bundle  # noqa: PLC0415
    from recorder.progress import progress_bar  # noqa: PLC0415

    identities = _identities(identity)
    with progress_bar("Opening") as show:
        report = open_bundle(bundle, identities, out, show)
    for line in report.lines:
        click.echo(line)
    return report.exit_code


@cli.command()
@click.argument("name")
@click.argument("key")
@click.option("--keys", required=True, type=click.Path(path_type=Path), help="The folder of the office's keys.")
@click.option("--replace", is_flag=True, help="Forget what this name or this key was enrolled as before.")
def enrol(name: str, key: str, keys: Path, replace: bool) -> int:
    """Know a recorder from now on: NAME is its vehicle's, KEY its public key, or the file that holds it."""
    from recorder.office.recorders import enrol as enrol_recorder  # noqa: PLC0415
    from recorder.office.recorders import load_recorder_key  # noqa: PLC0415

    recorder = enrol_recorder(keys, name, load_recorder_key(key), replace=replace)
    click.echo(f"{recorder.name} is enrolled: {recorder.fingerprint}. Is this what its installation printed?")
    return 0


@cli.command()
@BUNDLE
@RECORDER_KEY
@click.option(
    "-i", "--identity", type=click.Path(path_type=Path), help="The office's identity.txt: checks the logs too."
)
@KEYS
@AS_JSON
def verify(bundle: Path, recorder_key: str | None, identity: Path | None, keys: Path | None, as_json: bool) -> int:
    """Check BUNDLE: exit 0 attested, 4 consistent but by an unknown recorder, 3 something is wrong."""
    from recorder.office.bundle import verify as verify_bundle  # noqa: PLC0415
    from recorder.office.heads import advance_heads  # noqa: PLC0415

    folder = keys or (identity.parent if identity is not None else None)
    trust = _trust(folder, recorder_key)
    report = verify_bundle(bundle, trust, None if identity is None else _identities(identity))
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        for line in report.lines:
            click.echo(line)
    if folder is not None and report.verdict == "attested":
        advance_heads(folder, report.heads)
    return report.exit_code


@cli.command()
@BUNDLE
@RECORDER_KEY
@click.option("-i", "--identity", required=True, type=click.Path(path_type=Path), help="The office's identity.txt.")
@KEYS
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The page, say report.html.")
def report(bundle: Path, recorder_key: str | None, identity: Path, keys: Path | None, out: Path) -> int:
    """Write a page for printing: what BUNDLE holds, how it was checked, what happened. Exit codes as of verify."""
    from recorder.office.report import write_report  # noqa: PLC0415

    checked = write_report(bundle, _trust(keys or identity.parent, recorder_key), _identities(identity), out)
    for line in checked.lines:
        click.echo(line)
    click.echo(f"Written: {out}")
    return checked.exit_code


@cli.command()
@BUNDLE
@click.option("--keys", required=True, type=click.Path(path_type=Path), help="The folder that keygen made.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A new folder: what is handed on.")
@click.option("--to", "recipient", required=True, help="Who is given it.")
@click.option("--reference", required=True, help="Their reference, or that of the access request.")
@click.option("--reason", required=True, help="Why they are given it.")
@RECORDER_KEY
def disclose(
    *, bundle: Path, keys: Path, out: Path, recipient: str, reference: str, reason: str, recorder_key: str | None
) -> int:
    """Make a folder to hand on: films, logs, report, hashes, a page that plays them; and enter it in the register."""
    from recorder.office.disclose import disclose as make_folder  # noqa: PLC0415
    from recorder.office.keys import IDENTITY_NAME, load_identities  # noqa: PLC0415
    from recorder.office.register import Disclosure, Register  # noqa: PLC0415
    from recorder.progress import progress_bar  # noqa: PLC0415

    ask = cache(_ask_passphrase)  # one for both keys
    trust = _trust(keys, recorder_key)
    identities, register = load_identities(keys / IDENTITY_NAME, ask), Register.open(keys, ask)
    with progress_bar("Opening") as show:
        made = make_folder(
            bundle,
            trust,
            identities,
            out,
            disclosure=Disclosure(recipient, reference, reason),
            register=register,
            progress=show,
        )
    for line in made.lines:
        click.echo(line)
    return made.exit_code


@cli.command()
@click.option("--keys", required=True, type=click.Path(path_type=Path), help="The folder that keygen made.")
@AS_JSON
def register(keys: Path, as_json: bool) -> int:
    """Show who was given what; exit 3 where a line is not as it was written."""
    from recorder.office.register import Register  # noqa: PLC0415

    return _print(Register.open(keys, _ask_passphrase).check(), as_json)


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new or empty folder for everything.")
@click.option("--clip", type=click.Path(path_type=Path), help="Record this clip instead of the test picture.")
@click.option("--seconds", type=click.IntRange(5, 600), default=20, show_default=True, help="Length of a journey.")
def demo(out: Path, clip: Path | None, seconds: int) -> int:
    """Show a whole journey on this machine: notice, consent, recording, hold, deletion, export, opening."""
    from recorder.demo.tour import tour  # noqa: PLC0415

    return tour(out, clip, seconds)


# --- helpers -----------------------------------------------------------------------------------------------------


def _trust(keys: Path | None, recorder_key: str | None) -> Any:
    """What is known in the folder of keys, and the recorder that was named for this once."""
    from recorder.office.recorders import Trust, load_recorder_key  # noqa: PLC0415

    return Trust.load(keys, None if recorder_key is None else load_recorder_key(recorder_key))


def _identities(path: Path) -> Any:
    from recorder.office.keys import load_identities  # noqa: PLC0415

    return load_identities(path, _ask_passphrase)


def _ask_passphrase() -> str:
    return str(click.prompt("Passphrase", hide_input=True))


def _print(view: Any, as_json: bool) -> int:
    """``view`` has ``as_json`` (a value), ``lines`` (for people) and ``exit_code``."""
    if as_json:
        click.echo(json.dumps(view.as_json, indent=2))
    else:
        for line in view.lines:
            click.echo(line)
    return int(view.exit_code)
