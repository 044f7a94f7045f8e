"""Results and display data over a real daemon: in order, bounded, and never to a client that does not ask."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from harness import Client
from publishing import FOUND, published
from standing import SharedDaemon

V1 = "publish('display', {'text/plain': 'x'}); print('y'); publish('result', {'text/plain': '2'})"


async def events_of(client: Client, code: str, context: str | None = None, **options: Any) -> list[dict[str, Any]]:
    """Run code on ``/execute``; return the messages."""
    return (await client.run(published(code), context, **options)).messages


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_a_v2_client_sees_them_where_the_program_made_them(
    standing: Callable[..., SharedDaemon], launcher: str
) -> None:
    code = (
        "print('a')\npublish('display', {'text/plain': 'b', 'image/png': b'png'}, transient={'display_id': 'd'})\n"
        "print('c')\npublish('update', {'text/plain': 'e'}, transient={'display_id': 'd'})\n"
        "publish('clear', wait=True)\npublish('result', {'application/json': [1], 'text/plain': '[1]'})"
    )
    async with Client(standing("--launcher", launcher).url) as client:
        events = await events_of(client, code, await client.create(), events="v2")
    events = [event for event in events if event["type"] != "control"]
    assert [event["type"] for event in events] == [
        "stdout",
        "display",
        "stdout",
        "updateDisplay",
        "clearOutput",
        "result",
    ]
    display, result = events[1], events[-1]
    assert display["data"] == {"text/plain": "b", "image/png": base64.b64encode(b"png").decode()}
    assert (display["displayId"], display["metadata"]) == ("d", {})
    assert (result["data"], result["executionCount"]) == ({"application/json": [1], "text/plain": "[1]"}, 1)


async def test_a_v1_client_sees_them_only_if_it_asks(client: Client) -> None:
    assert [it.get("text") for it in await events_of(client, V1)] == ["y\n", "completed"]
    asked = await events_of(client, V1, results=True)
    assert [it["type"] for it in asked] == ["display", "stdout", "result", "control"]


async def test_the_one_object_has_what_a_notebook_shows_in_the_end(client: Client) -> None:
    code = (
        "publish('display', {'text/plain': 'gone'})\nprint('printed')\npublish('clear')\n"
        "publish('display', {'text/plain': 'old'}, transient={'display_id': 'd'})\n"
        "publish('update', {'text/plain': 'new'}, {'m': 1}, {'display_id': 'd'})\n"
        "publish('result', {'text/plain': '2'})"
    )
    _, answer = await client.request("POST", "/execute", json={"code": published(code)})
    assert answer["stdout"] == "printed\n"
    result = {"type": "result", "data": {"text/plain": "2"}, "metadata": {}}
    assert [{key: it[key] for key in ("type", "data", "metadata")} for it in answer["results"]] == [
        {"type": "display", "data": {"text/plain": "new"}, "metadata": {"m": 1}},
        result,
    ]


async def test_more_results_than_fit_into_the_one_object_are_counted(client: Client) -> None:
    code = "for _ in range(4): publish('display', {'text/plain': 'x' * (10 << 20)})"
    _, answer = await client.request("POST", "/execute", json={"code": published(code)})
    assert len(answer["results"]) == 3
    assert answer["cutBytes"] == 10 << 20


async def test_output_data_counts_against_the_output_limit(client: Client) -> None:
    context = await client.create(limits={"outputBytes": 1 << 20})
    code = "publish('display', {'text/plain': 'x' * 2_000_000})\nprint('never')\npublish('display', {'text/plain': ''})"
    _, answer = await client.request("POST", "/execute", json={"code": published(code), "contextId": context})
    assert answer["results"] == []
    assert "output limit of 1 MiB reached: 2000006 more bytes were cut" in answer["stdout"]


async def test_a_program_waits_for_a_client_that_reads_no_pictures_and_can_be_interrupted(client: Client) -> None:
    context = await client.create()
    code = FOUND + "print('there', flush=True)\nwhile True: publish('display', {'image/png': bytes(300_000)})"
    async with client.running(code, contextId=context, events="v2") as running:
        await running.until("there\n")
        assert (await client.request("POST", f"/context/{context}/interrupt"))[1]["interrupted"]
        ended = await running.finish()
    assert ended.controls[-1] == "interrupted"
    after = await client.run("print('variables stay:', callable(publish))", context=context)
    assert after.stdout == "variables stay: True\n"


WRITES = (
    'import os\nfd = type(exit).__call__.__globals__["__builtins__"]["__import__"]("worker.streams")'
    ".streams.current.display_fd\n"
)


@pytest.mark.parametrize(
    "attack",
    [
        "os.write(fd, b'garbage' * 1000)",
        "os.write(fd, b'H00001f8' + b'{' * 504)",
        """os.write(fd, b'H00001f8{"kind":"display","sizes":{"a/b+json":1}}'.ljust(510) + b'\\nx')""",
    ],
    ids=["garbage", "no header", "no json"],
)
async def test_garbage_in_the_display_pipe_costs_the_context_its_worker_alone(client: Client, attack: str) -> None:
    context, other = await client.create(), await client.create()
    ran = await client.run(f"{WRITES}{attack}\nwhile True: pass", context=context)
    assert ran.error is not None
    assert ran.error["name"] == "WorkerDied"
    assert (await client.run("print(1)", context=other)).stdout == "1\n"
    assert (await client.run("print(2)", context=context)).stdout == "2\n"


async def test_half_a_bundle_is_no_bundle(client: Client) -> None:
    context = await client.create()
    half = b'H00001f8{"kind":"display","sizes":{"text/plain":1000}}'
    ran = await client.run(f"{WRITES}size = os.write(fd, {half!r}.ljust(511) + b'\\n')", context=context, results=True)
    assert [it["type"] for it in ran.messages] == ["control"]
    ran = await client.run(published("publish('display', {'text/plain': 'x'})"), context=context, results=True)
    assert [it["type"] for it in ran.messages] == ["display", "control"]


async def test_a_flood_of_tiny_bundles_holds_up_no_one(client: Client) -> None:
    """The client takes only the beginning; then the other context's executions still come through."""
    context, other = await client.create(), await client.create()
    code = published("while True: publish('display', {'text/plain': ''})")
    async with client.connect() as socket:
        await socket.send_json({"code": code, "contextId": context, "events": "v2"})
        while (await socket.receive_json())["type"] != "display":
            pass
        for number in range(5):
            assert (await client.run(f"print({number})", context=other)).stdout == f"{number}\n"
    await client.request("DELETE", f"/context/{context}")
