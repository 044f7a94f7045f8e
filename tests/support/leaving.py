"""Clients that request much data, over plain HTTP or a WebSocket, and then read little or nothing."""

import asyncio
import contextlib
import json
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from frames import HANDSHAKE, TEXT, frame
from harness import Daemon

BUFFER_BYTES: Final = 1 << 12  # size of the client's receive buffer (SO_RCVBUF, socket(7))
HANG_S: Final = 45.0
ACCEPT: Final = {"JSON": "application/json", "NDJSON": "application/x-ndjson", "SSE": "text/event-stream"}


class Asker:
    """A connection with one request."""

    def __init__(self, url: str, request: bytes) -> None:
        """Connect to ``url``, in the form that the daemon announces, and send ``request``."""
        unix = url.startswith("unix:")
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.socket.settimeout(HANG_S)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        where = urlsplit(url)
        self.socket.connect(url.removeprefix("unix:") if unix else (where.hostname, where.port))
        self.socket.sendall(request)

    def begun(self) -> None:
        """Wait for the first byte, but do not take it."""
        assert self.socket.recv(1, socket.MSG_PEEK)

    def leave(self) -> None:
        """End the connection at once: over TCP by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def rest(self) -> bytes:
        """Return all bytes up to the end of the connection."""
        data = b""
        try:
            while piece := self.socket.recv(1 << 16):
                data += piece
        except ConnectionError:
            pass
        self.socket.close()
        return data


def get(path: str, form: str = "JSON") -> bytes:
    """Return a GET request for ``path``."""
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
    """Poll until ``condition`` is true. For conditions without an event."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.005)


async def logged(daemon: Daemon, pattern: bytes, count: int = 1) -> list[bytes]:
    """Wait until ``pattern`` is ``count`` times in the log of ``daemon``; return what its group has matched."""
    await holds(lambda: len(re.findall(pattern, daemon.log)) >= count)
    return re.findall(pattern, daemon.log)


async def comes(look: Callable[[], Awaitable[object]]) -> None:
    """Poll ``look``, with pauses, until its result is true. For conditions without an event."""
    while True:
        if await look():
            return
        await asyncio.sleep(0.01)


def connections(pid: int) -> int:
    """Return how many sockets a process has open."""
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
    return count
