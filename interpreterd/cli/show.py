"""Output for people: tables, and foreign text whose control characters must not reach a terminal."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE: int = 10_000  # a pipe has no width: nothing is cut there


def console() -> Console:
    """Return a console on stdout. It uses colours, and cuts lines to its width, only on a terminal."""
    return Console() if sys.stdout.isatty() else Console(width=WIDE)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    wrap: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> Table:
    """Return a table without lines; ``right`` are numbers, ``wrap`` may take several lines, ``whole`` are cut last.

    A cell is any object, shown by ``str``, or a ``Text``.
    """
    made = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[cell if isinstance(cell, Text) else Text(plain(str(cell))) for cell in row] for row in rows]
    for number, column in enumerate(columns):
        cut = column not in wrap
        made.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis" if cut else "fold",
            no_wrap=cut,
            min_width=max([len(column), *(len(row[number]) for row in cells)]) if column in whole else None,
        )
    for row in cells:
        made.add_row(*row)
    return made


def plain(text: str) -> str:
    """Return ``text`` on one line, with control characters escaped."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def megabytes(count: int) -> str:
    """Return a number of bytes as people read it: ``9.4 MB`` (10⁶)."""
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


def ago(moment: str, now: datetime) -> str:
    """Return how long before ``now`` a moment was, in two digits or so: ``5s``, ``12m``, ``3h``, ``9d``."""
    seconds = int(max((now - datetime.fromisoformat(moment)).total_seconds(), 0))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
