"""Calls of many contexts are answered in turn, and so many in a turn of the event loop, and in a second."""

import contextlib
import os
import threading
from collections.abc import AsyncIterator

import pytest
from notifying import Notifying, notifying, until

from interpreterd.processes.notifications import CallListener, HeldCall
from interpreterd.workers.isolation import switchboard
from interpreterd.workers.isolation.loopback import Loopback
from interpreterd.workers.isolation.switchboard import Switchboard, answer_calls

FLOOD = """
import socket, threading
def flood():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        while True:
            one.connect(("127.0.0.1", 9))
threads = [threading.Thread(target=flood, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
ONCE = """
import socket
input()
with socket.create_server(("127.0.0.1", 0)) as server:
    say(attempt(server.getsockname()))
"""


@pytest.fixture
async def board() -> AsyncIterator[Switchboard]:
    board = Switchboard()
    yield board
    board.close()


class Count:
    """Counts the calls that are received in each turn of the event loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns: list[int] = []
        self.total = 0
        receive, take = CallListener.receive, Switchboard._take

        def counted(listener: CallListener) -> object:
            self.total += 1
            return receive(listener)

        def taken(board: Switchboard) -> None:
            before = self.total
            take(board)
            self.turns.append(self.total - before)

        monkeypatch.setattr(CallListener, "receive", counted)
        monkeypatch.setattr(Switchboard, "_take", taken)


async def started(board: Switchboard, block: contextlib.AsyncExitStack, code: str) -> Notifying:
    process = await block.enter_async_context(notifying(code))
    board.add(CallListener(process.listener), process.pid, frozenset())
    return process


async def test_calls_without_end_take_a_bounded_part_of_each_turn_and_hold_up_no_other_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switchboard, "TURN_LIMIT", 2)
    count = Count(monkeypatch)
    board = Switchboard()
    async with contextlib.AsyncExitStack() as block:
        block.callback(board.close)
        other = await started(board, block, ONCE)
        for _ in range(4):
            await started(board, block, FLOOD)
        await until(lambda: count.total >= 400)
        other.tell()
        assert await other.rest() == ["None"]
    assert max(count.turns) == 2


async def test_a_context_waits_when_it_has_had_its_work_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a second's work is next to nothing, so the burst is all that it gets."""
    monkeypatch.setattr(switchboard, "WORK_PER_S", 1e-6)
    monkeypatch.setattr(switchboard, "WORK_BURST", 100)
    count = Count(monkeypatch)
    board = Switchboard()
    async with contextlib.AsyncExitStack() as block:
        block.callback(board.close)
        await started(board, block, FLOOD)
        (line,) = board._lines.values()
        await until(lambda: line.timer is not None)
        other = await started(board, block, ONCE)
        other.tell()
        assert await other.rest() == ["None"]
        assert count.total <= 55


async def test_all_contexts_together_wait_when_they_have_had_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "ALL_WORK_PER_S", 1e-6)
    monkeypatch.setattr(switchboard, "ALL_WORK_BURST", 100)
    count = Count(monkeypatch)
    board = Switchboard()
    async with contextlib.AsyncExitStack() as block:
        block.callback(board.close)
        for _ in range(2):
            await started(board, block, FLOOD)
        await until(lambda: board._pause is not None)
        assert 50 <= count.total <= 60


async def test_a_line_ends_with_its_last_process(board: Switchboard) -> None:
    code = """
import os, socket
if os.fork():
    os._exit(0)
input()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))
"""
    async with notifying(code) as process:
        board.add(CallListener(process.listener), process.pid, frozenset())
        await process.process.wait()
        assert board._lines
        process.tell()
        assert await process.rest() == []
        await until(lambda: not board._lines)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(process.listener)


async def test_a_line_that_is_ended_closes_its_listener_and_its_attempts(board: Switchboard) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=0)
one = socket.create_connection(server.getsockname())
say(attempt(server.getsockname()))
"""
    async with notifying(code) as process:
        descriptors = len(os.listdir("/proc/self/fd"))
        line = board.add(CallListener(process.listener), process.pid, frozenset())
        await until(lambda: line.loopback.attempts)
        line.leave(process.pid)
        line.leave(process.pid)
        assert len(os.listdir("/proc/self/fd")) == descriptors, "its listener is closed, and the table is open now"
        assert await process.rest() == ["OSError"], "there is no such call any more"


async def test_a_descriptor_that_is_no_listener_is_refused_or_ends_its_line(board: Switchboard) -> None:
    read, write = os.pipe()
    os.close(write)
    board.add(CallListener(read), os.getpid(), frozenset())
    await until(lambda: not board._lines)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)
    with pytest.raises(PermissionError):
        board.add(CallListener(os.open(os.devnull, os.O_RDONLY)), os.getpid(), frozenset())


async def test_all_contexts_share_a_switchboard_that_is_there_as_long_as_it_is_needed() -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    pairs = [os.pipe() for _ in range(2)]
    lines = [answer_calls(read, os.getpid(), frozenset()) for read, _ in pairs]
    assert len(os.listdir("/proc/self/fd")) == descriptors + 4 + 1, "its epoll(7)"
    for line in lines:
        line.leave(os.getpid())
    for _, write in pairs:
        os.close(write)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    with pytest.raises(PermissionError):
        answer_calls(os.open(os.devnull, os.O_RDONLY), os.getpid(), frozenset())
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_call_goes_on_when_there_is_no_room_for_a_thread(
    board: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(board._lookers, "submit", full)
    code = "import socket\nserver = socket.create_server(('127.0.0.1', 0))\nsay(attempt(server.getsockname()))"
    async with notifying(code) as process:
        board.add(CallListener(process.listener), process.pid, frozenset())
        assert await process.rest() == ["PermissionError"]


async def test_a_caller_that_holds_up_a_look_holds_up_only_its_own_calls(
    board: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    look = Loopback.look

    def held_up(loopback: Loopback, call: HeldCall) -> object:
        if loopback is slow:
            held.wait()
        return look(loopback, call)

    monkeypatch.setattr(Loopback, "look", held_up)
    async with contextlib.AsyncExitStack() as block:
        block.callback(held.set)
        slow_one = await started(board, block, ONCE)
        (line,) = board._lines.values()
        slow = line.loopback
        slow_one.tell()
        await until(lambda: not line.events)
        other = await started(board, block, ONCE)
        other.tell()
        assert await other.rest() == ["None"]
        held.set()
        assert await slow_one.rest() == ["None"]
