"""The usage of contexts, for clients that ask for it."""

from typing import Any

from harness import Client

# One child uses processor time and is waited for. Another child stays, with memory that it does not share.
FAMILY = """
import os, signal
read, write = os.pipe()
if os.fork() == 0:
    while sum(os.times()[:2]) < 0.4: pass  # ten ticks more than are looked for: proc(5) rounds each figure down
    os._exit(0)
os.wait()
if os.fork() == 0:
    data = bytearray(b"x") * (64 << 20)
    os.write(write, b"x")
    signal.pause()
os.read(read, 1)
"""


async def shown(client: Client, context: str) -> Any:
    status, body = await client.request("GET", f"/context/{context}?usage=true")
    assert status == 200, body
    return body["usage"]


async def test_a_context_shows_what_its_processes_use(client: Client) -> None:
    context = await client.create()
    before = await shown(client, context)
    assert before["processes"] == 1
    assert 1 << 20 < before["memoryBytes"] < 64 << 20
    await client.run(FAMILY, context)
    after = await shown(client, context)
    assert after["processes"] == 2
    assert after["cpuSeconds"] - before["cpuSeconds"] > 0.3
    assert 64 << 20 < after["memoryBytes"] < 128 << 20
    for path in ("/context", "/contexts"):
        _, body = await client.request("GET", f"{path}?usage=true")
        assert {it["id"]: it["usage"]["processes"] for it in body["contexts"]}[context] == 2
        assert "usage" not in (await client.request("GET", path))[1]["contexts"][0]
    assert "usage" not in (await client.request("GET", f"/context/{context}"))[1]


async def test_a_context_without_a_worker_uses_nothing(client: Client) -> None:
    context = await client.create()
    await client.run("exit()", context)
    assert await shown(client, context) is None


async def test_usage_is_true_or_false(client: Client) -> None:
    for text, expected in (("false", 200), ("yes", 400), ("", 400)):
        status, body = await client.request("GET", f"/contexts?usage={text}")
        assert status == expected
    assert body == {"error": "usage must be true or false", "code": "malformed_request"}
