"""Copies of isolated workers: as isolated as their original, from the machine, from it and from each other."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import evolve
from blockbuster import BlockBuster
from branched import Bench, Coder, bench
from confined import abilities
from harness import gone, state

from interpreterd.model.isolation import Isolation, usual_network
from interpreterd.model.state_errors import NotForkable
from interpreterd.workers.anchors import Anchor
from interpreterd.workers.domains import DOMAINS_LIMIT
from interpreterd.workers.isolation.abilities import Abilities
from interpreterd.workers.isolation.directories import PrivateRoot
from interpreterd.workers.isolation.profiles import plan
from interpreterd.workers.isolation.tracing import why_no_loopback

PROFILES = pytest.mark.parametrize("profile", ["standard", "strict"])
SERVER = """
import os, socket
server = socket.create_server(("127.0.0.1", 0))
def reach(name):
    try:
        socket.create_connection(name, 5).close()
        return "reached"
    except OSError as error:
        return type(error).__name__
"""
REACH = """
import os
def reach(*pids):
    found = []
    for pid in pids:
        for attempt in (
            lambda: os.kill(pid, 0),
            lambda: open(f"/proc/{pid}/mem"),
            lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0)),
        ):
            try:
                attempt()
                found.append(pid)
            except (PermissionError, FileNotFoundError):
                pass
    return found
