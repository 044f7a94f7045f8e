"""Jupyter's connections end to end: several at once, those that come back, that do not read, that break the rules."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from harness import Gate
from kernels import Jupyter, kinds, packed, reply, request, text
from reading import Reader
from standing import SharedDaemon
from streaming import memory_bytes, waits_in_write

MIB = 1 << 20
FLOOD = "import os\nprint(os.getpid(), flush=True)\nwhile True: os.write(1, b'x' * 65536)"


@pytest.fixture
async def jupyter(url: str) -> AsyncIterator[Jupyter]:
    """Yield a client of the shared daemon."""
    async with Jupyter.at(url) as client:
        yield client


async def test_what_was_written_while_the_client_was_away(jupyter: Jupyter, gate: Gate) -> None:
    kernel = await jupyter.start()
    code = f"print('before')\n{gate.wait}\nfor i in range(1000): print('after', i)\n1 / 0"
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("execute_request", {"code": code}))
        await channel.until("stream")
    await jupyter.left(kernel)
    gate.open()
    async with jupyter.channel(kernel, "other") as other:
        await other.execute("1")  # so the first one has ended
    async with jupyter.channel(kernel, "me") as channel:
        told = await channel.about(asked)
    assert text(told) == "".join(f"after {i}\n" for i in range(1000))
    assert kinds(told)[-3:] == ["error", "execute_reply", "idle"]


async def test_more_than_is_kept_was_written_meanwhile(jupyter: Jupyter, gate: Gate) -> None:
    kernel = await jupyter.start()
    code = f"print('before')\n{gate.wait}\nfor i in range(30_000): print(i, 'x' * 90)"
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("execute_request", {"code": code}))
        await channel.until("stream")
    await jupyter.left(kernel)
    gate.open()
    async with jupyter.channel(kernel, "other") as other:
        await other.execute("1")
    async with jupyter.channel(kernel, "me") as channel:
        told = await channel.about(asked)
    assert "messages of this execution are lost" in text(told, "stderr")
    assert text(told).endswith(f"29999 {'x' * 90}\n")
    assert reply(told)["status"] == "ok"


async def test_many_clients_of_one_kernel_see_the_same(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel, "a") as a, jupyter.channel(kernel, "b", v1=True) as b:
        await b.ask("kernel_info_request")
        asked = [await it.send(request("execute_request", {"code": f"print({n})"})) for n, it in enumerate((a, b) * 5)]
        for channel in (a, b):
            told: dict[str, list[dict[str, Any]]] = {message["header"]["msg_id"]: [] for message in asked}
            while not all("idle" in kinds(messages) for messages in told.values()):
                message = await channel.next()
                told.get(message["parent_header"]["msg_id"], []).append(message)
            assert [text(messages) for messages in told.values()] == [f"{number}\n" for number in range(10)]


async def test_a_new_connection_for_each_run_loses_nothing(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    for number in range(20):
        async with jupyter.channel(kernel) as channel:
            told = await channel.execute(f"print('x' * 1000)\n{number}")
            assert len(text(told)) == 1001
            assert "execute_result" in kinds(told)


def connect(url: str, kernel: str) -> Reader:
    """Connect to a kernel with small buffers."""
    return Reader(url, f"/api/kernels/{kernel}/channels", prefix="", buffer_bytes=1 << 12)


def first_pid(reader: Reader) -> int:
    """Read up to the first output, which is a pid."""
    while (message := reader.receive()) is not None:
        if message["msg_type"] == "stream":
            return int(message["content"]["text"].split()[0])
    raise AssertionError


async def test_a_client_that_does_not_read_stops_only_its_own_program(standing: Callable[..., SharedDaemon]) -> None:
    daemon = standing("--journal-bytes", "64K")
    async with Jupyter.at(daemon.url) as jupyter:
        kernels = [await jupyter.start() for _ in range(4)]
        async with jupyter.channel(kernels[0]) as other:
            await other.execute(f"print('x' * {MIB})")
            before = memory_bytes(daemon.pid)
            readers = [await asyncio.to_thread(connect, daemon.url, kernel) for kernel in kernels[1:]]
            for reader in readers:
                reader.send(request("execute_request", {"code": FLOOD}))
                await waits_in_write(await asyncio.to_thread(first_pid, reader), daemon.url)
            assert text(await other.execute("print('quick')")) == "quick\n"
            assert memory_bytes(daemon.pid) - before < 16 * MIB
            for reader in readers:
                with reader:  # closes its socket: the program goes on, and its output is dropped
                    pass


async def test_one_that_only_watches_and_does_not_read_slows_nobody(standing: Callable[..., SharedDaemon]) -> None:
    daemon = standing("--journal-bytes", "64K")
    async with Jupyter.at(daemon.url) as jupyter:
        kernel = await jupyter.start()
        with await asyncio.to_thread(connect, daemon.url, kernel) as watcher:
            async with jupyter.channel(kernel) as channel:
                told = await channel.execute(f"for i in range(100): print('x' * {MIB // 10})")
                assert len(text(told)) == 100 * (MIB // 10 + 1)
                last = await channel.send(request("execute_request", {"code": "'the last'"}))
                assert reply(await channel.about(last))["status"] == "ok"
                lost, seen = await asyncio.to_thread(watched, watcher, last["header"]["msg_id"])
    assert lost
    assert seen[-2:] == ["execute_result", "idle"]


def watched(reader: Reader, last: str) -> tuple[bool, list[str]]:
    """Read up to the end of a request; return whether something was lost, and what was told of that request."""
    lost, seen = False, list[str]()
    while seen[-1:] != ["idle"]:
        message = reader.receive()
        assert message is not None
        lost |= "are lost" in message["content"].get("text", "")
        if message["parent_header"].get("msg_id") == last:
            seen += kinds([message])
    return lost, seen


async def test_a_client_that_asks_and_does_not_read_costs_little(standing: Callable[..., SharedDaemon]) -> None:
    daemon = standing("--journal-bytes", "64K")
    async with Jupyter.at(daemon.url) as jupyter:
        kernel = await jupyter.start()
        async with jupyter.channel(kernel) as other:
            await other.ask("kernel_info_request")
            before = memory_bytes(daemon.pid)
            with await asyncio.to_thread(connect, daemon.url, kernel) as reader:
                reader._socket.settimeout(1)
                asked = request("kernel_info_request")
                with pytest.raises(TimeoutError):  # the daemon reads no more
                    await asyncio.to_thread(lambda: [reader.send(asked) for _ in range(100_000)])
                assert reply(await other.ask("kernel_info_request"))["status"] == "ok"
                assert memory_bytes(daemon.pid) - before < 16 * MIB


async def test_no_bytes_bring_the_daemon_out_of_order(jupyter: Jupyter) -> None:
    """Each hostile message is answered, or closes its own connection with a reason; the log has no traceback."""
    kernel = await jupyter.start()
    chance = random.Random(1)
    asked = ("execute_request", "complete_request", "comm_msg", "input_reply")
    valid = [request(kind, {"code": "1"}) for kind in asked]
    async with jupyter.channel(kernel) as witness:
        for round_ in range(60):
            message = json.loads(json.dumps(chance.choice(valid)))
            spoil(message, chance)
            v1 = round_ % 2 == 0
            async with jupyter.channel(kernel, f"s{round_ % 3}", v1=v1) as channel:
                try:
                    data = packed(message) if v1 else json.dumps(message).encode()
                except (AttributeError, KeyError):  # it has not even the form of a message
                    data = chance.randbytes(40)
                if chance.random() < 0.3:
                    data = data[: chance.randrange(len(data))]
                await channel.socket.send_bytes(data)
                await channel.socket.send_bytes(b"\0")  # in any case the last
                code, reason = await channel.ended()
                assert (code in (1002, 1009), bool(reason)) == (True, True)
        told = await witness.ask("kernel_info_request")
        assert reply(told)["status"] == "ok"


def spoil(message: dict[str, Any], chance: random.Random) -> None:
    """Replace a part of a message by a value of any type."""
    value = chance.choice([None, 1, -1, 1e308, "", "x", [], {}, True, {"a": {"b": []}}, "\u0000" * 10])
    part = chance.choice(["header", "parent_header", "metadata", "content", "channel", "buffers", "inner"])
    if part == "inner":
        inner = message[chance.choice(["header", "content"])]
        inner[chance.choice([*inner, "cursor_pos", "silent", "comm_id", "user_expressions", "date"])] = value
    else:
        message[part] = value


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
async def test_a_foreign_page_is_refused(jupyter: Jupyter, headers: dict[str, str]) -> None:
    kernel = await jupyter.start()
    for path in ("/api", "/api/kernels", f"/api/kernels/{kernel}/channels"):
        status, body = await jupyter.ask("GET", path, headers=headers)
        assert (status, body["reason"]) == (403, "Forbidden")


async def test_its_own_origin_and_an_empty_token_are_welcome(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    headers = {"Origin": jupyter.url, "Authorization": "token "}
    path = f"{jupyter.url}/api/kernels/{kernel}/channels?token=x&session_id=a"
    async with aiohttp.ClientSession() as http, http.ws_connect(path, headers=headers) as socket:
        await socket.send_str(json.dumps(request("kernel_info_request")))
        assert (await socket.receive_json())["msg_type"] == "status"


async def test_all_of_it_is_below_the_base_path_too(standing: Callable[..., SharedDaemon]) -> None:
    daemon = standing("--base-path", "/below")
    async with Jupyter.at(daemon.url + "/below") as jupyter:
        async with jupyter.http.post(jupyter.url + "/api/kernels") as response:
            kernel = (await response.json())["id"]
            assert response.headers["Location"] == f"/below/api/kernels/{kernel}"
        _, spec = await jupyter.ask("GET", "/api/kernelspecs/python3")
        async with jupyter.http.get(daemon.url + spec["resources"]["logo-svg"]) as response:
            assert response.status == 200
        async with jupyter.channel(kernel) as channel:
            assert text(await channel.execute("print(1)")) == "1\n"
