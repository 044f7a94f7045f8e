"""Followers get events in the form that they ask for. This code does not look into events."""

import asyncio
from typing import Any, Self, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from interpreterd.contexts.service import Events
from interpreterd.http.closing import Closing
from interpreterd.http.errors import SHOW, SHOWS, ErrorAnswer, HttpError, show_errors
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.streams import answer_with, follow
from interpreterd.model.errors import InterpreterError
from interpreterd.model.names import NDJSON

Client = TestClient[web.Request, web.Application]


class FakeEvents:
    """Strings as events. After the last one it ends, or goes on until it is stopped."""

    def __init__(self, *events: str, at_end: bool = False, goes_on: bool = False) -> None:
        self.at_end = at_end
        self.stopped = asyncio.Event()
        self._events = list(enumerate(events))
        self._goes_on = goes_on

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[int, str]:
        if self._events and not self.stopped.is_set():
            return self._events.pop(0)
        if self._goes_on and not self.stopped.is_set():
            await asyncio.sleep(0)
            return 0, "more"
        raise StopAsyncIteration

    async def ready(self) -> list[tuple[int, str]]:
        if len(self._events) > 1 and not self.stopped.is_set():
            events, self._events = self._events, []
            return events
        event = await anext(self, None)
        return [] if event is None else [event]

    def stop(self) -> None:
        self.stopped.set()


class EndingEvents(FakeEvents):
    """Events that come one by one, of which the last one is known as such."""

    async def ready(self) -> list[tuple[int, str]]:
        event = await anext(self, None)
        self.at_end = not self._events
        return [] if event is None else [event]


class StuckEvents(FakeEvents):
    """Events after which nothing happens."""

    async def ready(self) -> list[tuple[int, str]]:
        if not self._events:
            await self.stopped.wait()
        return await super().ready()


def render(number: int, event: object) -> bytes | None:
    return None if event == "secret" else str(event).encode()


def show(error: InterpreterError | HttpError) -> ErrorAnswer:
    return ErrorAnswer(406, error.code.encode())


@pytest.fixture
async def served(aiohttp_client: Any) -> tuple[Client, list[FakeEvents]]:
    """Return a client and a list; the route streams the first ``FakeEvents`` of the list."""
    waiting: list[FakeEvents] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        events = cast("Events[Any]", waiting[0])
        return await follow(request, events, render, closing=lambda: Closing(4001, b"why"), subprotocol="mine")

    async def handle_patiently(request: web.Request) -> web.StreamResponse:
        events = cast("Events[Any]", waiting[0])
        return await answer_with(request, NDJSON, events, render, beat=b"beat\n", beat_s=0.01, patient=frozenset([str]))

    app = web.Application(middlewares=[show_errors])
    app[SETTINGS] = HttpSettings(heartbeat_s=30)
    app[SHOW], app[SHOWS] = show, {}
    app.router.add_get("/", handle)
    app.router.add_get("/patient", handle_patiently)
    return await aiohttp_client(app), waiting


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("application/x-ndjson", b"a\nc\n"),
        ("text/event-stream", b"id: 0\ndata: a\n\nid: 2\ndata: c\n\n"),
    ],
)
async def test_what_is_told_comes_in_the_form_that_is_asked_for(
    served: tuple[Client, list[FakeEvents]], form: str, body: bytes
) -> None:
    client, waiting = served
    waiting.append(FakeEvents("a", "secret", "c"))
    async with client.get("/", headers={"Accept": form}) as response:
        assert (response.content_type, await response.read()) == (form, body)
        assert response.headers["Cache-Control"] == "no-store"
    assert waiting[0].stopped.is_set()


async def test_events_that_are_ready_together_are_one_write(served: tuple[Client, list[FakeEvents]]) -> None:
    client, waiting = served
    waiting.append(FakeEvents("a", "secret", "c"))
    async with client.get("/", headers={"Accept": "application/x-ndjson"}) as response:
        read, ends = b"", []
        async for piece, ends_chunk in response.content.iter_chunks():
            read += piece
            if ends_chunk:
                ends.append(read)
    assert ends[0] == b"a\nc\n"


async def test_a_websocket_closes_as_its_dialect_says(served: tuple[Client, list[FakeEvents]]) -> None:
    client, waiting = served
    waiting.append(FakeEvents("a", "secret", "c"))
    async with client.ws_connect("/", autoclose=False, protocols=["other", "mine-1"]) as socket:
        assert socket.protocol == "mine-1"
        assert [(await socket.receive()).data for _ in range(2)] == ["a", "c"]
        end = await socket.receive()
        assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "why")
    await waiting[0].stopped.wait()


async def test_an_event_source_is_told_that_nothing_more_comes(served: tuple[Client, list[FakeEvents]]) -> None:
    client, waiting = served
    waiting.append(FakeEvents(at_end=True))
    async with client.get("/", headers={"Accept": "text/event-stream"}) as response:
        assert response.status == 204
    async with client.get("/", headers={"Accept": "application/x-ndjson"}) as response:
        assert (response.status, await response.read()) == (200, b"")
    assert waiting[0].stopped.is_set()


async def test_a_refused_follower_gets_no_events(served: tuple[Client, list[FakeEvents]]) -> None:
    client, waiting = served
    waiting.append(FakeEvents("a", goes_on=True))
    async with client.get("/", headers={"Accept": "text/html"}) as response:
        assert (response.status, await response.read()) == (406, b"not_acceptable")
    assert waiting[0].stopped.is_set()


@pytest.mark.parametrize("over_a_websocket", [True, False])
async def test_a_follower_that_goes_gets_no_more_events(
    served: tuple[Client, list[FakeEvents]], over_a_websocket: bool
) -> None:
    client, waiting = served
    waiting.append(FakeEvents("a", goes_on=True))
    if over_a_websocket:
        socket = await client.ws_connect("/")
        assert await socket.receive_str() == "a"
        await socket.close()
    else:
        response = await client.get("/", headers={"Accept": "application/x-ndjson"})
        assert await response.content.readline() == b"a\n"
        response.close()
    await waiting[0].stopped.wait()


async def chunks(client: Client, path: str, count: int) -> list[bytes]:
    """Return the first ``count`` chunks of an answer, or all; and end its connection."""
    found, read = [], b""
    async with client.get(path) as response:
        async for piece, ends_chunk in response.content.iter_chunks():
            read += piece
            if ends_chunk:
                found.append(read)
                read = b""
            if len(found) == count:
                break
        response.close()
    return found


async def test_what_is_not_waited_for_comes_with_the_end(served: tuple[Client, list[FakeEvents]]) -> None:
    client, waiting = served
    waiting.append(EndingEvents("a", "b"))
    assert await chunks(client, "/patient", 9) == [b"a\nb\n"]


async def test_what_is_not_waited_for_is_not_held_for_long(served: tuple[Client, list[FakeEvents]]) -> None:
    client, waiting = served
    waiting.append(StuckEvents("a"))
    assert await chunks(client, "/patient", 3) == [b"a\n", b"beat\n", b"beat\n"]
    await waiting[0].stopped.wait()
