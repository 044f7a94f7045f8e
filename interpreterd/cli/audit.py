"""``interpreterd audit``."""

from typing import Final

import click

from interpreterd.cli.main import fail
from interpreterd.monitoring.audit_chain import LINE_LIMIT_BYTES, START, BrokenChain, Checked

EXAMPLES: Final = """\b
Examples:
  interpreterd audit verify /var/log/interpreterd/audit
  interpreterd audit verify audit.2 audit.1 audit             in the order in which they were written
  interpreterd audit verify --ends 5f0c… audit                nothing is missing at its end"""


@click.group("audit", epilog=EXAMPLES)
def command() -> None:
    """Check the audit log that `interpreterd serve --audit-log FILE` writes."""


@command.command("verify", epilog=EXAMPLES)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False))
@click.option("--ends", metavar="HASH", help="The hash of the last line, as it was when it was noted.")
@click.option("--begins", metavar="HASH", help="The hash that the first line names. Usually the chain begins there.")
@click.pass_context
def verify(context: click.Context, files: tuple[str, ...], ends: str | None, begins: str | None) -> None:
    """Check that no line of the FILEs was changed, removed or added.

    Lines that are missing at the end cannot be seen: keep the hash of the last line elsewhere, for --ends.
    """
    checked = Checked(last=begins)
    for name in files:
        try:
            with open(name, "rb") as file:
                checked.check(iter(lambda: file.readline(LINE_LIMIT_BYTES), b""))
        except BrokenChain as error:
            context.exit(fail(f"{name}, line {error.line}: {error}", 1))
        except OSError as error:
            context.exit(fail(f"{name}: {error.strerror or error}", 1))
    if ends is not None and ends != checked.last:
        context.exit(fail(f"the last line has another hash: {checked.last or 'there is none'}", 1))
    if checked.first not in (None, START) and begins is None:
        click.echo(f"The chain goes on after {checked.first}: of what came before, nothing is known.")
    lines = f"{checked.lines} line{'' if checked.lines == 1 else 's'}"
    click.echo(f"{lines}, none of them changed. The last hash: {checked.last}")
