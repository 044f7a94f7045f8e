"""A client of Connect that knows no SDK, and the program of a context that the dialect for E2B has made."""

import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from attrs import define
from fake_worker import FakeWorker

from interpreterd.pipe.messages import Answer, Asked, Run


@define
class Player:
    """Plays the program of a context that this dialect has made."""

    worker: FakeWorker
    run: Run
    number: int = 0

    async def ask(self, prompt: str) -> str | None:
        """Ask the dialect; return its answer."""
        self.say(prompt)
        answer = await self.worker.told()
        assert isinstance(answer, Answer), answer
        return answer.text

    def say(self, prompt: str) -> None:
        """Ask the dialect, and do not wait."""
        self.number += 1
        self.worker.say(Asked(execution_id=self.run.execution_id, number=self.number, prompt=prompt, password=False))


@define
class Rpc:
    """A client of Connect that knows no SDK, in JSON."""

    http: aiohttp.ClientSession

    async def call(self, method: str, **message: Any) -> tuple[int, Any]:
        """Return the status and the answer of a unary RPC."""
        async with self.http.post(f"/{method}", json=message) as response:
            return response.status, await response.json()

    async def raw(self, method: str, body: bytes, **headers: str) -> tuple[int, str, Any]:
        """Return the status, the content type and the JSON of the answer to any body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(f"/{method}", data=body, headers=sent) as response:
            body = await response.read()
            if response.content_type.startswith("application/connect+"):
                body = list(_taken_apart(body))[-1][1]
            return response.status, response.content_type, json.loads(body)

    async def stream(self, method: str, *messages: Any, **headers: str) -> list[Any]:
        """Return all messages of a stream, and at last how it ended."""
        async with self.open(method, *messages, **headers) as response:
            return [json.loads(data) for _, data in _taken_apart(await response.read())]

    def open(self, method: str, *messages: Any, **headers: str) -> Any:
        """Return the answer to a stream as a context manager; see ``following``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = b"".join(enveloped(json.dumps(message).encode()) for message in messages)
        return self.http.post(f"/{method}", data=body, headers={"Content-Type": "application/connect+json"} | sent)


async def following(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    """Yield the messages of an open stream as they come; the last one says how it ended."""
    flags = 0
    while not flags:
        flags, size = struct.unpack(">BI", await response.content.readexactly(5))
        yield json.loads(await response.content.readexactly(size))


def enveloped(data: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(data)) + data


def _taken_apart(body: bytes) -> Any:
    while body:
        flags, size = struct.unpack_from(">BI", body)
        yield flags, body[5 : 5 + size]
        body = body[5 + size :]


def text_of(events: list[Any], stream: str = "stdout") -> str:
    """Return what a command has written, from the messages of its stream."""
    data = [it["event"]["data"] for it in events if "data" in it.get("event", {})]
    return b"".join(base64.b64decode(it[stream]) for it in data if stream in it).decode()
