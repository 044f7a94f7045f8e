"""The contract's promises on the order of executions, and on clients that wait or disconnect."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from contract import COMPLETED, ended, ping, submitted
from harness import Client, Daemon, Gate, Running

StartDaemon = Callable[..., Awaitable[Daemon]]
MIB = 1 << 20


async def test_one_context_runs_first_come_first_served(client: Client, gate: Gate) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(submitted(client, f"order = [0]; {gate.wait}"))
        others = [
            await stack.enter_async_context(submitted(client, f"order.append({number})")) for number in range(1, 6)
        ]
        gate.open()
        for running in [first, *others]:
            assert ended(await running.finish()) == ([COMPLETED], 1000, "")
    assert (await client.run("print(order)")).stdout == "[0, 1, 2, 3, 4, 5]\n"


async def test_contexts_run_in_parallel(client: Client, gate: Gate, tmp_path: Path) -> None:
    """Each execution waits for a step of the other one."""
    other_gate = Gate(tmp_path / "other")
    try:
        context = await client.create()
        pass_on = f"{gate.wait}; open({str(tmp_path / 'other')!r}, 'w').write('x')"
        async with submitted(client, other_gate.wait) as one, submitted(client, pass_on, contextId=context) as two:
            gate.open()
            assert (await one.finish()).controls == ["completed"]
            assert (await two.finish()).controls == ["completed"]
    finally:
        other_gate.close()


async def test_pings_are_answered_while_running_and_while_queued(client: Client, gate: Gate) -> None:
    async with submitted(client, gate.wait) as one, submitted(client, "pass") as two:
        for running in (one, two):
            await ping(running.socket, b"still there?")
        gate.open()
        assert (await one.finish()).controls == ["completed"]
        assert (await two.finish()).controls == ["completed"]


async def test_pings_are_answered_while_a_client_leaves_its_output_unread(client: Client, gate: Gate) -> None:
    """The program waits in its write; the daemon goes on."""
    async with submitted(client, f"{gate.wait}; print('x' * {64 * MIB})") as running:
        gate.open()
        await running.socket.ping(b"late")
        frames = [await running.socket.receive()]
        while frames[-1].type is not aiohttp.WSMsgType.PONG:
            frames.append(await running.socket.receive())
        assert frames[-1].data == b"late"
        assert sum(len(frame.data) for frame in frames) < 64 * MIB


async def test_a_queue_beyond_its_limit_closes_with_1008(start_daemon: StartDaemon, gate: Gate) -> None:
    daemon = await start_daemon("--queue-limit", "2")
    async with Client(daemon.url) as client, client.running(f"print(0); {gate.wait}") as first:
        await first.until("0")
        async with submitted(client, "pass") as second, submitted(client, "pass") as third:
            refused = await client.run("pass")
            assert ended(refused) == ([], 1008, "the context's queue is full: its limit is 2 executions")
            gate.open()
            assert [(await running.finish()).controls for running in (second, third)] == [["completed"]] * 2
        assert (await client.run("pass")).controls == ["completed"]


async def test_the_limit_of_contexts_holds_for_the_default_context_too(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--max-contexts", "1")
    async with Client(daemon.url) as client:
        await client.create()
        assert ended(await client.run("pass")) == ([], 1008, "too many contexts: the limit is 1")


async def test_a_client_that_vanishes_does_not_stop_its_execution(client: Client, gate: Gate) -> None:
    async with client.connect() as socket:
        await socket.send_json({"code": f"print('on'); {gate.wait}; print('x' * {MIB}); done = True"})
        await Running(socket).until("on")
        socket._response.connection.transport.abort()  # the client leaves without a close frame
    async with submitted(client, "print(done)") as running:
        gate.open()
        assert (await running.finish()).stdout == "True\n"


async def test_a_client_that_closes_does_not_stop_its_queued_execution(client: Client, gate: Gate) -> None:
    async with submitted(client, f"done = False; {gate.wait}") as first:
        async with submitted(client, "done = True"):
            pass
        gate.open()
        await first.finish()
    assert (await client.run("print(done)")).stdout == "True\n"


async def test_many_clients_at_once(client: Client) -> None:
    results = await asyncio.gather(*(client.run(f"print({number})") for number in range(50)))
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(50)]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_partial_line_is_seen_while_the_code_runs(client: Client, gate: Gate, stream: str) -> None:
    async with client.running(f"import sys\nprint('.', end='', file=sys.{stream})\n{gate.wait}") as running:
        while {"type": stream, "text": "."} not in running.result.messages:
            assert await running.next() is not None
        gate.open()
        assert (await running.finish()).controls == ["completed"]
