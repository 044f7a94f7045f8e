"""The help and the completion of ``interpreterd serve``; ``interpreterd.start`` runs it."""

from typing import Any

import attrs
import click

from interpreterd.flags import flag_of, names_of
from interpreterd.settings import Settings

EXAMPLES = """\b
Examples:
  interpreterd serve --port 0                             the first line of stdout says which port
  interpreterd serve --python .venv/bin/python            run code with this Python
  interpreterd serve --preload numpy,pandas               contexts have these modules at once
  interpreterd serve --context-memory 1G --context-processes 32"""


def _option(setting: "attrs.Attribute[Any]", name: str) -> click.Option:
    said = flag_of(name)
    choices = setting.metadata["choices"]
    shown = setting.default not in (None, (), "", False)
    return click.Option(
        [f"{said}/--no-{said[2:]}" if isinstance(setting.default, bool) else said],
        hidden=name != setting.name,
        help=setting.metadata["help"],
        default=_in_words(setting.default) if shown or isinstance(setting.default, bool) else None,
        multiple=setting.metadata["repeats"],
        show_default=shown,
        type=click.Choice(choices) if choices else None if isinstance(setting.default, bool) else str,
        metavar=None if choices or isinstance(setting.default, bool) else setting.name.rpartition("_")[2].upper(),
    )


def _in_words(default: Any) -> Any:
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


command = click.Command(
    "serve",
    params=[_option(setting, name) for setting in Settings.declared() for name in names_of(setting)],
    help="""Start the daemon.

    When it accepts connections, it prints one JSON line with its url, port and pid. Every flag is also an environment
    variable: --port is INTERPRETERD_PORT.""",
    epilog=EXAMPLES,
)
