"""The command line: ``python -m benchmarks [--quick] [--only NAME,…] [--against REV] [--json FILE] …``."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import orjson
import uvloop
from attrs import evolve

import benchmarks
from benchmarks import results
from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.comparison import run as against
from benchmarks.comparison.stages import ONLY_IF_NAMED, STAGES
from benchmarks.figures import FIGURES
from benchmarks.report import Row, machine, to_json
from benchmarks.servers import INSTALLED, ROOT, daemon_help, make_python
from benchmarks.trees import TreeError, this_commit

WRONG_USAGE = 2
INTERRUPTED = 130  # as shells say of a command that ended by SIGINT


def main() -> int:
    """Measure, and print the results; return 1 if a figure could not be measured, 2 if there is nothing to measure."""
    options = _parse()
    facts = machine() | this_commit(ROOT)
    try:
        with tempfile.TemporaryDirectory(prefix="interpreterd-bench-") as directory:
            told, failures = _run(options, facts, Path(directory))
    except TreeError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("benchmarks: interrupted", file=sys.stderr)
        return INTERRUPTED
    print(results.markdown(orjson.loads(told)))
    if options.json is not None:
        options.json.write_bytes(told)
    if options.update_results and not failures:
        results.update(told)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _run(options: argparse.Namespace, facts: dict[str, object], directory: Path) -> tuple[bytes, list[str]]:
    """Return the run as JSON, and the figures that could not be measured."""
    scale = QUICK if options.quick else FULL
    bench = Bench(
        scale=evolve(scale, rounds=options.rounds or scale.rounds),
        directory=directory,
        python=make_python(directory / "python", packages=False),
        packed_python=make_python(directory / "packed-python", packages=True),
        help="" if options.against else daemon_help(INSTALLED),  # a comparison asks each tree's own daemon
    )
    if options.against:
        names = options.only or [name for name in STAGES if name not in ONLY_IF_NAMED]
        done = against.run(options.against, names, bench)
        return to_json(facts | done.facts, quick=options.quick, compared=done.rows), done.failures
    rows, failures = uvloop.run(_measure(bench, options.only or list(FIGURES)))
    return to_json(facts, quick=options.quick, rows=rows), failures


async def _measure(bench: Bench, names: list[str]) -> tuple[list[Row], list[str]]:
    """Return the rows of all figures, and the reasons of missing ones. A figure that fails does not stop the others."""
    rows: list[Row] = []
    failures: list[str] = []
    for name in names:
        start = time.monotonic()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout(bench.scale.limit_s):
                rows += await FIGURES[name](bench)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
            rows.append(Row(figure=name, what="could not be measured", measured=failures[-1], met=False))
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return rows, failures


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("--quick", action="store_true", help="take few samples, small crowds, half as many rounds")
    parser.add_argument("--only", type=_names, metavar="NAME,…", help=f"figures to measure: {', '.join(FIGURES)}")
    parser.add_argument(
        "--against",
        metavar="REV",
        help="measure this tree and another commit in turns; REV names a commit: a hash, a tag, a branch, HEAD~3"
        f" (all figures but {' and '.join(ONLY_IF_NAMED)}, which --only may name)",
    )
    parser.add_argument("--rounds", type=_count, metavar="N", help="how often both trees are measured, with --against")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--update-results", action="store_true", help="keep the numbers in benchmarks/, the table in RESULTS.md"
    )
    options = parser.parse_args()
    if options.update_results and options.only:
        parser.error("--update-results needs all figures, not --only some")
    if options.json is not None and not options.json.parent.is_dir():
        parser.error(f"--json: there is no directory {options.json.parent}")
    if options.rounds and options.against is None:
        parser.error("--rounds is for --against")
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in FIGURES]:
        raise argparse.ArgumentTypeError(f"no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    return names


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 0 < count <= 1000:
        raise argparse.ArgumentTypeError("a number from 1 to 1000")
    return count


if __name__ == "__main__":
    sys.exit(main())
