"""An agent tries three repairs of a failing cell at the same time, each in a fork, and keeps the one that works.

    python examples/repairs.py

The part to copy is ``mend``. The model here plays a script; put yours behind ``Model``. With ``INTERPRETERD_URL`` the
code runs in a context of that daemon, otherwise of a private one.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from interpreterd.client import ClientError, Context, Execution, Interpreter, Outcome

LIMITS = {"memoryBytes": 1 << 30, "processes": 32, "outputBytes": 16 << 20}
REPORT_CHARS = 4000  # of what the model is told of an error


class Model(Protocol):
    """The part of a model that the agent needs.

    A real one is a class of a few lines, whose ``repairs`` asks the service of your choice for several answers and
    returns the code in each.
    """

    def repairs(self, cell: str, report: str, count: int) -> Sequence[str]:
        """Return up to ``count`` cells to try in the place of ``cell``, which failed as ``report`` tells."""
        ...


class NoRepair(Exception):
    """No repair works. The context is as it was before the cell."""


def mend(model: Model, context: Context, cell: str, check: str, *, count: int = 3, timeout: int = 30) -> Context:
    """Run ``cell`` and then ``check``; return the context to go on with.

    If both end without an exception, that is ``context``. Otherwise it is the fork of it in which the first repair of
    the model's works as well as the check; ``context`` and the other forks are deleted then.

    Raises:
        NoRepair: None of ``count`` repairs works, ``timeout`` seconds each. The forks are deleted.
        ClientError: The daemon did not answer, or cannot fork; errors of the code never raise it.
    """
    before = context.checkpoint()
    failed = first_failure(context, cell, check, timeout=timeout)
    if failed is None:
        before.delete()
        return context
    before.restore()  # the cell may have done half of its work
    before.delete()
    repairs = list(model.repairs(cell, describe(failed), count))[:count]
    if not repairs:
        raise NoRepair("the model has no idea")
    print(f"--- the cell failed: {describe(failed).splitlines()[-1]}\n--- trying {len(repairs)} repairs", flush=True)
    forks = context.fork(len(repairs))
    winner = None
    try:
        # All of them run at the same time: each fork is a process of its own.
        running = [fork.start(repair, timeout=timeout) for fork, repair in zip(forks, repairs, strict=True)]
        for number, (fork, run) in enumerate(zip(forks, running, strict=True), 1):
            failed = failure(run.result()) or first_failure(fork, check, timeout=timeout)
            print(f"repair {number}: {'works' if failed is None else describe(failed).splitlines()[-1]}", flush=True)
            if failed is None and winner is None:
                winner = fork
    finally:
        for fork in forks:
            if fork is not winner:
                fork.delete()
    if winner is None:
        raise NoRepair(f"none of {len(repairs)} repairs works")
    context.delete()
    return winner


def first_failure(context: Context, *cells: str, timeout: int) -> Execution | None:
    """Run ``cells`` up to the first one that fails; return how that one went, or None."""
    for cell in cells:
        if (failed := failure(context.execute(cell, timeout=timeout))) is not None:
            return failed
    return None


def failure(execution: Execution) -> Execution | None:
    """Return ``execution`` if it did not complete without an exception, else None."""
    return execution if execution.error is not None or execution.outcome is not Outcome.COMPLETED else None


def describe(execution: Execution) -> str:
    """Return the end of what a terminal would have shown: the traceback is there."""
    return str(execution).rstrip()[-REPORT_CHARS:] or "it failed"


class ScriptedModel:
    """Has the same repairs for every cell; stands in for a model."""

    def __init__(self, *repairs: str) -> None:
        self._repairs = repairs

    def repairs(self, cell: str, report: str, count: int) -> Sequence[str]:
        """Return the first ``count`` of its repairs."""
        return self._repairs[:count]


# Stands for an hour of loading: no repair has to wait for it again.
LOAD = """
rows = [{"item": "lamp", "price": "10"}, {"item": "desk", "price": "n/a"}, {"item": "chair", "price": "32"}]
prices = []
"""
# It takes rows away before it fails, so a second try in the same context would miss some.
CELL = """
while rows:
    prices.append(float(rows.pop()["price"]))
mean = sum(prices) / len(prices)
"""
CHECK = "assert not rows and len(prices) == 2, f'{len(rows)} rows are left, {len(prices)} have a price'"
GUESS = """
while rows:
    prices.append(float(rows.pop()["price"] or 0))
mean = sum(prices) / len(prices)
"""
# Ends without an exception, and is wrong.
COVER_UP = """
while rows:
    price = rows.pop()["price"]
    prices.append(0.0 if price == "n/a" else float(price))
mean = sum(prices) / len(prices)
"""
REPAIR = """
while rows:
    price = rows.pop()["price"]
    if price != "n/a":
        prices.append(float(price))
mean = sum(prices) / len(prices)
"""


def main() -> None:
    """Mend the scripted cell, and go on with what it has computed."""
    parser = argparse.ArgumentParser(description="Let a scripted model try three repairs of a failing cell in forks.")
    parser.add_argument("--repairs", type=int, default=3, metavar="N", help="how many to try; default: %(default)s")
    parser.add_argument(
        "--timeout", type=int, default=30, metavar="SECONDS", help="limit of each cell; default: %(default)s"
    )
    options = parser.parse_args()
    url = os.environ.get("INTERPRETERD_URL")
    try:
        with Interpreter(url) if url else Interpreter.local() as py:
            context = py.create_context(limits=LIMITS)
            try:
                context.execute(LOAD).raise_for_error()
                model = ScriptedModel(GUESS, COVER_UP, REPAIR)
                context = mend(model, context, CELL, CHECK, count=options.repairs, timeout=options.timeout)
                print(context.execute("print(f'the mean of {sorted(prices)} is {mean:g}')"), end="")
            finally:
                context.delete()
    except (NoRepair, ClientError) as error:
        sys.exit(f"repairs: {error}")


if __name__ == "__main__":
    main()
