"""Metrics and stats of a daemon: they add up exactly with what clients have counted."""

import asyncio
import random
from collections import Counter
from typing import Any

import aiohttp
from harness import Client
from prometheus_client.parser import text_string_to_metric_families

from interpreterd.client import AsyncInterpreter

Metrics = dict[tuple[Any, ...], float]


async def scraped(client: Client) -> Metrics:
    async with client.http.get(client.url + "/metrics") as response:
        assert response.status == 200
        text = await response.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(it.name.removeprefix("interpreterd_"), *sorted(it.labels.values())): it.value for it in samples}


def gained(before: Metrics, after: Metrics, *key: str) -> float:
    return after.get(key, 0) - before.get(key, 0)


async def test_metrics_add_up_with_what_clients_counted(client: Client) -> None:
    """Six clients on three contexts: output, exceptions, timeouts, interrupts of queues, crashes, refusals."""
    before = await scraped(client)
    counted: Counter[str] = Counter()
    contexts = [await client.create() for _ in range(3)]
    stray = random.Random(7)

    async def one(number: int) -> None:
        context = contexts[number % 3]
        for turn in range(8):
            what = ("print", "error", "exit", "refused", "session")[(number + turn) % 5]
            counted["refused"] += what == "refused"
            if what == "refused":
                result = await client.run("pass", f"nobody-{stray.random()}")
                assert result.close_code == 1008
                continue
            code = {
                "print": "print('ä' * 100)",
                "error": "1/0",
                "exit": "import os; os._exit(3)",
                "session": "import sys; print('x', file=sys.stderr)",
            }[what]
            status, body = await client.request("POST", "/execute", json={"code": code, "contextId": context})
            assert status == 200, body
            counted[body["outcome"]] += 1
            counted["raised"] += body["error"] is not None
            counted["stdout"] += len(body["stdout"].encode())
            counted["stderr"] += len(body["stderr"].encode())

    await asyncio.gather(*map(one, range(6)))
    after = await scraped(client)
    for outcome in ("completed", "interrupted", "lost", "cancelled"):
        assert gained(before, after, "executions_total", outcome) == counted[outcome], outcome
    total = sum(counted[it] for it in ("completed", "interrupted", "lost", "cancelled"))
    assert total > 20
    assert gained(before, after, "executions_raised_total") == counted["raised"]
    assert gained(before, after, "execution_seconds_count") == total
    assert gained(before, after, "queue_seconds_count") == total
    assert gained(before, after, "output_bytes_total", "stdout") == counted["stdout"]
    assert gained(before, after, "output_bytes_total", "stderr") == counted["stderr"]
    assert gained(before, after, "refusals_total", "context_not_found") == counted["refused"]
    assert gained(before, after, "worker_deaths_total", "exit") == counted["lost"]
    assert (
        gained(before, after, "context_creations_total") == gained(before, after, "context_creation_seconds_count") == 3
    )
    assert gained(before, after, "http_requests_total", "200", "POST") == total + 3
    assert after["executions_running",] == after["executions_queued",] == 0
    stats = [(await client.request("GET", f"/context/{it}/stats"))[1] for it in contexts]
    for outcome in ("completed", "interrupted", "lost", "cancelled"):
        assert sum(it["executions"][outcome] for it in stats) == counted[outcome], "each context tells its part"
    assert sum(it["outputBytes"] for it in stats) == counted["stdout"] + counted["stderr"]
    restarts = sum(it["restarts"].get("exit", 0) for it in stats)
    assert 0 < restarts <= counted["lost"], "the last death of a context has had no restart yet"


async def test_stats_of_a_context_show_its_processes_and_its_past(client: Client, url: str) -> None:
    context = await client.create()
    await client.run("data = bytearray(b'x') * (32 << 20)", context)
    await client.run("import subprocess; child = subprocess.Popen(['sleep', '1000'])", context)
    await client.run("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", context)
    async with AsyncInterpreter(url) as py:
        stats = await py.stats(context)
        assert (stats["contextId"], stats["processes"]) == (context, 2)
        assert stats["threads"] >= 3
        assert stats["descriptors"] >= 6
        assert stats["ussBytes"] > 32 << 20
        assert stats["ussBytes"] <= stats["pssBytes"] <= stats["rssBytes"]
        assert stats["cpuSeconds"] > 0
        assert stats["executions"]["completed"] == 3
        everything = await py.stats()
    assert context in {it["contextId"] for it in everything["contexts"]}
    assert everything["total"]["processes"] >= 2


async def test_a_request_is_named_in_its_answer_on_every_way(client: Client) -> None:
    url = client.base + "/execute"
    headers = {"X-Request-Id": "mine-1"}
    async with client.http.post(url, json={"code": "pass"}, headers=headers) as response:
        assert response.headers["X-Request-Id"] == "mine-1"
    async with client.http.post(url, json={"code": ""}, headers=headers) as response:
        assert (response.status, response.headers["X-Request-Id"]) == (400, "mine-1")
    async with client.http.get(client.base + "/nowhere", headers=headers) as response:
        assert (response.status, response.headers["X-Request-Id"]) == (404, "mine-1")
    async with client.http.post(
        url, json={"code": "pass"}, headers={"Accept": "text/event-stream", **headers}
    ) as response:
        assert response.headers["X-Request-Id"] == "mine-1"
        await response.read()
    async with client.http.ws_connect(url, headers=headers) as socket:
        assert socket._response.headers["X-Request-Id"] == "mine-1"
    async with client.http.post(url, json={"code": "pass"}, headers={"X-Request-Id": "a b"}) as response:
        assert response.headers["X-Request-Id"] not in ("", "a b")


async def test_a_trace_reaches_the_environment_of_code_on_every_way(client: Client) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": parent, "tracestate": "rojo=1"}
    code = "import os; print(os.environ.get('TRACEPARENT'), os.environ.get('TRACESTATE'))"
    context = await client.create()
    body = {"code": code, "contextId": context}
    async with client.http.post(client.base + "/execute", json=body, headers=headers) as response:
        assert (await response.json())["stdout"] == f"{parent} rojo=1\n"
    async with client.http.ws_connect(client.base + "/execute", headers=headers) as socket:
        await socket.send_json(body)
        assert (await socket.receive_json())["text"] == f"{parent} rojo=1\n"
        assert (await socket.receive_json())["text"] == "completed"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert (await client.run(code, context)).stdout == "None None\n", "afterwards the environment is as it was"
