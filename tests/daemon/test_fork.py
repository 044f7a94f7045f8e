"""Workers forked from a template, as clients and operators see them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from contract import submitted
from harness import Client, Daemon, children, gone
from leaving import comes
from standing import SharedDaemon

StartDaemon = Callable[..., Awaitable[Daemon]]
Standing = Callable[..., SharedDaemon]


def template_of(daemon: Daemon | SharedDaemon) -> int:
    """Return the pid of the daemon's template: the child that has children."""
    (template,) = [pid for pid in children(daemon.pid) if children(pid)]
    return template


async def test_contexts_are_forks_that_have_the_modules_already(standing: Standing) -> None:
    daemon = standing("--preload", "decimal,wsgiref.util")
    async with Client(daemon.url) as client:
        context = await client.create()
        result = await client.run(
            "import os, sys; print('wsgiref.util' in sys.modules, os.getppid(), os.getsid(0) == os.getpid())", context
        )
        assert result.stdout == f"True {template_of(daemon)} True\n"


async def test_forks_share_neither_state_nor_random_numbers(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--preload", "numpy", "--python", sys.executable)
    async with Client(daemon.url) as client:
        contexts = [await client.create() for _ in range(3)]
        code = "import numpy, random; print(numpy.random.rand(), random.random())"
        numbers = [number for context in contexts for number in (await client.run(code, context)).stdout.split()]
        assert len(set(numbers)) == 6
        await client.run("numpy.mine = 1", contexts[0])
        assert (await client.run("print(hasattr(numpy, 'mine'))", contexts[1])).stdout == "False\n"


async def test_how_a_fork_died_is_told(standing: Standing) -> None:
    daemon = standing("--launcher", "fork")
    async with Client(daemon.url) as client:
        for code, how in (("import os; os._exit(3)", "exit status 3"), ("import os; os.abort()", "killed by SIGABRT")):
            result = await client.run(code)
            assert result.error is not None
            assert result.error["value"] == how
        assert (await client.run("print('next')")).stdout == "next\n"


async def test_output_of_a_fork_and_of_its_children_arrives(standing: Standing) -> None:
    daemon = standing("--launcher", "fork")
    async with Client(daemon.url) as client:
        result = await client.run(
            "import os, sys\nprint('a')\nos.system('echo b')\nprint('c', file=sys.stderr)\nprint('d')"
        )
        assert (result.stdout, result.stderr) == ("a\nb\nd\n", "c\n")
        failed = await client.run("def f():\n    return 1 / 0\nf()")
        assert failed.error is not None
        assert "return 1 / 0" in failed.error["traceback"]


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_a_worker_that_dies_before_it_has_read_its_code(start_daemon: StartDaemon, launcher: str) -> None:
    """Its channel is then reset before its end is reported. Only its own execution fails."""
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0")
    async with Client(daemon.url) as client:
        for _ in range(3):
            pid = int((await client.run("import os; print(os.getpid())")).stdout)
            os.kill(pid, signal.SIGSTOP)
            async with submitted(client, "print('never')") as running:
                os.kill(pid, signal.SIGKILL)
                result = await running.finish()
            assert result.error is not None
            assert (result.error["name"], result.error["value"]) == ("WorkerDied", "killed by SIGKILL")
        assert (await client.run("print('next')", await client.create())).stdout == "next\n"
    await daemon.stop()
    assert b"Traceback" not in daemon.log


async def test_requests_that_the_template_does_not_live_to_answer_are_spawned(start_daemon: StartDaemon) -> None:
    """This holds for the request that the template got, and for the waiting requests."""
    daemon = await start_daemon("--launcher", "fork", "--pool-size", "0")
    async with Client(daemon.url) as client:
        await client.create()
        template = template_of(daemon)
        os.kill(template, signal.SIGSTOP)
        creations = [asyncio.create_task(client.create()) for _ in range(3)]

        async def all_are_asked_for() -> bool:
            return len((await client.request("GET", "/contexts"))[1]["contexts"]) == 4

        await comes(all_are_asked_for)
        os.kill(template, signal.SIGKILL)
        for context in await asyncio.gather(*creations):
            assert (await client.run("print('works')", context)).stdout == "works\n"


async def test_without_its_template_the_daemon_spawns(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--launcher", "fork", "--pool-size", "0")
    async with Client(daemon.url) as client:
        context = await client.create()
        await client.run("x = 1", context)
        template = template_of(daemon)
        os.kill(template, signal.SIGKILL)
        await gone(template)
        assert (await client.run("print(x)", context)).stdout == "1\n"
        result = await client.run("import os; os._exit(4)", context)
        assert result.error is not None
        assert result.error["value"] == "exit status 4"
        assert (await client.run("print('works')", await client.create())).stdout == "works\n"
    await daemon.stop()
    assert b"the template has ended, workers are spawned until there is a new one: killed by SIGKILL" in daemon.log


async def test_a_module_that_cannot_be_imported_is_logged_and_workers_are_spawned(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--preload", "no_such_module")
    async with Client(daemon.url) as client:
        assert (await client.run("print('works')")).stdout == "works\n"
    await daemon.stop()
    assert b"cannot import no_such_module: ModuleNotFoundError" in daemon.log


async def test_a_module_that_starts_threads_is_refused(start_daemon: StartDaemon, tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    daemon = await start_daemon("--preload", "threaded", env={"PYTHONPATH": str(tmp_path)})
    async with Client(daemon.url) as client:
        assert (await client.run("print('works')")).stdout == "works\n"
    await daemon.stop()
    assert b"a process with threads cannot be forked" in daemon.log


@pytest.mark.parametrize(
    ("preload", "status"), [(["decimal", "wsgiref.util"], 200), (["decimal"], 400), ([], 400), ("decimal", 400)]
)
async def test_a_context_may_insist_on_a_template(standing: Standing, preload: object, status: int) -> None:
    daemon = standing("--preload", "decimal,wsgiref.util")
    async with Client(daemon.url) as client:
        answered, body = await client.request("POST", "/context", json={"preload": preload})
        assert answered == status
        assert status == 200 or "preload" in body["error"]


async def test_the_template_ends_with_the_daemon(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--launcher", "fork")
    async with Client(daemon.url) as client:
        await client.run("pass")
        template = template_of(daemon)
    assert await daemon.stop() == 0
    await gone(template)


async def test_what_a_fork_gives_to_its_template_is_killed_too(standing: Standing) -> None:
    """A process that is cloned with CLONE_PARENT, clone(2), is not a descendant of the fork."""
    daemon = standing("--launcher", "fork", "--pool-size", "0")
    code = """
import ctypes, os, platform, signal
CLONE_PARENT, number = 0x8000, {'x86_64': 56, 'aarch64': 220}[platform.machine()]
pid = ctypes.CDLL(None).syscall(number, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
if not pid:
    os.setsid()
    signal.pause()
print(pid, flush=True)
"""
    async with Client(daemon.url) as client:
        for ending in ("", "os._exit(3)"):
            context = await client.create()
            result = await client.run(code + ending, context)
            await client.request("DELETE", f"/context/{context}")
            await gone(int(result.stdout))
        context = await client.create()
        assert children(template_of(daemon)) == [
            int((await client.run("import os; print(os.getpid())", context)).stdout)
        ]


async def test_a_fork_that_fails_is_told_and_the_template_goes_on(start_daemon: StartDaemon, tmp_path: Path) -> None:
    (tmp_path / "unlucky.py").write_text(
        "import errno, os\n"
        "fork, calls = os.fork, iter([1])\n"
        "def once():\n"
        "    if next(calls, None):\n"
        "        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))\n"
        "    return fork()\n"
        "os.fork = once\n"
    )
    daemon = await start_daemon("--preload", "unlucky", "--pool-size", "0", env={"PYTHONPATH": str(tmp_path)})
    async with Client(daemon.url) as client:
        status, body = await client.request("POST", "/context")
        assert (status, body["code"]) == (503, "out_of_resources")
        assert "cannot fork: Resource temporarily unavailable" in body["error"]
        context = await client.create()
        result = await client.run("import os; print(os.getppid())", context)
        assert result.stdout == f"{template_of(daemon)}\n"
