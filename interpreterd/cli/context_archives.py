"""``interpreterd contexts archive`` and the other commands for archives."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from interpreterd.cli.context_options import id_argument, json_option, show_context, warn_of_skipped
from interpreterd.cli.main import echo_json
from interpreterd.cli.run import parse_pairs
from interpreterd.cli.target import opened, target_options
from interpreterd.client import Archive

LISTED_ARCHIVES: Final = ("ARCHIVE", "NAME", "MADE", "SIZE", "PYTHON", "SAVED", "SKIPPED")


def complete_archive(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the ids and names of the daemon's archives, for a shell's completion; none if no daemon answers."""
    try:
        with opened(ctx.params.get("url"), local=False) as py:
            found = [word for it in py.archives() for word in (it.id, it.name) if word]
            return [word for word in found if word.startswith(incomplete)]
    except Exception:  # a shell would print it into the line that the user types
        return []


archive_argument = click.argument("archive", metavar="ARCHIVE", shell_complete=complete_archive)


@click.command("archive")
@id_argument
@click.argument("name", required=False)
@json_option
@target_options
def archive_command(context: str, name: str | None, as_json: bool, url: str | None, local: bool) -> None:
    """Write a context's variables to the daemon's disk, and print the archive's id.

    Variables that cannot be saved are named on stderr. The daemon needs --state-dir.
    """
    with opened(url, local) as py:
        saved = py.get_context(context).save(name)
    if as_json:
        echo_json(saved.data)
        return
    click.echo(saved.id)
    warn_of_skipped(saved.skipped)


@click.command("load")
@archive_argument
@click.option("--cwd", metavar="DIR", help="Working directory of the new context. Default: the daemon's.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Metadata of the context. Repeatable.")
@json_option
@target_options
def load_command(
    archive: str, cwd: str | None, labels: tuple[str, ...], as_json: bool, url: str | None, local: bool
) -> None:
    """Create a context with the variables of an archive, given by its id or name, and print its id."""
    with opened(url, local) as py:
        context = py.load(archive, cwd, metadata=parse_pairs(labels, "--label") or None)
    show_context(context, as_json, context.id)
    if not as_json:
        warn_of_skipped(context.skipped)


@click.command("archives")
@click.option(
    "--delete",
    "deleted",
    multiple=True,
    metavar="ARCHIVE",
    shell_complete=complete_archive,
    help="Delete this one first. Repeatable.",
)
@json_option
@target_options
def archives_command(deleted: tuple[str, ...], as_json: bool, url: str | None, local: bool) -> None:
    """List the daemon's archives, oldest first."""
    with opened(url, local) as py:
        for name in deleted:
            py.delete_archive(name)
        listed = py.archives()
    if as_json:
        echo_json([it.data for it in listed])
    elif listed:
        _print_archives(listed)
    else:
        click.echo("no archives", err=True)


@click.command("export")
@archive_argument
@click.argument("file", default=Path(), type=click.Path(path_type=Path))
@target_options
def export_command(archive: str, file: Path, url: str | None, local: bool) -> None:
    """Write an archive to FILE, or to a directory under its own name; print the path. Default: this directory."""
    with opened(url, local) as py:
        click.echo(py.download_archive(archive, file))


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@target_options
def import_command(file: Path, as_json: bool, url: str | None, local: bool) -> None:
    """Give the daemon an archive that `export` has written, and print its id.

    The daemon needs the key of the one that made it: the file `key` of its --state-dir.
    """
    with opened(url, local) as py:
        taken = py.upload_archive(file)
    if as_json:
        echo_json(taken.data)
    else:
        click.echo(taken.id)


def _print_archives(listed: Iterable[Archive]) -> None:
    from interpreterd.cli.show import ago, console, megabytes, table

    now = datetime.now(UTC)
    rows = [
        (
            it.id,
            it.name,
            ago(it["createdAt"], now),
            megabytes(it.bytes),
            it.python,
            len(it.saved),
            len(it.skipped),
        )
        for it in listed
    ]
    right = ("MADE", "SIZE", "SAVED", "SKIPPED")
    console().print(table(LISTED_ARCHIVES, rows, right=right, whole=LISTED_ARCHIVES[:1]))


ARCHIVE_COMMANDS: Final[Sequence[click.Command]] = (
    archive_command,
    load_command,
    archives_command,
    export_command,
    import_command,
)
