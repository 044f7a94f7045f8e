"""A process that cannot be reaped or killed costs its own context a moment, and no other context anything."""

import os
import signal
from collections.abc import Awaitable, Callable

import pytest
from harness import Client, Daemon, alive, children, gone, state
from tracing import SEIZE, traced

StartDaemon = Callable[..., Awaitable[Daemon]]
LAUNCHERS = pytest.mark.parametrize("launcher", ["spawn", "fork"])
FOREVER = "import os, signal; print(os.getpid(), flush=True)\nwhile True: signal.pause()"


@LAUNCHERS
async def test_a_worker_that_cannot_be_reaped_is_given_up_and_no_client_waits_for_it(
    start_daemon: StartDaemon, launcher: str
) -> None:
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0")
    async with Client(daemon.url) as client:
        context, other = await client.create(), await client.create()
        async with client.running(FOREVER, contextId=context) as running:
            await running.until("\n")
            worker = int(running.result.stdout)
            with traced(worker):
                os.kill(worker, signal.SIGKILL)
                result = await running.finish()
                assert (result.error or {}).get("name") == "WorkerDied"
                assert state(worker) == "Z", "or nothing was tested"
                assert (await client.run("print('next')", context)).stdout == "next\n"
                assert (await client.request("POST", f"/context/{context}/restart"))[0] == 200
                await client.request("DELETE", f"/context/{context}")
                await client.request("DELETE", f"/context/{other}")
                assert (await client.run("print('another')", await client.create())).stdout == "another\n"
                assert await daemon.stop() == 0
    assert daemon.log.count(f"worker {worker} cannot be killed".encode()) == 1


@LAUNCHERS
@pytest.mark.parametrize("ending", ["DELETE", "restart", "timeout", "SIGTERM"])
async def test_whatever_ends_a_worker_that_cannot_be_reaped_comes_to_its_end(
    start_daemon: StartDaemon, launcher: str, ending: str
) -> None:
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0", "--grace-s", "0.1")
    stubborn = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {FOREVER}"
    async with Client(daemon.url) as client:
        context = await client.create()
        async with client.running(stubborn, contextId=context, timeout=1 if ending == "timeout" else 0) as running:
            await running.until("\n")
            worker = int(running.result.stdout)
            with traced(worker):
                if ending == "DELETE":
                    assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
                elif ending == "restart":
                    assert (await client.request("POST", f"/context/{context}/restart"))[0] == 200
                elif ending == "SIGTERM":
                    assert await daemon.stop() == 0
                result = await running.finish()
                assert state(worker) == "Z"
    value = str((result.error or {}).get("value"))
    if ending == "timeout":
        assert "its worker was killed, but not gone within" in value
    assert result.close_code == (4008 if ending == "timeout" else 1001), result


@LAUNCHERS
async def test_a_descendant_that_traces_its_worker_is_killed_and_the_worker_is_reaped(
    start_daemon: StartDaemon, launcher: str
) -> None:
    """The worker is no subreaper any more, so the daemon adopts the descendant."""
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0")
    attack = f"""
import os, signal
{SEIZE}
ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
ctypes.CDLL(None).prctl(0x59616d61, -1, 0, 0, 0)  # PR_SET_PTRACER: anyone
worker = os.getpid()
reader, writer = os.pipe()
gate, opening = os.pipe()
if not os.fork():
    if not os.fork():
        os.setsid()
        os.read(gate, 1)
        os.write(writer, b"%d %d" % (os.getpid(), seize(worker)))
        while True: signal.pause()
    os._exit(0)
os.wait()
os.write(opening, b"x")  # now: a signal, as SIGCHLD, stops a traced process
print(worker, os.read(reader, 99).decode(), flush=True)
while True: signal.pause()
"""
    async with Client(daemon.url) as client:
        await client.request("DELETE", f"/context/{await client.create()}")  # starts the daemon's own processes
        before = children(daemon.pid)
        context = await client.create()
        async with client.running(attack, contextId=context) as running:
            await running.until("\n")
            worker, tracer, failed = map(int, running.result.stdout.split())
            assert not failed, "ptrace(2) is not allowed here"
            await client.request("POST", f"/context/{context}/restart")
            assert ((await running.finish()).error or {}).get("name") == "ContextError"
        assert not alive(tracer)
        await client.request("DELETE", f"/context/{context}")
        await gone(worker)
        assert children(daemon.pid) == before
    assert b"given up" not in daemon.log
