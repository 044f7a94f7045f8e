"""Without a free descriptor for a pidfd, the daemon still learns of workers' ends and kills orphans."""

import asyncio
import errno
import os
import signal

import pytest
from fake_template import Spawner, asked, launcher_over
from fake_template import child as child  # a fixture
from harness import state
from nursery_alone import BEGINNING, run

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Forked, Reaped
from interpreterd.workers import template

REFUSED = [errno.EMFILE, errno.ENFILE, errno.ENOMEM]
KILLED = r"^the worker ended at once: killed by SIGTERM$"


class Descriptors:
    """Refuses pidfds until the test sets ``freed``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
        self.freed = False
        self.refused = asyncio.Event()
        pidfd_open = os.pidfd_open

        def open_or_refuse(pid: int) -> int:
            if self.freed:
                return pidfd_open(pid)
            self.refused.set()
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(os, "pidfd_open", open_or_refuse)
        monkeypatch.setattr(template, "WATCH_AGAIN_S", 0)


@pytest.fixture(params=REFUSED, ids=errno.errorcode.get)
async def none_left(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Descriptors:
    return Descriptors(monkeypatch, request.param)


async def test_its_template_tells_its_end(none_left: Descriptors, child: int) -> None:
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=child))
    assert none_left.refused.is_set()
    await asyncio.sleep(0)
    os.kill(child, signal.SIGTERM)
    process.listener.on_message(Reaped(pid=child, status=-signal.SIGTERM))
    with pytest.raises(WorkerStartFailed, match=KILLED):
        await request
    assert launcher._template is not None
    assert not launcher._template._forks
    await launcher.close()


async def test_once_it_is_the_daemons_own_its_end_is_seen(none_left: Descriptors, child: int) -> None:
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=child))
    process.listener.on_exit("killed by SIGKILL")
    for _ in range(20):
        await asyncio.sleep(0)
    assert not request.done(), "it lives"
    os.kill(child, signal.SIGTERM)
    with pytest.raises(WorkerStartFailed, match=KILLED):
        await request
    assert state(child) == "X"
    await launcher.close()


async def test_once_there_is_one_its_end_is_seen_though_its_template_does_not_tell_it(
    none_left: Descriptors, child: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template, "STATUS_LIMIT_S", 0)
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=child))
    none_left.freed = True
    os.kill(child, signal.SIGTERM)
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: ended for an unknown reason$"):
        await request
    await launcher.close()


BLIND = f"""{BEGINNING}
import resource
async def main():
    nursery = Nursery(adopts=True)
    orphan = leave_an_orphan()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    sweep = asyncio.create_task(nursery.sweep())
    for _ in range(20):
        await asyncio.sleep(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(sweep.done())
    await sweep
    left = children(os.getpid())
    print(left)
    if left:
        os.kill(orphan, signal.SIGKILL)

asyncio.run(main())
"""


def test_a_sweep_that_sees_no_process_looks_again() -> None:
    assert run(BLIND) == ["False", "[]"]
