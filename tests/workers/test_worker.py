"""The functions that wait for a worker's messages."""

import pytest
from fake_worker import FakeWorker
from open_context import LONG_S

from interpreterd.model.errors import (
    WorkerStartFailed,
)
from interpreterd.pipe.messages import Configure
from interpreterd.workers.worker import configure


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("exited", "the worker ended at once: killed by SIGSEGV"),
        ("broken", "the worker broke the protocol: killed by SIGSEGV"),
    ],
)
async def test_a_worker_that_failed_before_it_was_asked_is_not_waited_for(fault: str, why: str) -> None:
    worker = FakeWorker(1, answer=None)
    setattr(worker, fault, "killed by SIGSEGV")
    with pytest.raises(WorkerStartFailed, match=f"^{why}$"):
        await configure(worker, Configure(cwd="/"), LONG_S)
