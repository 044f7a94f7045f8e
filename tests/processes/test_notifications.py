"""System calls of another process, answered here."""

import asyncio
import errno
import os
import socket

import pytest
from notifying import Notifying, notifying

from interpreterd.processes.notifications import CallListener, HeldCall

CODE = """
import socket
try:
    one = socket.socket()
    one.connect(("127.0.0.1", 1))
    say("connected", one.family.name)
except OSError as error:
    say(error.errno)
"""


async def call_of(listener: CallListener) -> HeldCall:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener.fileno(), ready.set)
    await ready.wait()
    loop.remove_reader(listener.fileno())
    call = listener.receive()
    assert call is not None
    return call


async def killed(process: Notifying) -> None:
    process.process.kill()
    await process.process.wait()


@pytest.mark.parametrize(("error", "said"), [(0, "connected AF_INET"), (errno.ETIMEDOUT, str(errno.ETIMEDOUT))])
async def test_a_call_ends_as_it_is_answered(error: int, said: str) -> None:
    async with notifying(CODE) as process:
        with CallListener(process.listener) as listener:
            call = await call_of(listener)
            assert call.thread == process.pid
            assert call.arguments[2] == 16
            assert listener.is_waiting(call)
            assert listener.answer(call, error)
            assert not listener.answer(call, error), "it has its answer"
            assert not listener.is_waiting(call)
            assert await process.rest() == [said]


async def test_a_call_that_is_let_through_is_the_kernels_to_judge() -> None:
    async with notifying(CODE) as process:
        with CallListener(process.listener) as listener:
            assert listener.let_through(await call_of(listener))
            assert await process.rest() == [str(errno.EACCES)]


async def test_a_descriptor_takes_the_place_of_the_callers() -> None:
    code = CODE.replace("one.family.name", "os.read(one.fileno(), 9)").replace("import socket", "import os, socket")
    read, write = os.pipe()
    try:
        os.write(write, b"given")
        async with notifying(code) as process:
            with CallListener(process.listener) as listener:
                call = await call_of(listener)
                assert listener.put(call, read, call.arguments[0], os.O_CLOEXEC)
                with pytest.raises(OSError, match="Bad file descriptor"):
                    listener.put(call, read, 1 << 30, 0)
                assert listener.is_waiting(call)
                assert listener.answer(call)
                assert await process.rest() == ["connected b'given'"]
    finally:
        os.close(read)
        os.close(write)


async def test_a_call_whose_caller_has_been_killed_is_gone() -> None:
    async with notifying(CODE) as process:
        with CallListener(process.listener) as listener:
            call = await call_of(listener)
            await killed(process)
            assert not listener.is_waiting(call)
            assert not listener.put(call, listener.fileno(), 5, 0)
            assert not listener.answer(call)
            assert not listener.let_through(call)


async def test_a_closed_listener_has_no_calls_and_callers_learn_that_there_is_none() -> None:
    async with notifying(CODE) as process:
        listener = CallListener(process.listener)
        call = await call_of(listener)
        listener.close()
        listener.close()
        assert listener.closed
        assert listener.receive() is None
        assert not listener.is_waiting(call)
        assert not listener.answer(call)
        assert await process.rest() == [str(errno.ENOSYS)]


def test_a_descriptor_that_is_no_listener_is_an_error() -> None:
    with socket.socket() as none, CallListener(none.detach()) as listener, pytest.raises(OSError, match="ioctl"):
        listener.receive()
