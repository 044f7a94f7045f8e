"""A template that ends, or stands still: what becomes of its workers, of who asks for more, of everybody else."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fake_template import NOBODY, Process, Spawner, asked, launcher_over, next_turns
from fake_template import child as child  # a fixture
from harness import Client, Daemon, children, gone, state
from templates import templates

from interpreterd.model.errors import WorkerStartFailed
from interpreterd.pipe.messages import Failed, Forked, Reaped
from interpreterd.processes.nursery import Nursery
from interpreterd.workers import process, template
from interpreterd.workers.launchers import fork
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker

StartDaemon = Callable[..., Awaitable[Daemon]]


async def test_a_fork_that_is_answered_as_the_template_ends_is_adopted(child: int) -> None:
    """The answer and the end come in one turn; who has asked runs only afterwards."""
    spawner = Spawner()
    request, process = await asked(spawner, launcher_over(spawner))
    process.listener.on_message(Forked(pid=child))
    process.listener.on_exit("killed by SIGKILL")
    await asyncio.sleep(0)
    os.kill(child, signal.SIGTERM)
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: killed by SIGTERM$"):
        await request
    assert state(child) == "X"


async def test_one_that_nobody_waits_for_any_more_is_killed_and_reaped(child: int) -> None:
    """Its template ends before it has said anything of it but that it is there."""
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    request.cancel()
    await asyncio.wait([request])
    process.listener.on_message(Forked(pid=child))
    process.listener.on_exit("killed by SIGKILL")
    await gone(child)
    await next_turns()
    assert state(child) == "X"
    await launcher.close()


async def test_one_that_nobody_waits_for_any_more_is_forgotten_with_its_end(child: int) -> None:
    """The number may come again, for a worker that lives."""
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


async def test_one_that_ends_before_anybody_has_listened_to_it() -> None:
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=NOBODY))
    process.listener.on_message(Reaped(pid=NOBODY, status=-9))
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: killed by SIGKILL$"):
        await request
    await launcher.close()


async def test_one_that_has_been_reaped_by_a_template_which_then_ends_has_ended_too() -> None:
    spawner = Spawner()
    request, process = await asked(spawner, launcher_over(spawner))
    process.listener.on_message(Forked(pid=NOBODY))
    process.listener.on_exit("killed by SIGKILL")
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: ended for an unknown reason$"):
        await request


async def test_a_request_that_its_template_does_not_live_to_answer_is_spawned() -> None:
    """And its descriptors are closed: see ``no_orphans``."""
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
    process.listener.on_exit("killed by SIGKILL")
    await next_turns()
    assert len(spawner.templates) == 2
    await launcher.close()


async def test_a_template_that_reports_no_end_is_killed_and_how_its_worker_ended_is_known(
    monkeypatch: pytest.MonkeyPatch, child: int
) -> None:
    monkeypatch.setattr(template, "STATUS_LIMIT_S", 0)

    def is_traced(pid: int) -> bool:
        monkeypatch.setattr(template, "STATUS_LIMIT_S", 1000)  # now for the template's own end
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


async def test_a_template_that_cannot_be_killed_either_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, child: int
) -> None:
    monkeypatch.setattr(template, "STATUS_LIMIT_S", 0)
    spawner = Spawner()
    launcher = launcher_over(spawner)
    request, process = await asked(spawner, launcher)
    process.listener.on_message(Forked(pid=child))
    os.kill(child, signal.SIGTERM)
    with pytest.raises(WorkerStartFailed, match=r"^the worker ended at once: ended for an unknown reason$"):
        await request
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
    """For the rest of a minute, which here is as long as the test wants it to be."""
    asleep, awake = asyncio.Event(), asyncio.Semaphore(0)

    async def sleep(wait_s: float) -> None:
        asleep.set()
        await awake.acquire()

    monkeypatch.setattr(fork, "sleep_until_its_turn", sleep)
    spawner = Spawner()
    started = 0

    async def start(*arguments: str) -> Process:
        nonlocal started
        started += 1
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
    await next_turns()
    assert started > fork.TEMPLATES_LIMIT
    await launcher.close()


async def test_a_worker_that_is_stopped_while_it_starts_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, child: int
) -> None:
    """A template is such a worker, and may otherwise take its time: it imports what others have written."""
    monkeypatch.setattr(process, "STOPPED_LIMIT_S", 0)
    with both_ends() as (ours, _):
        worker = ProcessWorker(child, ours, Nursery())
        starting = asyncio.create_task(worker.ready(1000))
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(WorkerStartFailed, match="stands still"):
            await starting
        await gone(child)
        worker.process_exited(-9)


# With a daemon


async def next_template(daemon: Daemon, *before: int) -> int:
    """Wait for a template that is none of those ``before``, and is ready; return its pid."""
    async with Client(daemon.url) as client:
        while True:
            context = await client.create()
            parent = int((await client.run("import os; print(os.getppid())", context)).stdout)
            if parent != daemon.pid and parent not in before:
                return parent


async def test_a_template_that_stands_still_is_replaced_and_nobody_waits_long(start_daemon: StartDaemon) -> None:
    """Not who wants a context, nor who ends one, nor who waits for the end of one of its workers."""
    daemon = await start_daemon("--launcher", "fork", "--pool-size", "0")
    async with Client(daemon.url) as client:
        one, other = await client.create(), await client.create()
        await client.run("x = 1", other)
        (standing,) = templates(daemon.pid)
        os.kill(standing, signal.SIGSTOP)
        creations = [asyncio.create_task(client.create()) for _ in range(3)]
        assert (await client.request("DELETE", f"/context/{one}"))[0] == 200
        for context in await asyncio.gather(*creations):
            assert (await client.run("print('works')", context)).stdout == "works\n"
        new = await next_template(daemon, standing)
        await gone(standing)
        assert (await client.run("print(x)", other)).stdout == "1\n"
        os.kill(new, signal.SIGSTOP)
        for context in (other, await client.create()):  # an adopted one, and a spawned one
            result = await client.run("import os; os._exit(4)", context)
            assert result.error is not None
            assert result.error["value"] == "exit status 4"
    assert await daemon.stop() == 0
    assert b"Traceback" not in daemon.log


async def test_the_daemon_ends_though_its_template_stands_still(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--launcher", "fork")
    async with Client(daemon.url) as client:
        await client.run("pass")
        await client.create()
        (standing,) = templates(daemon.pid)
        os.kill(standing, signal.SIGSTOP)
        below = [*children(standing), standing]
        async with client.running("print('on', flush=True)\nwhile True: pass") as running:
            await running.until("on")
            assert await daemon.stop() == 0
    await gone(*below)


# Imported by a template, does what it says the first time.
ONCE = """
import os, signal
def first():
    try:
        os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
