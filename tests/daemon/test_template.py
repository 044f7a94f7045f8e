"""A daemon whose template ends or hangs."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fake_template import child as child  # a fixture
from harness import Client, Daemon, children, gone
from templates import templates

StartDaemon = Callable[..., Awaitable[Daemon]]


async def next_template(daemon: Daemon, *before: int) -> int:
    """Wait for a new template, not one of ``before``, that has forked a worker; return its pid."""
    async with Client(daemon.url) as client:
        while True:
            context = await client.create()
            parent = int((await client.run("import os; print(os.getppid())", context)).stdout)
            if parent != daemon.pid and parent not in before:
                return parent


async def test_a_template_that_hangs_is_replaced_and_no_client_waits_long(start_daemon: StartDaemon) -> None:
    """Clients that create a context, end one or wait for a worker's end do not wait long."""
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
        for context in (other, await client.create()):  # an adopted worker, and a spawned worker
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


# A module for a template; it misbehaves only the first time.
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
# The template kills itself after a fork: before it answers the request, or just after that, when it closes the
# descriptors that it has passed on.
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
    """It ends while it imports, between a fork and the answer, or just after. No worker is lost or left."""
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
        assert len(children(daemon.pid)) == 2  # the guard and the template
    assert await daemon.stop() == 0
    assert b"Traceback" not in daemon.log