"""


@pytest.fixture
async def isolating(tmp_path: Path, no_blocking: BlockBuster) -> AsyncIterator["Isolating"]:
    """Yield a bench whose workers are isolated."""
    no_blocking.deactivate()  # the launcher reads the worker's files once
    (tmp_path / "work").mkdir()
    async with bench(tmp_path / "work") as it:
        isolating = Isolating(it, tmp_path)
        yield isolating
        await isolating.close()


def machine(python: str) -> Abilities:
    """Return what this machine can do, as a daemon finds out."""
    return evolve(abilities(python), loopback=why_no_loopback() is None)


class Isolating:
    """Makes isolated workers."""

    def __init__(self, bench: Bench, parent: Path) -> None:
        self.bench = bench
        self._parent = parent
        self.roots: list[PrivateRoot] = []
        self.anchors: list[Anchor] = []

    async def worker(self, profile: str, code: str = "", **changed: object) -> Coder:
        """Return a worker of this profile that has run ``code``."""
        self.roots.append(PrivateRoot(str(self._parent)))
        isolation = Isolation(profile=profile, **{"network": usual_network(profile), **changed})  # type: ignore[arg-type]
        private = self.roots[-1].make()
        planned = plan(isolation, machine(self.bench.python), cwd=str(self.bench.cwd), private=private)
        coder = await self.bench.worker(code, confine=planned.confinement)
        if (anchor := coder.worker.answering.anchor) is not None:
            self.anchors.append(anchor)
        return coder

    async def close(self) -> None:
        """Kill all workers, and wait until nothing is left."""
        await self.bench.close()
        for anchor in self.anchors:
            while anchor.pid is not None:  # noqa: ASYNC110 -- no event tells when it is seen to have ended
                await asyncio.sleep(0.001)
        for root in self.roots:
            root.close()


@PROFILES
async def test_copies_go_their_own_way_and_outlive_their_original(isolating: Isolating, profile: str) -> None:
    original = await isolating.worker(profile, "x = [1]")
    copies, told = await isolating.bench.branched(original, copies=2)
    assert told.lost == ()
    for number, coder in enumerate((original, *copies)):
        assert await coder.run(f"x.append({number}); print(x)") == f"[1, {number}]\n"
    await original.end()
    again = await isolating.bench.copy(copies[0])
    await copies[0].end()
    for coder, number in ((copies[1], 2), (again, 1)):
        code = "import os, subprocess; print(x, subprocess.check_output('echo here', shell=True).decode())"
        assert await coder.run(code) == f"[1, {number}] here\n\n"


@PROFILES
async def test_copies_are_as_isolated_as_their_original(isolating: Isolating, tmp_path: Path, profile: str) -> None:
    (tmp_path / "outside").write_text("secret")
    original = await isolating.worker(profile)
    copy = await isolating.bench.copy(original)
    assert "Error" in await copy.fails(f"open({str(tmp_path / 'outside')!r})")
    assert "Error" in await copy.fails(f"open({str(tmp_path / 'other')!r}, 'w')")
    status = "print(*[line.split()[1] for line in open('/proc/self/status') if line[:6] in ('NoNewP', 'CapEff')])"
    assert await copy.run(status) == await original.run(status)
    assert await copy.run("import os, tempfile; open('made', 'w').close(); tempfile.mkdtemp(); print(1)") == "1\n"


@PROFILES
async def test_copies_and_their_original_do_not_reach_each_other(isolating: Isolating, profile: str) -> None:
    original = await isolating.worker(profile, REACH)
    copies, _ = await isolating.bench.branched(original, copies=2)
    everyone = (original, *copies)
    pids = [int(await coder.run("print(os.getpid())")) for coder in everyone]
    for coder, own in zip(everyone, pids, strict=True):
        assert await coder.run(f"print(reach(*{[pid for pid in pids if pid != own]}))") == "[]\n"
        assert await coder.run("child = os.fork() or os.read(os.pipe()[0], 1); os.kill(child, 9); os.wait()") == ""


async def test_the_servers_of_a_copy_are_its_own(isolating: Isolating) -> None:
    original = await isolating.worker("standard", SERVER)
    if not machine(isolating.bench.python).loopback:
        pytest.skip("contexts are not connected to their own servers here")
    copy = await isolating.bench.copy(original)
    name = (await original.run("print(server.getsockname())")).strip()
    await copy.run("server.close(); server = socket.create_server(('127.0.0.1', 0))")
    other = (await copy.run("print(server.getsockname())")).strip()
    assert await original.run(f"print(reach({name}), reach({other}))") == "reached PermissionError\n"
    assert await copy.run(f"print(reach({other}), reach({name}))") == "reached PermissionError\n"
    await original.end()
    assert await copy.run(f"print(reach({other}))") == "reached\n", "its calls are answered as before"


async def test_code_cannot_leave_its_family_after_a_fork_either(isolating: Isolating) -> None:
    original = await isolating.worker("standard")
    copy = await isolating.bench.copy(original)
    for coder in (original, copy):
        assert await coder.run("import ctypes; print(ctypes.CDLL(None).prctl(36, 0, 0, 0, 0))") == "-1\n"


@PROFILES
async def test_a_parked_copy_is_copied_again_and_again(isolating: Isolating, profile: str) -> None:
    original = await isolating.worker(profile, "x = 1")
    parked = await isolating.bench.copy(original, purpose="checkpoint")
    for number in range(18):  # more than there can be domains below each other
        restored = await isolating.bench.copy(parked, purpose="restore")
        await original.end()
        assert await restored.run("x += 1; print(x)") == f"{2 + number}\n"
        former, parked = parked, await isolating.bench.copy(restored, purpose="checkpoint")
        await former.end()
        original = restored


async def test_what_is_restored_does_not_reach_forks_that_were_made_since(isolating: Isolating) -> None:
    original = await isolating.worker("standard", REACH)
    parked = await isolating.bench.copy(original, purpose="checkpoint")
    fork = await isolating.bench.copy(original)
    for _ in range(2):
        restored = await isolating.bench.copy(parked, purpose="restore")
        pids = [coder.worker.pid for coder in (original, parked, fork)]
        assert await restored.run(f"print(reach(*{pids}))") == "[]\n"
        assert await fork.run(f"print(reach({restored.worker.pid}, {parked.worker.pid}))") == "[]\n"
    assert (fork.worker.answering.domain.depth, restored.worker.answering.domain.depth) == (2, 2)


async def test_a_context_that_was_forked_too_often_says_so(isolating: Isolating) -> None:
    original = await isolating.worker("standard", "x = 1")
    original.worker.answering.domain.depth = DOMAINS_LIMIT - 1
    copy = await isolating.bench.copy(original)
    for coder in (original, copy):
        with pytest.raises(NotForkable, match="cannot be forked any more"):
            await isolating.bench.copy(coder)
        await isolating.bench.copy(coder, purpose="checkpoint")
        assert await coder.run("print(x)") == "1\n"


async def test_copies_that_would_end_with_their_original_are_refused(isolating: Isolating) -> None:
    original = await isolating.worker("standard")
    configured = original.worker.configured
    assert configured is not None
    assert configured.confine is not None
    original.worker.configured = evolve(configured, confine=evolve(configured.confine, parting=None))
    with pytest.raises(NotForkable, match="the first process of a pid namespace"):
        await isolating.bench.copy(original)


async def test_the_end_of_a_copy_in_a_pid_namespace_is_told(isolating: Isolating) -> None:
    original = await isolating.worker("strict")
    if "pid" not in (original.worker.configured.confine.namespaces if original.worker.configured else ()):  # type: ignore[union-attr]
        pytest.skip("no pid namespaces here")
    copies, _ = await isolating.bench.branched(original, copies=2)
    anchor = original.worker.answering.anchor
    assert anchor is not None
    copies[0].start("import os; os._exit(7)")
    os.kill(copies[1].worker.pid, signal.SIGTERM)
    ends = [await copy.ended for copy in copies]
    assert ends in (["exit status 7", "killed by SIGTERM"], ["ended for an unknown reason"] * 2), "by the kernel's age"
    first = anchor.pid
    assert first is not None
    assert state(first) not in "ZX"
    await original.end()
    await gone(first)
