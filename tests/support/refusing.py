"""A fixture for tests of refusals: a daemon on each kind of socket."""

from collections.abc import Iterator

import pytest
from standing import shared_daemon


@pytest.fixture(scope="module", params=["tcp", "unix"])
def where(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a daemon. At the end its log must have no traceback."""
    flags = ("--unix-socket", "a.sock") if request.param == "unix" else ()
    with shared_daemon(tmp_path_factory.mktemp("refusing"), *flags, "--pool-size", "1") as daemon:
        yield daemon.url
