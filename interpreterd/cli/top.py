"""``interpreterd top``."""

import click


@click.command("top")
def command() -> None:
    """Not there yet."""
