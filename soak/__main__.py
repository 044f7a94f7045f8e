"""The command line: ``python -m soak [--seconds N] [--seed S] [--only PHASE,…]``; status 1 if a promise was broken."""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

import soak
from soak.abuse import abuse
from soak.chaos import chaos
from soak.fuzz import fuzz
from soak.report import Phase, tell
from soak.sizes import cycles, interrupts, leftovers, streams
from soak.state import state
from soak.survival import survival
from soak.tenants import tenants
from soak.transfers import transfers
from soak.unread import unread
from soak.watch import LOGS

Run = Callable[[argparse.Namespace, Path], Coroutine[Any, Any, list[Phase]]]
PHASES: dict[str, Run] = {
    "chaos": lambda options, directory: chaos(options.seconds, options.seed, directory),
    "state": lambda options, directory: state(options.seconds, options.seed, directory),
    "survival": lambda options, directory: survival(options.seconds / 2, options.seed, directory),
    "fuzz": lambda options, directory: fuzz(options.seconds, options.seed, directory),
    "abuse": lambda options, directory: abuse(options.seconds / 6, options.seed, directory),
    "interrupts": lambda options, directory: interrupts(options.interrupts, options.seed, directory),
    "leftovers": lambda options, directory: leftovers(directory),
    "cycles": lambda options, directory: cycles(options.cycles, options.seed, directory),
    "unread": lambda options, directory: unread(options.seconds / 6, directory),
    "streams": lambda options, directory: streams(options.megabytes, directory),
    "tenants": lambda options, directory: tenants(options.seconds, options.seed, directory),
    "transfers": lambda options, directory: transfers(options.megabytes, directory),
}


def main() -> int:
    """Run the phases, one after the other, and print the report."""
    options = _parse()
    LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    phases: list[Phase] = []
    for name in options.only:
        print(f"{name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="interpreterd-soak-") as directory:
            try:
                phases += uvloop.run(PHASES[name](options, Path(directory)))
            except Exception as error:
                traceback.print_exc()
                phases.append(Phase(name, violations=[f"it broke off: {error!r}"]))
    took = time.monotonic() - start
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(tell(phases, f"make soak, seed {options.seed}, {took:.0f} s; load average {load}"))
    return 1 if any(phase.violations for phase in phases) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=soak.__doc__)
    parser.add_argument(
        "--seconds", type=float, default=60, help="length of the phases chaos, state and fuzz; of others a sixth"
    )
    parser.add_argument(
        "--interrupts",
        type=int,
        default=2000,
        metavar="N",
        help="number of interrupts with each launcher; default 2000",
    )
    parser.add_argument(
        "--cycles", type=int, default=10_000, metavar="N", help="number of cycles with each launcher; default 10000"
    )
    parser.add_argument(
        "--megabytes", type=int, default=1000, metavar="N", help="size of each stream and file; default 1000"
    )
    parser.add_argument(
        "--seed", default=str(random.randrange(2**32)), help="repeats the random choices of an earlier run"
    )
    parser.add_argument(
        "--only",
        type=_names,
        default=["chaos", "state", "abuse"],
        metavar="PHASE,…",
        help=f"phases to run: {', '.join(PHASES)}, or all",
    )
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = list(PHASES) if text == "all" else text.split(",")
    if unknown := [name for name in names if name not in PHASES]:
        raise argparse.ArgumentTypeError(f"no phase {', '.join(unknown)}; there are {', '.join(PHASES)}, and all")
    return names


if __name__ == "__main__":
    sys.exit(main())
