"""A worker whose Python has libraries: importing them takes seconds, so that many tests share it."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from branched import Bench, bench
from worker_driver import DrivenWorker, find_pythons


@pytest.fixture(scope="session")
def library_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenWorker]:
    """Yield a worker of this Python; its tests are of the xdist_group ``libraries``, and leave no state behind."""
    with DrivenWorker(sys.executable, tmp_path_factory.mktemp("libraries")) as worker:
        yield worker


@pytest.fixture
async def copying(request: pytest.FixtureRequest, tmp_path: Path, no_blocking: BlockBuster) -> AsyncIterator[Bench]:
    """Yield workers that can be forked, in ``tmp_path``. ``pytest_generate_tests`` chooses their Python."""
    no_blocking.deactivate()  # the launcher reads the worker's files once
    async with bench(tmp_path, python=find_pythons()[request.param]) as it:
        yield it
