"""A client that does not read stops only its own program, and costs the daemon little memory."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from contract import INTERRUPTED, error, interrupt
from harness import Client, Daemon, gone
from reading import Posted, Reader
from streaming import NARROW, Check, memory_bytes, waits_in_write

from interpreterd.model.events import Stream
from interpreterd.pipe.messages import FromWorker, Synced
from interpreterd.processes.nursery import Nursery
from interpreterd.workers import outputs, pipes, process
from interpreterd.workers.worker import Deaf

MIB = 1 << 20
CLIENTS = 4
# A program writes one of these without end: 64 KiB whose characters take one byte of memory and six of JSON; two and
# three, for replaced bytes; or four, most of them with six of JSON.
FLOODS = {
    "control characters": b"\0" * 65536,
    "invalid bytes": b"\xff" * 65536,
    "wide characters": (b"\0" * 4092 + "👋".encode()) * 16,
}
FLOOD = "import os\nprint(os.getpid(), flush=True)\ndata = {!r}\nwhile True: os.write(1, data)\n"


@contextlib.asynccontextmanager
async def flooding(daemon: Daemon, code: str, **keys: Any) -> AsyncIterator[tuple[Reader, int, str]]:
    """Yield a client that does not read, the pid of its waiting program, and the text read so far."""
    with Reader(daemon.url, buffer_bytes=1 << 12) as reader:
        reader.send({"code": code, **keys})
        line, rest = await asyncio.to_thread(reader.first_line)
        await waits_in_write(int(line), daemon.url)
        yield reader, int(line), rest


def read_some(reader: Reader) -> None:
    """Read until the sockets' old data is through and the daemon has sent messages of the largest size."""
    for _ in range(40):
        reader.receive()


def rest_of(reader: Reader) -> list[dict[str, Any]]:
    """Read to the close; return the messages, with all output as one."""
    text = []
    others = []
    while (message := reader.receive()) is not None:
        if message["type"] == "stdout":
            text.append(message["text"])
        else:
            others.append(message)
    return [{"type": "stdout", "text": "".join(text)}, *others]


@pytest.fixture
async def daemon(start_daemon: Callable[..., Awaitable[Daemon]]) -> Daemon:
    """Return a daemon with small journals, because events that a client has read have their own limit."""
    return await start_daemon("--journal-bytes", "64K")


@pytest.mark.parametrize("flood", FLOODS)
async def test_memory_stays_flat_and_others_go_on(own_client: Client, daemon: Daemon, flood: str) -> None:
    """The clients stop reading in the middle, while large messages are on their way to them."""
    contexts = [await own_client.create() for _ in range(CLIENTS)]
    other = await own_client.create()
    for context in (*contexts, other):
        await own_client.run(f"print('x' * {MIB})", context)
    before = memory_bytes(daemon.pid)
    async with contextlib.AsyncExitStack() as stack:
        for context in contexts:
            code = FLOOD.format(FLOODS[flood])
            reader, pid, _ = await stack.enter_async_context(flooding(daemon, code, contextId=context))
            await asyncio.to_thread(read_some, reader)
            await waits_in_write(pid, daemon.url)
        assert (memory_bytes(daemon.pid) - before) / CLIENTS < 2 * MIB
        assert (await own_client.run("print('goes on')", other)).stdout == "goes on\n"


async def test_memory_stays_flat_for_each_execution_of_a_session(own_client: Client, daemon: Daemon) -> None:
    contexts = [await own_client.create() for _ in range(CLIENTS)]
    for context in contexts:
        await own_client.run(f"print('x' * {MIB})", context)
    before = memory_bytes(daemon.pid)
    with Reader(daemon.url, "/session", buffer_bytes=1 << 12) as reader:
        code = FLOOD.format(FLOODS["control characters"])
        for context in contexts:
            reader.send({"op": "execute", "requestId": context, "code": code, "contextId": context})
        text = dict.fromkeys(contexts, "")
        while not all("\n" in seen for seen in text.values()):
            message = await asyncio.to_thread(reader.receive)
            assert message is not None
            if message["type"] == "stdout":
                text[message["requestId"]] += message["text"]
        await asyncio.to_thread(read_some, reader)
        for seen in text.values():
            await waits_in_write(int(seen.partition("\n")[0]), daemon.url)
        assert (memory_bytes(daemon.pid) - before) / CLIENTS < 2 * MIB


async def test_memory_stays_flat_while_a_client_over_http_does_not_read(own_client: Client, daemon: Daemon) -> None:
    context = await own_client.create()
    await own_client.run(f"print('x' * {MIB})", context)
    before = memory_bytes(daemon.pid)
    with Posted(daemon.url, {"code": FLOOD.format(FLOODS["control characters"]), "contextId": context}) as posted:
        pid = await asyncio.to_thread(posted.first_number)
        await waits_in_write(pid, daemon.url)
        await asyncio.to_thread(posted.receive, 4 * MIB)
        await waits_in_write(pid, daemon.url)
        assert memory_bytes(daemon.pid) - before < 3 * MIB
        assert (await own_client.run("print('goes on')")).stdout == "goes on\n"


