"""Messages to a worker arrive whole and in order. Long ones are written in pieces, so the loop goes on."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from blockbuster import BlockBuster

from interpreterd.contexts.manager import Manager
from interpreterd.model.displays import Json
from interpreterd.model.events import Finished, Outcome, Output, Started
from interpreterd.model.functions import OUTSTANDING_LIMIT, VALUE_LIMIT_BYTES
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.pipe.calls import Return
from interpreterd.pipe.encoders import PIECE_CHARS, encode
from interpreterd.pipe.messages import Answer, Exit, Run, Sync, ToWorker
from interpreterd.processes.nursery import Nursery
from interpreterd.settings import Settings
from interpreterd.workers.launchers.spawn import SpawnLauncher
from interpreterd.workers.outbox import ANSWERS_LIMIT_BYTES, Outbox
from interpreterd.workers.pipes import both_ends
from interpreterd.workers.process import ProcessWorker

NOBODY = (1 << 22) + 1  # no process has it: it is above the largest possible pid; see proc(5)
MOST_PIECE_BYTES = 6 * PIECE_CHARS + 1000  # JSON escapes one character with up to six
LONG = Run("e", Execute(code='"' * 10 * PIECE_CHARS))


class Channel:
    """A transport that keeps all written data."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    @property
    def told(self) -> list[dict[str, Any]]:
        """The messages so far; ``unfinished`` stands for the bytes of an incomplete last one."""
        *lines, rest = b"".join(self.written).split(b"\n")
        return [json.loads(line) for line in lines] + ([{"unfinished": len(rest)}] if rest else [])


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
async def outbox(channel: Channel) -> AsyncIterator[Outbox]:
    outbox = Outbox(channel, int)  # type: ignore[arg-type]
    yield outbox
    outbox.close()


async def empty(outbox: Outbox) -> None:
    while outbox.size:  # noqa: ASYNC110 -- no event tells that all is written
        await asyncio.sleep(0)


def expected(*told: ToWorker) -> list[dict[str, Any]]:
    return [json.loads(encode(message)) for message in told]


TEXTS = {
    "plain": "x" * 3 * PIECE_CHARS,
    "one character more than a piece": "x" * (PIECE_CHARS + 1),
    "whole pieces": "\n" * 2 * PIECE_CHARS,
    "nothing but escapes": '"\\\x00\x1f' * PIECE_CHARS,
    "characters beyond the first plane, across the cuts": "x" + "\U0001f600é" * PIECE_CHARS,
}


@pytest.mark.parametrize("name", TEXTS)
async def test_what_is_long_arrives_as_it_is(channel: Channel, outbox: Outbox, name: str) -> None:
    text = TEXTS[name]
    told = (
        Run("e", Execute(code=text, envs={"A": "é"}, stdin=True, interactive=True)),
        Answer(number=7, text=text),
    )
    for message in told:
        outbox.send(message)
    await empty(outbox)
    assert channel.told == expected(*told)
    assert max(map(len, channel.written)) <= MOST_PIECE_BYTES


async def test_each_piece_has_a_turn_of_the_loop_of_its_own(channel: Channel, outbox: Outbox) -> None:
    outbox.send(LONG)
    written = []
    while outbox.size:
        written.append(len(channel.written))
        await asyncio.sleep(0)
    assert len(written) > 10
    assert all(after - before <= 1 for before, after in pairwise(written))


async def test_what_is_short_is_written_at_once(channel: Channel, outbox: Outbox) -> None:
    outbox.send(Run("e", Execute(code="x" * PIECE_CHARS)))
    assert channel.written == [encode(Run("e", Execute(code="x" * PIECE_CHARS)))]


async def test_what_is_sent_meanwhile_comes_after_it(channel: Channel, outbox: Outbox) -> None:
    told = (LONG, Sync(), Answer(number=1, text=None), LONG, Exit())
    for message in told:
        outbox.send(message)
    await empty(outbox)
    outbox.send(Sync())
    assert channel.told == expected(*told, Sync())


async def test_nothing_is_made_for_which_there_is_no_room(channel: Channel, outbox: Outbox) -> None:
    outbox.send(LONG)
    await asyncio.sleep(0)
    outbox.pause()
    written = list(channel.written)
    outbox.send(Sync())
    for _ in range(10):
        await asyncio.sleep(0)
    assert channel.written == written
    outbox.resume()
    await empty(outbox)
    assert channel.told == expected(LONG, Sync())


