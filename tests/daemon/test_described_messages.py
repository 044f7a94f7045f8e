"""A daemon's messages on every channel match asyncapi.json."""

from typing import Any

from described import ASYNCAPI, is_described, sent_by_daemon
from following import following
from harness import Client


async def test_a_day_on_every_channel(client: Client) -> None:
    code = "import sys\nprint('é' * 9)\nsys.stderr.write('x')\nprint(input('name? '))\n1/0"
    said: dict[str, list[dict[str, Any]]] = {name: [] for name in ASYNCAPI["channels"]}
    await client.run("pass")
    async with following(client, "/context/default/events", "websocket") as happens:
        said["execute"] += (await client.run("exit()")).messages
        said["execute"] += (await client.run(code)).messages
        for context in ("default", "nobody"):
            said["execute"] += (await client.run(code, context, events="v2")).messages
        async with client.http.ws_connect(client.base + "/session") as socket:
            for keys in (
                {"op": "execute", "requestId": "a", "code": code},
                {"op": "interrupt", "requestId": "b"},
                {"op": "ping", "requestId": "c"},
                {"op": "input", "requestId": "d", "executionId": "nobody"},
                {"op": "execute", "requestId": "e", "code": ""},
                {"op": 1},
            ):
                await socket.send_json(keys)
            ends = 0
            while ends < 6:
                said["session"].append(await socket.receive_json())
                ends += said["session"][-1].get("text") not in ("queued", "started", "restarted") and (
                    said["session"][-1]["type"] == "control"
                )
        async for event in happens:
            said["contextEvents"].append(event)
            if event.get("text") in ("completed", "interrupted") and event["executionId"] == execution_id(said):
                break
    async with following(client, f"/executions/{execution_id(said)}/events", "websocket") as replay:
        said["executionEvents"] = [message async for message in replay]
    for name, messages in said.items():
        assert messages
        for message in messages:
            assert is_described(message, sent_by_daemon(name)), (name, message)


def execution_id(said: dict[str, list[dict[str, Any]]]) -> str:
    """Return the id of the session's execution."""
    return str(next(message["executionId"] for message in said["session"] if "executionId" in message))
