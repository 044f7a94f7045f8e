"""``interpreterd repl``."""

import codeop
import contextlib
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, ThreadedCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import has_completions
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.python import PythonLexer

from interpreterd import __version__
from interpreterd.cli.context_options import warn_of_skipped
from interpreterd.cli.main import complete_context, fail
from interpreterd.cli.place import PROMPT_COMMANDS, PromptPlace
from interpreterd.cli.results import ResultPrinter, ask
from interpreterd.cli.run import show_error, show_outcome, writer
from interpreterd.cli.target import CONTEXT_HELP, opened, target_options
from interpreterd.client import (
    ClientError,
    Completions,
    ConnectionFailed,
    Execution,
    Failure,
    Interpreter,
    Outcome,
    StartFailed,
)
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID

PROMPT: Final = ">>> "
MORE: Final = "... "
INDENT: Final = " " * 4
LEAVE: Final = ("exit", "exit()", "quit", "quit()")
HISTORY_LIMIT_BYTES: Final = 1 << 20
COMPLETIONS_LIMIT: Final = 200
NO_CHECKPOINT: Final = ("checkpoints_full", "operation_failed")  # why an input that wants a checkpoint does not run
NO_PICTURES: Final = ResultPrinter(None)
COMPLETION_TIMEOUT_S: Final = 2
EXAMPLES: Final = (
    """\b
Examples:
  interpreterd repl                  in the default context; variables stay
  interpreterd repl --context $id    in another context, which other clients may use too
  interpreterd repl --local          in a private daemon

\b
Tab completes names of the context. Ctrl-C interrupts the code, Ctrl-D leaves.

\b
Commands of the prompt:
"""
    + PROMPT_COMMANDS
)


