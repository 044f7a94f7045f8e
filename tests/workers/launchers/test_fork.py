"""The launcher that forks workers from a template, and spawns them without one."""

import asyncio

import pytest
from fake_template import NOBODY, Process, Spawner, asked, launcher_over
from fake_template import child as child  # a fixture
from harness import gone

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Failed
from interpreterd.workers import template
from interpreterd.workers.launchers import fork


async def test_a_request_that_its_template_does_not_live_to_answer_is_spawned() -> None:
    """Its descriptors are closed: the fixture ``no_orphans`` checks that."""
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    others = [asyncio.create_task(launcher.launch()) for _ in range(5)]
    await asyncio.sleep(0)
    process.listener.on_exit("killed by SIGKILL")
    for one in (request, *others):
        with pytest.raises(WorkerStartFailed, match=r"^this one would be spawned$"):
            await one
    await launcher.close()


async def test_a_template_that_does_not_answer_is_killed_and_replaced(
    monkeypatch: pytest.MonkeyPatch, child: int
) -> None:
    monkeypatch.setattr(template, "ANSWER_LIMIT_S", 0)
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.pid = child
    with pytest.raises(WorkerStartFailed, match=r"^this one would be spawned$"):
        await request
    await gone(child)
    spawner.started.clear()
    process.listener.on_exit("killed by SIGKILL")
    await spawner.started.wait()
    assert len(spawner.templates) == 2
    await launcher.close()


async def test_a_template_that_cannot_fork_goes_on() -> None:
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Failed(reason="cannot fork"))
    with pytest.raises(WorkerStartFailed, match="no room for one more worker: cannot fork"):
        await request
    assert launcher._template is not None
    await launcher.close()


@pytest.mark.parametrize("fails", [False, True], ids=["ends", "does not start"])
async def test_a_template_that_ends_again_and_again_is_not_started_again_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    """The launcher spawns workers for the rest of the minute. The test decides when that minute ends."""
    asleep, awake, one_more = asyncio.Event(), asyncio.Semaphore(0), asyncio.Event()

    async def sleep(wait_s: float) -> None:
        asleep.set()
        await awake.acquire()

    monkeypatch.setattr(fork, "sleep_until_its_turn", sleep)
    spawner = Spawner()
    started = 0

    async def start(*arguments: str) -> Process:
        nonlocal started
        started += 1
        if started > fork.TEMPLATES_LIMIT:
            one_more.set()
        spawner.templates.append(one := Process(NOBODY))
        if fails:
            raise WorkerStartFailed("the worker ended at once: killed by SIGKILL")
        one.exited = "killed by SIGKILL"
        return one

    monkeypatch.setattr(spawner, "start", start)
    launcher = launcher_over(spawner)
    for _ in range(2):
        with pytest.raises(WorkerStartFailed, match=r"^this one would be spawned$"):
            await launcher.launch()
    await asleep.wait()
    assert started == fork.TEMPLATES_LIMIT
    assert "the template ends again and again, workers are spawned for the next " in caplog.text
    awake.release()
    await one_more.wait()
    await launcher.close()
