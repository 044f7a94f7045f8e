"""A WebSocket client that can break the protocol: its frames (RFC 6455, section 5.2) are made by hand."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator

from attrs import frozen

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    claims: int | None = None,
    length_bytes: int | None = None,
    mask: bytes | None = None,
) -> bytes:
    """Return a client's frame.

    ``claims`` is its stated length, by default that of ``payload``; ``length_bytes`` is 0, 2 or 8, by default the least
    that can state it; ``mask`` is random by default.
    """
    size = len(payload) if claims is None else claims
    first = fin << 7 | reserved << 4 | opcode
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 1 << 16 else 8
    if length_bytes == 0:
        header = struct.pack("!BB", first, masked << 7 | size)
    elif length_bytes == 2:
        header = struct.pack("!BBH", first, masked << 7 | 126, size)
    else:
        header = struct.pack("!BBQ", first, masked << 7 | 127, size)
    if not masked:
        return header + payload
    mask = os.urandom(4) if mask is None else mask
    pad = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return header + mask + (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(len(payload))


@frozen
class Frame:
    """A frame that the server sent."""

    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int | None:
        """The close code of a close frame, if it has one."""
        return struct.unpack("!H", self.payload[:2])[0] if self.opcode == CLOSE and self.payload else None


class RawSocket:
    """A WebSocket connection after its handshake. ``open_raw`` opens it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ended = False

    async def send(self, *frames: bytes) -> None:
        """Send bytes, which may be frames. It is no error if the server has gone."""
        if not self._writer.transport.is_closing() and not self._ended:
            self._writer.write(b"".join(frames))
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def receive(self) -> Frame | None:
        """Return the next frame, or ``None`` at the end of the connection."""
        try:
            first, size = await self._reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            return Frame(first & 0xF, await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def rest(self) -> list[Frame]:
        """Return all frames up to the end of the connection; the server's close frame is answered."""
        frames = []
        while (received := await self.receive()) is not None:
            frames.append(received)
            if received.opcode == CLOSE:
                await self.send(frame(CLOSE, received.payload[:2]))
        return frames

    def reset(self) -> None:
        """End the connection by a TCP reset: SO_LINGER with a time of 0, socket(7)."""
        connection = self._writer.get_extra_info("socket")
        if connection is not None:  # the connection may have ended
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def end(self) -> None:
        """Close the sending half of the connection: shutdown(2)."""
        self._ended = True
        if not self._writer.transport.is_closing():
            with contextlib.suppress(OSError):
                self._writer.write_eof()

    def stop_reading(self) -> None:
        """Stop reading, so that the server's data fills the socket's buffers."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_on(self) -> None:
        """Read again."""
        if not self._writer.transport.is_closing():
            self._writer.transport.resume_reading()  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def open_raw(port: int, path: str) -> AsyncIterator[RawSocket]:
    """Connect and upgrade. The end of the block closes the connection without a close frame."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(HANDSHAKE.format(path=path, port=port).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield RawSocket(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
