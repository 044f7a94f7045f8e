"""An agent: a model writes code, a context runs it, the model reads the result and tries again.

    python examples/agent.py

The loop is ``solve``, which is yours to copy. The model here plays a script; put yours behind ``Model``. With
``INTERPRETERD_URL`` the code runs in a context of that daemon, otherwise of a private one.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Literal, Protocol, TypedDict

from interpreterd.client import ClientError, Context, Execution, Interpreter, Outcome

SHOWN_CHARS = 4000  # of an execution's output, and of its traceback: a model's window is small and costs money
LIMITS = {"memoryBytes": 1 << 30, "processes": 32, "outputBytes": 16 << 20}
INSTRUCTIONS = """Solve the task with Python. Reply with one ```python block, and you are told what came of it.
Variables stay from one block to the next. Reply without a block once you know the answer."""


class Message(TypedDict):
    """One message of a conversation, as the models' usual APIs take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Model(Protocol):
    """The part of a model that the loop needs.

    A real one is a class of three lines, whose ``reply`` sends ``messages`` to the service of your choice and returns
    the text of its answer.
    """

    def reply(self, messages: Sequence[Message]) -> str:
        """Return the next message of the conversation."""
        ...


class GaveUp(Exception):
    """The model has used all its attempts, and has no answer."""


def solve(model: Model, context: Context, task: str, *, attempts: int = 5, timeout: int = 30) -> str:
    """Return the model's answer to ``task``, for which it may run code ``attempts`` times, ``timeout`` seconds each.

    Raises:
        GaveUp: The attempts are used up.
        ClientError: The daemon did not answer; errors of the code never raise it.
    """
    messages: list[Message] = [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": task},
    ]
    for left in reversed(range(attempts + 1)):
        reply = model.reply(messages)
        messages.append({"role": "assistant", "content": reply})
        block = re.search(r"```python\n(.*?)```", reply, re.DOTALL)
        if block is None:
            return reply
        if left == 0:
            break
        print(f"--- the model runs\n{block[1]}", end="", flush=True)
        report = describe(context.execute(block[1], timeout=timeout))
        print(f"--- and is told\n{report}", flush=True)
        messages.append({"role": "user", "content": report})
    raise GaveUp(f"no answer after {attempts} attempts")


def describe(execution: Execution) -> str:
    """Return the description of an execution for the model: everything that helps it, and no more."""
    told = []
    for name, text in ("stdout", execution.stdout), ("stderr", execution.stderr):
        if text:
            told.append(f"{name}:\n{shorten(text)}")
    if execution.cut_chars:
        told.append(f"({execution.cut_chars} more characters of output were not kept.)")
    if (error := execution.error) is not None:
        told.append(f"error:\n{shorten(error.traceback)}")
        if error.name not in error.traceback:  # a timeout, a dead Python: not an exception of the code itself
            told.append(f"{error.name}: {error.value}")
    if execution.restarted or execution.outcome is Outcome.LOST:
        told.append("Python was restarted: define again what you need.")
    return "\n".join(told) or "It ran, and printed nothing."


def shorten(text: str, limit: int = SHOWN_CHARS) -> str:
    """Return ``text``, without its middle if it is long: the beginning and the end say most."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"


class ScriptedModel:
    """Replies to the first of its patterns that it finds in the last message; stands in for a model."""

    def __init__(self, *script: tuple[str, str]) -> None:
        """Take pairs of a pattern and a reply, which may use the pattern's groups."""
        self._script = script

    def reply(self, messages: Sequence[Message]) -> str:
        """Return the script's reply to the last message."""
        for pattern, reply in self._script:
            if match := re.search(pattern, messages[-1]["content"]):
                return match.expand(reply)
        return "I do not know."


TASK = "How many primes are there below 10,000?"
FIRST_TRY = """I try each number.
```python
limit = 10_000
print("looking below", limit)
primes = [n for n in range(2, limit) if all(n % d for d in range(2, math.isqrt(n) + 1))]
```"""
REPAIR = r"""I forgot to import \1.
```python
import \1
primes = [n for n in range(2, limit) if all(n % d for d in range(2, math.isqrt(n) + 1))]
print("found", len(primes))
```"""
SCRIPT = [
    (r"found (\d+)", r"There are \1 primes below 10,000."),
    (r"name '(math)' is not defined", REPAIR),
    (r"primes", FIRST_TRY),
]


def main() -> None:
    """Solve the scripted task, and show how."""
    parser = argparse.ArgumentParser(description="Let a scripted model solve a task by writing and repairing code.")
    parser.add_argument("--attempts", type=int, default=5, metavar="N", help="number of attempts; default: %(default)s")
    parser.add_argument(
        "--timeout", type=int, default=30, metavar="SECONDS", help="limit of each attempt; default: %(default)s"
    )
    options = parser.parse_args()
    url = os.environ.get("INTERPRETERD_URL")
    try:
        with Interpreter(url) if url else Interpreter.local() as py, py.create_context(limits=LIMITS) as context:
            answer = solve(ScriptedModel(*SCRIPT), context, TASK, attempts=options.attempts, timeout=options.timeout)
    except (GaveUp, ClientError) as error:
        sys.exit(f"agent: {error}")
    print(f"--- answer\n{answer}")


if __name__ == "__main__":
    main()
