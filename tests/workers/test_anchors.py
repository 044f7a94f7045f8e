"""The first process of a pid namespace ends with the last worker there, and its other children are swept."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

from harness import state

from interpreterd.processes.nursery import Nursery
from interpreterd.workers.anchors import Anchor


class Noted(Nursery):
    """A nursery that says what it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    def remove(self, pid: int) -> None:
        super().remove(pid)
        self.gone.set()


@contextlib.contextmanager
def sleeping() -> Iterator[int]:
    """Yield the pid of a process, a child of this one."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


async def test_it_ends_with_the_last_worker() -> None:
    nursery = Noted()
    with sleeping() as pid:
        anchor = Anchor(pid, os.getpid(), nursery)
        assert pid in nursery._known & nursery._templates, "it is no orphan, and its orphans are swept"
        assert anchor.join() is anchor
        anchor.leave()
        assert state(pid) not in "ZX"
        anchor.leave()
        await nursery.gone.wait()
        assert pid not in nursery._known | nursery._templates
        anchor.leave()


async def test_one_that_has_ended_by_itself_is_not_killed_again() -> None:
    nursery = Noted()
    with sleeping() as pid:
        anchor = Anchor(pid, os.getpid(), nursery)
        os.kill(pid, signal.SIGKILL)
        await nursery.gone.wait()
        anchor.leave()
