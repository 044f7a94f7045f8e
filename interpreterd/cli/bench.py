"""``interpreterd bench``."""

import click


@click.command("bench")
def command() -> None:
    """Not there yet."""