async def test_nothing_more_is_written_after_its_end(channel: Channel, outbox: Outbox) -> None:
    outbox.send(LONG)
    outbox.send(Sync())
    await asyncio.sleep(0)
    outbox.close()
    written = list(channel.written)
    outbox.resume()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (channel.written, outbox.size) == (written, 0)


# The outbox of a worker


@pytest.fixture
async def unread() -> AsyncIterator[ProcessWorker]:
    """Yield the daemon's side of a worker that reads nothing."""
    with both_ends() as (ours, theirs):
        worker = ProcessWorker(NOBODY, ours, Nursery())
        await worker.open()
        yield worker
        worker.process_exited(-9)
        assert theirs.channel.fileno() >= 0


async def turns() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_for_a_worker_that_reads_nothing_a_few_pieces_are_made(unread: ProcessWorker) -> None:
    unread.send(Run("e", Execute(code='"' * 100 * PIECE_CHARS)))
    await turns()
    assert unread._channel is not None
    assert 0 < unread._channel.get_write_buffer_size() <= 2 * MOST_PIECE_BYTES


async def test_a_worker_that_asks_before_it_has_read_its_code_gets_few_answers(unread: ProcessWorker) -> None:
    unread.send(Run("e", Execute(code="x" * (ANSWERS_LIMIT_BYTES // 2))))
    for number in range(1000):
        unread.send(Answer(number=number, text="x" * 10_000))
    assert unread._outbox is not None
    assert ANSWERS_LIMIT_BYTES < unread._outbox.size < ANSWERS_LIMIT_BYTES + 2 * 10_000


async def test_a_worker_that_reads_no_answers_to_its_calls_breaks_the_protocol(unread: ProcessWorker) -> None:
    """An honest one leaves at most those to its open calls unread."""
    value = Json('"' + "x" * (VALUE_LIMIT_BYTES - 2) + '"')
    for number in range(OUTSTANDING_LIMIT):
        unread.send(Return(number=number, value=value))
    await turns()
    assert unread.broken is None
    for number in range(4):
        unread.send(Return(number=number, value=value))
    await turns()
    assert unread.broken == "it reads no answers to its calls"


@pytest.mark.parametrize("how", ["is killed", "ends", "closes its channel"])
async def test_the_rest_is_dropped_when_the_worker(unread: ProcessWorker, how: str) -> None:
    unread.nursery.kill = lambda work: None  # type: ignore[method-assign]
    unread.send(LONG)
    await asyncio.sleep(0)
    outbox = unread._outbox
    assert outbox is not None
    assert outbox.size
    if how == "is killed":
        unread.kill()
    elif how == "ends":
        unread.process_exited(-9)
    else:
        unread.connection_lost(None)
    assert not outbox._waiting
    unread.send(Sync())
    unread.resume_writing()
    await turns()


# With a real worker


@pytest.fixture
async def manager(no_blocking: BlockBuster) -> AsyncIterator[Manager]:
    """Yield a manager with real workers: a daemon without its sockets."""
    async with contextlib.AsyncExitStack() as stack:
        spawner = SpawnLauncher(python=sys.executable, nursery=Nursery(), start_timeout_s=10)
        stack.callback(spawner.close)
        no_blocking.deactivate()
        await spawner.describe_python()  # the launcher looks for the worker's files once
        no_blocking.activate()
        settings = Settings.of(cwd="/")
        yield await stack.enter_async_context(Manager(settings.contexts, settings.workers, spawner))


async def test_an_interrupt_that_comes_before_the_code_hits_it_and_nothing_else(manager: Manager) -> None:
    context = manager.existing((await manager.create(CreateContext())).id)
    context.submit(Execute(code="x = 'still there'"))
    for _ in range(3):
        execution = context.submit(Execute(code='while True: pass\n#"' + '"' * 30 * PIECE_CHARS))
        async for _, event in execution.journal.client:
            if isinstance(event, Started):
                assert context.interrupt(execution.id) == "interrupting"
        assert isinstance(event, Finished)
        assert event.outcome is Outcome.INTERRUPTED
    told = [event async for _, event in context.submit(Execute(code="print(x)")).journal.client]
    assert [it.text for it in told if isinstance(it, Output)] == ["still there\n"]


async def test_a_context_that_ends_meanwhile_waits_for_nothing(manager: Manager) -> None:
    context = manager.existing((await manager.create(CreateContext())).id)
    execution = context.submit(Execute(code="#" + '"' * 100 * PIECE_CHARS))
    await manager.delete(context.id)
    assert execution.ended
