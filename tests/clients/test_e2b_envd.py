"""E2B's SDKs, unmodified: the half for files and commands."""

from collections.abc import Iterator

import pytest
from outside import Outcomes, checks
from standing import SharedDaemon, shared_daemon

PROGRAMS = ("e2b_envd_sync.py", "e2b_envd_async.py", "e2b_envd_node.mjs")


@pytest.fixture(scope="module")
def client_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon that is at home in an empty directory: commands run in login shells, which read profiles there."""
    folder = tmp_path_factory.mktemp("home")
    with shared_daemon(folder, env={"HOME": str(folder)}) as daemon:
        yield daemon


@pytest.mark.parametrize(("program", "check"), checks(*PROGRAMS))
def test_sdk(outcomes: Outcomes, program: str, check: str) -> None:
    outcomes.judge(program, check)
