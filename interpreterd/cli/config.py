"""``interpreterd config``."""

import os
from typing import Any

import click

from interpreterd.cli import serve
from interpreterd.cli.main import PROGRAM, echo_json
from interpreterd.cli.show import console, table
from interpreterd.flags import Chosen, Parser, flag_of
from interpreterd.model.limits import size_in_words
from interpreterd.workers.launchers import effective_launcher

HELP = "Show every setting and its source. `interpreterd serve` would have these settings here, with the same flags."
EXAMPLES = """\b
Examples:
  interpreterd config
  interpreterd config --port 0 --preload numpy
  interpreterd config --json | jq .port
  interpreterd config --check                  is the file of settings right?
  interpreterd config --check new.toml         is this one?"""


class Config(click.Command):
    """Has the flags of ``serve`` in its help and its completion, and reads them as ``serve`` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags; see ``Chosen``."""
        if ctx.resilient_parsing or {"-h", "--help"}.intersection(args):
            return super().parse_args(ctx, args)
        parser = Parser("interpreterd config")
        parser.add_argument("--json", dest="json", action="store_true")
        parser.add_argument("--check", dest="check", nargs="?", const="", metavar="FILE")
        ctx.params = {"chosen": Chosen.by(parser, _named_file(args), os.environ)}
        return []


def _named_file(args: list[str]) -> list[str]:
    """Return ``args`` with the file after ``--check`` as that of ``--config``, too."""
    for number, arg in enumerate(args):
        if arg == "--check" and args[number + 1 : number + 2] and not args[number + 1].startswith("--"):
            return [*args, "--config", args[number + 1]]
        if arg.startswith("--check="):
            return [*args, "--config", arg.removeprefix("--check=")]
    return args


def tell_check(chosen: Chosen) -> None:
    """Print that the settings are right; mistakes have ended the program before."""
    for note in chosen.outdated:
        click.echo(f"{PROGRAM}: warning: {note}", err=True)
    click.echo(f"{chosen.settings.process.config or 'no file of settings'}: ok")


def show_settings(chosen: Chosen) -> None:
    """Print the settings."""
    if "check" in chosen.others:
        tell_check(chosen)
        return
    settings = effective(chosen)
    if chosen.others:
        echo_json({name: {"value": _in_json(value), "source": source} for name, (value, source) in settings.items()})
        return
    rows = [(flag_of(name)[2:], _in_words(name, value), source) for name, (value, source) in settings.items()]
    console().print(table(("SETTING", "VALUE", "FROM"), rows))


def effective(chosen: Chosen) -> dict[str, tuple[Any, str]]:
    """Return name, value and source of every setting: a flag, a variable, or ``default``."""
    values = chosen.settings.values()
    settings = {name: (value, chosen.sources.get(name, "default")) for name, value in values.items()}
    if (launcher := effective_launcher(chosen.settings.workers)) != chosen.settings.workers.launcher:
        settings["launcher"] = (launcher, settings["preload"][1])
    return settings


def _in_json(value: Any) -> Any:
    """Return ``value``, or its text if JSON has no such kind."""
    return value if value is None or isinstance(value, bool | int | float | str | tuple) else str(value)


def _in_words(name: str, value: Any) -> str:
    if value is None or value == "" or value == ():
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith(("_bytes", "_memory")):
        return size_in_words(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


command = Config(
    "config",
    params=[
        *serve.command.params,
        click.Option(["--json"], is_flag=True, help="Print JSON, for programs."),
        click.Option(
            ["--check"],
            metavar="[FILE]",
            help="Only say whether the settings of FILE are right, or those of the file that `serve` would read.",
        ),
    ],
    callback=show_settings,
    help=HELP,
    epilog=EXAMPLES,
)
