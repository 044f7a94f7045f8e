"""A template ends or hangs: its workers are cleaned up, and requests for workers get an answer."""

import asyncio
import os
import signal

import pytest
from fake_template import NOBODY, Spawner, asked, launcher_over, reaped
from fake_template import child as child  # a fixture
from harness import gone, state

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Forked, Reaped
from interpreterd.workers import template


async def test_a_fork_that_is_answered_as_the_template_ends_is_adopted(child: int) -> None:
    """The answer and the template's end come in one turn of the loop, before the request's task runs."""
    spawner = Spawner()
    request, process = await asked(spawner, launcher_over(spawner))
    process.listener.on_message(Forked(pid=child))
    process.listener.on_exit("killed by SIGKILL")
    await asyncio.sleep(0)
    os.kill(child, signal.SIGTERM)
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: killed by SIGTERM$"):
        await request
    assert state(child) == "X"


async def test_a_worker_whose_request_was_cancelled_is_killed_and_reaped(child: int) -> None:
    """The request is cancelled. The template ends before it reports the worker's end."""
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    request.cancel()
    await asyncio.wait([request])
    process.listener.on_message(Forked(pid=child))
    process.listener.on_exit("killed by SIGKILL")
    await reaped(child)
    await launcher.close()


async def test_a_worker_whose_request_was_cancelled_is_forgotten_when_it_ends(child: int) -> None:
    """Another worker may get the same pid later."""
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    request.cancel()
    await asyncio.wait([request])
    process.listener.on_message(Forked(pid=child))
    await gone(child)
    process.listener.on_message(Reaped(pid=child, status=-9))
    assert launcher._template is not None
    assert not launcher._template._forks
    await launcher.close()


async def test_a_worker_that_ends_before_it_has_a_listener() -> None:
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=NOBODY))
    process.listener.on_message(Reaped(pid=NOBODY, status=-9))
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: killed by SIGKILL$"):
        await request
    await launcher.close()


async def test_a_worker_that_its_template_reaped_before_it_ended_has_ended_too() -> None:
    spawner = Spawner()
    request, process = await asked(spawner, launcher_over(spawner))
    process.listener.on_message(Forked(pid=NOBODY))
    process.listener.on_exit("killed by SIGKILL")
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: ended for an unknown reason$"):
        await request


async def test_a_template_that_reports_no_end_is_killed_and_how_its_worker_ended_is_known(
    monkeypatch: pytest.MonkeyPatch, child: int
) -> None:
    monkeypatch.setattr(template, "STATUS_LIMIT_S", 0)

    def is_traced(pid: int) -> bool:
        monkeypatch.setattr(template, "STATUS_LIMIT_S", 1000)  # from now on, wait for the template's own end
        return False

    monkeypatch.setattr(template, "is_traced", is_traced)
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    standing = await asyncio.create_subprocess_exec("sleep", "1000")
    process.pid = standing.pid
    process.listener.on_message(Forked(pid=child))
    os.kill(child, signal.SIGTERM)
    assert await standing.wait() == -signal.SIGKILL
    process.listener.on_exit("killed by SIGKILL")
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: killed by SIGTERM$"):
        await request
    await launcher.close()


async def test_a_template_that_cannot_be_killed_delays_no_request(monkeypatch: pytest.MonkeyPatch, child: int) -> None:
    monkeypatch.setattr(template, "STATUS_LIMIT_S", 0)
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=child))
    os.kill(child, signal.SIGTERM)
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: ended for an unknown reason$"):
        await request
    await launcher.close()
