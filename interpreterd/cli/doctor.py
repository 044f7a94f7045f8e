"""``interpreterd doctor``."""

import click


@click.command("doctor")
def command() -> None:
    """Not there yet."""
