"""``contexts fork``, ``checkpoint``, ``restore``, ``undo``, ``hibernate`` at a daemon, as in a shell."""

from collections.abc import Callable
from typing import Any

import pytest
from command import Ran, interpreterd

from interpreterd.cli.context_state import STATE_COMMANDS

Shell = Callable[..., Ran]
TICKING = "import threading; ticking = threading.Timer(1000, print); ticking.name = 'it ticks'; ticking.start()"


@pytest.fixture
def shell(url: str) -> Shell:
    """Return a function that runs a command with the shared daemon."""
    return lambda *arguments: interpreterd(*arguments, url=url)


def said(shell: Shell, *arguments: str) -> str:
    """Return the one line that a command prints; it must succeed."""
    ran = shell(*arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.removesuffix("\n")


@pytest.fixture
def context(shell: Shell) -> str:
    """Return a context in which x is 1."""
    made = said(shell, "contexts", "create", "--label", "user=ada")
    said(shell, "run", "--context", made, "-c", "x = 1")
    return made


def value(shell: Shell, context: str) -> str:
    return said(shell, "run", "--context", context, "-c", "print(x)")


@pytest.mark.parametrize("command", STATE_COMMANDS, ids=lambda it: str(it.name))
def test_a_context_that_is_not_there_is_one_sentence(shell: Shell, command: Any) -> None:
    needed = ["name"] if command.name == "restore" else []
    ran = shell("contexts", command.name, "nowhere", *needed)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "interpreterd: Context not found: nowhere\n"
