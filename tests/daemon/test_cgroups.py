"""Contexts in cgroups, on a machine where the tests may make some."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cgroup_tree import real_base
from harness import Client, Daemon, gone

StartDaemon = Callable[..., Awaitable[Daemon]]
ESCAPED = """
import ctypes, os, signal
print(open('/proc/self/cgroup').read().splitlines()[-1])
ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: this worker keeps its orphans no more
ours, theirs = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(theirs, b"%d" % os.getpid())
        while True: signal.pause()
    os._exit(0)
print(int(os.read(ours, 20)))
"""


@pytest.fixture
def base() -> Iterator[str]:
    """Yield a new cgroup of this machine; at the end it must be empty."""
    found = real_base()
    if found is None:
        pytest.skip("no cgroup (v2) in which this user may make others")
    path = f"{found}/interpreterd-test-{uuid.uuid4()}"
    os.mkdir(path)
    yield path
    os.rmdir(path)


def folders(base: str) -> list[str]:
    return sorted(it.name for it in Path(base).rglob("*") if it.is_dir())


async def test_a_worker_and_all_its_descendants_are_in_a_cgroup_that_goes_with_them(
    start_daemon: StartDaemon, base: str
) -> None:
    daemon = await start_daemon("--context-cgroups", base)
    async with Client(daemon.url) as client:
        context = await client.create()
        place, escaped = (await client.run(ESCAPED, context)).stdout.split()
        head, _, worker = place.rpartition("/")
        assert head.endswith(f"{base.rpartition('/')[2]}/interpreterd-{daemon.pid}")
        assert set(await asyncio.to_thread(folders, base)) == {worker, f"interpreterd-{daemon.pid}"}
        await client.request("POST", f"/context/{context}/restart")
        await gone(int(escaped))
        _, _, second = (await client.run(ESCAPED, context)).stdout.split()[0].rpartition("/")
        assert second != worker
        await client.request("DELETE", f"/context/{context}")
        left = [f"interpreterd-{daemon.pid}"]
        while await asyncio.to_thread(folders, base) != left:  # noqa: ASYNC110 -- no event tells that
            await asyncio.sleep(0.01)
    await daemon.stop()
    assert await asyncio.to_thread(folders, base) == []


async def test_a_daemon_with_a_cgroup_that_cannot_be_used_does_not_start(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--context-cgroups", "/sys/fs/cgroup/none-of-these")
    assert daemon.announced == {}
    assert b"interpreterd: no cgroups for contexts: /sys/fs/cgroup/none-of-these cannot be used" in daemon.log


async def test_checkpoints_outlive_a_worker_in_the_cgroup_which_the_next_one_joins(
    start_daemon: StartDaemon, base: str
) -> None:
    daemon = await start_daemon("--context-cgroups", base)
    async with Client(daemon.url) as client:
        context = await client.create()
        where = "print(open('/proc/self/cgroup').read().splitlines()[-1])"
        place = (await client.run(where, context, checkpoint=True)).stdout
        await client.run("import os; os._exit(1)", context)
        assert (await client.run(where, context)).stdout == place
        checkpoints = (await client.request("GET", f"/context/{context}/checkpoints"))[1]["checkpoints"]
        asked = {"checkpoint": checkpoints[0]["id"]}
        assert (await client.request("POST", f"/context/{context}/restore", json=asked))[0] == 200
        assert (await client.run(where, context)).stdout == place
        await client.run("import os; os._exit(1)", context)
        await client.request("DELETE", f"/context/{context}/checkpoints/{checkpoints[0]['id']}")
        while await asyncio.to_thread(folders, base) != [f"interpreterd-{daemon.pid}"]:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.01)
        assert (await client.run(where, context)).stdout != place
    await daemon.stop()


async def test_a_fork_has_a_cgroup_of_its_own(start_daemon: StartDaemon, base: str) -> None:
    daemon = await start_daemon("--context-cgroups", base)
    async with Client(daemon.url) as client:
        context = await client.create()
        where = "print(open('/proc/self/cgroup').read().splitlines()[-1])"
        places = {(await client.run(where, context)).stdout}
        body = (await client.request("POST", f"/context/{context}/fork", json={"count": 2}))[1]
        for fork in body["contexts"]:
            places.add((await client.run(where, fork["id"])).stdout)
        assert len(places) == 3
    await daemon.stop()
    assert await asyncio.to_thread(folders, base) == []
