"""Checkpoints of code that means harm, and of isolated contexts: others are not affected, and limits hold."""

import os
import signal
from collections.abc import Callable

import pytest
from going_back import Traveller, copies_named
from harness import Client
from posting import post
from standing import SharedDaemon

Standing = Callable[..., SharedDaemon]
# In a copy, it floods both outputs, and lies on every socket that it finds.
MEDDLING = """
import os, socket, threading

def meddle():
    for fd in os.listdir("/proc/self/fd"):
        try:
            socket.socket(fileno=os.dup(int(fd))).send(b'{"type":"done","id":"x","error":null}\\n' * 99)
        except OSError:
            pass

os.register_at_fork(after_in_child=meddle)
x = 1
"""


@pytest.mark.parametrize("profile", ["standard", "strict"])
async def test_isolated_contexts_go_back_and_stay_isolated(client: Client, profile: str) -> None:
    it = await Traveller.new(client, isolation=profile)
    look = (
        "import os; print(x, os.path.exists('/root'), open('/proc/self/status').read().split('Seccomp:')[1].split()[0])"
    )
    await it.run("x = 1")
    before = await it.run(look)
    kept = await it.keep()
    await it.run("x = 2", checkpoint=True)
    await it.restore(kept["id"])
    assert await it.run(look) == before
    await it.run("x = 3", checkpoint=True)
    await it.undo()
    assert await it.run(look) == before
    told = await post(client, "import os; os.abort()", contextId=it.id, checkpoint=True)
    assert told["outcome"] == "lost"
    await it.undo()
    assert await it.run(look) == before


async def test_code_that_runs_in_a_copy_harms_only_its_own_checkpoints(client: Client) -> None:
    """Whatever comes of it, each request has a clear answer, and other contexts are as before."""
    it, other = await Traveller.new(client), await Traveller.new(client)
    await other.run("y = 1")
    kept = await other.keep()
    await it.run(MEDDLING)
    status, told = await it.ask("POST", "/checkpoints", {})
    assert status == 200 or (status, told["code"]) == (500, "operation_failed"), told
    told = await post(client, "print('here')", contextId=it.id, checkpoint=True)
    assert told["outcome"] in ("completed", "cancelled"), told
    await it.ask("POST", "/undo")
    assert (await post(client, "print('here')", contextId=it.id))["stdout"] == "here\n"
    await other.run("y = 2")
    await other.restore(kept["id"])
    assert await other.value("y") == "1"


async def test_a_stopped_or_killed_copy_is_not_missed_by_its_context(client: Client, standing: Standing) -> None:
    it = await Traveller.new(client)
    name = await it.mark()
    worker = int(await it.value("__import__('os').getpid()"))
    for _ in range(3):
        await it.keep()
    first, second, _ = sorted(await copies_named(standing().pid, name, worker))
    os.kill(first, signal.SIGSTOP)
    os.kill(second, signal.SIGKILL)
    while len(await it.kept()) > 2:
        pass
    assert await it.run("print('here')") == "here\n"
    await client.request("DELETE", f"/context/{it.id}")
    assert await copies_named(standing().pid, name) == set()
