"""``contexts archive``, ``load``, ``archives``, ``export``, ``import`` at a daemon, as in a shell."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from command import Ran, interpreterd
from standing import SharedDaemon

from interpreterd.cli.context_archives import LISTED_ARCHIVES, complete_archive
from interpreterd.client import Interpreter

Shell = Callable[..., Ran]


@pytest.fixture
def keeper(standing: Callable[..., SharedDaemon]) -> Iterator[str]:
    """Yield the address of a daemon that keeps archives, which end with the test."""
    url = standing("--state-dir", "state").url
    without_archives(url)  # another test may have left some
    yield url
    without_archives(url)


def without_archives(url: str) -> None:
    with Interpreter(url) as py:
        for archive in py.archives():
            py.delete_archive(archive)


@pytest.fixture
def shell(keeper: str) -> Shell:
    """Return a function that runs a command with that daemon."""
    return lambda *arguments: interpreterd(*map(str, arguments), url=keeper)


def said(shell: Shell, *arguments: str | Path) -> str:
    """Return what a command prints; it must succeed and warn of nothing."""
    ran = shell(*arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.removesuffix("\n")


@pytest.fixture
def context(shell: Shell) -> str:
    """Return a context in which x is 1."""
    made = said(shell, "contexts", "create")
    said(shell, "run", "--context", made, "-c", "x = 1")
    return made


def test_an_archive_is_loaded_by_its_name_or_id(shell: Shell, context: str, tmp_path: Path) -> None:
    saved = said(shell, "contexts", "archive", context, "model")
    for name in ("model", saved):
        loaded = said(shell, "contexts", "load", name, "--label", "user=ada", "--cwd", tmp_path)
        assert loaded != context
        assert said(shell, "run", "--context", loaded, "-c", "import os; print(x, os.getcwd())") == f"1 {tmp_path}"
    shown = json.loads(said(shell, "contexts", "load", "model", "--json"))
    assert shown["restored"]["archiveId"] == saved


def test_archives_are_a_table_for_people_and_json_for_programs(shell: Shell, context: str) -> None:
    saved = said(shell, "contexts", "archive", context, "model")
    head, row = said(shell, "contexts", "archives").splitlines()
    assert head.split() == list(LISTED_ARCHIVES)
    assert row.split()[:2] == [saved, "model"]
    (shown,) = json.loads(said(shell, "contexts", "archives", "--json"))
    assert (shown["archiveId"], shown["contextId"]) == (saved, context)
    gone = shell("contexts", "archives", "--delete", "model")
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "", "no archives\n")


def test_what_is_not_saved_is_on_stderr(shell: Shell, context: str) -> None:
    said(shell, "run", "--context", context, "-c", "g = (i for i in 'abc')")
    for command in (("archive", context, "it"), ("load", "it")):
        ran = shell("contexts", *command)
        assert (ran.returncode, ran.stdout.count("\n")) == (0, 1)
        assert ran.stderr.startswith("interpreterd: not saved: g: ")


def test_an_archive_goes_to_a_file_and_back(shell: Shell, context: str, tmp_path: Path) -> None:
    saved = said(shell, "contexts", "archive", context)
    file = said(shell, "contexts", "export", saved, tmp_path)
    assert Path(file).parent == tmp_path
    shell("contexts", "archives", "--delete", saved)
    assert said(shell, "contexts", "import", file) == saved
    loaded = said(shell, "contexts", "load", saved)
    assert said(shell, "run", "--context", loaded, "-c", "print(x)") == "1"


def test_an_archive_that_is_not_there_is_one_sentence(shell: Shell) -> None:
    for command in (("load", "nothing"), ("archives", "--delete", "nothing"), ("export", "nothing")):
        ran = shell("contexts", *command)
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
        assert "nothing" in ran.stderr


def test_ids_and_names_of_archives_are_completed(shell: Shell, context: str, keeper: str) -> None:
    saved = said(shell, "contexts", "archive", context, "model")
    completing, argument = click.Context(click.Command("load")), click.Argument(["archive"])
    completing.params["url"] = keeper
    assert complete_archive(completing, argument, "mo") == ["model"]
    assert complete_archive(completing, argument, saved[:4]) == [saved]
    completing.params["url"] = "http://127.0.0.1:9"
    assert complete_archive(completing, argument, "mo") == []


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    ran = interpreterd("contexts", "import", str(tmp_path / "nothing"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "does not exist" in ran.stderr
