"""A second dialect is one more object. It adds its routes and its form of errors."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from harness import PREFIX

from interpreterd.app import make_app
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.dialect import row
from interpreterd.http.errors import ErrorAnswer, HttpError
from interpreterd.model.errors import ContextNotFound, InterpreterError, LimitReached
from interpreterd.model.events import Finished, Output
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.settings import Settings

Client = TestClient[web.Request, web.Application]


class Toy:
    """A dialect in plain text, with its own form of errors. It runs code in a new context."""

    name: Final = "toy"
    statuses: Final = {InterpreterError: HTTPStatus.INTERNAL_SERVER_ERROR, LimitReached: HTTPStatus.IM_A_TEAPOT}

    def routes(self, service: ContextService) -> Iterable[web.RouteDef]:
        async def run(request: web.Request) -> web.StreamResponse:
            context = await service.create(CreateContext())
            submission = await service.submit(Execute(code=await request.text(), context_id=context.id))
            said = ""
            try:
                async for _, event in submission:
                    match event:
                        case Output(text=text):
                            said += text
                        case Finished(outcome=outcome):
                            said += outcome
            finally:
                submission.stop()
            return web.Response(text=said)

        async def look(request: web.Request) -> web.StreamResponse:
            return web.Response(text=(await service.get(request.match_info["id"])).state)

        return [web.post("/toy/run", run), web.get("/toy/{id}", look)]

    def show(self, error: InterpreterError | HttpError) -> ErrorAnswer:
        status = error.status if isinstance(error, HttpError) else row(self.statuses, error)
        return ErrorAnswer(status, f"oh no: {error.code}".encode(), {"X-Toy": "yes"}, "text/plain")


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Client:
    """Return a client of an application with one dialect more. The application may have one context."""
    settings = Settings.of(cwd=str(tmp_path), max_contexts=1, base_path="/below")
    started: Client = await aiohttp_client(make_app(settings=settings, launcher=launcher, dialects=["native", Toy()]))
    return started


@pytest.mark.parametrize("base_path", ["", "/below"])
async def test_a_second_dialect_runs_code(client: Client, launcher: FakeLauncher, base_path: str) -> None:
    async def work() -> None:
        worker = await launcher.worker()
        run = await worker.run()
        assert run.code == "print('hi')"
        worker.write("hi\n")
        worker.done(run)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
        async with client.post(base_path + "/toy/run", data="print('hi')") as response:
            assert (response.status, await response.text()) == (200, "hi\ncompleted")
    async with client.get(f"{base_path}{PREFIX}/contexts") as response:
        (context,) = (await response.json())["contexts"]
    async with client.get(f"{base_path}/toy/{context['id']}") as response:
        assert await response.text() == context["state"] == "idle"


async def test_each_dialect_shows_errors_in_its_own_form(client: Client) -> None:
    async with client.post(PREFIX + "/context") as response:
        assert response.status == 200
    async with client.post("/toy/run", data="pass") as response:
        assert (response.status, await response.text()) == (418, "oh no: limit_reached")
        assert response.headers["X-Toy"] == "yes"
    async with client.post(PREFIX + "/context") as response:
        assert (response.status, (await response.json())["code"]) == (503, "limit_reached")
    async with client.get("/toy/unknown") as response:
        assert (response.status, await response.text()) == (500, f"oh no: {ContextNotFound.code}")
    async with client.get("/toy/unknown", headers={"Host": "evil.example"}) as response:
        assert await response.text() == "oh no: forbidden"
    async with client.delete("/toy/run") as response:
        assert (response.status, await response.text()) == (405, "oh no: method_not_allowed")
    async with client.get("/nowhere") as response:
        assert (response.status, (await response.json())["code"]) == (404, "not_found")
