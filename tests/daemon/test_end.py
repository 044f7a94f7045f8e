"""The daemon's end: no process outlives the daemon, a context or a worker."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from harness import COMMAND, Client, Daemon, Result, children, gone
from leaving import holds
from standing import SharedDaemon
from templates import templates

Start = Callable[..., Awaitable[Daemon]]

# Starts a child, a grandchild in a new session and a process that detaches itself as a daemon does; all of them ignore
# SIGTERM, SIGHUP and SIGINT. Prints their pids and its own.
FAMILY = """
import os, signal
def live():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.write(writer, f"{os.getpid()}\\n".encode())
    while True:
        signal.pause()
reader, writer = os.pipe()
if not os.fork():
    if not os.fork():
        os.setsid()
        live()
    live()
if not (pid := os.fork()):
    os.setsid()
    if not os.fork():
        live()
    os._exit(0)
os.waitpid(pid, 0)
with open(reader) as lines:
    print(*[next(lines).strip() for _ in range(3)], os.getpid(), flush=True)
"""
DEATHS = {
    "exit status 3": "os._exit(3)",
    "killed by SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "killed by SIGSEGV": "os.kill(os.getpid(), signal.SIGSEGV)",
}


def pids(result: Result) -> list[int]:
    """Return the pids that ``FAMILY`` has printed. The worker's pid is the last."""
    return [int(word) for word in result.stdout.split()]


# The end


@pytest.mark.parametrize(("number", "launcher"), [(signal.SIGTERM, "spawn"), (signal.SIGINT, "fork")])
async def test_shutdown(start_daemon: Start, number: signal.Signals, launcher: str) -> None:
    """Waiting clients get an error. No process of the busy, the idle and the default context is left."""
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client:
        idle = await client.create()
        busy = await client.create()
        families = pids(await client.run(FAMILY, idle)) + pids(await client.run(FAMILY))
        async with client.running(FAMILY + "while True: pass", contextId=busy) as running:
            await running.until("\n")
            families += pids(running.result)
            async with client.running("print('never')", contextId=busy) as queued:
                # the daemon answers in order, so the pong shows that the second execution is in the queue
                await client.run("pass", idle)
                daemon.process.send_signal(number)
                results = [await running.finish(), await queued.finish()]
    for result in results:
        assert result.messages[-1] == {
            "type": "error",
            "name": "ContextError",
            "value": "server is shutting down",
            "traceback": "",
        }
        assert (result.close_code, result.close_reason) == (1001, "server is shutting down")
    assert results[1].stdout == ""
    assert await daemon.ended() == 0
    await gone(*families)


async def test_shutdown_while_a_client_does_not_read(daemon: Daemon) -> None:
    """The daemon waits only a moment for this client, even if much data is left for it."""
    async with Client(daemon.url) as client, client.running("while True: print('x' * 1000)") as running:
        await running.until("x")
        daemon.process.terminate()
        assert await daemon.ended() == 0


async def test_second_signal_ends_at_once(daemon: Daemon) -> None:
    """The daemon is stopped until both signals are pending. It then handles them one right after the other."""
    async with Client(daemon.url) as client, client.running(FAMILY + "while True: pass") as running:
        await running.until("\n")
        daemon.process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, daemon.pid, os.WSTOPPED | os.WNOWAIT)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGINT)
        daemon.process.send_signal(signal.SIGCONT)
        result = await running.finish()
    assert await daemon.ended() in (128 + signal.SIGTERM, 128 + signal.SIGINT)
    assert result.close_code == 1006
    await gone(*pids(result))


@pytest.mark.parametrize("hangs", ["-c", "/proc/self/fd/"], ids=["asked for its version", "as a worker"])
async def test_shutdown_while_an_interpreter_hangs(start_daemon: Start, tmp_path: Path, hangs: str) -> None:
    """Clients that wait for it get an error, and the interpreter is killed."""
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDWR)
    python = tmp_path / "python"
    python.write_text(
        f"""#!/bin/sh
        case "$*" in
            *{hangs}*) echo $$ > {tmp_path / "fifo"}; exec sleep 1000;;
            *) echo "$0"; echo 3.9.0;;
        esac
        """
    )
    python.chmod(0o755)
    daemon = await start_daemon("--python", str(python), "--pool-size", "0")
    hanging = asyncio.Event()
    asyncio.get_running_loop().add_reader(fifo, hanging.set)
    async with Client(daemon.url) as client:
        creation = asyncio.create_task(client.request("POST", "/context"))
        await hanging.wait()
        daemon.process.terminate()
        status, body = await creation
    asyncio.get_running_loop().remove_reader(fifo)
    pid = int(os.read(fifo, 100))
    os.close(fifo)
    assert (status, body["error"]) == (503, "Server is shutting down")
    assert await daemon.ended() == 0
    await gone(pid)


PARENT = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


