"""What the tests of the contract's WebSocket share."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from following import following
from harness import Client, Result, Running

COMPLETED = {"type": "control", "text": "completed"}
INTERRUPTED = {"type": "control", "text": "interrupted"}
RESTARTED = {"type": "control", "text": "restarted"}


def stdout(text: str) -> dict[str, Any]:
    """The message that ``text`` was printed."""
    return {"type": "stdout", "text": text}


def error(name: str, value: str) -> dict[str, Any]:
    """An error that no user code raised."""
    return {"type": "error", "name": name, "value": value, "traceback": ""}


def ended(result: Result) -> tuple[list[dict[str, Any]], int | None, str]:
    """All that a client was told: messages, close code, reason.

    Neighbouring output of one stream is joined: into how many messages it is cut is up to chance.
    """
    messages: list[dict[str, Any]] = []
    for message in result.messages:
        if messages and message["type"] in ("stdout", "stderr") and messages[-1]["type"] == message["type"]:
            messages[-1] = {**message, "text": messages[-1]["text"] + message["text"]}
        else:
            messages.append(message)
    return messages, result.close_code, result.close_reason


async def ping(socket: aiohttp.ClientWebSocketResponse, text: bytes = b"") -> None:
    """Ping, and take the pong; ``socket`` was opened with ``autoping=False``.

    The daemon answers in order, so it has also taken what was sent before.
    """
    await socket.ping(text)
    pong = await socket.receive()
    assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, text)


@contextlib.asynccontextmanager
async def submitted(client: Client, code: str, **keys: Any) -> AsyncIterator[Running]:
    """Start an execution that says nothing for now; the daemon has put it into its queue."""
    async with client.connect(autoping=False) as socket:
        await socket.send_json({"code": code, **keys})
        await ping(socket)
        yield Running(socket)


@contextlib.asynccontextmanager
async def worker_ends(client: Client, context: str) -> AsyncIterator[None]:
    """In the block something ends a worker in which nothing runs; at its end the daemon has seen it."""
    async with following(client, f"/context/{context}/events", "ndjson") as events:
        yield
        async for event in events:
            if event["type"] == "workerEnded":
                return
        raise AssertionError("the events of the context have ended")


async def interrupt(client: Client, context: str) -> tuple[int, Any]:
    """Interrupt what runs in ``context``; return status and body."""
    return await client.request("POST", f"/context/{context}/interrupt")