"""
STOPS = """
if first():
    os.kill(os.getpid(), signal.SIGSTOP)
"""
# The fork that would be answered kills its parent, before that can answer; or after that, when it closes what it has
# passed on.
UNANSWERED = """
fork = os.fork
def dies():
    pid = fork()
    if pid and first():
        os.kill(os.getpid(), signal.SIGKILL)
    return pid
os.fork = dies
"""
ANSWERED = """
fork, close = os.fork, os.close
def forks():
    if pid := fork():
        os.close = dies
    return pid
def dies(fd):
    close(fd)
    os.close = close
    if first():
        os.kill(os.getpid(), signal.SIGKILL)
os.fork = forks
"""


@pytest.mark.parametrize("does", [STOPS, UNANSWERED, ANSWERED], ids=["stops", "unanswered", "answered"])
async def test_a_template_that_ends_at_a_bad_moment(start_daemon: StartDaemon, tmp_path: Path, does: str) -> None:
    """While it imports; between a fork and its answer; just after it. No worker is lost, none is left."""
    (tmp_path / "unlucky.py").write_text(ONCE.format(marker=str(tmp_path / "marker")) + does)
    daemon = await start_daemon("--preload", "unlucky", "--pool-size", "0", env={"PYTHONPATH": str(tmp_path)})
    async with Client(daemon.url) as client:
        contexts = [await client.create() for _ in range(2)]
        template = await next_template(daemon)
        for context in contexts:
            result = await client.run("import os; os._exit(4)", context)
            assert result.error is not None
            assert result.error["value"] == "exit status 4"
        for context in (await client.request("GET", "/contexts"))[1]["contexts"]:
            await client.request("DELETE", f"/context/{context['id']}")
        assert children(template) == []
        assert len(children(daemon.pid)) == 2  # and the guard
    assert await daemon.stop() == 0
    assert b"Traceback" not in daemon.log
