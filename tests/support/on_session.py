"""A client of one ``GET /session``, for tests that read messages one by one."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from harness import Client

ENDS = ("completed", "interrupted", "cancelled", "refused")


class Session:
    """The client's end of one connection; it sorts messages by request."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: defaultdict[str | None, list[dict[str, Any]]] = defaultdict(list)

    async def send(self, **message: Any) -> None:
        await self.socket.send_json(message)

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.socket.receive_json()
        self.messages[message["requestId"]].append(message)
        return message

    async def wait(self, request_id: str | None, *texts: str) -> list[dict[str, Any]]:
        """Read until a control message of the request has one of ``texts``; return the request's messages."""
        while not any(message.get("text") in (texts or ENDS) for message in self.messages[request_id]):
            await self.next()
        return self.messages[request_id]

    def output(self, request_id: str) -> str:
        return "".join(message["text"] for message in self.messages[request_id] if message["type"] == "stdout")


@contextlib.asynccontextmanager
async def open_session(client: Client) -> AsyncIterator[Session]:
    async with client.http.ws_connect(client.base + "/session") as socket:
        yield Session(socket)


async def question(session: Session, request_id: str) -> dict[str, Any]:
    """Read until the request's execution asks its next question; return the event."""
    seen = len(session.messages[request_id])
    while True:
        for message in session.messages[request_id][seen:]:
            if message["type"] == "inputRequest":
                return message
        seen = len(session.messages[request_id])
        await session.next()
