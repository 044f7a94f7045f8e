"""A WebSocket client that controls when and how much it reads."""

import re
import socket
import struct
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import orjson
from harness import PREFIX

HANG_S: Final = 45.0  # limit of a read: a thread that waits for ever could not be ended


class Reader:
    """A WebSocket client (RFC 6455) on a blocking socket. Unread data stays in the kernel's buffers.

    Attributes:
        piece_bytes: The most that one recv(2) takes.
        close_code, close_reason: Set when ``receive`` has returned ``None``.
    """

    def __init__(
        self,
        url: str,
        path: str = "/execute",
        *,
        prefix: str = PREFIX,
        piece_bytes: int = 1 << 18,
        buffer_bytes: int = 0,
    ) -> None:
        """Connect; ``buffer_bytes`` is as in ``Manner``."""
        self.piece_bytes = piece_bytes
        self.close_code: int | None = None
        self.close_reason = ""
        self._unread = bytearray()
        where = urlsplit(url)
        self._socket = socket.socket()
        self._socket.settimeout(HANG_S)
        if buffer_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self._socket.connect((where.hostname, where.port))
        self._socket.sendall(
            f"GET {prefix}{path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._take(1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, message: dict[str, Any]) -> None:
        """Send one text message."""
        self._send_frame(1, orjson.dumps(message))

    def ping(self) -> None:
        """Send a ping."""
        self._send_frame(9, b"")

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, or ``None`` after the server's close. Pings and the close are answered."""
        while True:
            head, size = self._take(2)
            if size >= 126:
                size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
            data = self._take(size)
            match head & 0xF:
                case 1:
                    message: dict[str, Any] = orjson.loads(data)
                    return message
                case 8:
                    self.close_code, self.close_reason = struct.unpack(">H", data[:2])[0], data[2:].decode()
                    self._send_frame(8, data)
                    return None
                case 9:
                    self._send_frame(10, data)
                case _:  # a pong
                    pass

    def first_line(self) -> tuple[str, str]:
        """Return the first line of stdout and the rest of its message. Earlier messages are dropped."""
        text = ""
        while "\n" not in text:
            message = self.receive()
            assert message is not None, text
            if message["type"] == "stdout":
                text += message["text"]
        line, _, rest = text.partition("\n")
        return line, rest

    def read_raw(self) -> bytes:
        """Return all bytes up to the end of the connection, without answering."""
        data = bytes(self._unread)
        while piece := self._socket.recv(self.piece_bytes):
            data += piece
        return data

    def _send_frame(self, kind: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            length = bytes([0x80 | size])
        else:
            length = b"\xfe" + size.to_bytes(2, "big") if size < 1 << 16 else b"\xff" + size.to_bytes(8, "big")
        self._socket.sendall(
            bytes([0x80 | kind]) + length + bytes(4) + data
        )  # a mask of zeros leaves the payload as it is

    def _take(self, size: int) -> bytes:
        while len(self._unread) < size:
            piece = self._socket.recv(self.piece_bytes)
            if not piece:
                raise EOFError("the connection ended without a close")
            self._unread += piece
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data


def read_all(reader: Reader) -> list[dict[str, Any]]:
    """Read to the close; return the messages."""
    messages = []
    while (message := reader.receive()) is not None:
        messages.append(message)
    return messages


def text_of(messages: list[dict[str, Any]], *streams: str) -> str:
    """Return the output of ``streams``, in its order."""
    return "".join(message["text"] for message in messages if message["type"] in streams)


class Posted:
    """A request for an execution whose client takes the events as NDJSON, and only when it is told to."""

    def __init__(self, url: str, body: dict[str, Any]) -> None:
        """Connect and send, with a small receive buffer."""
        where = urlsplit(url)
        data = orjson.dumps(body)
        self._socket = socket.socket()
        self._socket.settimeout(HANG_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        self._socket.connect((where.hostname, where.port))
        self._socket.sendall(
            f"POST {PREFIX}/execute HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: application/x-ndjson\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def first_number(self) -> int:
        """Receive until the program has printed a number on a line of its own, and return it."""
        received = b""
        while (found := re.search(rb'"text":"(\d+)\\n', received)) is None:
            received += self._socket.recv(1 << 12)
        return int(found[1])

    def receive(self, size: int) -> None:
        """Receive ``size`` bytes."""
        while size > 0:
            size -= len(self._socket.recv(1 << 16))
