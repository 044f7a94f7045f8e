"""A client that follows events over each of the three transports."""

import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from harness import Client

TRANSPORTS = ("ndjson", "sse", "websocket")
ACCEPT = {"ndjson": "application/x-ndjson", "sse": "text/event-stream"}
ENDS = ("completed", "interrupted", "cancelled")
Messages = AsyncIterator[dict[str, Any]]


@contextlib.asynccontextmanager
async def following(client: Client, path: str, transport: str, start: int | None = None) -> AsyncIterator[Messages]:
    """Yield the events of ``path`` from the event ``start`` on. The end of the block cuts the connection."""
    if transport == "websocket":
        url = client.base + path + ("" if start is None else f"?from={start}")
        socket = await client.http.ws_connect(url, max_msg_size=1 << 20)
        try:
            yield _frames(socket)
        finally:
            socket._response.close()
        return
    # An EventSource reconnects to its first URL and names the last event that it received.
    came_back = transport == "sse" and start
    query = "?from=0" if came_back else "" if start is None else f"?from={start}"
    headers = {"Accept": ACCEPT[transport]} | ({"Last-Event-ID": str(start - 1)} if came_back and start else {})
    response = await client.http.get(client.base + path + query, headers=headers)
    try:
        assert response.status == 200, await response.text()
        assert response.content_type == ACCEPT[transport]
        yield messages(response)
    finally:
        response.close()


async def _frames(socket: aiohttp.ClientWebSocketResponse) -> Messages:
    async for frame in socket:
        yield frame.json()


def messages(response: aiohttp.ClientResponse) -> Messages:
    """Yield the events in the body of ``response``."""
    return _lines(response) if response.content_type == ACCEPT["ndjson"] else _events(response)


async def lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the lines of a body, of any length."""
    rest = b""
    async for data in response.content.iter_any():
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line
    assert rest == b""


async def _lines(response: aiohttp.ClientResponse) -> Messages:
    async for line in lines(response):
        yield json.loads(line)


async def _events(response: aiohttp.ClientResponse) -> Messages:
    """Parse server-sent events (html.spec.whatwg.org), as far as the daemon uses them."""
    fields: dict[bytes, bytes] = {}
    async for line in lines(response):
        if line.startswith(b":"):
            continue
        if line:
            name, _, value = line.partition(b": ")
            assert name in (b"id", b"data")
            assert name not in fields
            fields[name] = value
        elif fields:
            message = json.loads(fields[b"data"])
            assert int(fields[b"id"]) == message["seq"]
            fields = {}
            yield message


async def until(events: Messages, text: str, seen: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Read until a message's text is ``text``; return ``seen`` and all messages read."""
    read = [] if seen is None else seen
    async for message in events:
        read.append(message)
        if message.get("text") == text:
            return read
    raise AssertionError(f"no {text!r} came, but {read}")


def stdout_of(events: list[dict[str, Any]]) -> str:
    """Return the text of all output to stdout."""
    return "".join(message["text"] for message in events if message["type"] == "stdout")


def ended(events: list[dict[str, Any]]) -> bool:
    """Return whether the last event ends an execution."""
    return bool(events) and events[-1].get("text") in ENDS


def reset(connection: Any) -> None:
    """Reset a TCP connection: socket(7), SO_LINGER."""
    sock = connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()
