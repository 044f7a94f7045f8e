"""A worker's listener comes with its answer to its configuration, or the worker is not used."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest
from notifying import notifying, until

from interpreterd.workers.answering import Answering


@pytest.fixture
async def ends() -> AsyncIterator[tuple[socket.socket, socket.socket, asyncio.Transport]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
        yield ours, theirs, transport
        transport.abort()
        await asyncio.sleep(0)


Ends = tuple[socket.socket, socket.socket, asyncio.Transport]


async def test_calls_are_answered_from_the_answer_to_the_end(ends: Ends) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
say(attempt(server.getsockname()))
input()
say(attempt(server.getsockname()))
"""
    ours, theirs, transport = ends
    fed: list[bytes] = []
    descriptors = len(os.listdir("/proc/self/fd"))
    answering = Answering(ours, transport, fed.append, [443])
    async with notifying(code) as process:
        socket.send_fds(theirs, [b"configured\n"], [process.listener])
        os.close(process.listener)
        await until(lambda: fed)
        assert answering.begin(process.pid, configured=True) is None
        assert answering.begin(1, configured=True) is None, "user code says it once more"
        assert await process.line() == "None"
        answering.close()
        answering.close()
        process.tell()
        assert await process.line() == "OSError", "there is no such call"
        await process.process.wait()
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1


async def test_a_worker_that_sends_no_listener_is_not_used(ends: Ends) -> None:
    ours, _, transport = ends
    answering = Answering(ours, transport, lambda _: None, ())
    assert answering.begin(1, configured=True) == "it has sent no listener for its calls"
    answering.close()


async def test_a_worker_that_cannot_be_configured_has_none_to_send(ends: Ends) -> None:
    ours, _, transport = ends
    answering = Answering(ours, transport, lambda _: None, ())
    assert answering.begin(1, configured=False) is None
    answering.close()


async def test_a_worker_that_sends_another_descriptor_is_not_used(ends: Ends) -> None:
    ours, theirs, transport = ends
    fed: list[bytes] = []
    answering = Answering(ours, transport, fed.append, ())
    null = os.open(os.devnull, os.O_RDONLY)
    socket.send_fds(theirs, [b"configured\n"], [null])
    os.close(null)
    await until(lambda: fed)
    assert answering.begin(1, configured=True) == "its calls cannot be answered: Operation not permitted"
    answering.close()
