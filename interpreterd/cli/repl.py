"""``interpreterd repl``."""

import click


@click.command("repl")
def command() -> None:
    """Not there yet."""
