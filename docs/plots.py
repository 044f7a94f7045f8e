"""The page of figures: plots and a table of the runs of ``make bench`` in ``benchmarks/*.json``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from drawing import FARTHEST, STYLE, Bar, bars, intervals, number

BENCHMARKS: Final = Path(__file__).parent.parent / "benchmarks"
Json = dict[str, Any]


@frozen
class Wanted:
    """A bar that a plot has if the run has its number.

    Attributes:
        label: The text before the bar.
        kind: ``ours``, ``floor`` or ``peer``: its colour.
        figure: The figure of its row.
        what: The beginning of that row's description; the last such row counts, which is that of the largest crowd.
        contains: Another part of that description.
        reference: The name of one of the row's references; empty for its own value.
    """

    label: str
    kind: str
    figure: str
    what: str
    contains: str = ""
    reference: str = ""


PASS: Final = "`pass`, new WebSocket"
SESSION: Final = "`pass` on an open connection"
SPENT: Final = "processor time of the "
CREATE: Final = "create a context and run `pass`, "
MEMORY: Final = "memory a context adds (PSS), "
CHANNEL: Final = "`pass` through a kernel's open channel"
FIRST_REPLY: Final = "a kernel's start to its first reply"
HELD: Final = "longest that the event loop was held while "
PLOTS: Final[dict[str, tuple[str, tuple[Wanted, ...]]]] = {
    "Running `pass`": (
        "Time at the client; median. The echo server sends the message back. The Jupyter kernel is connected already.",
        (
            Wanted("interpreterd, open connection", "ours", "session", SESSION),
            Wanted("interpreterd, new WebSocket", "ours", "execute", PASS),
            Wanted("Jupyter kernel", "peer", "execute", "peer: a Jupyter kernel executes"),
            Wanted("echo server, open connection", "floor", "session", SESSION, reference="echo"),
            Wanted("echo server, new WebSocket", "floor", "execute", PASS, reference="echo"),
        ),
    ),
    "Processor time of `pass`": (
        "Of the daemon, and of the worker; median.",
        (
            Wanted("daemon, open connection", "ours", "cpu", SPENT, f"daemon for {SESSION}"),
            Wanted("worker, open connection", "ours", "cpu", SPENT, f"worker for {SESSION}"),
            Wanted("daemon, new WebSocket", "ours", "cpu", SPENT, "daemon for `pass` on a new WebSocket"),
            Wanted("worker, new WebSocket", "ours", "cpu", SPENT, "worker for `pass` on a new WebSocket"),
            Wanted("echo server, open connection", "floor", "cpu", SPENT, f"daemon for {SESSION}", "echo"),
            Wanted("echo server, new WebSocket", "floor", "cpu", SPENT, "daemon for `pass` on a new WebSocket", "echo"),
        ),
    ),
    "Running `pass` in a Jupyter kernel": (
        "Time at a client that speaks Jupyter's messages; median. All connections are open already.",
        (
            Wanted("interpreterd, as a gateway", "ours", "jupyter", CHANNEL),
            Wanted("interpreterd, its own session", "ours", "jupyter", CHANNEL, reference="native session"),
            Wanted("Jupyter Kernel Gateway", "peer", "jupyter", CHANNEL, reference="Kernel Gateway"),
        ),
    ),
    "Starting a Jupyter kernel": (
        "Until its first reply; median.",
        (
            Wanted("interpreterd, as a gateway", "ours", "jupyter", FIRST_REPLY),
            Wanted("Jupyter Kernel Gateway", "peer", "jupyter", FIRST_REPLY, reference="Kernel Gateway"),
        ),
    ),
    "A new context that has run `pass`": (
        "Time at the client; median.",
        (
            Wanted("interpreterd, spawned", "ours", "create", CREATE + "warm pool"),
            Wanted("interpreterd, forked", "ours", "create", CREATE + "forked"),
            Wanted("Jupyter kernel", "peer", "create", "peer: a Jupyter kernel's start"),
            Wanted("python -I -S -c pass", "floor", "create", CREATE + "warm pool", reference="bare Python"),
        ),
    ),
    "A new context that has imported numpy and pandas": (
        "Time at the client; median.",
        (
            Wanted("interpreterd, preloaded", "ours", "preload", "create a context and run"),
            Wanted(
                "interpreterd, spawned",
                "ours",
                "preload",
                "create a context and run",
                reference="spawned, not preloaded",
            ),
            Wanted("new Python", "floor", "preload", "create a context and run", reference="new Python"),
        ),
    ),
    "Memory of one more context": (
        "Its share of memory (PSS), daemon included, in the largest crowd.",
        (
            Wanted("interpreterd, spawned", "ours", "crowd", MEMORY, "spawned"),
            Wanted("interpreterd, forked", "ours", "crowd", MEMORY, "forked"),
            Wanted("Jupyter kernel", "peer", "crowd", "peer: memory one more Jupyter kernel adds"),
            Wanted("python -I -S", "floor", "crowd", MEMORY, "spawned", reference="bare Python"),
        ),
    ),
    "Executions a second": (
        "16 contexts and 16 clients on two cores; longer is better.",
        (
            Wanted("interpreterd", "ours", "rate", "executions a second"),
            Wanted("echo server", "floor", "rate", "executions a second", reference="echo"),
        ),
    ),
    "Contexts created a second": (
        "Four at once, without end; longer is better.",
        (
            Wanted("interpreterd, spawned", "ours", "sustained", "contexts created a second, spawned"),
            Wanted("interpreterd, forked", "ours", "sustained", "contexts created a second, forked"),
            Wanted(
                "python -I -S -c pass",
                "floor",
                "sustained",
                "contexts created a second, spawned",
                reference="bare Python",
            ),
        ),
    ),
    "Output: 200,000 lines": (
        "Until the client has every byte; longer is better. The floor writes 8 KiB at a time, the context each line.",
        (
            Wanted("interpreterd", "ours", "lines", "200,000 lines"),
            Wanted("python | cat >/dev/null", "floor", "lines", "200,000 lines", reference="pipe to cat"),
        ),
    ),
    "Output: large writes": (
        "105 MB in pieces of 64 KiB, until the client has every byte; longer is better.",
        (
            Wanted("interpreterd", "ours", "blocks", "105 MB", "sys.stdout.write"),
            Wanted("python | cat >/dev/null", "floor", "blocks", "105 MB", "sys.stdout.write", "pipe to cat"),
        ),
    ),
    "The longest pause of the daemon": (
        "How long it serves no other client, at most, while …",
        (
            Wanted("16 clients stream", "ours", "lag", HELD + "16 clients stream"),
            Wanted("8 clients do not read", "ours", "lag", HELD + "8 clients do not read"),
            Wanted("contexts with children are stopped", "ours", "lag", HELD + "contexts are stopped"),
            Wanted("contexts start without pause", "ours", "lag", HELD + "contexts start"),
        ),
    ),
}


def page() -> str:
    """Return the page as Markdown."""
    run = _run("results.json")
    lines = ["", STYLE, "", _machine(run["machine"]), ""]
    for title, (note, wanted) in PLOTS.items():
        if found := list(_bars(run["rows"], wanted)):
            lines += [f"## {title}", "", note, "", bars(title, found), ""]
    if (BENCHMARKS / "against.json").exists():
        lines += list(_comparison(_run("against.json")))
    lines += ["## All figures", "", *_table(run["rows"])]
    return "\n".join(lines)


def _run(name: str) -> Json:
    run: Json = json.loads((BENCHMARKS / name).read_text("utf-8"))
    return run


def _machine(facts: Json) -> str:
    return (
        f"Measured {facts['date'][:10]} on {facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']},"
        f" {facts['python']}, interpreterd {facts['packages']['interpreterd']}, aiohttp"
        f" {facts['packages']['aiohttp']}, ipykernel {facts['packages']['ipykernel']}."
    )


def _bars(rows: list[Json], wanted: tuple[Wanted, ...]) -> Iterator[Bar]:
    for want in wanted:
        found = [
            row
            for row in rows
            if row["figure"] == want.figure and row["what"].startswith(want.what) and want.contains in row["what"]
        ]
        if not found or found[-1]["value"] is None:
            continue
        row = found[-1]
        value = row["references"].get(want.reference) if want.reference else row["value"]
        if value is not None:
            yield Bar(want.label, want.kind, max(0.0, value), number(value, row["unit"]))


def _comparison(run: Json) -> Iterator[str]:
    """Yield the differences of two trees: a dot for the ratio, and its interval on a common line."""
    here, there = run["machine"]["here"], run["machine"]["there"]
    rows = [row for row in run["compared"] if row["low"] is not None and row["high"] is not None]
    yield from (f"## Against {there['name']}", "")
    yield (
        f"{_machine(run['machine'])} Commit `{(here['commit'] or '?')[:12]}` against `{there['commit'][:12]}`, in"
        " turns. Ratio of the first to the second: the dot is the median over the rounds, the line its interval. What"
        f" is farther than {FARTHEST * 100:g} % from 1 is drawn at the edge."
    )
    yield ""
    if rows:
        yield from (intervals(rows), "")


def _table(rows: list[Json]) -> Iterator[str]:
    for cells in (("Figure", "", "Target", "Measured", "Compared with", "Met"), ("---",) * 6):
        yield "| " + " | ".join(cells) + " |"
    for row in rows:
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        cells = (row["figure"], row["what"], row["target"], row["measured"], row["reference"], met)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
