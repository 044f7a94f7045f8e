"""A worker whose Python has libraries: importing them takes seconds, so that many tests share it."""

import sys
from collections.abc import Iterator

import pytest
from worker_driver import DrivenWorker


@pytest.fixture(scope="session")
def library_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenWorker]:
    """Yield a worker of this Python; its tests are of the xdist_group ``libraries``, and leave no state behind."""
    with DrivenWorker(sys.executable, tmp_path_factory.mktemp("libraries")) as worker:
        yield worker
