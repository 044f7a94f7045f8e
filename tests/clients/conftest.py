"""Fixtures for tests of real clients; each file of tests runs in one process, and an expected failure has to fail."""

import asyncio
from collections.abc import Iterator

import pytest
from outside import PROGRAMS, RUN_LIMIT_S, Outcomes, python_of, works
from standing import SharedDaemon, StandingDaemons, tidied

EXPECTED = works.expected_failures()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Expect the failures of expected_failures.toml, and keep a file's tests together: they share a daemon."""
    item.add_marker(pytest.mark.xdist_group(item.path.stem))
    item.add_marker(pytest.mark.timeout(RUN_LIMIT_S + 30))
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if "check" in parameters:
        possible = [it for it in works.shown(PROGRAMS / parameters["program"]) if it.sentence == parameters["check"]]
    else:
        said = works.first_sentence(item.function.__doc__ or item.originalname.partition("_")[2].replace("_", " "))
        possible = [it for it in works.shown(item.path) if it.sentence.lower() == said.lower()]
    for it in possible:
        if it in EXPECTED:
            item.add_marker(pytest.mark.xfail(reason=EXPECTED[it], strict=True))


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return the daemon of a file's tests; a file whose tests need flags has a fixture of this name."""
    return standing_daemons.get()


@pytest.fixture(scope="module")
def outcomes(client_daemon: SharedDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """Yield what the checks of programs have come to, against ``client_daemon``."""
    yield Outcomes(client_daemon.url, tmp_path_factory.mktemp("client"))
    asyncio.run(tidied(client_daemon))


@pytest.fixture
def clients_python() -> str:
    """Return the Python of .venv-clients."""
    return python_of()
