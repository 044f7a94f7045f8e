"""Clients that ask for much, over plain HTTP or a WebSocket, and then take little of it or nothing."""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from frames import HANDSHAKE, TEXT, frame

BUFFER_BYTES: Final = 1 << 12  # what the kernel keeps for such a client (SO_RCVBUF, socket(7))
HANG_S: Final = 45.0
ACCEPT: Final = {"JSON": "application/json", "NDJSON": "application/x-ndjson", "SSE": "text/event-stream"}


class Asker:
    """A connection on which one thing is asked for."""

    def __init__(self, url: str, request: bytes) -> None:
        """Connect to ``url``, as a daemon announces it, and send ``request``."""
        unix = url.startswith("unix:")
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.socket.settimeout(HANG_S)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        where = urlsplit(url)
        self.socket.connect(url.removeprefix("unix:") if unix else (where.hostname, where.port))
        self.socket.sendall(request)

    def begun(self) -> None:
        """Wait for the first byte, and leave it there."""
        assert self.socket.recv(1, socket.MSG_PEEK)

    def leave(self) -> None:
        """End the connection at once: on TCP by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def rest(self) -> bytes:
        """Return all that comes up to the end of the connection, however it ends."""
        data = b""
        try:
            while piece := self.socket.recv(1 << 16):
                data += piece
        except ConnectionError:
            pass
        self.socket.close()
        return data


def get(path: str, form: str = "JSON") -> bytes:
    """Return a request for what is at ``path``."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {ACCEPT[form]}\r\n\r\n".encode()


def post(path: str, body: dict[str, Any], form: str = "JSON") -> bytes:
    """Return a request with a JSON body."""
    content = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {ACCEPT[form]}\r\nContent-Length: {len(content)}"
    return f"{head}\r\n\r\n{content}".encode()


def upgrade(path: str, *messages: dict[str, Any]) -> bytes:
    """Return a WebSocket client's handshake and first messages, sent without waiting for the answer."""
    frames = (frame(TEXT, json.dumps(message).encode()) for message in messages)
    return HANDSHAKE.format(path=path, port=80).encode() + b"".join(frames)


async def holds(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; of what nothing tells."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.005)


async def comes(look: Callable[[], Awaitable[object]]) -> None:
    """Look again and again, with pauses, until what ``look`` returns is true: for what nothing tells."""
    while True:
        if await look():
            return
        await asyncio.sleep(0.01)


def connections(pid: int) -> int:
    """Return how many sockets a process has open."""
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed since
            count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
    return count
