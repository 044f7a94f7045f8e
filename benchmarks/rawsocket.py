"""A WebSocket client (RFC 6455) that costs next to nothing, for rates: aiohttp's costs more than the servers do.

It knows only the frames of the two servers: text and close, never masked or fragmented.
"""

import asyncio
from typing import Final, cast

TEXT: Final = 0x81
CLOSE: Final = 0x88
MASK: Final = 0x80
_16_BIT: Final = 126
_64_BIT: Final = 127
_HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame; the mask is 0, which leaves the payload as it is."""
    size = len(payload)
    if size < _16_BIT:
        header = bytes((opcode, MASK | size))
    elif size < 1 << 16:
        header = bytes((opcode, MASK | _16_BIT)) + size.to_bytes(2, "big")
    else:
        header = bytes((opcode, MASK | _64_BIT)) + size.to_bytes(8, "big")
    return header + b"\0\0\0\0" + payload


class RawSocket(asyncio.Protocol):
    """Upgrades, sends one message, reads until the server's close frame, answers it.

    Attributes:
        closed: Done with the last text message when the close frame has come; an exception when none came.
    """

    def __init__(self, port: int, path: str, message: str) -> None:
        """Ask for ``path``, and send ``message`` once upgraded."""
        self._handshake = _HANDSHAKE.format(port=port, path=path).encode()
        self._message = masked(TEXT, message.encode())
        self._buffer = b""
        self._upgraded = False
        self._last = b""
        self._transport: asyncio.Transport
        self.closed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._handshake)

    def data_received(self, data: bytes) -> None:
        """Take the answer to the handshake, then frames."""
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(f"no upgrade: {head[:200]!r}")
                return
            self._upgraded = True
            self._buffer = rest
            self._transport.write(self._message)
        while self._take_frame():
            pass

    def connection_lost(self, error: Exception | None) -> None:
        """Without a close frame, that is a failure."""
        self._fail(f"connection lost: {error}")

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        start, size = 2, buffer[1]
        if size == _16_BIT:
            start, size = 4, int.from_bytes(buffer[2:4], "big")
        elif size == _64_BIT:
            start, size = 10, int.from_bytes(buffer[2:10], "big")
        if len(buffer) < start or len(buffer) < start + size:
            return False
        payload, self._buffer = buffer[start : start + size], buffer[start + size :]
        if buffer[0] == TEXT:
            self._last = payload
        elif buffer[0] == CLOSE:
            self._transport.write(masked(CLOSE, payload[:2]))
            self._transport.close()
            if not self.closed.done():
                self.closed.set_result(self._last)
            return False
        return True

    def _fail(self, reason: str) -> None:
        if not self.closed.done():
            self.closed.set_exception(ConnectionError(reason))
