"""``order``: what the office orders recorders to do, and what they answered; like :mod:`recorder.cli_office`."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import click

from recorder.cli_office import BUNDLE, ask_passphrase, trust_of
from recorder.errors import UsageError

_DAYS = 14
_TIMES = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]

KEYS = click.option("--keys", required=True, type=click.Path(path_type=Path), help="The folder that keygen made.")
STICK = click.option("--stick", required=True, type=click.Path(path_type=Path), help="The stick it rides on.")
WHO = click.option("--who", required=True, help="Who orders it; it goes into the recorder's signed log.")
REASON = click.option(
    "--reason", required=True, help="Why: a reference, not a story, for it lies on the stick in the clear."
)
VALID = click.option("--days", type=int, default=_DAYS, show_default=True, help="For how many days it counts.")


@click.group()
def order() -> None:
    """Order a recorder to keep or to release recordings, by stick, and see what it answered."""


@order.command(name="hold")
@click.option("--vehicle", required=True, help="Its name, as in the recorder's configuration.")
@click.option("--all", "everything", is_flag=True, help="Everything on board: the last 24 hours, and what is held.")
@click.option("--journey", help="One journey: its id, or the name of its folder on a stick.")
@click.option("--since", type=click.DateTime(_TIMES), help="All under way since then, by this computer's clock.")
@click.option("--until", type=click.DateTime(_TIMES), help="And until then.")
@WHO
@REASON
@VALID
@KEYS
@STICK
def hold_(
    *,
    vehicle: str,
    everything: bool,
    journey: str | None,
    since: datetime | None,
    until: datetime | None,
    who: str,
    reason: str,
    days: int,
    keys: Path,
    stick: Path,
) -> int:
    """Order recordings to be kept: with the next stick, before it is copied to."""
    from recorder.office.orders import Ordering, hold_order  # noqa: PLC0415

    scope = _scope(everything=everything, journey=journey, span=(since, until))
    made = hold_order(vehicle, scope, Ordering(who, reason, days))
    if vehicle not in trust_of(keys, None).recorders.values():
        click.echo(f"note  No recorder is enrolled as {vehicle}; is the vehicle called so in its configuration?")
    return _give([made], stick, keys, cache(ask_passphrase))


@order.command()
@BUNDLE
@click.option("--journey", "journeys", multiple=True, required=True, help="Which: its id, or its folder's name.")
@WHO
@REASON
@VALID
@KEYS
@STICK
def release(
    *, bundle: Path, journeys: tuple[str, ...], who: str, reason: str, days: int, keys: Path, stick: Path
) -> int:
    """Order a hold to be ended, of a journey whose copy is in BUNDLE: the copy is verified first."""
    from recorder.office.keys import IDENTITY_NAME, load_identities  # noqa: PLC0415
    from recorder.office.orders import Ordering, release_orders  # noqa: PLC0415

    ask = cache(ask_passphrase)  # one for both keys
    identities = load_identities(keys / IDENTITY_NAME, ask)
    made = release_orders(bundle, trust_of(keys, None), identities, journeys, Ordering(who, reason, days))
    return _give(made, stick, keys, ask)


@order.command()
@click.argument("stick", type=click.Path(path_type=Path))
@KEYS
def check(stick: Path, keys: Path) -> int:
    """Say what became of the orders on STICK: exit 0 all carried out, 1 not, 3 wrong, 4 by an unknown recorder."""
    from recorder.office.orders import check_answers, exit_code_of  # noqa: PLC0415

    answers = check_answers(stick, keys, trust_of(keys, None))
    for answer in answers:
        click.echo(answer.line)
    if not answers:
        raise UsageError(f"{stick} has no orders.")
    return exit_code_of(answers)


def _scope(*, everything: bool, journey: str | None, span: tuple[datetime | None, datetime | None]) -> dict[str, str]:
    since, until = span
    chosen = (everything, journey is not None, since is not None or until is not None)
    if sum(chosen) != 1:
        raise UsageError("Say what is to be kept: --all, or --journey, or --since and --until.")
    if everything:
        return {"scope": "all"}
    if journey is not None:
        return {"scope": "journey", "journey": journey}
    if since is None or until is None:
        raise UsageError("A span of time needs both, --since and --until.")
    return {"scope": "span", "since": _utc(since), "until": _utc(until)}


def _utc(moment: datetime) -> str:
    """By the clock and the time zone of this computer, which is whom the office asks when something happened."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _give(orders: Any, stick: Path, keys: Path, ask: Any) -> int:
    from recorder.office.orders import give  # noqa: PLC0415
    from recorder.office.register import Register  # noqa: PLC0415

    for made in give(orders, stick, Register.open(keys, ask)):
        click.echo(made.sentence)
    return 0
