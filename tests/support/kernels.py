"""A client of the Jupyter API that speaks its frames itself: JSON, or v1 in binary."""

import contextlib
import itertools
import json
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import aiohttp

V1 = "v1.kernel.websocket.jupyter.org"
_numbers = itertools.count()


def request(kind: str, content: Any = None, channel: str | None = "shell", **keys: Any) -> dict[str, Any]:
    """Return a message as a client makes it."""
    header = {"msg_id": f"m{next(_numbers)}", "msg_type": kind, "session": "s", "username": "u", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content or {}, **keys}
    return message if channel is None else {**message, "channel": channel}


def packed(message: dict[str, Any], buffers: Sequence[bytes] = ()) -> bytes:
    """Return a message in the form v1."""
    parts = [message.get("channel", "shell").encode()]
    parts += [json.dumps(message[key]).encode() for key in ("header", "parent_header", "metadata", "content")]
    parts += buffers
    start = 8 * (len(parts) + 2)
    offsets = [start, *itertools.accumulate(map(len, parts), initial=0)][1:]
    return struct.pack(f"<{len(parts) + 2}Q", len(parts) + 1, *(start + it for it in offsets)) + b"".join(parts)


def unpacked(data: bytes) -> dict[str, Any]:
    """Return a message of the form v1."""
    (count,) = struct.unpack_from("<Q", data)
    offsets = struct.unpack_from(f"<{count}Q", data, 8)
    parts = [data[start:end] for start, end in itertools.pairwise(offsets)]
    message = dict(zip(("header", "parent_header", "metadata", "content"), map(json.loads, parts[1:5]), strict=True))
    return {**message, "channel": parts[0].decode(), "buffers": parts[5:], "msg_type": message["header"]["msg_type"]}


def unpacked_json(data: bytes) -> dict[str, Any]:
    """Return a message of JSON with buffers behind it."""
    (count,) = struct.unpack_from(">I", data)
    starts = struct.unpack_from(f">{count}I", data, 4)
    parts = [data[start:end] for start, end in itertools.pairwise((*starts, len(data)))]
    return {**json.loads(parts[0]), "buffers": parts[1:]}


class Channel:
    """A connection to a kernel."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.close_code: int | None = None
        self.close_reason = ""

    async def send(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message; return it."""
        if self.socket.protocol == V1:
            await self.socket.send_bytes(packed(message))
        else:
            await self.socket.send_str(json.dumps(message))
        return message

    async def ask(self, kind: str, content: Any = None, channel: str | None = "shell") -> list[dict[str, Any]]:
        """Send a request; return the messages about it, up to ``idle``."""
        return await self.about(await self.send(request(kind, content, channel)))

    async def execute(self, code: str, **content: Any) -> list[dict[str, Any]]:
        """Run code; return the messages about it."""
        return await self.ask("execute_request", {"code": code, **content})

    async def about(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the messages about a request, up to ``idle``; others are dropped."""
        found = []
        while True:
            message = await self.next()
            if message["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                assert message["parent_header"].items() >= asked["header"].items()
                found.append(message)
                if states([message]) == ["idle"]:
                    return found

    async def until(self, kind: str, **content: Any) -> dict[str, Any]:
        """Return the next message of this type whose content has these keys and values."""
        while True:
            message = await self.next()
            if message["msg_type"] == kind and message["content"].items() >= content.items():
                return message

    async def next(self) -> dict[str, Any]:
        """Return the next message; fail if the connection ends."""
        message = await self.next_or_end()
        assert message is not None, f"closed: {self.close_code} {self.close_reason}"
        return message

    async def next_or_end(self) -> dict[str, Any] | None:
        """Return the next message, or None after the close."""
        frame = await self.socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            message: dict[str, Any] = json.loads(frame.data)
            assert message["msg_type"] == message["header"]["msg_type"]
            assert message["msg_id"] == message["header"]["msg_id"]
            return message
        if frame.type is aiohttp.WSMsgType.BINARY:
            return unpacked(frame.data) if self.socket.protocol == V1 else unpacked_json(frame.data)
        if frame.type is aiohttp.WSMsgType.CLOSE:
            self.close_reason = frame.extra or ""
            self.close_code = frame.data
        return None

    async def ended(self) -> tuple[int | None, str]:
        """Read up to the close; return its code and reason."""
        while await self.next_or_end() is not None:
            pass
        return self.close_code, self.close_reason


class Jupyter:
    """A client of the API at ``url``, or of an application that ``http`` is a client of."""

    def __init__(self, http: Any, url: str = "") -> None:
        self.http = http
        self.url = url

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Self]:
        """Be a client of the daemon at ``url``."""
        async with aiohttp.ClientSession() as http:
            yield cls(http, url)

    async def ask(self, method: str, path: str, **keys: Any) -> tuple[int, Any]:
        """Return the status and the JSON of an answer, or None if it is empty."""
        async with self.http.request(method, self.url + path, **keys) as response:
            body = await response.read()
            return response.status, json.loads(body) if body else None

    async def start(self, **body: Any) -> str:
        """Return the id of a new kernel."""
        status, model = await self.ask("POST", "/api/kernels", json=body)
        assert status == 201, model
        return str(model["id"])

    async def left(self, kernel: str) -> None:
        """Wait until the daemon knows that all clients of a kernel have gone."""
        while (await self.ask("GET", f"/api/kernels/{kernel}"))[1]["connections"]:
            pass

    @contextlib.asynccontextmanager
    async def channel(self, kernel: str, session: str = "", *, v1: bool = False) -> AsyncIterator[Channel]:
        """Connect to a kernel."""
        path = f"{self.url}/api/kernels/{kernel}/channels" + (f"?session_id={session}" if session else "")
        protocols = ("foo", V1) if v1 else ()
        async with self.http.ws_connect(path, protocols=protocols, autoclose=False, max_msg_size=0) as socket:
            assert socket.protocol == (V1 if v1 else None)
            yield Channel(socket)


def kinds(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Return what messages are: their types, or the states that they tell."""
    return [message["content"].get("execution_state", message["msg_type"]) for message in messages]


def states(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Return the states that messages tell."""
    return [it["content"]["execution_state"] for it in messages if it["msg_type"] == "status"]


def reply(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the content of the one reply among messages."""
    (found,) = (it["content"] for it in messages if it["msg_type"].endswith("_reply"))
    return dict(found)


def text(messages: Sequence[dict[str, Any]], name: str = "stdout") -> str:
    """Return the text that messages write to a stream."""
    streams = (it["content"] for it in messages if it["msg_type"] == "stream")
    return "".join(it["text"] for it in streams if it["name"] == name)
