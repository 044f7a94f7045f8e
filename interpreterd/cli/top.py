"""``interpreterd top``."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from interpreterd.cli.main import echo_json
from interpreterd.cli.run import unwind_on_sigterm
from interpreterd.cli.show import ago, console, megabytes, table
from interpreterd.cli.target import opened, target_options
from interpreterd.client import Interpreter, Refused

BETWEEN_TWO_LOOKS_S: Final = 0.5  # processor time comes in ticks of 10 ms
HEADS: Final = ("CONTEXT", "STATE", "CPU%", "MEMORY", "PROCS", "THREADS", "FILES", "QUEUED", "RUNS", "USED", "CWD")
NUMBERS: Final = HEADS[2:-1]
AROUND_ROWS: Final = 3  # lines of the screen without a context: the totals, the heads of columns, the cursor
EXAMPLES: Final = """\b
Examples:
  interpreterd top                 q or Ctrl-C leaves
  interpreterd top --every 5
  interpreterd top --once | head
  interpreterd top --json | jq '.[] | select(.cpuPercent > 50) | .id'

CPU% is the share of one processor since the last measurement. All figures include child processes. FILES are open
descriptors. With --json, "stats" has what each context has done: executions, times, output, restarts."""


@click.command("top", epilog=EXAMPLES)
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two measurements.",
)
@click.option("--once", is_flag=True, help="Print one table and end. This is the default if stdout is not a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array and end.")
@target_options
def command(every: float, once: bool, as_json: bool, url: str | None, local: bool) -> None:
    """Show live what each context uses, the busiest first."""
    with opened(url, local) as py:
        if not (once or as_json or not sys.stdout.isatty()):
            unwind_on_sigterm()  # so that the terminal is restored
            with contextlib.suppress(KeyboardInterrupt):
                _live(py, every)
            return
        shares = Shares()
        shares.add(_contexts(py), time.monotonic())
        time.sleep(BETWEEN_TWO_LOOKS_S)
        contexts = shares.add(_contexts(py), time.monotonic())
        if as_json:
            echo_json(contexts)
        else:
            console().print(_table(contexts))


class Shares:
    """Makes percentages of processor time from two measurements."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self._at: float | None = None

    def add(self, contexts: Sequence[Mapping[str, Any]], at: float) -> list[dict[str, Any]]:
        """Return ``contexts``, measured at the second ``at``, each with its ``cpuPercent``; the busiest first.

        It is None for a new context, and 0 if the context has less processor time than before: it has a new Python, or
        a child that was never waited for has ended.
        """
        now = {context["id"]: context["usage"]["cpuSeconds"] for context in contexts if context["usage"] is not None}
        shown = []
        for context in contexts:
            percent = None
            if self._at is not None and at > self._at and context["id"] in now and context["id"] in self._before:
                spent_s = now[context["id"]] - self._before[context["id"]]
                percent = round(100 * max(spent_s, 0) / (at - self._at), 1)
            shown.append({**context, "cpuPercent": percent})
        self._before, self._at = now, at
        return sorted(shown, key=_business, reverse=True)


def _business(context: Mapping[str, Any]) -> tuple[float, int]:
    return context["cpuPercent"] or 0.0, (context["usage"] or {}).get("memoryBytes", 0)


def _contexts(py: Interpreter) -> list[dict[str, Any]]:
    """Return all contexts with their ``usage`` and ``stats``; both are None if they are not known."""
    try:
        stats = {it["contextId"]: it for it in py.stats()["contexts"]}
    except Refused:  # an older daemon has no stats, an even older one no usage
        return [{"usage": None, **context.data, "stats": None} for context in py.list_contexts(usage=True)]
    return [_with_stats(context.data, stats.get(context.id)) for context in py.list_contexts()]


def _with_stats(context: Mapping[str, Any], stats: Mapping[str, Any] | None) -> dict[str, Any]:
    usage = None
    if stats is not None and stats["processes"] is not None:
        keys = {"cpuSeconds": "cpuSeconds", "memoryBytes": "pssBytes", "processes": "processes"}
        usage = {key: stats[name] for key, name in keys.items()}
    return {**context, "usage": usage, "stats": stats}


def _live(py: Interpreter, every: float) -> None:
    from rich.live import Live

    shares = Shares()
    with _keys() as pressed, Live(console=console(), screen=True, auto_refresh=False) as live:
        until = time.monotonic()
        while not pressed(until - time.monotonic()):
            until = time.monotonic() + every
            contexts = shares.add(_contexts(py), time.monotonic())
            live.update(_screen(contexts, live.console.size.height), refresh=True)


@contextlib.contextmanager
def _keys() -> Iterator[Any]:
    """Yield a function that waits some seconds for a ``q`` and returns whether it came; typed keys are not shown."""
    if not sys.stdin.isatty():
        yield lambda seconds: time.sleep(max(seconds, 0))
        return
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)

    def pressed(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while select.select([stdin], [], [], max(end - time.monotonic(), 0))[0]:
            typed = os.read(stdin, 64)
            if not typed or b"q" in typed.lower():
                return True
        return False

    tty.setcbreak(stdin)
    try:
        yield pressed
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)


def _screen(contexts: list[dict[str, Any]], height: int) -> Any:
    from rich.console import Group
    from rich.text import Text

    return Group(Text(_summary(contexts)), _table(contexts[: max(height - AROUND_ROWS, 1)]))


def _summary(contexts: list[dict[str, Any]]) -> str:
    uses = [context["usage"] for context in contexts if context["usage"] is not None]
    busy = sum(context["state"] == "busy" for context in contexts)
    cpu = sum(context["cpuPercent"] or 0 for context in contexts)
    memory = megabytes(sum(use["memoryBytes"] for use in uses))
    return (
        f"{len(contexts)} context{'' if len(contexts) == 1 else 's'}, {busy} busy; CPU {cpu:.0f}%; {memory}; q leaves"
    )


def _table(contexts: list[dict[str, Any]]) -> Any:
    return table(HEADS, map(_row, contexts), right=NUMBERS, whole=HEADS[:-1])


def _row(context: Mapping[str, Any]) -> tuple[object, ...]:
    usage, percent, stats = context["usage"], context["cpuPercent"], context.get("stats")
    return (
        context["id"],
        context["state"],
        "-" if percent is None else f"{percent:.1f}",
        "-" if usage is None else megabytes(usage["memoryBytes"]),
        "-" if usage is None else usage["processes"],
        "-" if stats is None or usage is None else stats["threads"],
        "-" if stats is None or usage is None else stats["descriptors"],
        context["queued"],
        context["executionCount"],
        ago(context["lastUsedAt"], datetime.now(UTC)),
        context["cwd"],
    )
