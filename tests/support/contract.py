"""Helpers for the tests of the contract's WebSocket."""

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
    """Return the message for ``text`` on stdout."""
    return {"type": "stdout", "text": text}


def error(name: str, value: str) -> dict[str, Any]:
    """Return the message for an error that user code did not raise."""
    return {"type": "error", "name": name, "value": value, "traceback": ""}


def ended(result: Result) -> tuple[list[dict[str, Any]], int | None, str]:
    """Return everything that a client received: messages, close code, reason.

    Neighbouring output of one stream is joined, because the number of messages varies.
    """
    messages: list[dict[str, Any]] = []
    for message in result.messages:
        if messages and message["type"] in ("stdout", "stderr") and messages[-1]["type"] == message["type"]:
            messages[-1] = {**message, "text": messages[-1]["text"] + message["text"]}
        else:
            messages.append(message)
    return messages, result.close_code, result.close_reason


async def ping(socket: aiohttp.ClientWebSocketResponse, text: bytes = b"") -> None:
    """Send a ping and take the pong. ``socket`` must be open with ``autoping=False``.

    The daemon answers in order, so it has also read all earlier messages.
    """
    await socket.ping(text)
    pong = await socket.receive()
    assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, text)


@contextlib.asynccontextmanager
async def submitted(client: Client, code: str, **keys: Any) -> AsyncIterator[Running]:
    """Start an execution without output so far; return when the daemon has queued it."""
    async with client.connect(autoping=False) as socket:
        await socket.send_json({"code": code, **keys})
        await ping(socket)
        yield Running(socket)


@contextlib.asynccontextmanager
async def worker_ends(client: Client, context: str) -> AsyncIterator[None]:
    """Expect that the block ends an idle worker; return when the daemon has noticed it."""
    async with following(client, f"/context/{context}/events", "ndjson") as events:
        yield
        async for event in events:
            if event["type"] == "workerEnded":
                return
        raise AssertionError("the events of the context have ended")


async def interrupt(client: Client, context: str) -> tuple[int, Any]:
    """Interrupt the running execution of ``context``; return status and body."""
    return await client.request("POST", f"/context/{context}/interrupt")
