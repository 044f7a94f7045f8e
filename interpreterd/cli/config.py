"""``interpreterd config``."""

import click


@click.command("config")
def command() -> None:
    """Not there yet."""
