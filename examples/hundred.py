"""A hundred contexts in parallel: each throws darts with dice of its own, and all of them together estimate pi.

    python examples/hundred.py --contexts 100

With ``INTERPRETERD_URL`` the contexts are that daemon's, otherwise a private one's, which forks them in milliseconds.
"""

import argparse
import asyncio
import os
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from interpreterd.client import AsyncInterpreter, ClientError

ROUNDS = 10
THROW = """
import os, random

dice = random.Random(int(os.environ["SEED"]))
rounds, throws = int(os.environ["ROUNDS"]), int(os.environ["THROWS"])
for _ in range(rounds):
    print(sum(dice.random() ** 2 + dice.random() ** 2 < 1 for _ in range(throws)))
"""


async def estimate(contexts: int, throws: int, at_once: int) -> float:
    """Return pi as estimated by ``contexts`` contexts, after ten rounds of ``throws`` each; ``at_once`` of them run."""
    url = os.environ.get("INTERPRETERD_URL")
    turn = asyncio.Semaphore(at_once)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        made = progress.add_task("contexts", total=contexts)
        ended = progress.add_task("rounds", total=contexts * ROUNDS)

        async def hits(py: AsyncInterpreter, seed: int) -> int:
            envs = {"SEED": str(seed), "ROUNDS": str(ROUNDS), "THROWS": str(throws)}
            async with await py.create_context(envs=envs) as context:
                progress.advance(made)
                async with turn:
                    execution = await context.execute(
                        THROW, on_stdout=lambda text: progress.advance(ended, text.count("\n"))
                    )
            return sum(map(int, execution.raise_for_error().stdout.split()))

        # An error, or Ctrl-C, cancels the others; each deletes its context on its way out.
        client = AsyncInterpreter(url) if url else AsyncInterpreter.local("--launcher", "fork")
        async with client as py, asyncio.TaskGroup() as group:
            tasks = [group.create_task(hits(py, seed)) for seed in range(contexts)]
    return 4 * sum(task.result() for task in tasks) / (contexts * ROUNDS * throws)


def main() -> None:
    """Print the estimate to stdout; the progress goes to stderr."""
    parser = argparse.ArgumentParser(description="Estimate pi in many contexts at the same time.")
    parser.add_argument(
        "--contexts", type=positive, default=100, metavar="N", help="number of contexts; default: %(default)s"
    )
    parser.add_argument(
        "--throws", type=positive, default=20_000, metavar="N", help="throws of a round; default: %(default)s"
    )
    parser.add_argument(
        "--at-once",
        type=positive,
        default=2 * (os.cpu_count() or 1),
        metavar="N",
        help="contexts that run at the same time; default: %(default)s",
    )
    options = parser.parse_args()
    try:
        print(f"pi is about {asyncio.run(estimate(options.contexts, options.throws, options.at_once)):.5f}")
    except* ClientError as errors:
        sys.exit(f"hundred: {errors.exceptions[0]}")


def positive(text: str) -> int:
    """Return a number of at least 1."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    main()
