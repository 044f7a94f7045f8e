"""``contexts archive``, ``load``, ``archives``, ``export``, ``import`` at a daemon, as in a shell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Ran, interpreterd
from standing import SharedDaemon

from interpreterd.client import Interpreter

Shell = Callable[..., Ran]


@pytest.fixture
def keeper(standing: Callable[..., SharedDaemon]) -> Iterator[str]:
    """Yield the address of a daemon that keeps archives, which end with the test."""
    url = standing("--state-dir", "state").url
    yield url
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


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    ran = interpreterd("contexts", "import", str(tmp_path / "nothing"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "does not exist" in ran.stderr
