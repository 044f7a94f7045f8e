"""A client that can break HTTP: it sends any bytes and reads the answers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from attrs import frozen
from harness import PREFIX

UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def head(method: str, path: str, *lines: bytes) -> bytes:
    """Return the head of a request. The API's prefix is added to the path if it is missing."""
    target = path if path.startswith("/health") else PREFIX + path
    return b"\r\n".join([f"{method} {target} HTTP/1.1".encode(), b"Host: localhost", *lines, b"", b""])


def posted(body: bytes, *lines: bytes, path: str = "/execute", size: int | None = None) -> bytes:
    """Return a POST. ``size`` is its stated length, by default that of ``body``."""
    return head("POST", path, *lines, b"Content-Length: %d" % (len(body) if size is None else size)) + body


@frozen
class Answer:
    """A response, up to the end of its body or of the connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded from JSON."""
        assert self.headers["content-type"].startswith("application/json"), self
        return json.loads(self.body)


class Wire:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> Answer | None:
        """Return the next response, or ``None`` if the connection ends."""
        try:
            raw = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = raw.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = b""
        if "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
        return Answer(int(first.split()[1]), headers, body)

    async def status(self) -> int:
        """Return the status of the next response, without reading its body."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        return int(raw.split()[1])

    async def is_closed(self) -> bool:
        """Wait for the end of the connection; return whether no more data came before it."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read() == b""
        return True

    async def send_all(self, data: bytes) -> None:
        """Write all of ``data`` before anything is read."""
        self.writer.write(data)
        self.writer.transport.set_write_buffer_limits(0)
        await self.writer.drain()


@contextlib.asynccontextmanager
async def wire(url: str, data: bytes = b"") -> AsyncIterator[Wire]:
    """Connect to a daemon, over TCP or a unix socket, and send ``data``; the block's end closes the connection."""
    if url.startswith("unix:"):
        reader, writer = await asyncio.open_unix_connection(url.removeprefix("unix:"))
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        writer.write(data)
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
