"""``contexts fork``, ``checkpoint``, ``restore``, ``undo``, ``hibernate`` at a daemon, as in a shell."""

import json
from collections.abc import Callable
from typing import Any

import click
import pytest
from command import Ran, interpreterd
from standing import SharedDaemon

from interpreterd.cli.context_state import LISTED_CHECKPOINTS, STATE_COMMANDS, complete_checkpoint
from interpreterd.client import Interpreter

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


def test_forks_are_printed_one_a_line(shell: Shell, context: str) -> None:
    forks = said(shell, "contexts", "fork", context, "--count", "2", "--label", "user=bob").splitlines()
    assert len({context, *forks}) == 3
    said(shell, "run", "--context", forks[0], "-c", "x = 2")
    assert [value(shell, it) for it in (context, *forks)] == ["1", "2", "1"]
    (shown,) = json.loads(said(shell, "contexts", "fork", context, "--cwd", "same", "--json"))
    assert (shown["forkedFrom"], shown["metadata"], shown["notCarried"]) == (context, {"user": "ada"}, [])


def test_what_a_fork_lacks_is_on_stderr(shell: Shell, context: str) -> None:
    said(shell, "run", "--context", context, "-c", TICKING)
    ran = shell("contexts", "fork", context)
    assert ran.returncode == 0
    assert ran.stderr.startswith("interpreterd: not carried: thread ")
    assert "it ticks" in ran.stderr
    refused = shell("contexts", "fork", context, "--strict")
    assert (refused.returncode, refused.stdout) == (1, "")
    first, last = refused.stderr.splitlines()
    assert f"{first}\n" == ran.stderr
    assert last.startswith("interpreterd: ")


def test_a_checkpoint_is_restored_by_its_name_or_id(shell: Shell, context: str) -> None:
    made = said(shell, "contexts", "checkpoint", context, "before")
    for name in ("before", made):
        said(shell, "run", "--context", context, "-c", "x = 2")
        assert said(shell, "contexts", "restore", context, name) == f"restored {context}"
        assert value(shell, context) == "1"
    head, row = said(shell, "contexts", "checkpoints", context).splitlines()
    assert head.split() == list(LISTED_CHECKPOINTS)
    assert row.split()[:2] == [made, "before"]
    (shown,) = json.loads(said(shell, "contexts", "checkpoints", context, "--json"))
    assert (shown["id"], shown["name"], shown["automatic"]) == (made, "before", False)
    gone = shell("contexts", "checkpoints", context, "--delete", "before")
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "", "no checkpoints\n")
    refused = shell("contexts", "restore", context, "before")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "before" in refused.stderr


def test_undo_goes_back_before_a_run_with_a_checkpoint(shell: Shell, context: str) -> None:
    said(shell, "run", "--checkpoint", "--context", context, "-c", "x = 2")
    assert said(shell, "contexts", "undo", context) == f"restored {context}"
    assert value(shell, context) == "1"
    said(shell, "run", "--checkpoint", "--context", context, "-c", "x = 3")
    assert json.loads(said(shell, "contexts", "undo", context, "--json"))["id"] == context


def test_a_context_hibernates_or_says_why_not(standing: Callable[..., SharedDaemon]) -> None:
    url = standing("--state-dir", "state").url

    def shell(*arguments: str) -> Ran:
        return interpreterd(*arguments, url=url)

    context = said(shell, "contexts", "create")
    said(shell, "run", "--context", context, "-c", "x = 1; g = (i for i in 'abc')")
    refused = shell("contexts", "hibernate", context)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[0].startswith("interpreterd: not saved: g: ")
    said(shell, "run", "--context", context, "-c", "del g")
    assert said(shell, "contexts", "hibernate", context) == f"hibernating {context}"
    with Interpreter(url) as py:
        assert py.get_context(context)["state"] == "hibernating"
    ran = shell("run", "--context", context, "-c", "print(x)")
    assert (ran.returncode, ran.stdout) == (0, "1\n")


def test_names_and_ids_of_checkpoints_are_completed(shell: Shell, context: str, url: str) -> None:
    made = said(shell, "contexts", "checkpoint", context, "before")
    completing, argument = click.Context(click.Command("restore")), click.Argument(["checkpoint"])
    completing.params |= {"url": url, "context": context}
    assert complete_checkpoint(completing, argument, "be") == ["before"]
    assert complete_checkpoint(completing, argument, made[:6]) == [made]
    completing.params["context"] = "nowhere"
    assert complete_checkpoint(completing, argument, "be") == []


@pytest.mark.parametrize("command", STATE_COMMANDS, ids=lambda it: str(it.name))
def test_a_context_that_is_not_there_is_one_sentence(shell: Shell, command: Any) -> None:
    needed = ["name"] if command.name == "restore" else []
    ran = shell("contexts", command.name, "nowhere", *needed)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "interpreterd: Context not found: nowhere\n"
