"""A descriptor comes with a message, while the channel has a transport, as a worker's has."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator

import pytest
from notifying import until

from interpreterd.workers.handing import Handed


class Reader(asyncio.Protocol):
    """Keeps what its transport reads."""

    def __init__(self) -> None:
        self.read = b""
        self.ended = False

    def data_received(self, data: bytes) -> None:
        self.read += data

    def eof_received(self) -> bool:
        self.ended = True
        return True


class Channel:
    """Both ends of a channel; the daemon's has a transport."""

    def __init__(
        self, ours: socket.socket, theirs: socket.socket, transport: asyncio.Transport, reader: Reader
    ) -> None:
        self.ours, self.theirs, self.transport, self.reader = ours, theirs, transport, reader
        self.fed = b""

    def handed(self) -> Handed:
        return Handed(self.ours, self.transport, self.feed)

    def feed(self, data: bytes) -> None:
        self.fed += data


@pytest.fixture
async def channel() -> AsyncIterator[Channel]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport, reader = await asyncio.get_running_loop().create_unix_connection(Reader, sock=ours)
        yield Channel(ours, theirs, transport, reader)
        transport.abort()
        await asyncio.sleep(0)


async def test_a_descriptor_comes_with_its_message_and_the_transport_reads_on(channel: Channel) -> None:
    handed = channel.handed()
    with contextlib.closing(handed):
        channel.theirs.send(b"moved\n")
        await until(lambda: channel.fed)
        assert handed.take() is None, "a message without one"
        read, write = os.pipe()
        socket.send_fds(channel.theirs, [b"configured\n"], [read])
        os.close(read)
        channel.theirs.send(b"later\n")
        await until(lambda: channel.reader.read)
        assert (channel.fed, channel.reader.read) == (b"moved\nconfigured\n", b"later\n")
        descriptor = handed.take()
        assert descriptor is not None
        assert handed.take() is None
        assert not os.get_inheritable(descriptor)
        assert not os.get_blocking(channel.ours.fileno())
        os.write(write, b"it")
        assert os.read(descriptor, 2) == b"it"
        os.close(descriptor)
        os.close(write)


async def test_a_descriptor_that_nobody_takes_is_closed(channel: Channel) -> None:
    handed = channel.handed()
    read, write = os.pipe()
    socket.send_fds(channel.theirs, [b"configured\n"], [read])
    os.close(read)
    await until(lambda: channel.fed)
    handed.close()
    handed.close()
    with pytest.raises(BrokenPipeError):
        os.write(write, b"to nobody")
    os.close(write)


async def test_without_a_descriptor_the_transport_reads_on_when_this_stops(channel: Channel) -> None:
    handed = channel.handed()
    channel.theirs.send(b"failed\n")
    await until(lambda: channel.fed)
    handed.close()
    channel.theirs.send(b"more\n")
    await until(lambda: channel.reader.read)
    assert channel.reader.read == b"more\n"


async def test_the_transport_sees_the_end(channel: Channel) -> None:
    with contextlib.closing(channel.handed()) as handed:
        channel.theirs.close()
        await until(lambda: channel.reader.ended)
        assert handed.take() is None
        assert channel.fed == b""


async def test_it_can_be_closed_when_its_transport_is(channel: Channel) -> None:
    handed = channel.handed()
    channel.transport.abort()
    handed.close()


async def test_more_descriptors_than_one_are_dropped_by_the_kernel(channel: Channel) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with contextlib.closing(channel.handed()):
        pipes = [fd for _ in range(4) for fd in os.pipe()]
        socket.send_fds(channel.theirs, [b"configured\n"], pipes)
        for fd in pipes:
            os.close(fd)
        await until(lambda: channel.fed)
        assert len(os.listdir("/proc/self/fd")) <= before + 3, "with the copy of the channel"
    assert len(os.listdir("/proc/self/fd")) == before
