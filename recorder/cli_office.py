"""The commands of the office: parse, call, print, exit code, like :mod:`recorder.cli`, which has the exit codes."""

import gc
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from recorder.cli_printing import AS_JSON, print_view
from recorder.errors import WrongPassphraseError

RECORDER_KEY = click.option(
    "--recorder", "recorder_key", help="A recorder's public key, or the file that holds it: known for this once."
)
KEYS = click.option(
    "--keys", type=click.Path(path_type=Path), help="The folder of the office's keys; else that of the identity."
)
BUNDLE = click.argument("bundle", type=click.Path(path_type=Path))


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder for the keys.")
@click.option("--no-passphrase", is_flag=True, help="Leave the keys unprotected; for trials only.")
def keygen(out: Path, no_passphrase: bool) -> int:
    """Make the office's keys."""
    from recorder.office.keys import keygen as make_keys  # noqa: PLC0415

    passphrase = None if no_passphrase else click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    for line in make_keys(out, passphrase).lines:
        click.echo(line)
    return 0


@click.command()
@click.option("-i", "--identity", required=True, type=click.Path(path_type=Path), help="The office's identity.txt.")
@click.option("--checks", is_flag=True, help="Print the check of each line instead, as on the recovery sheet.")
def recipient(identity: Path, checks: bool) -> int:
    """Print the public half of an identity: after typing it in from the recovery sheet, or to see which one it is."""
    from recorder.office.keys import line_checks  # noqa: PLC0415

    lines = line_checks(identity) if checks else [one.recipient.text for one in _identities(identity)]
    for line in lines:
        click.echo(line)
    return 0


@click.command(name="open")
@BUNDLE
@click.option("-i", "--identity", required=True, type=click.Path(path_type=Path), help="The office's identity.txt.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Where the films go.")
@KEYS
@click.option("--to", default="this office", show_default=True, help="Who looks at it; for the register.")
@click.option("--reference", default="", help="Of the police, or of an access request; for the register.")
@click.option("--reason", default="to look at it", show_default=True, help="Why; for the register.")
def open_(*, bundle: Path, identity: Path, out: Path, keys: Path | None, to: str, reference: str, reason: str) -> int:
    """Decrypt, check and join the journeys of BUNDLE: one MP4 a journey, and its log; and enter it in the register.

    Where it was stopped, the same command goes on.
    """
    from recorder.office.keys import AUTHORITY_KEY_NAME, load_identities  # noqa: PLC0415
    from recorder.office.open import open_bundle  # noqa: PLC0415
    from recorder.office.register import OPENED  # noqa: PLC0415
    from recorder.progress import progress_bar  # noqa: PLC0415

    ask = cache(ask_passphrase)  # one for both keys
    folder = keys or identity.parent
    identities = load_identities(identity, ask)
    register = register_of(folder, ask) if (folder / AUTHORITY_KEY_NAME).exists() else None
    said = {"to": to, "reference": reference, "reason": reason, "folder": str(out)}

    def enter(journeys: Sequence[str]) -> None:
        if register is not None:
            register.note(OPENED, said | {"journeys": list(journeys)})

    gc.freeze()  # to look through what is loaded again and again takes a thirtieth of the time
    try:
        with progress_bar("Opening") as show:
            report = open_bundle(bundle, identities, out, show, enter)
    except KeyboardInterrupt:
        click.echo(f"What has its name in {out} is whole; the same command goes on behind it.", err=True)
        raise
    if register is None:
        click.echo(f"note  This is in no register, for {folder} has no {AUTHORITY_KEY_NAME}; name its folder (--keys).")
    for line in report.lines:
        click.echo(line)
    return report.exit_code


@click.command()
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


@click.command()
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
    trust = trust_of(folder, recorder_key)
    report = verify_bundle(bundle, trust, None if identity is None else _identities(identity))
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        for line in report.lines:
            click.echo(line)
    if folder is not None and report.verdict == "attested":
        advance_heads(folder, report.heads)
    return report.exit_code


@click.command()
@BUNDLE
@RECORDER_KEY
@click.option("-i", "--identity", required=True, type=click.Path(path_type=Path), help="The office's identity.txt.")
@KEYS
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The page, say report.html.")
def report(bundle: Path, recorder_key: str | None, identity: Path, keys: Path | None, out: Path) -> int:
    """Write a page for printing: what BUNDLE holds, how it was checked, what happened. Exit codes as of verify."""
    from recorder.office.report import write_report  # noqa: PLC0415

    checked = write_report(bundle, trust_of(keys or identity.parent, recorder_key), _identities(identity), out)
    for line in checked.lines:
        click.echo(line)
    click.echo(f"Written: {out}")
    return checked.exit_code


@click.command()
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
    from recorder.office.register import Disclosure  # noqa: PLC0415
    from recorder.progress import progress_bar  # noqa: PLC0415

    ask = cache(ask_passphrase)  # one for both keys
    trust = trust_of(keys, recorder_key)
    identities, register = load_identities(keys / IDENTITY_NAME, ask), register_of(keys, ask)
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


@click.command()
@click.option("--keys", required=True, type=click.Path(path_type=Path), help="The folder that keygen made.")
@AS_JSON
def register(keys: Path, as_json: bool) -> int:
    """Show who was given what; exit 3 where a line is not as it was written."""
    from recorder.office.register import Register  # noqa: PLC0415

    return print_view(Register.open(keys, ask_passphrase).check(), as_json)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def viewer(folder: Path) -> int:
    """Put the newest viewer.html into FOLDER, the one with the office's keys."""
    from recorder.office.page import renew_page  # noqa: PLC0415

    click.echo(f"Written: {renew_page(folder)}. Double-click it; it needs no installation and no network.")
    return 0


COMMANDS = (keygen, recipient, open_, enrol, verify, report, disclose, register, viewer)


# --- helpers -----------------------------------------------------------------------------------------------------


def trust_of(keys: Path | None, recorder_key: str | None) -> Any:
    """What is known in the folder of keys, and the recorder that was named for this once."""
    from recorder.office.recorders import Trust, load_recorder_key  # noqa: PLC0415

    return Trust.load(keys, None if recorder_key is None else load_recorder_key(recorder_key))


def _identities(path: Path) -> Any:
    from recorder.office.keys import load_identities  # noqa: PLC0415

    return load_identities(path, ask_passphrase)


def register_of(keys: Path, ask: Callable[[], str]) -> Any:
    """The register. Where ``ask`` has the identity's passphrase, and the authority key another, that is asked for."""
    from recorder.office.keys import AUTHORITY_KEY_NAME  # noqa: PLC0415
    from recorder.office.register import Register  # noqa: PLC0415

    def ask_again() -> str:
        click.echo(f"{keys / AUTHORITY_KEY_NAME} has a passphrase of its own.", err=True)
        return ask_passphrase()

    try:
        return Register.open(keys, ask)
    except WrongPassphraseError:
        return Register.open(keys, ask_again)


def ask_passphrase() -> str:
    """From the terminal, unseen."""
    return str(click.prompt("Passphrase", hide_input=True))
