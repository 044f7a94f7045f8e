"""One comparison, from a revision to its table."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import uvloop
from attrs import evolve, frozen

from benchmarks.bench import Bench
from benchmarks.comparison.rounds import compare
from benchmarks.comparison.spread import Compared, Paired, judge
from benchmarks.comparison.stages import STAGES
from benchmarks.comparison.table import sides
from benchmarks.servers import ROOT, BenchmarkError, daemon_help, program_of
from benchmarks.trees import Tree, TreeError, last_line, this_tree, tree_of

LIMIT_S_A_ROUND = 600  # an attack is slow on a busy machine


@frozen(kw_only=True)
class Comparison:
    """What was compared, and why some could not be."""

    facts: dict[str, Any]
    rows: list[Compared]
    failures: list[str]


def run(revision: str, names: Sequence[str], bench: Bench) -> Comparison:
    """Compare this tree with ``revision`` in the figures ``names``; all files are made in the bench's directory.

    Args:
        revision: Whatever names a commit to git.
        names: Of ``STAGES``.
        bench: Of which each tree gets a copy with its own daemon.

    Raises:
        TreeError: There is no such commit, or one of the two daemons does not start.
    """
    there = tree_of(revision, ROOT, bench.directory / "there")
    here = this_tree(ROOT, bench.directory / "here")
    benches = [_prepare(bench, here, "here"), _prepare(bench, there, "there")]
    paired, failures = uvloop.run(_measure(names, *benches))
    failed = [Compared(figure=name, what="", verdict=f"could not be measured: {why}") for name, why in failures]
    return Comparison(
        facts=sides(here, there), rows=judge(paired) + failed, failures=[f"{name}: {why}" for name, why in failures]
    )


def _prepare(bench: Bench, tree: Tree, name: str) -> Bench:
    """Return the bench of ``tree``, whose daemon has started once and was what it is to be.

    Raises:
        TreeError: It has not, or was not.
    """
    directory = bench.directory / f"{name}-work"
    directory.mkdir()
    program = program_of(tree.python)
    try:
        own = evolve(bench, directory=directory, program=program, help=daemon_help(program))
        version = asyncio.run(_version(own))
    except BenchmarkError as error:
        raise TreeError(f"the daemon of {tree.name} does not start: {last_line(str(error))}") from error
    if tree.version not in (None, version):
        raise TreeError(f"the daemon of {tree.name} says that it is {version}, not {tree.version}")
    return own


async def _version(bench: Bench) -> str:
    async with bench.daemon() as (_, client), client.http.get(client.url + "/version") as response:
        return str((await response.json())["version"])


async def _measure(names: Sequence[str], here: Bench, there: Bench) -> tuple[list[Paired], list[tuple[str, str]]]:
    """Return what was measured, and of which figures nothing was, and why: these do not stop the others."""
    paired: list[Paired] = []
    failures = []
    for name in names:
        start = time.monotonic()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        rounds = here.scale.rounds
        try:
            async with asyncio.timeout(LIMIT_S_A_ROUND * rounds):
                paired += await compare(name, STAGES[name], here, there, rounds)
        except Exception as error:
            failures.append((name, f"{type(error).__name__}: {error}"))
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return paired, failures
