"""What a client is sent: now, if it is connected, or once it comes back."""

import contextlib
from collections import deque
from collections.abc import Iterable
from typing import Final

from interpreterd.dialects.jupyter.messages import NO_PARENT, Author, Outgoing, published
from interpreterd.dialects.jupyter.wire import Wire
from interpreterd.http.websocket.connection import WebSocket

KEPT_LIMIT_BYTES: Final = 64 << 10  # of replies for a client that is not connected


class Line:
    """The way to one client."""

    def __init__(self, author: Author) -> None:
        """Write the headers of messages by ``author``."""
        self._author = author
        self._socket: WebSocket | None = None
        self._wire: Wire | None = None
        self._kept: deque[Outgoing] = deque()
        self._kept_bytes = 0
        self._dropped = 0

    @property
    def is_open(self) -> bool:
        """Whether the client is connected."""
        return self._socket is not None

    def open(self, socket: WebSocket, wire: Wire) -> None:
        """Send by ``socket`` from now on, in the form of ``wire``."""
        self._socket, self._wire = socket, wire

    def close(self) -> None:
        """Keep messages from now on."""
        self._socket = self._wire = None

    async def tell(self, *messages: Outgoing) -> None:
        """Send messages now, or keep them for a client that is not connected; of too many the oldest are dropped."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionError):
                await self.send(messages)
                return
        for message in messages:
            self._kept.append(message)
            self._kept_bytes += message.size_bytes
        while self._kept_bytes > KEPT_LIMIT_BYTES:
            self._kept_bytes -= self._kept.popleft().size_bytes
            self._dropped += 1

    async def send_kept(self) -> None:
        """Send what was kept. Raises as ``send``; then it is still kept."""
        kept = list(self._kept)
        if self._dropped:
            text = f"[interpreterd: {self._dropped} answers to this client are lost, since they are no longer kept]\n"
            kept.insert(0, published("stream", {"name": "stderr", "text": text}, NO_PARENT))
        await self.send(kept)
        self._kept.clear()
        self._kept_bytes = self._dropped = 0

    async def send(self, messages: Iterable[Outgoing]) -> None:
        """Send messages, as one write as far as possible. Raises ``ConnectionError`` when the client has gone."""
        socket, wire = self._socket, self._wire
        if socket is None or wire is None:
            raise ConnectionResetError("the client has gone")
        payloads: list[bytes] = []
        latest: int | None = None
        for message in messages:
            opcode, payload = wire.encode(self._author, message)
            if opcode != latest and latest is not None:
                await socket.send(*payloads, opcode=latest)
                payloads = []
            latest = opcode
            payloads.append(payload)
        if latest is not None:
            await socket.send(*payloads, opcode=latest)