async def test_a_program_whose_lines_wait_for_their_client_is_interrupted(own_client: Client, daemon: Daemon) -> None:
    context = await own_client.create()
    code = (
        "import os\nprint(os.getpid(), flush=True)\ni = 0\n"
        "try:\n    while True: print(i, '👋' * 20); i += 1\nfinally: print('last words' * 10_000)\n"
    )
    async with flooding(daemon, code, contextId=context) as (reader, _, text):
        assert await interrupt(own_client, context) == (200, {"interrupted": True})
        assert (await own_client.run("print(i > 10)", context)).stdout == "True\n"
        messages = await asyncio.to_thread(rest_of, reader)
    lines = (text + messages[0]["text"]).split("\n")
    # The interrupt may have come within a line, before its end was printed.
    assert (lines[-2].endswith("last words" * 10_000), lines[-1]) == (True, "")
    assert lines[:-3] == [f"{i} {'👋' * 20}" for i in range(len(lines) - 3)]
    assert [message["type"] for message in messages] == ["stdout", "error", "control"]


@pytest.mark.parametrize("how", ["timeout", "interrupt", "deletion"])
async def test_a_program_that_waits_for_its_client_can_be_ended(own_client: Client, daemon: Daemon, how: str) -> None:
    """It ends and the next execution runs before the client reads on. The client then gets all of the output."""
    context = await own_client.create()
    code = (
        f"import os, sys\nprint(os.getpid())\nfiller = {NARROW!r}\ni = 0\n"
        "try:\n    while True: sys.stdout.write(f'{i:015d}\\n' + filler); i += 1\n"
        "finally: print('last words' * 10_000)\n"
    )
    timeout = {"timeout": 1} if how == "timeout" else {}
    async with flooding(daemon, code, contextId=context, **timeout) as (reader, pid, text):
        match how:
            case "timeout":
                failure = error("TimeoutError", "execution timed out after 1 s")
                close, reason = 4008, failure["value"]
            case "interrupt":
                assert await interrupt(own_client, context) == (200, {"interrupted": True})
                failure = error("KeyboardInterrupt", "")
                close, reason = 1000, "interrupted by a client"
            case _:
                assert (await own_client.request("DELETE", f"/context/{context}"))[0] == 200
                await gone(pid)
                failure = error("ContextError", f"context deleted: {context}")
                close, reason = 1001, failure["value"]
        if how != "deletion":
            assert (await own_client.run("print(i > 10)", context)).stdout == "True\n"
        messages = await asyncio.to_thread(rest_of, reader)
    text += messages[0]["text"]
    if how != "deletion":
        assert messages.pop() == INTERRUPTED
        assert "KeyboardInterrupt" in messages[-1].pop("traceback")
        del failure["traceback"]
        text, last_words, end = text.partition("last words" * 10_000 + "\n")
        assert (bool(last_words), end) == (True, "")
    assert messages[1:] == [failure]
    assert (reader.close_code, reader.close_reason) == (close, reason)
    check = Check(NARROW)
    check.feed(text)
    assert check.count > 10


class Seen(Deaf):
    """A listener that keeps everything it gets.

    Attributes:
        text: All output.
        told: Everything else.
    """

    def __init__(self) -> None:
        self.text = ""
        self.told: list[object] = []

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        self.text += text

    def on_message(self, message: FromWorker) -> None:
        self.told.append(message)

    def on_broken(self, reason: str) -> None:
        self.told.append(reason)

    def on_exit(self, how: str) -> None:
        self.told.append(how)


@pytest.mark.parametrize("size", [4096, 4097])
async def test_a_pipe_that_was_made_huge_is_not_taken_whole(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A privileged program may enlarge its pipe without limit. The test lowers the daemon's limit instead."""
    for module in (pipes, process, outputs):
        monkeypatch.setattr(module, "PIPE_LIMIT_BYTES", 4096)
    with pipes.both_ends() as (ours, theirs):
        worker = process.ProcessWorker(0, ours, Nursery())
        worker.listener = seen = Seen()
        await worker.open()
        worker.pause_output()
        os.write(theirs.stderr_fd, b"x" * size)
        worker.data_received(b'{"type":"synced"}\n')
        assert seen.text == "x" * 4096
        os.write(theirs.stdout_fd, b"y" * size)
        worker.process_exited(0)
    assert seen.text.count("y") == 4096
    if size == 4096:
        assert seen.told == [Synced(), "exit status 0"]
    else:
        assert seen.told == [
            "it left more than 4096 bytes in an output pipe",
            "exit status 0; the end of its output is lost",
        ]
