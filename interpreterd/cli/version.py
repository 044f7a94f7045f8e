"""``interpreterd version``."""

import platform

import click

from interpreterd import __version__
from interpreterd.cli.main import echo_json


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(as_json: bool) -> None:
    """Print the version of interpreterd and of its Python."""
    if as_json:
        echo_json({"version": __version__, "python": platform.python_version()})
    else:
        click.echo(f"interpreterd {__version__} (Python {platform.python_version()})")
