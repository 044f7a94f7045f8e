"""The command line: ``python -m benchmarks [--quick] [--only NAME,…] [--json FILE] [--update-results]``."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

import benchmarks
from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.figures import FIGURES
from benchmarks.report import Row, machine, to_json, to_markdown, update_results
from benchmarks.servers import daemon_help, make_python


def main() -> int:
    """Measure, and say what was measured; 1 if a figure could not be measured."""
    options = _parse()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="interpreterd-bench-") as directory:
        bench = Bench(
            scale=QUICK if options.quick else FULL,
            directory=Path(directory),
            python=make_python(Path(directory, "python"), packages=False),
            packed_python=make_python(Path(directory, "packed-python"), packages=True),
            help=daemon_help(),
        )
        rows, failures = uvloop.run(_measure(bench, options.only or list(FIGURES)))
    table = to_markdown(rows, facts, quick=options.quick)
    print(table)
    if options.json is not None:
        options.json.write_bytes(to_json(rows, facts, quick=options.quick))
    if options.update_results and not failures:
        update_results(table)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


async def _measure(bench: Bench, names: list[str]) -> tuple[list[Row], list[str]]:
    """Return the rows of all figures, and why some have none. A figure that fails does not stop the others."""
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
    parser.add_argument("--quick", action="store_true", help="few samples, small crowds")
    parser.add_argument("--only", type=_names, metavar="NAME,…", help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--update-results", action="store_true", help="replace the table in benchmarks/RESULTS.md")
    options = parser.parse_args()
    if options.update_results and options.only:
        parser.error("--update-results needs all figures, not --only some")
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in FIGURES]:
        raise argparse.ArgumentTypeError(f"no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
