"""Checkpoints of contexts with real workers: taken, listed, gone back to, deleted."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from following import following
from going_back import Traveller, copies_named
from harness import Client, alive, gone
from posting import start, wait
from standing import SharedDaemon

Standing = Callable[..., SharedDaemon]


@pytest.fixture(params=["spawn", "fork"])
def launcher(request: pytest.FixtureRequest, standing: Standing) -> SharedDaemon:
    return standing("--launcher", request.param)


async def kept_with_copy(it: Traveller, daemon: int) -> tuple[dict[str, Any], int]:
    """Take a checkpoint; return it, and the pid of its process."""
    name, worker = await it.mark(), int(await it.value("__import__('os').getpid()"))
    kept = await it.keep()
    (copy,) = await copies_named(daemon, name, worker)
    return kept, copy


async def test_a_context_becomes_again_what_it_was_as_often_as_wanted(launcher: SharedDaemon) -> None:
    async with Client(launcher.url) as client:
        it = await Traveller.new(client)
        await it.run("def grow(): seen.append(len(seen))\nseen = []; grow()\nimport os; os.environ['A'] = '1'")
        kept = await it.keep("start")
        assert (kept["name"], kept["automatic"], kept["executionCount"]) == ("start", False, 1)
        assert kept["notCarried"] == []
        assert 0 < kept["memoryBytes"] < 8 << 20
        for key in ("start", kept["id"], "start"):
            assert await it.run("grow(); os.environ['A'] = '2'; print(seen)") == "[0, 1]\n"
            told = await it.restore(key)
            assert (told["id"], told["state"]) == (it.id, "idle")
            assert (told["restored"]["id"], told["restored"]["name"]) == (kept["id"], "start")
            assert await it.run("print(seen, os.environ['A'])") == "[0] 1\n"
        assert [(one["id"], one["createdAt"]) for one in await it.kept()] == [(kept["id"], kept["createdAt"])]


async def test_numbers_go_on_and_followers_are_told(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run("a = 1")
    kept = await it.keep()
    await it.run("a = 2")
    async with following(client, f"/context/{it.id}/events", "ndjson") as events:
        await it.restore(kept["id"])
        told = await anext(events)
        assert told["type"] == "restored"
        assert told["checkpoint"] == {"id": kept["id"], "name": ""}
        assert (told["archive"], told["missing"], told["executionId"]) == (None, [], None)
        await it.run("print(a)")
        kinds = []
        while (event := await anext(events)).get("text") != "completed":
            kinds.append((event["type"], event.get("text"), event.get("executionCount")))
    assert ("control", "started", 3) in kinds
    assert ("stdout", "1\n", None) in kinds
    assert not [it for it in kinds if it[0] == "workerEnded" or it[1] == "restarted"], "the namespace is not lost"


async def test_it_takes_its_turn_like_an_execution(client: Client) -> None:
    it = await Traveller.new(client)
    kept = await it.keep()
    runs = await start(
        client, "print('here', flush=True)\ninput_ = open(0)\nwhile 'go' not in globals(): pass", contextId=it.id
    )
    await wait(client, runs, "here\n")
    restoring = asyncio.create_task(it.ask("POST", "/restore", {"checkpoint": kept["id"]}))
    after = await start(client, "print('runs' in globals())", contextId=it.id)
    assert (await it.ask("GET", ""))[1]["state"] == "busy"
    await client.request("POST", f"/executions/{runs}/interrupt")
    assert (await restoring)[0] == 200
    assert "".join(one["text"] for one in await wait(client, after) if one["type"] == "stdout") == "False\n"


async def test_the_new_worker_does_all_that_the_old_one_did(client: Client) -> None:
    """Interrupts, input, and a crash, which costs its worker and no checkpoint."""
    it = await Traveller.new(client)
    await it.run("x = 1")
    kept = await it.keep()
    await it.restore(kept["id"])
    runs = await start(client, "print('here', flush=True)\nwhile True: pass", contextId=it.id)
    await wait(client, runs, "here\n")
    await client.request("POST", f"/executions/{runs}/interrupt")
    assert (await wait(client, runs))[-1]["text"] == "interrupted"
    async with client.running("print(input('? '))", contextId=it.id, stdin=True, events="v2") as running:
        while (await running.next() or {})["type"] != "inputRequest":
            pass
        await running.socket.send_json({"op": "input", "text": "yes"})
        assert "yes\n" in (await running.finish()).stdout
    told = await client.run("import os; os.abort()", it.id)
    assert told.error is not None
    assert "SIGABRT" in told.error["value"]
    await it.restore(kept["id"])
    assert await it.run("print(x)") == "1\n"
    assert (
        await it.run("import subprocess; print(subprocess.run(['echo', 'a'], capture_output=True).stdout)")
        == "b'a\\n'\n"
    )


async def test_what_is_wrong_is_said_in_a_sentence(client: Client) -> None:
    it = await Traveller.new(client)
    await it.keep("mine")
    assert await it.refusal("POST", "/restore", {"checkpoint": "yours"}) == (
        404,
        "checkpoint_not_found",
        "Checkpoint not found: yours",
    )
    assert await it.refusal("DELETE", "/checkpoints/yours") == (
        404,
        "checkpoint_not_found",
        "Checkpoint not found: yours",
    )
    status, code, sentence = await it.refusal("POST", "/checkpoints", {"name": "mine"})
    assert (status, code) == (409, "checkpoint_exists")
    assert sentence == "The context has a checkpoint mine: delete it, or choose another name"
    for path, body in (("/checkpoints", {"name": "x" * 257}), ("/restore", {}), ("/restore", {"checkpoint": ""})):
        assert (await it.refusal("POST", path, body))[:2] == (400, "invalid_request"), body
    for path, body in (("/checkpoints", {"name": 1}), ("/checkpoints", []), ("/restore", {"checkpoint": 5})):
        assert (await it.refusal("POST", path, body))[:2] == (400, "malformed_request"), body
    for method, path in (("POST", "/checkpoints"), ("GET", "/checkpoints"), ("POST", "/undo")):
        status, told = await client.request(method, f"/context/unknown{path}")
        assert (status, told["code"]) == (404, "context_not_found")


async def test_a_deleted_checkpoint_is_gone_with_its_process(client: Client, url: str, standing: Standing) -> None:
    it = await Traveller.new(client)
    kept, copy = await kept_with_copy(it, standing().pid)
    status, told = await it.ask("DELETE", f"/checkpoints/{kept['id']}")
    assert (status, told) == (200, {"message": "Checkpoint deleted successfully"})
    assert not alive(copy)
    assert await it.kept() == []
    assert (await it.refusal("POST", "/restore", {"checkpoint": kept["id"]}))[0] == 404


async def test_a_copy_that_is_killed_leaves_the_list_and_nothing_else_changes(
    client: Client, standing: Standing
) -> None:
    it = await Traveller.new(client)
    await it.run("x = 1")
    kept, copy = await kept_with_copy(it, standing().pid)
    await it.run(f"import os; os.kill({copy}, {int(signal.SIGKILL)})")
    await gone(copy)
    while await it.kept():
        pass
    assert (await it.refusal("POST", "/restore", {"checkpoint": kept["id"]}))[0] == 404
    assert await it.run("print(x)") == "1\n"


async def test_checkpoints_end_with_their_context_and_survive_a_restart(client: Client, standing: Standing) -> None:
    it = await Traveller.new(client)
    await it.run("x = 1")
    kept, copy = await kept_with_copy(it, standing().pid)
    await it.run("y = 2", checkpoint=True)
    await it.ask("POST", "/restart")
    assert await it.run("print('x' in globals())") == "False\n"
    await it.restore(kept["id"])
    assert await it.run("print(x, 'y' in globals())") == "1 False\n"
    name = (await it.value("open('/proc/self/comm').read()")).strip()
    assert len(await copies_named(standing().pid, name)) == 3
    await client.request("DELETE", f"/context/{it.id}")
    assert not alive(copy)
    assert await copies_named(standing().pid, name) == set()


async def test_a_restore_that_cannot_be_done_leaves_the_context_as_it_was(client: Client, standing: Standing) -> None:
    """The process of the checkpoint is stopped, and killed while it is asked for a copy."""
    it = await Traveller.new(client)
    kept, copy = await kept_with_copy(it, standing().pid)
    await it.run("x = 1")
    os.kill(copy, signal.SIGSTOP)
    restoring = asyncio.create_task(it.ask("POST", "/restore", {"checkpoint": kept["id"]}))
    while (await it.ask("GET", ""))[1]["state"] != "busy":
        pass
    os.kill(copy, signal.SIGKILL)
    status, told = await restoring
    assert (status, told["code"]) == (404, "checkpoint_not_found"), told
    assert await it.run("print(x)") == "1\n"
    assert (await it.ask("GET", ""))[1]["state"] == "idle"
