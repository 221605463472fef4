"""The commands people type: parse, call, print, exit code. Thin: nothing is decided here.

Exit codes: 0 good · 1 the thing asked failed · 2 wrong use or configuration · 3 verification found something wrong ·
4 consistent, but signed by a recorder that is not known here · 5 nothing to export, for nothing is held. Errors go to
standard error, one sentence each.
"""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from recorder import __version__
from recorder.cli_office import COMMANDS
from recorder.cli_orders import order
from recorder.cli_printing import AS_JSON, print_view
from recorder.cli_redact import redact
from recorder.errors import ConfigError, RecorderError

if TYPE_CHECKING:
    from recorder.config import Config

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("/etc/cabin-recorder/recorder.toml"),
    show_default=True,
    help="The recorder's configuration.",
)


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


def load(config_path: Path, *, places: bool = True) -> "Config":
    """The configuration, by :func:`recorder.config.load`, which the office's commands do not wait for."""
    from recorder import config  # noqa: PLC0415 - a third of what starting a command takes

    return config.load(config_path, places=places)


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

    return print_view(inspection.status(load(config_path)), as_json)


@cli.command()
@CONFIG
@AS_JSON
def journeys(config_path: Path, as_json: bool) -> int:
    """List the journeys on the card."""
    from recorder import inspection  # noqa: PLC0415

    return print_view(inspection.journeys(load(config_path)), as_json)


@cli.command()
@CONFIG
@AS_JSON
def check(config_path: Path, as_json: bool) -> int:
    """Test this recorder without opening camera or microphone; exit 1 where something is wrong."""
    from recorder import inspection  # noqa: PLC0415

    return print_view(inspection.check(load(config_path)), as_json)


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
        report = exporting.export(config, target, journey_ids, show, click.echo, tells_end=not told_later)
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


# --- in the office, and anywhere ---------------------------------------------------------------------------------


for _command in (*COMMANDS, redact, order):
    cli.add_command(_command)


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new or empty folder for everything.")
@click.option("--clip", type=click.Path(path_type=Path), help="Record this clip instead of the test picture.")
@click.option("--seconds", type=click.IntRange(5, 600), default=20, show_default=True, help="Length of a journey.")
def demo(out: Path, clip: Path | None, seconds: int) -> int:
    """Show a whole journey on this machine: notice, consent, recording, hold, deletion, export, opening."""
    from recorder.demo.tour import tour  # noqa: PLC0415

    return tour(out, clip, seconds)
