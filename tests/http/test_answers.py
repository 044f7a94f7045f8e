"""JSON answers: large ones are sent in pieces, and a listing that reaches its limit names the next page."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from harness import PREFIX

from interpreterd.app import make_app
from interpreterd.client import AsyncInterpreter
from interpreterd.http import answers
from interpreterd.http.answers import LISTING_LIMIT_BYTES, PIECE_BYTES
from interpreterd.model.events import Failure
from interpreterd.settings import Settings

CONTROLS = "\1" * 4000  # JSON needs six characters for each
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Client:
    """Return a client of the application."""
    started: Client = await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))
    return started


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lower the limit of a listing, and return it in bytes."""
    monkeypatch.setattr(answers, "LISTING_LIMIT_BYTES", 200_000)
    return 200_000


async def pages(client: Client, path: str, name: str) -> list[list[dict[str, Any]]]:
    """Return all pages of a listing."""
    found = []
    last = ""
    while True:
        async with client.get(PREFIX + path, params={"after": last} if last else {}) as response:
            assert response.status == 200
            body = orjson.loads(await response.read())
        assert set(body) <= {name, "next"}
        found.append(body[name])
        if "next" not in body:
            return found
        last = body["next"]
        assert last == body[name][-1]["id"]


async def ids(client: Client, count: int, **keys: Any) -> list[str]:
    made = []
    for _ in range(count):
        async with client.post(PREFIX + "/context", json=keys) as response:
            made.append((await response.json())["id"])
    return made


async def test_sixty_exceptions_of_22_mib_do_not_come_at_once(client: Client, launcher: FakeLauncher) -> None:
    error = Failure(name="ValueError", value="x" * 190_000, traceback="y" * 190_000)
    async with client.ws_connect(PREFIX + "/session") as socket:
        worker = None
        for number in range(60):
            await socket.send_json({"op": "execute", "requestId": str(number), "code": "pass"})
            worker = worker or await launcher.worker()
            worker.done(await worker.run(), error)
            while (await socket.receive_json())["type"] != "error":
                pass
    async with client.get(PREFIX + "/context/default/executions") as response:
        assert LISTING_LIMIT_BYTES * 0.9 < len(await response.read()) < LISTING_LIMIT_BYTES + PIECE_BYTES
    shown = await pages(client, "/context/default/executions", "executions")
    assert len({execution["id"] for page in shown for execution in page}) == sum(map(len, shown)) == 60
    assert len(shown) == 3


@pytest.mark.parametrize("path", ["/contexts", "/context", "/contexts?usage=true"])
async def test_contexts_of_which_there_is_much_to_say_come_in_several_answers(
    client: Client, small_limit: int, path: str
) -> None:
    made = await ids(client, 20, metadata={"of": CONTROLS})
    shown = await pages(client, path, "contexts")
    assert [context["id"] for page in shown for context in page] == made
    assert 1 < max(map(len, shown)) < 9


async def test_the_python_client_asks_for_all_pages(client: Client, small_limit: int) -> None:
    made = await ids(client, 20, metadata={"of": CONTROLS, "owner": "ada"})
    async with AsyncInterpreter(f"http://127.0.0.1:{client.port}") as py:
        assert [context.id for context in await py.list_contexts()] == made
        assert [context.id for context in await py.list_contexts(labels={"owner": "ada"}, usage=True)] == made


async def test_a_listing_has_one_item_however_large_it_is(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LISTING_LIMIT_BYTES", 1)
    made = await ids(client, 3)
    assert [[context["id"] for context in page] for page in await pages(client, "/contexts", "contexts")] == [
        [one] for one in made
    ]


async def test_a_listing_that_is_whole_says_no_more_than_before(client: Client, small_limit: int) -> None:
    made = await ids(client, 3)
    async with client.get(PREFIX + "/contexts") as response:
        assert response.headers["Content-Length"] == str(len(await response.read()))
        assert list(await response.json()) == ["contexts"]
    async with client.get(PREFIX + "/contexts", params={"after": made[-1]}) as response:
        assert await response.json() == {"contexts": []}


async def test_more_than_a_hundred_executions_come_in_two_answers(client: Client, launcher: FakeLauncher) -> None:
    for _ in range(103):
        async with client.post(PREFIX + "/execute", json={"code": "pass", "background": True}) as response:
            assert response.status == 202
    shown = await pages(client, "/context/default/executions", "executions")
    assert [len(page) for page in shown] == [100, 3]
    assert [execution["state"] for execution in shown[0][:2]] == ["running", "queued"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/contexts", "context_not_found"), ("/context/{}/executions", "execution_not_found")],
)
async def test_after_an_item_that_is_no_more_there_is_nothing_to_show(client: Client, path: str, code: str) -> None:
    (context,) = await ids(client, 1)
    async with client.get(PREFIX + path.format(context), params={"after": "gone"}) as response:
        assert (response.status, (await response.json())["code"]) == (404, code)


@pytest.mark.parametrize("method", ["get", "head"])
async def test_what_is_deleted_while_it_is_listed_is_left_out(client: Client, method: str) -> None:
    """The daemon makes the listing piece by piece while the client reads it."""
    made = await ids(client, 60, metadata={"of": CONTROLS})
    async with getattr(client, method)(PREFIX + "/contexts") as response:
        for context in made[1:]:
            async with client.delete(f"{PREFIX}/context/{context}") as deleted:
                assert deleted.status == 200
        body = await response.read()
    if method == "get":
        listed = [context["id"] for context in orjson.loads(body)["contexts"]]
        assert listed[0] == made[0]
        assert listed == [context for context in made if context in listed]
    else:
        assert body == b""


@pytest.mark.parametrize("text", ['é日👋\1"\\\n', "x", "\1"])
@pytest.mark.parametrize("size", [10, 3 * PIECE_BYTES + 1])
async def test_output_survives_being_cut_into_pieces(
    client: Client, launcher: FakeLauncher, text: str, size: int
) -> None:
    async with client.ws_connect(PREFIX + "/execute") as first:
        await first.send_json({"code": "pass"})
        worker = await launcher.worker()
        worker.done(await worker.run())
        await first.receive()
    written = (text * size)[:size]
    error = Failure(name="E", value=written[:1000])

    async def write() -> None:
        run = await worker.run()
        for start in range(0, size, PIECE_BYTES):
            worker.write(written[start : start + PIECE_BYTES])
        worker.done(run, error)

    _, response = await asyncio.gather(write(), client.post(PREFIX + "/execute", json={"code": "pass"}))
    async with response:
        data = await response.read()
    assert response.headers["Content-Length"] == str(len(data))
    body = orjson.loads(data)
    assert (body["stdout"], body["stderr"], body["cutBytes"]) == (written, "", 0)
    assert (body["error"], body["outcome"]) == ({"name": "E", "value": error.value, "traceback": ""}, "completed")
