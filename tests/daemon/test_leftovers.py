"""No process of a context outlives it, even if it tries to escape; no other resource of a context outlives it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from attrs import frozen
from escaping import Witness, escape
from harness import Client, Daemon, children, gone
from leaving import comes, holds
from standing import SharedDaemon

StartDaemon = Callable[..., Awaitable[Daemon]]
LAUNCHERS = pytest.mark.parametrize("launcher", ["spawn", "fork"])


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Yield a witness of all processes that are started after ``hold``."""
    witness = Witness(tmp_path / "witness")
    yield witness
    witness.close()


@LAUNCHERS
@pytest.mark.parametrize("ending", ["deleted", "worker killed", "exit"])
async def test_no_process_escapes_from_a_context(
    standing: Callable[..., SharedDaemon], witness: Witness, launcher: str, ending: str
) -> None:
    """Afterwards the daemon has the same children as before, without a zombie."""
    daemon = standing("--launcher", launcher, "--pool-size", "0")
    async with Client(daemon.url) as client:
        await client.request("DELETE", f"/context/{await client.create()}")  # starts the daemon's own processes
        before = children(daemon.pid)
        context = await client.create()
        code = escape(witness, "exit()") if ending == "exit" else escape(witness)
        async with client.running(code, contextId=context) as running:
            await running.until("\n")
            worker = int(running.result.stdout)
            if ending == "deleted":
                await client.request("DELETE", f"/context/{context}")
            elif ending == "worker killed":
                os.kill(worker, signal.SIGKILL)
            await running.finish()
        await gone(worker)
        await witness.gone()
        if ending != "deleted":
            assert (await client.run("print('next')", context)).stdout == "next\n"
            await client.request("DELETE", f"/context/{context}")
        await holds(lambda: set(children(daemon.pid)) <= set(before))


@LAUNCHERS
async def test_no_process_escapes_from_a_daemon_that_was_killed(
    start_daemon: StartDaemon, witness: Witness, launcher: str
) -> None:
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client, client.running(escape(witness)) as running:
        await running.until("\n")
        below = children(daemon.pid)
        daemon.process.kill()
        await gone(int(running.result.stdout), *below)
        await witness.gone()


# Cycles

CYCLES = {"spawn": 24, "fork": 36}
LIVES = {
    "completes": "print('x' * 10_000)",
    "fails": "1 / 0",
    "exits": "exit()",
    "dies": "import os; os._exit(3)",
    "leaves a child": "import subprocess; subprocess.Popen(['sleep', '1000'])",
    "runs on": "import time; print('on', flush=True); time.sleep(1000)",
}


async def live(client: Client, code: str) -> None:
    """Create a context, run ``code`` in it, and delete it. Code that runs on is not waited for."""
    context = await client.create()
    async with client.running(code, contextId=context) as running:
        if "sleep(1000)" in code:
            await running.until("on")
        else:
            await running.finish()
    assert (await client.request("DELETE", f"/context/{context}"))[0] == 200


@frozen
class Belongings:
    """The resources of a daemon.

    Attributes:
        descriptors: The targets of its descriptors. Sockets and pipes have unique names.
        children: Pids of its children, also zombies.
    """

    descriptors: set[str]
    children: list[int]
    threads: list[str]

    def no_more_than(self, before: Self) -> bool:
        """Return whether there is no new resource since ``before``."""
        same = (self.children, self.threads) == (before.children, before.threads)
        return same and self.descriptors <= before.descriptors


def belongings(pid: int) -> Belongings:
    """Return the resources of a daemon."""
    folder = Path(f"/proc/{pid}/fd")
    descriptors = set()
    for fd in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # closed since the listing
            descriptors.add(os.readlink(folder / fd))
    return Belongings(descriptors, children(pid), os.listdir(f"/proc/{pid}/task"))


@LAUNCHERS
async def test_cycles_leave_nothing(start_daemon: StartDaemon, tmp_path: Path, launcher: str) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0", env={"TMPDIR": str(temporary)})
    async with Client(daemon.url) as client:
        await live(client, LIVES["completes"])
    before = await settled(daemon)
    async with Client(daemon.url) as client:

        async def lives(number: int) -> None:
            codes = list(LIVES.values())
            for cycle in range(number, CYCLES[launcher], 4):
                await live(client, codes[cycle % len(codes)])

        await asyncio.gather(*map(lives, range(4)))

    async def nothing_is_added() -> bool:
        return (await settled(daemon)).no_more_than(before)

    await comes(nothing_is_added)  # the daemon notices a connection's end a moment later
    assert list(temporary.iterdir()) == []


async def settled(daemon: Daemon) -> Belongings:
    """Return the daemon's resources after it has answered a request."""
    async with Client(daemon.url) as client:
        assert (await client.request("GET", "/contexts"))[1] == {"contexts": []}
    return belongings(daemon.pid)


# tests/test_leftovers.py counts tasks and timers, which needs the application in the test's own process.
