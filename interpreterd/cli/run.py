"""``interpreterd run``."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import click

from interpreterd.cli.main import complete_context, echo_json, fail
from interpreterd.cli.results import ResultPrinter, ask
from interpreterd.cli.target import CONTEXT_HELP, opened, target_options
from interpreterd.client import Execution, Failure, Outcome, Restored
from interpreterd.client.results import shown_failure

TIMED_OUT: Final = 124  # as timeout(1)
TERMINATED: Final = 128 + signal.SIGTERM
EXAMPLES: Final = """\b
Examples:
  interpreterd run script.py
  interpreterd run -c 'x = 20' && interpreterd run -c 'print(x + 1)'
  generate | interpreterd run --timeout 60 -
  interpreterd run --local --env TOKEN=secret script.py
  interpreterd run --json -c 'print(1 / 0)' | jq .error.name

\b
Exit status: 0 if the code ended without an exception; 1 if it raised, with its traceback on stderr; 2 for wrong
usage; 124 after a timeout; 130 after Ctrl-C. Ctrl-C interrupts the code; a second Ctrl-C leaves at once."""


@click.command("run", epilog=EXAMPLES)
@click.argument("file", required=False, metavar="[FILE | -]", type=click.Path(dir_okay=False))
@click.option("-c", "code", metavar="CODE", help="Run CODE instead of a file.")
@click.option("--context", metavar="ID", help=CONTEXT_HELP, shell_complete=complete_context)
@click.option(
    "--timeout",
    type=click.IntRange(min=0),
    metavar="SECONDS",
    help="Interrupt the code after SECONDS. Default: 600; 0: never.",
)
@click.option(
    "--env",
    "envs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an environment variable for this execution only. Repeatable.",
)
@click.option("--checkpoint", is_flag=True, help="Keep the context as it is before: `contexts undo` goes back there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when the code has ended.")
@click.option(
    "--results",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Save pictures that the code shows in DIR; stderr names each file.",
)
@target_options
def command(
    file: str | None,
    code: str | None,
    context: str | None,
    timeout: int | None,
    envs: tuple[str, ...],
    checkpoint: bool,
    as_json: bool,
    results: Path | None,
    url: str | None,
    local: bool,
) -> int:
    """Run FILE, CODE or stdin, and stream the output."""
    source = _source(file, code) or "\n"  # as for Python, an empty file is a program that does nothing
    variables = parse_pairs(envs, "--env")
    unwind_on_sigterm()  # SIGTERM ends the code, too
    with opened(url, local) as py:
        if as_json:
            execution = py.execute(source, context, timeout=timeout, envs=variables, checkpoint=checkpoint or None)
            echo_json(execution_json(execution))
        else:
            execution = py.execute(
                source,
                context,
                timeout=timeout,
                envs=variables,
                checkpoint=checkpoint or None,
                on_stdout=writer(sys.stdout.buffer),
                on_stderr=writer(sys.stderr.buffer),
                on_error=show_error,
                on_result=ResultPrinter(results).show,
                on_input=None if file == "-" else ask,
            )
    show_outcome(execution)
    return exit_status(execution)


def unwind_on_sigterm() -> None:
    """Run every ``finally`` at SIGTERM."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED))


def writer(file: BinaryIO) -> Callable[[str], None]:
    """Return a function that writes text to ``file`` at once."""

    def write(text: str) -> None:
        file.write(text.encode())
        file.flush()

    return write


def show_error(error: Failure) -> None:
    """Print the exception that ended the code."""
    print(shown_failure(error), end="", file=sys.stderr, flush=True)


def show_outcome(execution: Execution) -> None:
    """Print in one line how the execution ended, if it did not end by itself."""
    if execution.outcome is not Outcome.COMPLETED and execution.error is not None:
        fail(f"{execution.outcome}: {execution.error.value}")


def exit_status(execution: Execution) -> int:
    """Return the exit status for ``execution``."""
    if execution.error is None and execution.outcome is Outcome.COMPLETED:
        return 0
    timed_out = execution.error is not None and execution.error.name == "TimeoutError"
    return TIMED_OUT if timed_out and execution.outcome is Outcome.INTERRUPTED else 1


def parse_pairs(pairs: tuple[str, ...], option: str) -> dict[str, str]:
    """Return ``NAME=VALUE`` words as a dictionary; the last value of a name counts."""
    for pair in pairs:
        if "=" not in pair.lstrip("="):
            raise click.BadParameter(f"must be NAME=VALUE, not {pair!r}.", param_hint=option)
    return dict(pair.split("=", 1) for pair in pairs)


def _source(file: str | None, code: str | None) -> str:
    if (file is None) == (code is None):
        raise click.UsageError("Give either a FILE, - for stdin, or -c CODE.")
    if file is None:
        return code or ""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror}") from None
    return decode_source(data, file)


def decode_source(data: bytes, name: str) -> str:
    """Return Python source as text: UTF-8, or the encoding of its coding line (PEP 263)."""
    import io
    import tokenize

    try:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{name} is not Python source: {error}") from None


def _error_json(error: Failure) -> dict[str, str]:
    return {"name": error.name, "value": error.value, "traceback": error.traceback}


def _restored_json(restored: Restored) -> dict[str, object]:
    """Return what the event says; its client is that of an execution, which wakes a context with an archive."""
    missing = [{"name": it.name, "reason": it.reason} for it in restored.missing]
    return {"archive": restored.archive_id, "missing": missing}


def execution_json(execution: Execution) -> dict[str, object]:
    """Return all of ``execution``, for ``--json``."""
    changed = execution.files
    return {
        "executionId": execution.id,
        "contextId": execution.context_id,
        "outcome": execution.outcome,
        "stdout": execution.stdout,
        "stderr": execution.stderr,
        "results": [{"data": dict(it.data), "metadata": dict(it.metadata)} for it in execution.results],
        "error": None if execution.error is None else _error_json(execution.error),
        "reason": execution.reason,
        "restarted": execution.restarted,
        "restored": None if execution.restored is None else _restored_json(execution.restored),
        "replaced": execution.replaced,
        "files": None if changed is None else [{"path": it.path, "size": it.size_bytes} for it in changed.files],
        "cutChars": execution.cut_chars,
        "missedEvents": execution.missed_events,
    }
