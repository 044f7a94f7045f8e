"""The daemon's end of an output pipe: when it reads and when it pauses."""

import fcntl
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from interpreterd.workers import pipes
from interpreterd.workers.pipes import LOOK_BYTES, READ_BYTES, WIDE_BYTES, OutputPipe


class StillLoop:
    """An event loop whose time stands still; the test calls its callbacks."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}
        self.later: list[Any] = []

    def time(self) -> float:
        return 1000.0

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        self.readers[fd] = callback

    def remove_reader(self, fd: int) -> None:
        del self.readers[fd]

    def call_later(self, after_s: float, callback: Callable[[], None]) -> Any:
        timer = SimpleNamespace(callback=callback, cancel=lambda: self.later.remove(timer))
        self.later.append(timer)
        return timer


class Read:
    """An output pipe, its delivered texts, and a callback ``then`` that runs at each delivery."""

    def __init__(self) -> None:
        self.fd, self.theirs = os.pipe()
        self.texts: list[str] = []
        self.then: Callable[[], None] = lambda: None
        self.pipe = OutputPipe(self.fd, self._arrived, lambda data: 0)

    def _arrived(self, data: bytes) -> None:
        self.texts.append(data.decode())
        self.then()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> StillLoop:
    loop = StillLoop()
    monkeypatch.setattr(pipes, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    return loop


@pytest.fixture
def read(loop: StillLoop) -> Iterator[Read]:
    read = Read()
    yield read
    read.pipe.close()
    os.close(read.theirs)


def read_then(loop: StillLoop, read: Read, then: Callable[[], None]) -> None:
    """Read twice; the second read calls ``then``. Call the reader once more afterwards."""
    read.pipe.resume()
    os.write(read.theirs, b"one ")
    loop.readers[read.fd]()
    read.then = then
    os.write(read.theirs, b"two ")
    for timer in loop.later:
        timer.callback()
    loop.readers[read.fd]()


def test_a_pause_from_within_a_read_lasts_until_it_is_resumed(loop: StillLoop, read: Read) -> None:
    """The pipe waits between reads to gather data. The end of that wait must not end the pause."""
    read_then(loop, read, read.pipe.pause)
    assert read.texts == ["one ", "two "]
    assert (loop.readers, loop.later) == ({}, [])
    read.pipe.resume()
    assert list(loop.readers) == [read.fd]


def test_a_pipe_that_its_listener_closes_is_read_no_more(loop: StillLoop, read: Read) -> None:
    read_then(loop, read, read.pipe.close)
    assert (loop.readers, loop.later) == ({}, [])
    read.pipe.resume()
    assert loop.readers == {}


def gather(loop: StillLoop, read: Read, size: int) -> None:
    """Let ``size`` bytes gather in the pipe, and let the wait for them end."""
    read.pipe.resume()
    while read.fd in loop.readers:
        os.write(read.theirs, b"small ")
        loop.readers[read.fd]()
    os.write(read.theirs, b"x" * size)
    loop.later[0].callback()


def capacity(read: Read) -> int:
    return fcntl.fcntl(read.theirs, fcntl.F_GETPIPE_SZ)


def test_a_pipe_in_which_much_gathers_gets_more_room_until_it_is_read(loop: StillLoop, read: Read) -> None:
    gather(loop, read, READ_BYTES)
    assert capacity(read) == LOOK_BYTES
    read.pipe.pause()
    read.pipe.read(READ_BYTES)
    gather(loop, read, READ_BYTES + 1)
    assert capacity(read) == WIDE_BYTES
    read.pipe.narrow()
    assert capacity(read) == WIDE_BYTES
    loop.readers[read.fd]()
    read.pipe.narrow()
    assert capacity(read) == LOOK_BYTES


def test_a_capacity_that_a_program_has_set_is_kept(loop: StillLoop, read: Read) -> None:
    fcntl.fcntl(read.theirs, fcntl.F_SETPIPE_SZ, 8 * WIDE_BYTES)
    gather(loop, read, READ_BYTES + 1)
    assert capacity(read) == 8 * WIDE_BYTES
    loop.readers[read.fd]()
    read.pipe.narrow()
    assert capacity(read) == 8 * WIDE_BYTES


def test_without_more_room_output_is_read_as_before(
    loop: StillLoop, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, operation: int, *_: int) -> int:
        if operation == fcntl.F_SETPIPE_SZ:
            raise PermissionError
        return LOOK_BYTES

    monkeypatch.setattr(pipes, "fcntl", SimpleNamespace(**{**vars(fcntl), "fcntl": refuse}))
    gather(loop, read, READ_BYTES + 1)
    loop.readers[read.fd]()
    read.pipe.narrow()
    assert capacity(read) == LOOK_BYTES
    assert read.texts == ["small ", "small ", "x" * READ_BYTES]
