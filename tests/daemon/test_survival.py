"""Contexts that outlive a daemon, however it ends, and contexts that hibernate."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from harness import Client, Daemon, children, gone
from standing import SharedDaemon

Start = Callable[..., Awaitable[Daemon]]
LIVES: Final = 6
CONTEXTS: Final = 3
STEP: Final = "n = globals().get('n', 0) + 1; m = {}; m[n] = n; print(n)"


async def until(client: Client, context: str, state: str) -> None:
    """Wait until a context is in ``state``: to ask takes a moment."""
    while (await client.request("GET", f"/context/{context}"))[1]["state"] != state:
        pass


async def killed(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGKILL)
    await daemon.ended()


async def restored(client: Client, context: str, code: str = "pass") -> list[dict[str, Any]]:
    """Run ``code``; return its messages."""
    return (await client.run(code, context, events="v2")).messages


async def test_a_context_hibernates_and_comes_back_with_everything(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create(envs={"ANSWER": "42"})
        await client.run("import os\ndef f():\n    return x\nx = [1]; y = x", context)
        status, body = await client.request("POST", f"/context/{context}/hibernate")
        assert (status, body["state"], body["active"]) == (200, "hibernating", False)
        assert "persistent" not in body
        _, body = await client.request("PATCH", f"/context/{context}", json={"metadata": {"a": "b"}})
        assert (body["state"], body["metadata"], body["executionCount"]) == ("hibernating", {"a": "b"}, 1)
        messages = await restored(client, context, "y.append(2); print(f(), os.environ['ANSWER'])")
        kinds = [it["type"] for it in messages]
        assert kinds.index("restored") < kinds.index("stdout")
        event = messages[kinds.index("restored")]
        assert (event["checkpoint"], event["missing"]) == (None, [])
        assert isinstance(event["archive"], str)
        assert messages[kinds.index("stdout")]["text"] == "[1, 2] 42\n"
        assert "restarted" not in [it.get("text") for it in messages]
        _, body = await client.request("GET", f"/context/{context}")
        assert (body["state"], body["executionCount"]) == ("idle", 2)


async def test_clients_of_version_1_see_only_the_result(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create()
        await client.run("x = 1", context)
        await client.request("POST", f"/context/{context}/hibernate")
        assert (await client.run("print(x)", context)).messages == [
            {"type": "stdout", "text": "1\n"},
            {"type": "control", "text": "completed"},
        ]


async def test_a_context_that_would_lose_something_stays(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create()
        await client.run("g = (i for i in range(3))", context)
        status, body = await client.request("POST", f"/context/{context}/hibernate")
        assert (status, body["code"], [it["name"] for it in body["skipped"]]) == (409, "not_saved_whole", ["g"])
        await client.run("del g; import threading; e = threading.Event\nev = e()", context)
        await client.run("t = threading.Thread(target=ev.wait, name='mine'); t.start()", context)
        status, body = await client.request("POST", f"/context/{context}/hibernate")
        assert (status, body["code"]) == (409, "not_saved_whole")
        assert "mine" in body["error"]
        assert (await client.run("ev.set(); t.join(); print('here')", context)).stdout == "here\n"
        await client.run("del t, ev", context)
        assert (await client.request("POST", f"/context/{context}/hibernate"))[0] == 200
        await client.request("DELETE", f"/context/{context}")


async def test_looks_and_archives_wake_a_context(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create()
        await client.run("apple = 1", context)
        for method, path, json in [
            ("GET", "variables", None),
            ("POST", "complete", {"code": "app", "cursor": 3}),
            ("POST", "archive", {}),
        ]:
            assert (await client.request("POST", f"/context/{context}/hibernate"))[0] == 200
            status, body = await client.request(method, f"/context/{context}/{path}", json=json)
            assert status == 200, body
            assert "apple" in str(body)
            assert (await client.request("GET", f"/context/{context}"))[1]["state"] == "idle"


async def test_a_fork_wakes_a_context_and_is_persistent_as_it_is(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create(persistent=True)
        await client.run("x = 1", context)
        assert (await client.request("POST", f"/context/{context}/hibernate"))[1]["persistent"]
        _, same = await client.request("POST", f"/context/{context}/fork", json={})
        _, own = await client.request("POST", f"/context/{context}/fork", json={"cwd": "copy"})
        (first,), (second,) = same["contexts"], own["contexts"]
        assert (first["persistent"], "persistent" in second) == (True, False)
        for fork in (first, second):
            assert (await client.run("print(x)", fork["id"])).stdout == "1\n"


async def test_a_checkpoint_stays_while_its_context_hibernates(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create()
        await client.run("x = 1", context)
        await client.request("POST", f"/context/{context}/checkpoints", json={"name": "one"})
        await client.run("x = 2", context)
        assert (await client.request("POST", f"/context/{context}/hibernate"))[0] == 200
        assert (await client.request("POST", f"/context/{context}/restore", json={"checkpoint": "one"}))[0] == 200
        assert (await client.run("print(x)", context)).stdout == "1\n"


async def test_a_restart_of_a_hibernating_context_begins_anew(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing("--state-dir", "state").url) as client:
        context = await client.create()
        await client.run("x = 1", context)
        await client.request("POST", f"/context/{context}/hibernate")
        assert (await client.request("POST", f"/context/{context}/restart"))[1]["state"] == "idle"
        assert (await client.run("print('x' in globals())", context)).stdout == "False\n"


async def test_an_idle_context_hibernates_by_itself(standing: Callable[..., SharedDaemon]) -> None:
    daemon = standing("--state-dir", "state", "--hibernate-after-s", "0.05")
    async with Client(daemon.url) as client:
        context = await client.create()
        await client.run("x = 1", context)
        await until(client, context, "hibernating")
        assert (await client.run("print(x)", context)).stdout == "1\n"
        await client.run("g = (i for i in range(3))", context)
        _, body = await client.request("POST", f"/context/{context}/hibernate")
        assert body["code"] == "not_saved_whole"


async def test_what_is_persistent_outlives_a_daemon_that_is_killed(start_daemon: Start, tmp_path: Path) -> None:
    flags = ("--state-dir", str(tmp_path / "state"), "--archive-after-s", "0", "--persistent")
    daemon = await start_daemon(*flags)
    async with Client(daemon.url) as client:
        kept = await client.create(metadata={"name": "kept"}, limits={"outputBytes": 1000})
        other = await client.create(persistent=False)
        gone = await client.create()
        for context in (kept, other, gone, "default"):
            await client.run("x = 1", context)
            if context != other:
                assert (await client.request("POST", f"/context/{context}/hibernate"))[0] == 200
        _, before = await client.request("GET", f"/context/{kept}")
        assert (await client.request("DELETE", f"/context/{gone}"))[0] == 200
    await killed(daemon)
    daemon = await start_daemon(*flags)
    async with Client(daemon.url) as client:
        _, listed = await client.request("GET", "/contexts")
        assert {it["id"]: it["state"] for it in listed["contexts"]} == {kept: "hibernating", "default": "hibernating"}
        assert (await client.request("GET", f"/context/{kept}"))[1] == before
        messages = await restored(client, kept, "print(x)")
        kinds = [it["type"] for it in messages]
        assert kinds.index("restored") < kinds.index("stdout")
        assert (await client.run("print(x)", "default")).stdout == "1\n"
        assert (await client.run("x = 2", kept)).error is None
    # SIGTERM: what has not been archived yet is archived.
    assert await daemon.stop() == 0
    daemon = await start_daemon(*flags[:2])
    async with Client(daemon.url) as client:
        assert (await client.run("print(x)", kept)).stdout == "2\n"
        for context in (kept, "default"):
            await client.request("DELETE", f"/context/{context}")


async def test_a_daemon_that_is_killed_at_any_moment_leaves_every_context_as_it_was_at_rest(
    start_daemon: Start, tmp_path: Path
) -> None:
    flags = ("--state-dir", str(tmp_path / "state"), "--archive-after-s", "0", "--persistent", "--pool-size", "1")
    chance = random.Random(1)
    contexts: list[str] = []
    counts: dict[str, int] = {}
    for _ in range(LIVES):
        daemon = await start_daemon(*flags)
        async with Client(daemon.url) as client:
            listed = (await client.request("GET", "/contexts"))[1]["contexts"]
            assert {it["id"]: it["state"] for it in listed} == dict.fromkeys(contexts, "hibernating")
            for context in contexts:
                result = await client.run("print(globals().get('n', 0), globals().get('m', {}))", context)
                count = int(result.stdout.split()[0])
                assert count <= counts[context]
                assert result.stdout == f"{count} { ({count: count} if count else {}) }\n"
                counts[context] = count
            while len(contexts) < CONTEXTS:
                contexts.append(await client.create())
                counts[contexts[-1]] = 0
            working = [asyncio.create_task(_work(client, context, counts)) for context in contexts]
            await asyncio.sleep(0.3 * chance.random())
            workers = children(daemon.pid)
            await killed(daemon)
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        await gone(*workers)
    assert sum(counts.values()) > 0


async def _work(client: Client, context: str, counts: dict[str, int]) -> None:
    while True:
        counts[context] += 1
        await client.run(STEP, context)


async def test_without_a_state_directory_nothing_can_be_persistent(standing: Callable[..., SharedDaemon]) -> None:
    async with Client(standing().url) as client:
        status, body = await client.request("POST", "/context", json={"persistent": True})
        assert (status, body["code"]) == (409, "no_state_directory")
        assert "--state-dir" in body["error"]
        context = await client.create()
        assert (await client.request("POST", f"/context/{context}/hibernate"))[1]["code"] == "no_state_directory"
