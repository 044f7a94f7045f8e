"""At a context's end, exit handlers, buffered files and cleanup get a moment. Then the worker is killed."""

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from harness import Client, Daemon, alive, children, gone
from standing import SharedDaemon

StartDaemon = Callable[..., Awaitable[Daemon]]
Standing = Callable[..., SharedDaemon]
LAUNCHERS = pytest.mark.parametrize("launcher", ["spawn", "fork"])

# A second process has the memory open, as a worker of a pool would.
SHARE = """
import multiprocessing, os, signal
from multiprocessing import resource_tracker, shared_memory
memory = shared_memory.SharedMemory(create=True, size=1 << 16)
if not os.fork():
    while True: signal.pause()
print(memory.name, resource_tracker._resource_tracker._pid, os.getpid(), flush=True)
"""
STUBBORN = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: signal.pause()
"""
ENDINGS = {
    "DELETE": "",
    "restart": "",
    "exit": "exit()",
    "stubborn DELETE": STUBBORN,
    "stubborn restart": STUBBORN,
    "worker killed": STUBBORN,
}
ENDINGS_OF_A_DAEMON = {"SIGTERM": "", "killed": STUBBORN}


@pytest.fixture
def shared() -> Iterator[list[Path]]:
    """Yield a list for files in /dev/shm, which are removed after the test."""
    paths: list[Path] = []
    yield paths
    for path in paths:
        path.unlink(missing_ok=True)


async def end(client: Client, context: str, how: str) -> None:
    """End the worker of ``context`` in the way ``how``, and wait for it."""
    if how.endswith("DELETE"):
        assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
    elif how.endswith("restart"):
        assert (await client.request("POST", f"/context/{context}/restart"))[0] == 200


@LAUNCHERS
@pytest.mark.parametrize("how", ENDINGS)
async def test_shared_memory_does_not_outlive_its_context(
    standing: Standing, shared: list[Path], launcher: str, how: str
) -> None:
    async with Client(standing("--launcher", launcher, "--pool-size", "0").url) as client:
        context = await client.create()
        async with client.running(SHARE + ENDINGS[how], contextId=context) as running:
            await running.until("\n")
            name, tracker, worker = running.result.stdout.split()
            shared.append(Path("/dev/shm", name))
            if not ENDINGS[how] or how == "exit":
                await running.finish()
            elif how == "worker killed":
                os.kill(int(worker), signal.SIGKILL)
            await end(client, context, how)
            if "DELETE" not in how:
                await gone(int(tracker))
            assert not shared[0].exists()


@LAUNCHERS
@pytest.mark.parametrize("how", ENDINGS_OF_A_DAEMON)
async def test_shared_memory_does_not_outlive_the_daemon(
    start_daemon: StartDaemon, shared: list[Path], launcher: str, how: str
) -> None:
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0")
    async with Client(daemon.url) as client, client.running(SHARE + ENDINGS_OF_A_DAEMON[how]) as running:
        await running.until("\n")
        name, tracker, _ = running.result.stdout.split()
        shared.append(Path("/dev/shm", name))
        below = children(daemon.process.pid)
        if how == "killed":
            daemon.process.kill()
        else:
            assert await daemon.stop() == 0
        await gone(int(tracker), *below)
        assert not shared[0].exists()


@LAUNCHERS
async def test_a_process_that_poses_as_a_cleaner_lives_no_longer_than_cleaning_may_take(
    standing: Standing, launcher: str
) -> None:
    daemon = standing("--launcher", launcher, "--pool-size", "0")
    code = """
import subprocess, sys
code = "import signal\\nwhile True: signal.pause()\\n# resource_tracker import main"
impostors = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(9)]
print(*[it.pid for it in impostors])
"""
    async with Client(daemon.url) as client:
        context = await client.create()
        impostors = list(map(int, (await client.run(code, context)).stdout.split()))
        assert len(impostors) == 9
        await client.request("DELETE", f"/context/{context}")
        assert not [pid for pid in impostors if alive(pid)]


LEFT = {
    "a buffered file": "file = open(path, 'w'); file.write('kept')",
    "an exit handler": "import atexit; atexit.register(lambda: open(path, 'w').write('kept'))",
    "a finalizer": "import weakref\nclass It: pass\n"
    "it = It(); weakref.finalize(it, lambda: open(path, 'w').write('kept'))",
    "a thread": "import threading, time\n"
    "def work(): time.sleep(0.1); open(path, 'w').write('kept')\nthreading.Thread(target=work).start()",
}


BUSY = "import signal\nwhile True: signal.pause()"


def leaving(left: str, path: Path) -> str:
    """Return code that leaves work for Python's end."""
    return f"path = {str(path)!r}\n{LEFT[left]}\nprint(flush=True)\n"


@LAUNCHERS
@pytest.mark.parametrize("left", LEFT)
async def test_what_python_does_at_its_end_is_done(
    standing: Standing, tmp_path: Path, launcher: str, left: str
) -> None:
    async with Client(standing("--launcher", launcher, "--pool-size", "0").url) as client:
        for number, (how, busy) in enumerate([("DELETE", ""), ("restart", ""), ("DELETE", BUSY)]):
            path = tmp_path / str(number)
            context = await client.create()
            async with client.running(leaving(left, path) + busy, contextId=context) as running:
                await running.until("\n")
                if not busy:
                    await running.finish()
                await end(client, context, how)
            assert path.read_text() == "kept", how + busy


@LAUNCHERS
async def test_it_is_done_at_the_end_of_the_daemon_too(
    start_daemon: StartDaemon, tmp_path: Path, launcher: str
) -> None:
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0")
    async with Client(daemon.url) as client, contextlib.AsyncExitStack() as stack:
        for left in LEFT:
            code, context = leaving(left, tmp_path / left) + BUSY, await client.create()
            await (await stack.enter_async_context(client.running(code, contextId=context))).until("\n")
        assert await daemon.stop() == 0
    assert {left: (tmp_path / left).read_text() for left in LEFT} == dict.fromkeys(LEFT, "kept")


@LAUNCHERS
async def test_an_exit_handler_that_does_not_end_is_killed(standing: Standing, launcher: str) -> None:
    daemon = standing("--launcher", launcher, "--pool-size", "0")
    code = "import atexit, time, os; atexit.register(time.sleep, 1000); print(os.getpid())"
    async with Client(daemon.url) as client:
        context = await client.create()
        worker = int((await client.run(code, context)).stdout)
        await client.request("DELETE", f"/context/{context}")
        await gone(worker)
