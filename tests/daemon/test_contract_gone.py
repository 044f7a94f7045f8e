"""The contract's endings: the context, its worker or the daemon does not exist any more."""

import asyncio
import contextlib
import shutil
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from contract import COMPLETED, RESTARTED, ended, error, interrupt, stdout, submitted
from harness import DISGUISE, Client, Daemon, Gate, Running, gone
from leaving import comes

StartDaemon = Callable[..., Awaitable[Daemon]]
START_CHILD = "import subprocess; child = subprocess.Popen(['sleep', '3600']); print(child.pid)"


# The context does not exist, or not any more


async def test_unknown_context_closes_with_1008(client: Client) -> None:
    why = "context not found: no such"
    assert ended(await client.run("pass", "no such")) == ([error("ContextError", why)], 1008, why)


async def test_a_reason_is_cut_to_what_a_close_frame_holds(client: Client) -> None:
    result = await client.run("pass", "ü" * 1000)
    assert result.error is not None
    assert result.error["value"] == "context not found: " + "ü" * 1000
    assert (result.close_code, result.close_reason) == (1008, "context not found: " + "ü" * 52)


async def test_deleted_while_running_and_queued_closes_with_1001(client: Client, gate: Gate) -> None:
    context = await client.create()
    async with client.running(f"print('on'); {gate.wait}", contextId=context) as first:
        await first.until("on")
        async with submitted(client, "pass", contextId=context) as second:
            assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
            results = [await first.finish(), await second.finish()]
    why = f"context deleted: {context}"
    on = stdout("on\n")
    assert ended(results[0]) == ([on, error("ContextError", why)], 1001, why)
    assert ended(results[1]) == ([error("ContextError", why)], 1001, why)
    assert (await client.run("pass", context)).close_reason == f"context not found: {context}"


async def test_restart_failed_closes_with_1011_and_the_context_lives_on(client: Client, tmp_path: Path) -> None:
    cwd = tmp_path / "project"
    cwd.mkdir()
    context = await client.create(cwd=str(cwd))
    shutil.rmtree(cwd)
    await client.run("exit()", context)
    why = f"failed to restart context: cannot enter {cwd}: No such file or directory"
    result = await client.run("pass", context)
    assert result.messages == [error("ContextError", why)]
    assert (result.close_code, result.close_reason) == (1011, why[:123])
    assert (await client.request("GET", f"/context/{context}"))[1]["active"] is False
    cwd.mkdir()
    assert ended(await client.run("pass", context)) == ([RESTARTED, COMPLETED], 1000, "")


async def test_first_start_failed_closes_with_1011(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--python", "no-such-python")
    async with Client(daemon.url) as client:
        why = "failed to start context: no-such-python not found"
        assert ended(await client.run("pass")) == ([error("ContextError", why)], 1011, why)


# The daemon ends


async def test_shutdown_while_running_and_queued_closes_with_1001(
    own_client: Client, daemon: Daemon, gate: Gate
) -> None:
    context = await own_client.create()
    async with contextlib.AsyncExitStack() as stack:
        executions = []
        for name in ("default", context):
            running: Running = await stack.enter_async_context(
                own_client.running(f"print('on'); {gate.wait}", contextId=name)
            )
            await running.until("on")
            queued = await stack.enter_async_context(submitted(own_client, "pass", contextId=name))
            executions += [running, queued]
        daemon.process.send_signal(signal.SIGTERM)
        results = [await execution.finish() for execution in executions]
    why = "server is shutting down"
    on = stdout("on\n")
    assert [ended(result) for result in results] == [
        ([on, error("ContextError", why)], 1001, why),
        ([error("ContextError", why)], 1001, why),
    ] * 2
    assert await daemon.ended() == 0


async def test_shutdown_closes_a_client_that_has_not_said_anything_yet(own_client: Client, daemon: Daemon) -> None:
    async with own_client.connect() as socket:
        daemon.process.send_signal(signal.SIGTERM)
        why = "server is shutting down"
        assert ended(await Running(socket).finish()) == ([error("ContextError", why)], 1001, why)
    assert await daemon.ended() == 0


# While a worker starts


@pytest.fixture
async def slow_to_start(start_daemon: StartDaemon, tmp_path: Path, gate: Gate) -> Daemon:
    """Return a daemon whose workers wait at the gate before they start."""
    python = tmp_path / "slow-python"
    python.write_text(f"""{DISGUISE}
read line < '{tmp_path / "gate"}'
exec '{sys.executable}' "$@"
""")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return await start_daemon("--python", str(python), "--pool-size", "0")


async def test_deleted_while_restarting_closes_with_1001(slow_to_start: Daemon, gate: Gate) -> None:
    async with Client(slow_to_start.url) as client:
        gate.open()
        context = await client.create()
        await client.run("exit()", context)
        async with submitted(client, "pass", contextId=context) as running:
            assert await interrupt(client, context) == (200, {"interrupted": False})
            assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
            why = f"context deleted: {context}"
            assert ended(await running.finish()) == ([error("ContextError", why)], 1001, why)


async def test_shutdown_while_starting_closes_with_1001(slow_to_start: Daemon) -> None:
    async with Client(slow_to_start.url) as client, submitted(client, "pass") as running:
        slow_to_start.process.send_signal(signal.SIGTERM)
        why = "server is shutting down"
        assert ended(await running.finish()) == ([error("ContextError", why)], 1001, why)
    assert await slow_to_start.ended() == 0


async def test_shutdown_while_a_context_is_made_answers_503(slow_to_start: Daemon) -> None:
    async with Client(slow_to_start.url) as client:
        creating = asyncio.create_task(client.request("POST", "/context"))
        await comes(lambda: contexts(client))
        slow_to_start.process.send_signal(signal.SIGTERM)
        assert await creating == (503, {"error": "Server is shutting down", "code": "shutting_down"})


async def contexts(client: Client) -> list[Any]:
    """Return all contexts, also those whose worker has not started yet."""
    listed: list[Any] = (await client.request("GET", "/contexts"))[1]["contexts"]
    return listed


# No process of a context outlives it


async def test_no_process_outlives_the_deletion_of_its_context(client: Client) -> None:
    context = await client.create()
    result = await client.run(START_CHILD, context)
    await client.request("DELETE", f"/context/{context}")
    await gone(int(result.stdout))


async def test_no_process_outlives_the_death_of_its_worker(client: Client) -> None:
    for ending in ("os._exit(1)", "os.kill(os.getpid(), 9)", "exit()"):
        result = await client.run(f"import os; {START_CHILD}; {ending}")
        await gone(int(result.stdout))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_no_process_outlives_the_daemon(own_client: Client, daemon: Daemon, number: signal.Signals) -> None:
    result = await own_client.run(f"import os; print(os.getpid()); {START_CHILD}")
    daemon.process.send_signal(number)
    await gone(*map(int, result.stdout.split()))
    await daemon.ended()
