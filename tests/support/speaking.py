"""Clients of WebSockets, as people use them, that all do the same: ping, say something, listen, close."""

import asyncio
import contextlib
import json
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import picows
import pytest
import websockets
from attrs import field, frozen
from curl_cffi import CurlWsFlag, Session
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect as connect_sync

MISSING: Final = (
    "These tests need Node and its package ws: apt-get install node-ws, which `make test` does where it may."
)
NODE_PATH: Final = "/usr/share/nodejs"  # where Debian installs node-ws
NODE_WS: Final = Path(NODE_PATH, "ws")
NODE_SCRIPT: Final = Path(__file__).with_name("speaking.js")
PING: Final = b"are you there"
LARGEST: Final = 1 << 20  # bytes of a message of the daemon: none is larger


@frozen
class Spoken:
    """What a client received.

    Attributes:
        ponged: Whether the ping had its pong; None if the client does not tell.
        messages: Every message, in order.
        code: The close code: the server's, or the client's own if the client closed.
    """

    ponged: bool | None
    messages: list[str] = field(repr=lambda all_of_them: f"<{len(all_of_them)} messages>")
    code: int
    reason: str


Speak = Callable[[str, Sequence[str], str | None], Awaitable[Spoken]]
"""Connect to a URL, ping, say all texts; listen to the server's close, or to a message that contains the last."""


async def by_aiohttp(url: str, say: Sequence[str], until: str | None) -> Spoken:
    """Speak by aiohttp."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, autoping=False, autoclose=False, max_msg_size=LARGEST, compress=15) as socket,
    ):
        await socket.ping(PING)
        for text in say:
            await socket.send_str(text)
        ponged, messages = False, []
        while True:
            seen = await socket.receive()
            if seen.type is aiohttp.WSMsgType.PONG:
                ponged = bytes(seen.data) == PING
            elif seen.type is aiohttp.WSMsgType.CLOSE:
                await socket.close()
                return Spoken(ponged, messages, seen.data, seen.extra or "")
            else:
                assert seen.type is aiohttp.WSMsgType.TEXT, seen
                messages.append(seen.data)
                if until is not None and until in seen.data:
                    await socket.close(code=1000)
                    return Spoken(ponged, messages, socket.close_code or 0, "")


async def by_websockets(url: str, say: Sequence[str], until: str | None) -> Spoken:
    """Speak by websockets on asyncio. What it says comes in fragments."""
    messages: list[str] = []
    ponged = asyncio.Event()
    async with connect_async(url, max_size=LARGEST, proxy=None) as socket:
        with contextlib.suppress(websockets.ConnectionClosed):  # a follower's may close at once
            (await socket.ping(PING)).add_done_callback(lambda pong: pong.exception() or ponged.set())
            for text in say:
                await socket.send([text[:10], text[10:20], text[20:]])
        with contextlib.suppress(websockets.ConnectionClosed):
            while until is None or not messages or until not in messages[-1]:
                messages.append(await socket.recv(decode=True))
        await socket.close()
    return Spoken(ponged.is_set(), messages, socket.close_code or 0, socket.close_reason or "")


async def by_websockets_sync(url: str, say: Sequence[str], until: str | None) -> Spoken:
    """Speak by websockets in a thread."""

    def speak() -> Spoken:
        messages: list[str] = []
        ponged = threading.Event()
        with connect_sync(url, max_size=LARGEST, proxy=None) as socket:
            with contextlib.suppress(websockets.ConnectionClosed):
                ponged = socket.ping(PING)
                for text in say:
                    socket.send(text)
            with contextlib.suppress(websockets.ConnectionClosed):
                while until is None or not messages or until not in messages[-1]:
                    messages.append(str(socket.recv(decode=True)))
            was_ponged = ponged.is_set()
            socket.close()
        return Spoken(was_ponged, messages, socket.close_code or 0, socket.close_reason or "")

    return await asyncio.to_thread(speak)


class _Listener(picows.WSListener):
    def __init__(self, until: str | None) -> None:
        self.until = until
        self.ponged = False
        self.messages: list[str] = []

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type is picows.WSMsgType.PONG:
            self.ponged = frame.get_payload_as_bytes() == PING
        elif frame.msg_type is picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
        else:
            self.messages.append(frame.get_payload_as_utf8_text())
            if self.until is not None and self.until in self.messages[-1]:
                transport.send_close(picows.WSCloseCode.OK)


async def by_picows(url: str, say: Sequence[str], until: str | None) -> Spoken:
    """Speak by picows."""
    transport, listener = await picows.ws_connect(lambda: _Listener(until), url)
    assert isinstance(listener, _Listener)
    transport.send_ping(PING)
    for text in say:
        transport.send(picows.WSMsgType.TEXT, text)
    await transport.wait_disconnected()
    closed = transport.close_handshake.recv
    return Spoken(listener.ponged, listener.messages, int(closed.code), closed.reason or "")


async def by_node(url: str, say: Sequence[str], until: str | None) -> Spoken:
    """Speak by Node's ws."""
    node = shutil.which("node")
    if node is None or not NODE_WS.exists():
        pytest.fail(MISSING, pytrace=False)
    process = await asyncio.create_subprocess_exec(
        node,
        NODE_SCRIPT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"NODE_PATH": NODE_PATH},
    )
    task = {"url": url, "say": say, "until": until, "ping": PING.decode()}
    told, _ = await process.communicate(json.dumps(task).encode())
    assert process.returncode == 0
    found = json.loads(told)
    return Spoken(found["ponged"], found["messages"], found["code"], found["reason"])


async def by_curl(url: str, say: Sequence[str], until: str | None) -> Spoken:
    """Speak by libcurl's ``ws://``, as curl does. It keeps pongs for itself."""

    def speak() -> Spoken:
        with Session() as session, session.ws_connect(url) as socket:
            socket.ping(PING)
            for text in say:
                socket.send_str(text)
            messages: list[str] = []
            while True:
                data, flags = socket.recv()
                if flags & CurlWsFlag.CLOSE:
                    return Spoken(None, messages, socket.close_code, socket.close_reason or "")
                messages.append(data.decode())
                if until is not None and until in messages[-1]:
                    socket.close(1000)
                    return Spoken(None, messages, socket.close_code, "")

    return await asyncio.to_thread(speak)


CLIENTS: Final[Mapping[str, Speak]] = {
    "aiohttp": by_aiohttp,
    "websockets": by_websockets,
    "websockets, in a thread": by_websockets_sync,
    "picows": by_picows,
    "Node's ws": by_node,
    "libcurl": by_curl,
}
