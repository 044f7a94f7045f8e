"""Helpers are made when they are needed; their program is played by the test."""

import asyncio
import json
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.contexts.local import LocalContexts
from interpreterd.dialects.e2b.envd import helpers as module
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.helpers import HELPERS_LIMIT, Helpers, source
from interpreterd.model.errors import LimitReached
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.pipe.bundles import Bundle


async def ready(play: Any) -> Any:
    """Return the worker of a new helper, which has its functions."""
    player = await play()
    assert "def call(" in player.run.code
    player.worker.done(player.run)
    return player.worker


async def reply(player: Any, *, data: str | None = None, **value: Any) -> None:
    told = {"application/vnd.interpreterd.reply": json.dumps(value)}
    player.worker.publish(
        Bundle(kind="display", data=told if data is None else {**told, "application/octet-stream": data})
    )
    player.worker.done(player.run)


def calling(helpers: Helpers, name: str, **arguments: Any) -> "asyncio.Task[Any]":
    return asyncio.create_task(helpers.call(name, **arguments))


async def test_a_call_and_its_reply(service: LocalContexts, play: Any, fakes: FakeLauncher) -> None:
    helpers = Helpers(service)
    first = calling(helpers, "stat", path="/ä'\"\n")
    worker = await ready(play)
    player = await play(worker)
    assert eval(player.run.code, {"call": lambda *it: it, "display": 0}) == ("stat", '{"path":"/ä\'\\"\\n"}', 0)
    await reply(player, value={"size": 1})
    assert await first == {"size": 1}
    second = calling(helpers, "read", path="/a")
    await reply(await play(worker), data="aGk=")
    assert await second == b"hi"
    assert len(fakes.workers) == 1
    assert list(await service.contexts()) == []


async def test_a_call_gives_data_when_it_is_asked(service: LocalContexts, play: Any) -> None:
    writing = calling(Helpers(service), "add", data=b"hi", place="/a")
    player = await play(await ready(play))
    assert await player.ask("") == "aGk="
    await reply(player, value=None)
    assert await writing is None


async def test_a_call_without_data_ends_the_input(service: LocalContexts, play: Any) -> None:
    looking = calling(Helpers(service), "stat", path="/a")
    player = await play(await ready(play))
    assert await player.ask("") is None
    await reply(player, value=1)
    assert await looking == 1


async def test_a_refusal_is_the_callers(service: LocalContexts, play: Any) -> None:
    looking = calling(Helpers(service), "stat", path="/a")
    await reply(await play(await ready(play)), code="not_found", message="file not found: /a")
    with pytest.raises(EnvdRefused, match=r"^file not found: /a$") as raised:
        await looking
    assert raised.value.connect_code == "not_found"


@pytest.mark.parametrize("told", ["", "[", "[]", '"x"', "1"])
async def test_a_reply_of_another_form_is_refused(service: LocalContexts, play: Any, told: str) -> None:
    looking = calling(Helpers(service), "stat", path="/a")
    player = await play(await ready(play))
    player.worker.publish(Bundle(kind="display", data={"application/vnd.interpreterd.reply": told}))
    player.worker.done(player.run)
    with pytest.raises(EnvdRefused, match="helper for files has"):
        await looking


async def test_a_helper_that_dies_has_a_successor(service: LocalContexts, play: Any, fakes: FakeLauncher) -> None:
    helpers = Helpers(service)
    looking = calling(helpers, "stat", path="/a")
    player = await play(await ready(play))
    player.worker.exit("killed by SIGKILL")
    with pytest.raises(EnvdRefused, match=r"helper for files has failed: .*SIGKILL"):
        await looking
    looking = calling(helpers, "stat", path="/a")
    await reply(await play(await ready(play)), value=1)
    assert await looking == 1
    assert len(fakes.workers) == 2


async def test_calls_at_the_same_time_have_several_helpers(
    service: LocalContexts, play: Any, fakes: FakeLauncher
) -> None:
    helpers = Helpers(service)
    calls = [calling(helpers, "stat", path=str(number)) for number in range(HELPERS_LIMIT + 1)]
    workers = [await ready(play) for _ in range(HELPERS_LIMIT)]
    for worker in workers:
        await reply(await play(worker), value=1)
    await reply(await play(workers[0]), value=1)
    assert await asyncio.gather(*calls) == [1] * (HELPERS_LIMIT + 1)
    assert len(fakes.workers) == HELPERS_LIMIT


async def test_a_helper_without_work_ends(service: LocalContexts, play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    looking = calling(Helpers(service), "stat", path="/a")
    worker = await ready(play)
    await reply(await play(worker), value=1)
    await looking
    while worker.exited is None:  # noqa: ASYNC110 -- no event tells when it has ended
        await asyncio.sleep(0)


async def test_without_room_for_a_helper_the_call_is_refused(service: LocalContexts, play: Any) -> None:
    for _ in range(6):
        await service.create(CreateContext())
    helpers = Helpers(service)
    with pytest.raises(LimitReached):
        await helpers.call("stat", path="/a")
    with pytest.raises(LimitReached):
        await helpers.call("stat", path="/a")


async def test_a_helper_that_cannot_begin_leaves_nothing(
    service: LocalContexts, fakes: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(request: Execute, *, answers: bool = False) -> None:
        raise LimitReached("the queue is full")

    monkeypatch.setattr(service, "submit", refuse)
    with pytest.raises(LimitReached):
        await Helpers(service).call("stat", path="/a")
    assert [worker.exited is not None for worker in fakes.workers] == [True]


def test_the_sources_are_one_piece_of_code() -> None:
    code = source("files", "transfers", "machine")
    compile(code, "code", "exec")
    assert "import FUNCTIONS" not in code
    assert code.count("from __future__") == 1