@click.command("repl", epilog=EXAMPLES)
@click.option("--context", metavar="ID", help=CONTEXT_HELP, shell_complete=complete_context)
@click.option(
    "--timeout",
    type=click.IntRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Interrupt each input after SECONDS. Default: never.",
)
@click.option(
    "--results",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Save pictures that the code shows in DIR; stderr names each file. Default: a new temporary directory, and "
    "only pictures that the terminal cannot show. kitty, iTerm2, foot and mlterm can.",
)
@target_options
def command(context: str | None, timeout: int, results: Path | None, url: str | None, local: bool) -> int:
    """Type Python at a prompt and see its output."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("A prompt needs a terminal. A program can use: interpreterd run -.")
    with opened(url, local) as py:
        py.list_contexts()  # if no daemon answers, say so before the prompt
        if context is not None:
            py.get_context(context)
        print(f"interpreterd {__version__}, context {context or 'default'}. Ctrl-C interrupts, Ctrl-D leaves.")
        printer = ResultPrinter(results, in_terminal=True)
        place = PromptPlace(py, context)
        session = make_session(ContextCompleter(py, place))
        while True:
            try:
                source = session.prompt()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return 0
            if source.strip() in LEAVE:
                return 0
            if source.strip():
                try:
                    if not place.obey(source):
                        run_input(py, source, place, timeout, printer)
                except KeyboardInterrupt:  # while a command of the prompt waits
                    continue
                except (ConnectionFailed, StartFailed):
                    raise
                except ClientError as error:
                    fail(str(error))


def run_input(
    py: Interpreter, source: str, place: PromptPlace, timeout: int, printer: ResultPrinter = NO_PICTURES
) -> None:
    """Run typed code and show its output and error; the cursor is at the start of a line afterwards.

    It runs with a checkpoint, for ``%undo``. If none can be made, it runs without one.
    """
    execution = _execute(py, source, place, timeout, printer)
    if execution is not None and execution.outcome is Outcome.CANCELLED and execution.reason in NO_CHECKPOINT:
        place.cannot_keep(execution.error.value if execution.error is not None else execution.reason)
        execution = _execute(py, source, place, timeout, printer)
    if execution is None:
        return
    if execution.error is not None:
        show_error(execution.error)
    if execution.restarted:
        fail("the context has a new Python: earlier variables are gone")
    if execution.restored is not None:
        warn_of_skipped(execution.restored.missing)
    show_outcome(execution)


def _execute(
    py: Interpreter, source: str, place: PromptPlace, timeout: int, printer: ResultPrinter
) -> Execution | None:
    """Run code and show its output; return how it went, or None if Ctrl-C has interrupted it and all was shown."""
    write, last = writer(sys.stdout.buffer), "\n"
    errors: list[Failure] = []

    def on_stdout(text: str) -> None:
        nonlocal last
        last = text[-1]
        write(text)

    try:
        return py.execute(
            source,
            place.context,
            timeout=timeout,
            checkpoint=place.keeps or None,
            on_stdout=on_stdout,
            on_stderr=writer(sys.stderr.buffer),
            on_error=errors.append,
            on_result=printer.show,
            on_input=ask,
            interactive=True,
        )
    except KeyboardInterrupt:
        for error in errors:
            show_error(error)
        return None
    finally:
        if last != "\n":
            write("\n")


def is_complete(source: str) -> bool:
    """Whether ``source`` is complete, right or wrong; if not, more lines have to follow."""
    source = source.rstrip(" \t")  # the indentation of an empty line
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for symbol in ("single", "exec"):  # only 'single' knows that an empty line ends an indented block
            with contextlib.suppress(SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
                return codeop.compile_command(source, symbol=symbol) is not None
    return True


def indentation(line: str) -> str:
    """Return the indentation of the line after ``line``."""
    return line[: len(line) - len(line.lstrip())] + (INDENT if line.rstrip().endswith(":") else "")


class ContextCompleter(Completer):
    """Completes by what the context has: names, attributes, modules, keywords of calls, keys, files."""

    def __init__(self, py: Interpreter, place: PromptPlace) -> None:
        self._py = py
        self._place = place

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield completions; none while an execution runs there, because they would wait for its end."""
        if document.current_line_before_cursor.strip() == "":
            yield Completion(INDENT)
            return
        if document.char_before_cursor == " " and "import" not in document.current_line_before_cursor:
            return  # any name may follow
        if document.text.startswith("%"):
            for name in self._place.commands:
                if name.startswith(document.text):
                    yield Completion(name, start_position=-len(document.text))
        found = self._ask(document.text, document.cursor_position)
        if found is not None:
            for name in found.matches[:COMPLETIONS_LIMIT]:
                yield Completion(name, start_position=found.cursor_start - document.cursor_position)

    def _ask(self, code: str, cursor: int) -> Completions | None:
        with contextlib.suppress(ClientError, ValueError):  # the latter: text that cannot be sent
            context = self._py.get_context(self._place.context or DEFAULT_CONTEXT_ID)
            if context["state"] == "idle":
                return context.complete(code, cursor, timeout=COMPLETION_TIMEOUT_S)
        return None


def make_session(completer: Completer) -> "PromptSession[str]":
    """Return a prompt for several lines: Enter runs complete code."""
    bindings = KeyBindings()

    @bindings.add("enter", filter=~has_completions)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + indentation(buffer.document.current_line))

    return PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=MORE,
        history=_history(),
        auto_suggest=AutoSuggestFromHistory(),
        lexer=PygmentsLexer(PythonLexer),
        completer=ThreadedCompleter(completer),
        complete_while_typing=False,
        key_bindings=bindings,
        enable_open_in_editor=True,
    )


def _history() -> FileHistory:
    """Return the history file, which only this user can read; its older half is dropped when it is too large."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    path = Path(state, "interpreterd", "history")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        if path.stat().st_size > HISTORY_LIMIT_BYTES:
            data = path.read_bytes()
            # Entries begin with a comment, after an empty line.
            path.write_bytes(b"\n#" + data[len(data) // 2 :].partition(b"\n#")[2])
    except OSError:  # no home directory, or a full disk: no history this time
        path = Path(os.devnull)
    return FileHistory(str(path))
