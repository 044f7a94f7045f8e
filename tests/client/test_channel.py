"""``client.channel``: executions on one WebSocket behave as those with a connection of their own."""

import asyncio
from typing import Any

import pytest
from harness import Client
from proxy import Cut, Proxy, Say

from interpreterd.client import AsyncInterpreter, ConnectionFailed, ContextNotFound, Refused
from interpreterd.client.channel import UNREAD_LIMIT_BYTES


async def test_executions_run_at_the_same_time_on_one_connection(through: Proxy) -> None:
    async with AsyncInterpreter(through.url, session=True) as py:
        contexts = [await py.create_context() for _ in range(3)]
        before = through.connections
        code = "import time\nprint('a')\ntime.sleep(0.05)\n{}"
        ran = await asyncio.gather(*(it.execute(code.format(number)) for number, it in enumerate(contexts)))
        assert [it.text for it in ran] == [f"a\n{number}\n" for number in range(3)]
        assert (await py.execute("1 / 0")).error.name == "ZeroDivisionError"
        assert through.connections <= before + 1


async def test_a_refusal_is_the_exception_of_any_other_request(url: str) -> None:
    async with AsyncInterpreter(url, session=True) as py:
        with pytest.raises(ContextNotFound, match="nonsense"):
            await py.execute("1", "nonsense")
        with pytest.raises(Refused) as refused:
            await py.execute("")
        assert refused.value.code == "invalid_request"
        assert (await py.execute("6 * 7")).text == "42\n"
        channel: Any = py._core._channel
        assert channel._unread_bytes == 0, "refusals are read, too"


async def test_an_execution_survives_the_connection(through: Proxy) -> None:
    through.plans.append(Cut(150_000))
    async with AsyncInterpreter(through.url, session=True) as py:
        execution = await py.execute("for i in range(400): print(i, 'x' * 1000)")
        assert execution.stdout == "".join(f"{i} {'x' * 1000}\n" for i in range(400))
        assert (await py.execute("1")).text == "1\n"


async def test_where_no_websocket_passes_http_is_used(through: Proxy) -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    through.plans.append(Say(answer))
    async with AsyncInterpreter(through.url, session=True) as py:
        assert (await py.execute("1")).text == "1\n"


async def test_a_daemon_that_is_not_there_is_the_same_error() -> None:
    async with AsyncInterpreter("http://127.0.0.1:9", session=True) as py:
        with pytest.raises(ConnectionFailed):
            await py.execute("1")


async def test_little_is_held_of_what_is_not_taken_and_all_of_it_comes(url: str) -> None:
    async with AsyncInterpreter(url, session=True) as py:
        execution = await py.begin("for i in range(100): print('x' * 60_000)")
        await execution.fill()
        channel: Any = py._core._channel
        while channel._room.is_set():
            await py.list_contexts()  # each turn asks the daemon
        assert channel._unread_bytes < 2 * UNREAD_LIMIT_BYTES
        size = 0
        while await execution.fill():
            while execution.events:
                size += len(getattr(execution.events.popleft(), "text", ""))
        assert size == 100 * 60_001


async def test_an_execution_that_is_left_goes_on_and_is_attached_to_again(url: str, client: Client) -> None:
    async with AsyncInterpreter(url, session=True) as py:
        execution = await py.begin("print('begun', flush=True)\ninput()\nprint('done')", timeout=30)
        await execution.fill()
        assert execution.id is not None
        execution.leave()
        await execution.close()
        again = await py.attach(execution.id)
        texts = []
        while await again.fill():
            while again.events:
                texts.append(getattr(again.events.popleft(), "text", ""))
        assert "begun\n" in texts
        assert (await py.get_execution(execution.id))["outcome"] == "completed"
        assert await py.interrupt_execution(execution.id) == "idle"
        with pytest.raises(Refused):
            await (await py.attach("nonsense")).fill()
