"""``interpreterd contexts``."""

import click


@click.command("contexts")
def command() -> None:
    """Not there yet."""
