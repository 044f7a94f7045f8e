"""``interpreterd COMMAND``: the list of commands, and the message and exit status of each error."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from interpreterd import __version__

PROGRAM: Final = "interpreterd"
AFTER_SIGINT: Final = 130  # 128 + SIGINT, as shells have it
WRONG_USAGE: Final = 2
COMMANDS: Final = (
    "serve",
    "run",
    "repl",
    "contexts",
    "top",
    "token",
    "audit",
    "mcp",
    "bench",
    "config",
    "reload",
    "doctor",
    "completion",
    "version",
)
EXAMPLES: Final = """\b
Examples:
  interpreterd serve                          start the daemon
  interpreterd run --local -c 'print(6 * 7)'  run code in a private daemon
  interpreterd run script.py                  run a file in the daemon's default context
  interpreterd repl                           a prompt; variables stay
  interpreterd top                            show live what each context uses"""


class Commands(click.Group):
    """The commands, each imported from ``interpreterd.cli`` on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"interpreterd.cli.{cmd_name}").command
        return command


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="interpreterd %(version)s")
def cli() -> None:
    """Run Python in contexts that keep their variables and stream their output.

    A daemon keeps the contexts: `interpreterd serve` starts it. The other commands connect to the daemon at --url, at
    INTERPRETERD_URL, or else on port 3987 of this machine. With --local they start a private daemon.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 1 if something failed, 2 for wrong usage, 130 after Ctrl-C."""
    try:
        status = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.ctx.get_help(), file=sys.stderr)
        return WRONG_USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else PROGRAM
        return fail(f"{_one_line(error.format_message())} See `{path} --help`.", WRONG_USAGE)
    except click.ClickException as error:
        return fail(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return AFTER_SIGINT
    except BrokenPipeError:  # the reader of the output has ended
        _give_up_stdout()
        return 1
    except Exception as error:
        # Not at the top: the import takes a quarter of a second, which help and completion do not need.
        from interpreterd.client.errors import ClientError, ConnectionFailed, InvalidArgument, Refused

        if isinstance(error, ConnectionFailed):
            return fail(f"{error.what}: start one with `{error.start}`, or use --local")
        if isinstance(error, Refused) and error.code == "unauthorized":
            return fail(f"{error}: give it by INTERPRETERD_TOKEN or --token-file")
        if isinstance(error, ClientError):
            return fail(str(error))
        if isinstance(error, InvalidArgument):  # an argument that is not valid text
            return fail(str(error), WRONG_USAGE)
        if isinstance(error, OSError) and error.filename is None:  # a full disk
            _give_up_stdout()
            return fail(f"cannot write: {error.strerror or error}")
        raise
    return status if isinstance(status, int) else 0


def _give_up_stdout() -> None:
    """Make Python's last flush succeed; see the note on SIGPIPE in the documentation of the signal module."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(message: str, status: int = 1) -> int:
    """Print one line that says what is wrong; return ``status``."""
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return status


def _one_line(text: str) -> str:
    return " ".join(text.split())


def complete_context(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the ids of the daemon's contexts, for a shell's completion; an empty list if no daemon answers."""
    from interpreterd.cli.target import opened

    try:
        with opened(ctx.params.get("url"), local=False) as py:
            return [listed.id for listed in py.list_contexts() if listed.id.startswith(incomplete)]
    except Exception:  # a shell would print it into the line that the user types
        return []


def echo_json(value: Any) -> None:
    """Print ``value`` as JSON."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
