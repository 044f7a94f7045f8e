"""A context that lends its worker; ``test_operations`` has the rest."""

import pytest
from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, open_context, read, run

from interpreterd.model.errors import LimitReached
from interpreterd.workers.worker import Worker


async def nothing(worker: Worker) -> None: ...


async def test_a_full_queue_refuses_an_operation() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, queue_limit=1) as context:
        await run(context, launcher)
        context.submit(execute())
        with pytest.raises(LimitReached, match="queue is full"):
            await context.operate(nothing)


async def test_a_fork_goes_on_where_the_context_is() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, journal = await run(context, launcher)
        worker.done(message)
        assert await read(journal) == [COMPLETED]
        origin = context.as_origin()
        assert (origin.context_id, origin.begun, origin.count, origin.count_before) == ("c", 1, 1, 0)
