"""Undo: a context goes back before its last execution."""

import asyncio
import random
from collections.abc import Callable

from going_back import Traveller
from harness import Client
from on_session import open_session
from posting import post, start, wait
from standing import SharedDaemon

Standing = Callable[..., SharedDaemon]


async def test_undo_goes_back_before_the_last_execution_and_then_further(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run("x = 1")
    for number in (2, 3):
        await it.run(f"x = {number}", checkpoint=True)
    assert [kept["automatic"] for kept in await it.kept()] == [True, True]
    assert "restored" in await it.undo()
    assert await it.value("x") == "2"
    await it.undo()
    assert await it.value("x") == "1"
    assert await it.refusal("POST", "/undo") == (
        409,
        "nothing_to_undo",
        'The last execution, 1, ran without "checkpoint": true',
    )
    await it.run("x = 4", checkpoint=True)
    await it.undo()
    assert await it.value("x") == "1"


async def test_undo_after_an_execution_that_killed_its_worker(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run("x = 1")
    told = await post(client, "import os; os._exit(3)", contextId=it.id, checkpoint=True)
    assert told["outcome"] == "lost"
    await it.undo()
    assert await it.run("print(x)") == "1\n"


async def test_undo_after_a_timeout_that_killed_the_worker(standing: Standing) -> None:
    async with Client(standing("--grace-s", "0.1").url) as client:
        it = await Traveller.new(client)
        await it.run("x = 1; import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
        code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
        told = await post(client, code, contextId=it.id, checkpoint=True, timeout=1)
        assert told["outcome"] == "interrupted"
        await it.undo()
        assert await it.run("print(x)") == "1\n"


async def test_undo_waits_for_what_runs(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run("x = 1")
    runs = await start(client, "x = 2\nprint('here', flush=True)\nwhile True: pass", contextId=it.id, checkpoint=True)
    await wait(client, runs, "here\n")
    undoing = asyncio.create_task(it.undo())
    while not (await it.ask("GET", ""))[1]["queued"]:
        pass
    await client.request("POST", f"/executions/{runs}/interrupt")
    await undoing
    assert await it.value("x") == "1"


async def test_executions_that_do_not_count_are_not_undone_one_by_one(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run("x = 1", checkpoint=True)
    await it.run("x = 2", silent=True)
    await it.undo()
    assert await it.value("'x' in globals()") == "False"


async def test_with_nothing_behind_it_there_is_nothing_to_undo(client: Client) -> None:
    it = await Traveller.new(client)
    assert await it.refusal("POST", "/undo") == (409, "nothing_to_undo", "There is no execution to undo")


async def test_an_execution_whose_checkpoint_cannot_be_taken_does_not_run(standing: Standing) -> None:
    async with Client(standing("--checkpoints", "1").url) as client:
        it = await Traveller.new(client)
        await it.keep()
        told = await post(client, "x = 1", contextId=it.id, checkpoint=True)
        assert told["outcome"] == "cancelled"
        assert told["error"]["name"] == "ContextError"
        assert told["error"]["value"].startswith("the context has 1 checkpoint")
        result = await client.run("x = 1", it.id, checkpoint=True)
        assert result.error is not None
        assert "the context has 1 checkpoint" in result.error["value"]
        assert await it.run("print('x' in globals())") == "False\n"
        assert (await it.ask("GET", ""))[1]["executionCount"] == 1


async def test_every_native_way_of_submitting_takes_the_option(client: Client) -> None:
    it = await Traveller.new(client)
    await client.run("x = 1", it.id, checkpoint=True)
    await client.run("x = 2", it.id, checkpoint=True, events="v2")
    await wait(client, await start(client, "x = 3", contextId=it.id, checkpoint=True))
    async with open_session(client) as session:
        await session.send(op="execute", requestId="r", code="x = 4", contextId=it.id, checkpoint=True)
        await session.wait("r", "completed")
    assert len(await it.kept()) == 4
    for number in (3, 2, 1):
        await it.undo()
        assert await it.value("x") == str(number)
    status, told = await client.request("POST", "/execute", json={"code": "pass", "checkpoint": "yes"})
    assert (status, told["error"]) == (400, "checkpoint must be true or false")


async def test_whatever_is_done_the_state_is_that_of_a_model(client: Client) -> None:
    """Executions, checkpoints, ways back and undos in any order."""
    chance = random.Random(seed := random.randrange(1 << 32))
    it = await Traveller.new(client)
    await it.run("log = []")
    log: list[int] = []
    undos: list[list[int]] = []  # the states before executions with a checkpoint, up to one without
    kept: dict[str, tuple[list[int], list[list[int]]]] = {}
    for number in range(24):
        act = chance.choice(["run", "run", "checkpointed", "checkpointed", "keep", "restore", "undo", "undo"])
        if act == "run":
            await it.run(f"log.append({number})")
            log, undos = [*log, number], []
        elif act == "checkpointed":
            await it.run(f"log.append({number})", checkpoint=True)
            log, undos = [*log, number], [*undos, log]
        elif act == "keep" and len(kept) < 4:
            kept[(await it.keep())["id"]] = (log, undos)
        elif act == "restore" and kept:
            key = chance.choice(list(kept))
            await it.restore(key)
            log, undos = kept[key]
        elif act == "undo" and undos and len(undos) <= 10:
            await it.undo()
            log, undos = undos[-1], undos[:-1]
        elif act == "undo" and not undos:
            assert (await it.refusal("POST", "/undo"))[1] == "nothing_to_undo", seed
        if act in ("restore", "undo"):
            assert await it.value("log") == str(log), (seed, act)
    assert await it.value("log") == str(log), seed
