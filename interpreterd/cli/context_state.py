"""``interpreterd contexts fork`` and the other commands that branch, undo and hibernate."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from interpreterd.cli.context_options import (
    id_argument,
    json_option,
    show_context,
    shown_value,
    warn_of_lost,
    warn_of_skipped,
)
from interpreterd.cli.main import echo_json
from interpreterd.cli.run import parse_pairs
from interpreterd.cli.target import opened, target_options
from interpreterd.client import Checkpoint, Context, NotCarried, NotSavedWhole

LISTED_CHECKPOINTS: Final = ("CHECKPOINT", "NAME", "MADE", "MEMORY", "AUTOMATIC")


def complete_checkpoint(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names and ids of the context's checkpoints, for a shell's completion; none if no daemon answers."""
    try:
        with opened(ctx.params.get("url"), local=False) as py:
            found = [word for it in py.get_context(ctx.params["context"]).checkpoints() for word in (it.name, it.id)]
            return [word for word in found if word and word.startswith(incomplete)]
    except Exception:  # a shell would print it into the line that the user types
        return []


@click.command("fork")
@id_argument
@click.option("--count", type=click.IntRange(1, 64), default=1, metavar="N", help="Number of forks. Default: 1.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Metadata of the forks. Repeatable.")
@click.option(
    "--cwd",
    type=click.Choice(("same", "copy")),
    help="Work in the same directory as the original (default), or in a copy of it.",
)
@click.option(
    "--strict", is_flag=True, help="Make no fork if it would lack something: a thread, a socket, an open file."
)
@json_option
@target_options
def fork_command(
    context: str,
    count: int,
    labels: tuple[str, ...],
    cwd: str | None,
    strict: bool,
    as_json: bool,
    url: str | None,
    local: bool,
) -> None:
    """Copy a context with its variables, and print the id of the copy.

    What a copy cannot have is named on stderr. The fork waits for the code that runs in the context.
    """
    metadata = parse_pairs(labels, "--label") or None
    with opened(url, local) as py:
        try:
            forks = py.get_context(context).fork(count, metadata=metadata, cwd=cwd, strict=strict or None)
        except NotCarried as error:
            warn_of_lost(error.not_carried)
            raise
    if as_json:
        echo_json([it.data for it in forks])
        return
    for it in forks:
        click.echo(it.id)
    warn_of_lost(forks[0].not_carried)


@click.command("checkpoint")
@id_argument
@click.argument("name", required=False)
@json_option
@target_options
def checkpoint_command(context: str, name: str | None, as_json: bool, url: str | None, local: bool) -> None:
    """Keep a context in memory as it is now, and print the checkpoint's id.

    NAME is for `restore`. Checkpoints end with their context and with the daemon.
    """
    with opened(url, local) as py:
        made = py.get_context(context).checkpoint(name)
    if as_json:
        echo_json(made.data)
        return
    click.echo(made.id)
    warn_of_lost(made.not_carried)


@click.command("checkpoints")
@id_argument
@click.option(
    "--delete",
    "deleted",
    multiple=True,
    metavar="CHECKPOINT",
    shell_complete=complete_checkpoint,
    help="Delete this one first. Repeatable.",
)
@json_option
@target_options
def checkpoints_command(context: str, deleted: tuple[str, ...], as_json: bool, url: str | None, local: bool) -> None:
    """List the checkpoints of a context, oldest first."""
    with opened(url, local) as py:
        it = py.get_context(context)
        for name in deleted:
            it.delete_checkpoint(name)
        listed = it.checkpoints()
    if as_json:
        echo_json([found.data for found in listed])
    elif listed:
        _print_checkpoints(listed)
    else:
        click.echo("no checkpoints", err=True)


@click.command("restore")
@id_argument
@click.argument("checkpoint", metavar="CHECKPOINT", shell_complete=complete_checkpoint)
@json_option
@target_options
def restore_command(context: str, checkpoint: str, as_json: bool, url: str | None, local: bool) -> None:
    """Let a context be as it was at a checkpoint, given by its id or name. The checkpoint stays."""
    with opened(url, local) as py:
        restored = py.get_context(context).restore(checkpoint)
    show_context(restored, as_json, f"restored {restored.id}")


@click.command("undo")
@id_argument
@json_option
@target_options
def undo_command(context: str, as_json: bool, url: str | None, local: bool) -> None:
    """Let a context be as it was before its last execution.

    That must have been one with a checkpoint: `run --checkpoint`, an input of `repl`, or "checkpoint": true.
    """
    with opened(url, local) as py:
        undone = py.get_context(context).undo()
    show_context(undone, as_json, f"restored {undone.id}")


@click.command("hibernate")
@id_argument
@json_option
@target_options
def hibernate_command(context: str, as_json: bool, url: str | None, local: bool) -> None:
    """Write a context's variables to the daemon's disk and end its Python; the next execution wakes it.

    A context stays as it is if a variable cannot be saved.
    """
    with opened(url, local) as py:
        try:
            resting = py.get_context(context).hibernate()
        except NotSavedWhole as error:
            warn_of_skipped(error.skipped)
            raise
    show_context(resting, as_json, f"hibernating {resting.id}")


def _print_checkpoints(listed: Iterable[Checkpoint[Context]]) -> None:
    from interpreterd.cli.show import ago, console, megabytes, table

    now = datetime.now(UTC)
    rows = [
        (
            it.id,
            it.name,
            ago(it["createdAt"], now),
            "" if it.memory_bytes is None else megabytes(it.memory_bytes),
            shown_value(it.automatic),
        )
        for it in listed
    ]
    console().print(table(LISTED_CHECKPOINTS, rows, right=("MADE", "MEMORY"), whole=LISTED_CHECKPOINTS[:1]))


STATE_COMMANDS: Final[Sequence[click.Command]] = (
    fork_command,
    checkpoint_command,
    checkpoints_command,
    restore_command,
    undo_command,
    hibernate_command,
)
