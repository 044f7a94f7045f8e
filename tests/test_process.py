"""The daemon's end of a worker process, without a process."""

import asyncio

from interpreterd.messages import Sync
from interpreterd.nursery import Nursery
from interpreterd.pipes import connection
from interpreterd.process import ProcessWorker
from interpreterd.worker import Deaf


class Ending(Deaf):
    """Listens for the end."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_exit(self, how: str) -> None:
        """See ``Listener``."""
        self.told.append(how)


async def test_an_end_is_told_although_the_channel_closed_when_it_was_written_to() -> None:
    with connection() as (ours, _):
        worker = ProcessWorker(2**22 + 1, ours, Nursery())
    worker.listener = ending = Ending()
    closed = asyncio.Event()
    worker.connection_lost = lambda error: closed.set()  # type: ignore[method-assign]
    await worker.open()
    worker.send(Sync())  # as to a worker that was killed a moment ago and has not been reaped
    await closed.wait()
    worker.process_exited(-9)
    assert ending.told == ["killed by SIGKILL"]
