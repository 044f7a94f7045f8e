"""A daemon that refuses much, on each kind of socket; for tests to import the fixture."""

from collections.abc import Iterator

import pytest
from standing import shared_daemon


@pytest.fixture(scope="module", params=["tcp", "unix"])
def where(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a daemon listens. It must not log a mistake of its own, whatever comes."""
    flags = ("--unix-socket", "a.sock") if request.param == "unix" else ()
    with shared_daemon(tmp_path_factory.mktemp("refusing"), *flags, "--pool-size", "1") as daemon:
        yield daemon.url
