"""A worker's listener comes with its answer to its configuration, or the worker is not used."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest
from notifying import notifying, until

from interpreterd.pipe.confinement import Confinement, Landlock
from interpreterd.pipe.messages import Configure, Configured, Failed
from interpreterd.workers.answering import Answering

LANDLOCK = Landlock(abi=7, read=(), write=(), ports=(443,))


class Side:
    """The daemon's side of a worker's channel, and the worker's end."""

    def __init__(self, ours: socket.socket, theirs: socket.socket, transport: asyncio.Transport) -> None:
        self.ours, self.theirs, self.transport = ours, theirs, transport
        self.fed = b""
        self.failures: list[str] = []
        self.answering = Answering(self.failures.append)

    def configure(self, *, listener: bool) -> None:
        confine = Confinement(home="/", temporary="/", landlock=LANDLOCK, seccomp="", listener=listener)
        self.answering.expect(Configure(cwd="/", confine=confine), self.ours, self.transport, self.feed)

    def feed(self, data: bytes) -> None:
        self.fed += data

    async def hand(self, descriptor: int) -> None:
        """Send ``descriptor``, as the worker does, and wait until it has come."""
        socket.send_fds(self.theirs, [b"configured\n"], [descriptor])
        os.close(descriptor)
        await until(lambda: self.fed)


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
        side = Side(ours, theirs, transport)
        yield side
        side.answering.close()
        transport.abort()
        await asyncio.sleep(0)


async def test_calls_are_answered_from_the_answer_to_the_end(side: Side) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
say(attempt(server.getsockname()))
input()
say(attempt(server.getsockname()))
"""
    side.configure(listener=True)
    async with notifying(code) as process:
        await side.hand(process.listener)
        side.answering.notice(Configured(), process.pid)
        side.answering.notice(Configured(), 1)  # user code says it once more
        assert await process.line() == "None"
        side.answering.close()
        side.answering.close()
        process.tell()
        assert await process.line() == "OSError", "there is no such call"
    assert side.failures == []


async def test_a_worker_that_sends_no_listener_is_not_used(side: Side) -> None:
    side.configure(listener=True)
    side.answering.notice(Configured(), 1)
    assert side.failures == ["it has sent no listener for its calls"]


async def test_a_worker_that_cannot_be_configured_has_none_to_send(side: Side) -> None:
    side.configure(listener=True)
    side.answering.notice(Failed(reason=""), 1)
    assert side.failures == []


async def test_a_worker_that_sends_another_descriptor_is_not_used(side: Side) -> None:
    side.configure(listener=True)
    await side.hand(os.open(os.devnull, os.O_RDONLY))
    side.answering.notice(Configured(), 1)
    assert side.failures == ["its calls cannot be answered: Operation not permitted"]


async def test_a_worker_without_such_calls_is_left_alone(side: Side) -> None:
    side.configure(listener=False)
    side.answering.notice(Configured(), 1)
    assert side.failures == []
    assert side.transport.is_reading()
