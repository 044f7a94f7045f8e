"""``POST /context/{id}/fork``: the copies of a context, with each launcher, as clients see them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import PREFIX, Client, Daemon, Gate, alive, children, gone
from standing import SharedDaemon

StartDaemon = Callable[..., Awaitable[Daemon]]
Standing = Callable[..., SharedDaemon]


async def forked(client: Client, context: str, **keys: Any) -> dict[str, Any]:
    """Fork a context; return the answer."""
    status, body = await client.request("POST", f"/context/{context}/fork", json=keys)
    assert status == 200, body
    return dict(body)


async def copies_of(client: Client, context: str, **keys: Any) -> list[str]:
    """Fork a context; return the ids of the copies."""
    return [it["id"] for it in (await forked(client, context, **keys))["contexts"]]


async def printed(client: Client, context: str, code: str) -> str:
    """Run ``code``, which must not fail; return what it prints."""
    result = await client.run(code, context)
    assert result.error is None, result
    return str(result.stdout)


@pytest.mark.parametrize("flags", [(), ("--launcher", "fork"), ("--pool-size", "0")], ids=["pool", "fork", "no pool"])
async def test_each_copy_has_all_of_the_original_and_then_goes_its_own_way(standing: Standing, flags: Any) -> None:
    async with Client(standing(*flags).url) as client:
        original = await client.create(metadata={"a": "b"}, envs={"FROM": "request"})
        await client.run("import os, math\nx = [1]\nos.environ['SET'] = 'later'", original)
        body = await forked(client, original, count=2)
        assert [it["forkedFrom"] for it in body["contexts"]] == [original] * 2
        assert [it["metadata"] for it in body["contexts"]] == [{"a": "b"}] * 2
        assert [it["state"] for it in body["contexts"]] == ["idle"] * 2
        assert body["notCarried"] == []
        ids = [original, *(it["id"] for it in body["contexts"])]
        for number, context in enumerate(ids):
            code = f"x.append({number}); print(x, os.environ['FROM'], os.environ['SET'], math.floor(2.5))"
            assert await printed(client, context, code) == f"[1, {number}] request later 2\n"
        listed = [it["id"] for it in (await client.request("GET", "/contexts"))[1]["contexts"]]
        assert set(ids) <= set(listed)


async def test_numbers_of_cells_and_their_sources_go_on(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        await client.run("pass", original)
        await client.run("def fails():\n    return 1 / 0  # the line", original)
        (copy,) = await copies_of(client, original)
        assert (await client.request("GET", f"/context/{copy}"))[1]["executionCount"] == 2
        result = await client.run("fails()", copy)
        assert result.error is not None
        assert "return 1 / 0  # the line" in result.error["traceback"]


async def test_a_fork_waits_for_its_turn_and_executions_after_it_for_theirs(standing: Standing, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    async with Client(standing().url) as client:
        original = await client.create()
        async with client.running(f"print('go')\n{gate.wait}\nx = 1", contextId=original) as running:
            await running.until("go")
            asked = asyncio.create_task(copies_of(client, original))
            await client.request("GET", "/health")  # the fork waits by then
            later = asyncio.create_task(printed(client, original, "x = 2; print(x)"))
            while not (await client.request("GET", f"/context/{original}"))[1]["queued"]:
                pass
            assert not asked.done()
            gate.open()
            await running.finish()
            (copy,) = await asked
            assert await later == "2\n"
        assert await printed(client, copy, "print(x)") == "1\n"
    gate.close()


async def test_an_infinite_loop_is_interrupted_and_then_forked(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        async with client.running("x = 1\nprint('go')\nwhile True: pass", contextId=original) as running:
            await running.until("go")
            asked = asyncio.create_task(copies_of(client, original))
            await client.request("POST", f"/context/{original}/interrupt")
            await running.finish()
            (copy,) = await asked
        assert await printed(client, copy, "print(x)") == "1\n"


async def test_interrupts_of_each_are_its_own(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        (copy,) = await copies_of(client, original)
        loop = "print('go')\nwhile True: pass"
        async with (
            client.running(loop, contextId=original) as first,
            client.running(loop, contextId=copy) as second,
        ):
            await first.until("go")
            await second.until("go")
            await client.request("POST", f"/context/{copy}/interrupt")
            result = await second.finish()
            assert result.error is not None
            assert result.error["name"] == "KeyboardInterrupt"
            await client.request("POST", f"/context/{original}/interrupt")
            await first.finish()


async def test_deleting_and_ending_one_does_not_touch_the_others(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        await client.run("x = 5", original)
        first, second, third = await copies_of(client, original, count=3)
        (grandchild,) = await copies_of(client, first)
        await client.request("DELETE", f"/context/{original}")
        await client.request("DELETE", f"/context/{first}")
        await client.run("exit()", second)
        assert [await printed(client, it, "print(x)") for it in (third, grandchild)] == ["5\n", "5\n"]
        result = await client.run("print(x)", second)
        assert result.error is not None
        assert result.error["name"] == "NameError", "a copy's next worker is a new one"


async def test_the_default_context_can_be_forked_also_before_its_first_use(standing: Standing) -> None:
    async with Client(standing().url) as client:
        await client.run("of_default = 3")
        (copy,) = await copies_of(client, "default")
        assert await printed(client, copy, "print(of_default)") == "3\n"
        status, _ = await client.request("DELETE", f"/context/{copy}")
        assert status == 200


async def test_a_dead_context_gets_a_worker_first(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        await client.run("exit()", original)
        (copy,) = await copies_of(client, original)
        assert await printed(client, copy, "print(1)") == "1\n"


async def test_what_is_not_carried_is_listed_and_strict_refuses_it(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        await client.run("import threading, random\ngo = threading.Event()", original)
        await client.run("threading.Thread(target=go.wait, name='mine', daemon=True).start()", original)
        status, body = await client.request("POST", f"/context/{original}/fork", json={"strict": True})
        assert (status, body["code"], body["notCarried"]) == (409, "not_carried", [{"kind": "thread", "name": "mine"}])
        assert "thread mine" in body["error"]
        body = await forked(client, original)
        assert body["notCarried"] == [{"kind": "thread", "name": "mine"}]
        assert "random" in body["reseeded"]
        await client.run("go.set()", original)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 64"),
        ({"count": 65}, "count must be a whole number from 1 to 64"),
        ({"count": True}, "count must be"),
        ({"cwd": "elsewhere"}, "cwd must be"),
        ({"strict": "yes"}, "strict must be"),
        ({"metadata": {"a": 1}}, "metadata"),
        ([], "the body must be"),
    ],
    ids=str,
)
async def test_bad_requests_name_the_field(standing: Standing, body: Any, message: str) -> None:
    async with Client(standing().url) as client:
        status, answer = await client.request("POST", "/context/default/fork", json=body)
        assert status in (400, 422)
        assert message in answer["error"]
        status, answer = await client.request("POST", "/context/nobody/fork", json={})
        assert (status, answer["code"]) == (404, "context_not_found")


async def test_the_limit_of_contexts_holds_for_all_copies_together(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--max-contexts", "4")
    async with Client(daemon.url) as client:
        original = await client.create()
        before = children(daemon.pid)
        status, body = await client.request("POST", f"/context/{original}/fork", json={"count": 4})
        assert (status, body["code"]) == (503, "limit_reached")
        assert len(await copies_of(client, original, count=3)) == 3
        status, _ = await client.request("POST", f"/context/{original}/fork", json={})
        assert status == 503
        assert set(before) <= set(children(daemon.pid))


async def test_a_client_whose_connection_breaks_leaves_no_copies(standing: Standing, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    daemon = standing()
    async with Client(daemon.url) as client:
        original = await client.create()
        await client.run(f"import os\nos.register_at_fork(after_in_child=lambda: exec({gate.wait!r}))", original)
        address = daemon.url.removeprefix("http://").rpartition(":")
        _, writer = await asyncio.open_connection(address[0], int(address[2]))
        writer.write(f"POST {PREFIX}/context/{original}/fork HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while (await client.request("GET", f"/context/{original}"))[1]["state"] != "busy":
            pass
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        gate.open()
        assert await printed(client, original, "print(1)") == "1\n"
        listed = (await client.request("GET", "/contexts"))[1]["contexts"]
        assert [it for it in listed if it.get("forkedFrom") == original] == []
    gate.close()


async def test_a_killed_daemon_takes_all_copies_along(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    async with Client(daemon.url) as client:
        original = await client.create()
        ids = [original, *await copies_of(client, original, count=2)]
        pids = [int(await printed(client, it, "import os; print(os.getpid())")) for it in ids]
        daemon.process.send_signal(signal.SIGKILL)
        await gone(*pids)
        assert not any(map(alive, pids))


async def test_sixty_four_copies_work(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create()
        await client.run("x = 7", original)
        ids = await copies_of(client, original, count=64)
        assert len(set(ids)) == 64
        answers = await asyncio.gather(*(printed(client, it, "import os; print(x, os.getpid())") for it in ids))
        assert len(set(answers)) == 64
        assert {it.split()[0] for it in answers} == {"7"}


async def test_copies_do_not_count_as_processes_of_the_original(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create(limits={"processes": 4})
        pid = await printed(client, original, "import os; print(os.getpid())")
        for _ in range(2):
            for copy in await copies_of(client, original, count=32):
                await client.request("DELETE", f"/context/{copy}")
        assert await printed(client, original, "import os; print(os.getpid())") == pid


async def test_limits_and_timeouts_of_the_original_hold_in_a_copy(standing: Standing) -> None:
    async with Client(standing().url) as client:
        original = await client.create(limits={"executionSeconds": 0.3, "memoryBytes": 256 << 20})
        body = await forked(client, original)
        assert body["contexts"][0]["limits"] == (await client.request("GET", f"/context/{original}"))[1]["limits"]
        copy = body["contexts"][0]["id"]
        result = await client.run("while True: pass", copy)
        assert result.error is not None
        result = await client.run("b = bytearray(1 << 30)", copy)
        assert result.error is not None
        assert result.error["name"] == "MemoryError"


async def test_a_copy_of_a_directory_is_the_copys_own(standing: Standing, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "data").write_text("first")
    async with Client(standing().url) as client:
        original = await client.create(cwd=str(work))
        first, second = await copies_of(client, original, count=2, cwd="copy")
        await client.run("open('data', 'w').write('second')", first)
        assert await printed(client, second, "print(open('data').read())") == "first\n"
        assert (work / "data").read_text() == "first"
        place = Path((await printed(client, first, "import os; print(os.getcwd())"))[:-1])
        assert place != work
        assert (await client.request("GET", f"/context/{first}"))[1]["cwd"] == str(place)
        await client.run("exit()", first)
        assert await printed(client, first, "print(open('data').read())") == "second\n", "also its next worker is there"
        await client.request("DELETE", f"/context/{first}")
        assert not await asyncio.to_thread(place.exists)
        assert os.listdir(work) == ["data"]
