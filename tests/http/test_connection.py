"""A client that does not read loses its connection in time, and its answer leaves no memory behind."""

import asyncio
import gc
import socket
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from fake_worker import FakeLauncher
from harness import PREFIX
from leaving import Asker, get, holds, post, upgrade

from interpreterd.app import make_app
from interpreterd.http import connection
from interpreterd.http.connection import Connection
from interpreterd.settings import Settings

PATIENCE_S = 0.3
MUCH = 60  # answers of 50 KB: more than the kernel's buffers hold
Serve = Callable[..., Awaitable[str]]


class App:
    """The application, served on TCP and on a unix socket.

    Attributes:
        answers: Weak references to all answers so far.
    """

    def __init__(self, launcher: FakeLauncher, cwd: str, heartbeat_s: float) -> None:
        self.answers: list[weakref.ref[web.StreamResponse]] = []
        self.app = make_app(settings=Settings.of(cwd=cwd, heartbeat_s=heartbeat_s), launcher=launcher)
        self.app.on_response_prepare.append(self._note)
        self.urls: dict[str, str] = {}
        self.server: web.Server

    async def _note(self, request: web.Request, answer: web.StreamResponse) -> None:
        self.answers.append(weakref.ref(answer))


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture
def serve(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Callable[..., Awaitable[App]]:
    """Return a function that starts the application; ``patience_s`` is how long it waits for a client."""

    async def start(patience_s: float = 60.0) -> App:
        it = App(launcher, str(tmp_path), patience_s)
        client = await aiohttp_client(it.app)
        await web.UnixSite(client.server.runner, tmp_path / "socket").start()
        it.urls = {"tcp": f"http://127.0.0.1:{client.port}", "unix": f"unix:{tmp_path}/socket"}
        it.server = client.server.runner.server
        return it

    return start


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Turn the collection of cycles off, so that objects in a cycle stay."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(("kind", "count"), [("tcp", 1), ("tcp", MUCH), ("unix", 1), ("unix", MUCH)])
async def test_a_client_that_takes_nothing_of_its_answers_is_let_go(serve: Any, kind: str, count: int) -> None:
    """This holds also for one answer, which the kernel's buffers hold while the daemon waits for a request."""
    it = await serve(PATIENCE_S)
    asker = Asker(it.urls[kind], get("/openapi.json") * count)
    await asyncio.to_thread(asker.begun)
    await holds(lambda: not it.server.connections)
    assert len(await asyncio.to_thread(asker.rest)) < count * len(await self_description(it))


async def self_description(it: App) -> bytes:
    asker = Asker(it.urls["tcp"], get("/openapi.json").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    return await asyncio.to_thread(asker.rest)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_a_client_that_takes_its_answer_may_be_idle(serve: Any, kind: str) -> None:
    """The idle client outlives three clients that read nothing, one after the other."""
    it = await serve(PATIENCE_S)
    asker = Asker(it.urls[kind], get("/health"))
    await holds(lambda: it.server.connections)
    (idle,) = it.server.connections
    assert b"200 OK" in await asyncio.to_thread(asker.socket.recv, 1 << 16)
    for _ in range(3):
        other = Asker(it.urls[kind], get("/openapi.json") * MUCH)
        await asyncio.to_thread(other.begun)
        await holds(lambda: it.server.connections == [idle])
        other.leave()
    asker.socket.sendall(get("/health"))
    assert b"200 OK" in await asyncio.to_thread(asker.socket.recv, 1 << 16)
    asker.leave()


class Wire:
    """A transport; the test sets the number of bytes that the client has not read yet."""

    def __init__(self) -> None:
        self.untaken = 0
        self.closing = self.aborted = False
        self.family = socket.AF_INET

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def get_extra_info(self, name: str) -> "Wire":
        assert name == "socket"
        return self

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


class Clock:
    """The clock of an event loop. The test moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.look: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, after_s: float, call: Callable[[], None]) -> object:
        self.look = call
        self.after_s = after_s
        return object()

    def tick(self) -> None:
        """Move the clock to the next look and perform it."""
        look, self.look = self.look, None
        if look is not None:
            self.now += self.after_s
            look()


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[Connection, Wire, Clock]:
    """Return a connection with a patience of 8 s, its transport and its clock."""
    monkeypatch.setattr(connection, "untaken_bytes", Wire.get_write_buffer_size)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError

    it = Connection(web.Server(handler), 8.0, loop=asyncio.get_running_loop())
    wire, clock = Wire(), Clock()
    it._wire = cast("Any", wire)
    it._loop = cast("Any", clock)
    return it, wire, clock


@pytest.mark.parametrize("closing", [False, True])
async def test_patience_counts_from_what_the_client_took_last(watched: Any, closing: bool) -> None:
    it, wire, clock = watched
    wire.untaken, wire.closing = 1000, closing
    it.pause_writing()
    for _ in range(100):  # the client reads one byte per look
        wire.untaken -= 1
        clock.tick()
    assert not wire.aborted
    stalled_at = clock.now
    while not wire.aborted:
        clock.tick()
    assert clock.now == stalled_at + 8


async def test_a_client_that_takes_as_much_as_comes_takes_something(watched: Any) -> None:
    it, wire, clock = watched
    wire.untaken = 1000
    it.pause_writing()
    for _ in range(100):
        it._written += 10
        clock.tick()
    assert not wire.aborted


@pytest.mark.parametrize("unix", [False, True])
async def test_what_is_written_to_a_client_is_not_taken_by_it(watched: Any, unix: bool) -> None:
    """The daemon writes comments between server-sent events even while the client reads nothing."""
    it, wire, clock = watched
    wire.family = socket.AF_UNIX if unix else socket.AF_INET
    it._written = wire.untaken = 1000
    it.pause_writing()
    for _ in range(9):
        it._written += 3
        wire.untaken += 3
        clock.tick()
    assert wire.aborted


async def test_a_client_that_has_taken_everything_is_not_looked_at(watched: Any) -> None:
    it, wire, clock = watched
    wire.untaken = 1000
    it.pause_writing()
    clock.tick()
    wire.untaken = 0
    clock.tick()
    assert clock.look is None


@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("form", ["NDJSON", "SSE"])
async def test_a_program_waits_no_longer_for_a_client_that_takes_nothing(
    serve: Any, launcher: FakeLauncher, kind: str, form: str
) -> None:
    it = await serve(PATIENCE_S)
    wish = {"code": "pass", "onDisconnect": "interrupt"}
    asker = Asker(it.urls[kind], post(f"{PREFIX}/execute", wish, form))
    worker = await launcher.worker()
    await worker.run()
    while worker.reading:
        worker.write("x" * (1 << 16))
        await asyncio.sleep(0)
    await worker.interrupted.wait()
    asker.leave()


def run(form: str) -> bytes:
    return post(f"{PREFIX}/execute", {"code": "pass"}, form)


ROUTES = {
    "run, JSON": run("JSON"),
    "run, NDJSON": run("NDJSON"),
    "run, SSE": run("SSE"),
    "execute": upgrade(f"{PREFIX}/execute", {"code": "pass"}),
    "session": upgrade(f"{PREFIX}/session", {"op": "execute", "requestId": "a", "code": "pass"}),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_an_answer_that_was_cut_off_is_in_no_cycle(
    serve: Any, launcher: FakeLauncher, no_collection: None, kind: str, route: str
) -> None:
    """Python collects cycles rarely and counts objects, not bytes: an answer in a cycle would keep megabytes."""
    it = await serve()
    asker = Asker(it.urls[kind], ROUTES[route])
    worker = await launcher.worker()
    execution = await worker.run()
    for _ in range(160):
        worker.write("x" * (1 << 16))
    worker.done(execution)
    await asyncio.to_thread(asker.begun)
    await holds(lambda: [is_behind(one) for one in it.server.connections] == [True])
    protocols = [weakref.ref(one.transport.get_protocol()) for one in it.server.connections if one.is_handed_over]
    asker.leave()
    await holds(lambda: not it.server.connections)
    for _ in range(10):  # let the tasks that have just ended be released
        await asyncio.sleep(0)
    assert [answer() for answer in [*it.answers, *protocols]] == [None] * (len(it.answers) + len(protocols))


def is_behind(connection: Any) -> bool:
    """Whether the client takes less than it is sent."""
    return connection.writing_paused or (connection.is_handed_over and connection.transport.get_write_buffer_size() > 0)
