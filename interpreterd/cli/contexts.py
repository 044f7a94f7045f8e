"""``interpreterd contexts``."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import click

from interpreterd.cli.context_archives import ARCHIVE_COMMANDS
from interpreterd.cli.context_options import id_argument, json_option, show_context, shown_value
from interpreterd.cli.context_state import STATE_COMMANDS
from interpreterd.cli.main import complete_context, echo_json
from interpreterd.cli.run import parse_pairs
from interpreterd.cli.target import opened, target_options
from interpreterd.client import Context
from interpreterd.setting_kinds import parse_bytes

EXAMPLES: Final = """\b
Examples:
  interpreterd contexts                          the same as: contexts list
  interpreterd contexts list --label user=ada
  id=$(interpreterd contexts create --cwd /tmp --memory 512M)
  interpreterd run --context $id script.py
  interpreterd contexts delete $id

\b
  fork=$(interpreterd contexts fork $id)         a copy with the same variables
  interpreterd contexts checkpoint $id before    keep it as it is now, in memory
  interpreterd contexts restore $id before       and go back there
  interpreterd contexts archive $id model        write its variables to the daemon's disk
  new=$(interpreterd contexts load model)        and begin a context with them"""
LISTED: Final = ("CONTEXT", "STATE", "RUNS", "QUEUED", "USED", "CWD", "METADATA")


@click.group("contexts", epilog=EXAMPLES, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, create, show, restart and delete contexts; fork, undo and keep their state."""
    if ctx.invoked_subcommand is None:
        ctx.forward(list_command)


@command.command("list")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="List only contexts with this metadata. Repeatable."
)
@json_option
@target_options
def list_command(
    labels: tuple[str, ...] = (), as_json: bool = False, url: str | None = None, local: bool = False
) -> None:
    """List all contexts, oldest first."""
    wanted = parse_pairs(labels, "--label")
    with opened(url, local) as py:
        listed = py.list_contexts(labels=wanted)
    if as_json:
        echo_json([context.data for context in listed])
    elif listed:
        _print_table(listed)
    else:
        click.echo("no contexts", err=True)


@command.command("create")
@click.option(
    "--cwd", metavar="DIR", help="Working directory, an absolute path on the daemon's machine. Default: the daemon's."
)
@click.option("--preload", metavar="MOD,MOD", help="Modules that the daemon must have preloaded; see serve --preload.")
@click.option(
    "--env",
    "envs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an environment variable for all executions of the context. Repeatable.",
)
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Metadata of the context. Repeatable.")
@click.option("--memory", metavar="SIZE", help="Limit of its memory, for example 512M.")
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help="Limit of its processes and threads.")
@click.option("--disk", metavar="SIZE", help="Limit of what the files in its directory may grow by, for example 1G.")
@click.option("--open-files", type=click.IntRange(min=1), metavar="N", help="Limit of open files of each process.")
@click.option("--cpu-s", type=float, metavar="SECONDS", help="Limit of the processor time of an execution.")
@click.option("--output", metavar="SIZE", help="Limit of the output of an execution, for example 10M.")
@click.option(
    "--persistent", is_flag=True, help="Save its variables, so that it outlives the daemon. Needs --state-dir."
)
@json_option
@target_options
def create(
    cwd: str | None,
    preload: str | None,
    envs: tuple[str, ...],
    labels: tuple[str, ...],
    memory: str | None,
    processes: int | None,
    open_files: int | None,
    disk: str | None,
    cpu_s: float | None,
    output: str | None,
    persistent: bool,
    as_json: bool,
    url: str | None,
    local: bool,
) -> None:
    """Create a context and print its id."""
    limits = {
        "memoryBytes": _size(memory, "--memory"),
        "processes": processes,
        "openFiles": open_files,
        "diskBytes": _size(disk, "--disk"),
        "cpuSeconds": cpu_s,
        "outputBytes": _size(output, "--output"),
    }
    options: dict[str, Any] = {
        "preload": preload and [word.strip() for word in preload.split(",")],
        "envs": parse_pairs(envs, "--env"),
        "metadata": parse_pairs(labels, "--label"),
        "limits": {name: value for name, value in limits.items() if value is not None},
        "persistent": persistent,
    }
    with opened(url, local) as py:
        context = py.create_context(cwd, **{name: value for name, value in options.items() if value})
    show_context(context, as_json, context.id)


@command.command("show")
@id_argument
@json_option
@target_options
def show(context: str, as_json: bool, url: str | None, local: bool) -> None:
    """Show all properties of a context."""
    with opened(url, local) as py:
        shown = py.get_context(context)
    width = max(map(len, shown.data))
    show_context(shown, as_json, "\n".join(f"{key:{width}}  {shown_value(value)}" for key, value in shown.data.items()))


@command.command("restart")
@id_argument
@click.option("--cancel-queued", is_flag=True, help="Cancel the queued executions.")
@json_option
@target_options
def restart(context: str, cancel_queued: bool, as_json: bool, url: str | None, local: bool) -> None:
    """Give a context a new Python; the running execution and all variables are lost."""
    with opened(url, local) as py:
        restarted = py.restart(context, cancel_queued=cancel_queued)
    show_context(restarted, as_json, f"restarted {restarted.id}")


@command.command("delete")
@click.argument("contexts", metavar="ID...", nargs=-1, required=True, shell_complete=complete_context)
@target_options
def delete(contexts: tuple[str, ...], url: str | None, local: bool) -> None:
    """Delete contexts, and end every process that they started."""
    with opened(url, local) as py:
        for context in contexts:
            py.delete_context(context)
            click.echo(f"deleted {context}")


def _print_table(listed: Iterable[Context]) -> None:
    from interpreterd.cli.show import ago, console, table

    now = datetime.now(UTC)
    rows = [
        (
            context.id,
            context["state"],
            context["executionCount"],
            context["queued"],
            ago(context["lastUsedAt"], now),
            context.cwd,
            shown_value(context["metadata"]),
        )
        for context in listed
    ]
    console().print(table(LISTED, rows, right=("RUNS", "QUEUED", "USED"), wrap=("METADATA",), whole=LISTED[:-2]))


def _size(text: str | None, option: str) -> int | None:
    try:
        return None if text is None else parse_bytes(text)
    except ValueError:
        raise click.BadParameter(f"must be a size, for example 512M, not {text!r}.", param_hint=option) from None


for _command in (*STATE_COMMANDS, *ARCHIVE_COMMANDS):
    command.add_command(_command)