async def test_exit_with_parent(start_daemon: Start) -> None:
    daemon = await start_daemon("--exit-with-parent", command=[sys.executable, "-c", PARENT, str(COMMAND)])
    assert daemon.pid != daemon.process.pid
    async with Client(daemon.url) as client, client.running(FAMILY + "while True: pass") as running:
        await running.until("\n")
        daemon.process.kill()
        result = await running.finish()
    assert (result.close_code, result.close_reason) == (1001, "server is shutting down")
    await gone(daemon.pid, *pids(result))


async def test_without_that_flag_it_stays(start_daemon: Start) -> None:
    daemon = await start_daemon(command=[sys.executable, "-c", PARENT, str(COMMAND)])
    daemon.process.kill()
    await daemon.process.wait()
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"
    os.kill(daemon.pid, signal.SIGTERM)
    await gone(daemon.pid)


AFTERWARDS = [
    "while True: pass",
    "signal.pause()",
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); signal.pause()",
    "os.close(1); os.close(2); os.closerange(3, 5000); signal.pause()",
]


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_sigkill_leaves_nothing(start_daemon: Start, launcher: str) -> None:
    """No worker is left in any state, no descendant of a worker, and no guard."""
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client, contextlib.AsyncExitStack() as stack:
        families = pids(await client.run(FAMILY))
        for afterwards in AFTERWARDS:
            context = await client.create()
            running = await stack.enter_async_context(client.running(FAMILY + afterwards, contextId=context))
            await running.until("\n")
            families += pids(running.result)
        below = children(daemon.pid)
        daemon.process.kill()
        await gone(*families, *below)
    assert await daemon.ended() == -signal.SIGKILL


async def test_sigkill_leaves_nothing_of_a_daemon_without_stdin(start_daemon: Start) -> None:
    """Some supervisors start it like this. The first descriptor that it opens then has number 0."""
    daemon = await start_daemon(command=["sh", "-c", 'exec "$0" "$@" <&-', str(COMMAND)])
    async with Client(daemon.url) as client, client.running(FAMILY + "while True: pass") as running:
        await running.until("\n")
        below = children(daemon.pid)
        daemon.process.kill()
        await gone(*pids(running.result), *below)


async def test_sigkill_while_workers_start(daemon: Daemon) -> None:
    async with Client(daemon.url) as client:
        creations = [asyncio.create_task(client.create()) for _ in range(5)]
        await client.run("pass")
        below = children(daemon.pid)
        daemon.process.kill()
        await asyncio.gather(*creations, return_exceptions=True)
        await gone(*below)


@pytest.fixture(params=["spawn", "fork"])
async def bare(request: pytest.FixtureRequest, standing: Callable[..., SharedDaemon]) -> AsyncIterator[Client]:
    """Yield a client of a daemon without a pool. At the end the daemon must have no new child, not even a zombie."""
    daemon = standing("--launcher", request.param, "--pool-size", "0")
    async with Client(daemon.url) as client:
        await client.request("DELETE", f"/context/{await client.create()}")  # the daemon has looked for its Python
        before = children(daemon.pid)
        yield client
        # A sweep may still be running; a slow machine may have cost the daemon its template, which it then replaces.
        await holds(lambda: set(children(daemon.pid)) <= {*before, *templates(daemon.pid)})


async def test_deletion_leaves_nothing(bare: Client) -> None:
    idle, busy = await bare.create(), await bare.create()
    family = pids(await bare.run(FAMILY, idle))
    async with bare.running(FAMILY + "while True: pass", contextId=busy) as running:
        await running.until("\n")
        await bare.request("DELETE", f"/context/{busy}")
        family += pids(await running.finish())
    await bare.request("DELETE", f"/context/{idle}")
    await gone(*family)


@pytest.mark.parametrize("how", DEATHS)
async def test_death_of_a_worker_leaves_nothing(bare: Client, how: str) -> None:
    context = await bare.create()
    result = await bare.run(FAMILY + DEATHS[how], context)
    assert result.error is not None
    assert (result.error["name"], result.error["value"]) == ("WorkerDied", how)
    await gone(*pids(result))
    assert (await bare.run("print('back')", context)).stdout == "back\n"
    await bare.request("DELETE", f"/context/{context}")


async def test_exit_leaves_nothing(bare: Client) -> None:
    context = await bare.create()
    result = await bare.run(FAMILY + "exit()", context)
    assert result.controls == ["completed"]
    await gone(*pids(result))
    await bare.request("DELETE", f"/context/{context}")


async def test_kill_after_a_timeout_leaves_nothing(start_daemon: Start) -> None:
    daemon = await start_daemon("--grace-s", "0")
    deaf = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    async with Client(daemon.url) as client:
        result = await client.run(FAMILY + deaf, timeout=1)
        assert result.close_code == 4008
        await gone(*pids(result))


async def test_family_of_one_context_only(client: Client) -> None:
    """The death of a worker kills no process of another context."""
    one, other = await client.create(), await client.create()
    await client.run("import subprocess\nchild = subprocess.Popen(['sleep', '1000'])", other)
    result = await client.run(FAMILY + "os._exit(1)", one)
    await gone(*pids(result))
    await client.request("DELETE", f"/context/{one}")
    assert (await client.run("print(child.poll())", other)).stdout == "None\n"
