"""How commands print: as text for people, or as JSON for programs."""

import json
from typing import Any

import click

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text for people.")


def print_view(view: Any, as_json: bool) -> int:
    """``view`` has ``as_json`` (a value), ``lines`` (for people) and ``exit_code``."""
    if as_json:
        click.echo(json.dumps(view.as_json, indent=2))
    else:
        for line in view.lines:
            click.echo(line)
    return int(view.exit_code)
