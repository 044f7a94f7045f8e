"""What the commands about contexts share: their arguments, and how a context is shown."""

from collections.abc import Iterable
from typing import Any

import click

from interpreterd.cli.main import complete_context, echo_json, fail
from interpreterd.client import Context, Lost, Skipped

json_option = click.option("--json", "as_json", is_flag=True, help="Print the daemon's JSON, for programs.")
id_argument = click.argument("context", metavar="ID", shell_complete=complete_context)


def show_context(context: Context, as_json: bool, text: str) -> None:
    """Print a context's JSON, or ``text``."""
    if as_json:
        echo_json(context.data)
    else:
        click.echo(text)


def shown_value(value: Any) -> str:
    """Return a value of the daemon's JSON for people."""
    if isinstance(value, dict):
        return " ".join(f"{key}={word}" for key, word in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def warn_of_lost(lost: Iterable[Lost]) -> None:
    """Say on stderr what a copy of a context does not have of it."""
    from interpreterd.cli.show import plain

    for it in lost:
        fail(f"not carried: {plain(it.kind)} {plain(it.name)}".rstrip())


def warn_of_skipped(skipped: Iterable[Skipped]) -> None:
    """Say on stderr which variables are not in an archive."""
    from interpreterd.cli.show import plain

    for it in skipped:
        fail(f"not saved: {plain(it.name)}: {plain(it.reason)}")
