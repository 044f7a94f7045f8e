"""The daemon that a command connects to."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from interpreterd.client import Interpreter

_F = TypeVar("_F", bound=Callable[..., Any])
CONTEXT_HELP = "Id of the context. Default: the context 'default'."


def target_options(function: _F) -> _F:
    """Give a command ``--url`` and ``--local``, for ``opened``."""
    url = click.option(
        "--url",
        envvar="INTERPRETERD_URL",
        metavar="URL",
        help="Address of the daemon: http://HOST:PORT or unix:/PATH. Also INTERPRETERD_URL. Default: http://127.0.0.1:3987.",
    )
    local = click.option("--local", is_flag=True, help="Start a private daemon, which ends with the command.")
    return url(local(function))


def opened(url: str | None, local: bool) -> Interpreter:
    """Return a client of the daemon that the options name."""
    if local:
        return Interpreter.local(origin="interpreterd")
    try:
        return Interpreter(url or None, origin="interpreterd")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
