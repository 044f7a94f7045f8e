"""A worker is forked between its executions: by each launcher, and whatever goes wrong meanwhile."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from branched import Bench, bench
from fake_worker import FakeWorker
from harness import children, gone, state

from interpreterd.model.errors import OutOfResources
from interpreterd.model.forks import Lost
from interpreterd.model.state_errors import NotCarried, OperationFailed, OutOfStep
from interpreterd.workers import branching
from interpreterd.workers.branching import branch, losses
from interpreterd.workers.worker import Deaf


@pytest.fixture
def _may_block(no_blocking: BlockBuster) -> None:
    no_blocking.deactivate()  # the launcher reads the worker's files once


@pytest.fixture
async def spawned(tmp_path: Path, _may_block: None) -> AsyncIterator[Bench]:
    """Yield a bench of spawned workers."""
    async with bench(tmp_path) as it:
        yield it


@pytest.fixture(params=["spawn", "fork"])
async def either(request: pytest.FixtureRequest, tmp_path: Path, _may_block: None) -> AsyncIterator[Bench]:
    """Yield a bench of each launcher."""
    async with bench(tmp_path, request.param) as it:
        yield it


async def test_a_copy_has_what_the_original_has_and_goes_its_own_way(either: Bench) -> None:
    original = await either.worker("import os, math\nx = [1]\ndef double():\n    return x + x\nos.environ['A'] = 'b'")
    copies, told = await either.branched(original, copies=2)
    assert (told.lost, len({copy.worker.pid for copy in copies} | {original.worker.pid})) == ((), 3)
    for number, coder in enumerate((original, *copies)):
        assert await coder.run(f"x.append({number})\nprint(double(), math.pi, os.environ['A'])") == (
            f"[1, {number}, 1, {number}] 3.141592653589793 b\n"
        )


async def test_a_worker_that_is_only_asked_names_its_losses_and_makes_no_copy(spawned: Bench) -> None:
    original = await spawned.worker("x = 1")
    assert await losses(original.worker) == ()
    await original.run(
        "import threading; e = threading.Event(); t = threading.Thread(target=e.wait, name='mine'); t.start()"
    )
    assert await losses(original.worker) == (Lost("thread", "mine"),)
    assert await original.run("e.set(); t.join(); print(x)") == "1\n"
    with pytest.raises(OperationFailed):
        await losses(FakeWorker(1, answer=None))


async def test_a_copy_outlives_its_original_and_an_original_its_copy(either: Bench) -> None:
    original = await either.worker("x = 1")
    first, second = [await either.copy(original), await either.copy(original)]
    await first.end()
    assert await original.run("print(x)") == "1\n"
    await original.end()
    assert await second.run("print(x)") == "1\n"
    third = await either.copy(second)
    await second.end()
    assert await third.run("print(x)") == "1\n"


async def test_a_copys_end_is_told_with_its_exit_status(spawned: Bench) -> None:
    original = await spawned.worker()
    copy = await spawned.copy(original)
    copy.start("import os; os._exit(7)")
    await gone(copy.worker.pid)
    assert await original.run("print(1)") == "1\n"


async def test_between_its_executions_a_copy_leaves_the_original_no_child(spawned: Bench) -> None:
    original = await spawned.worker()
    await spawned.copy(original)
    assert children(original.worker.pid) == []
    assert (
        await original.run("import os\ntry:\n    os.waitpid(-1, 0)\nexcept ChildProcessError:\n    print('none')")
        == "none\n"
    )


async def test_an_original_still_keeps_its_orphans_below_itself(spawned: Bench) -> None:
    original = await spawned.worker("import os, subprocess")
    copy = await spawned.copy(original)
    for coder in (original, copy):
        command = "sleep 1000 >/dev/null 2>&1 & echo $!"
        orphan = int(await coder.run(f"print(subprocess.check_output({command!r}, shell=True).decode())"))
        assert orphan in children(coder.worker.pid)
        await coder.end()
        await gone(orphan)


async def test_strict_refuses_what_would_be_lost_and_forks_otherwise(spawned: Bench) -> None:
    original = await spawned.worker("import threading\nevent = threading.Event()")
    await original.run("thread = threading.Thread(target=event.wait, name='waiting', daemon=True)\nthread.start()")
    with pytest.raises(NotCarried, match="thread waiting") as refused:
        await branch(original.worker, purpose="fork", strict=True)
    assert refused.value.lost == (Lost("thread", "waiting"),)
    copies, told = await spawned.branched(original)
    assert told.lost == (Lost("thread", "waiting"),)
    assert await copies[0].run("print(thread.is_alive())") == "False\n"
    assert await original.run("print(thread.is_alive()); event.set(); thread.join()") == "True\n"
    await spawned.copy(original, strict=True)


HANGING = {
    "before": "os.register_at_fork(before=lambda: time.sleep(1000) if hangs else None)",
    "after_in_parent": "os.register_at_fork(after_in_parent=lambda: time.sleep(1000) if hangs else None)",
    "after_in_child": "os.register_at_fork(after_in_child=lambda: time.sleep(1000) if hangs else None)",
}


@pytest.mark.parametrize("when", HANGING)
async def test_code_that_hangs_at_a_fork_fails_it_and_the_original_goes_on(
    spawned: Bench, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branching, "SETTLE_LIMIT_S", 1.5)
    original = await spawned.worker(f"import os, time\nhangs = True\n{HANGING[when]}")
    with pytest.raises(OperationFailed, match="could not be forked within"):
        await branch(original.worker, purpose="fork", timeout_s=0.2)
    assert (await original.run("hangs = False; print(1)")).endswith("1\n")
    assert children(original.worker.pid) == []
    assert spawned.nursery.pids == {original.worker.pid}
    assert await (await spawned.copy(original)).run("print(2)") == "2\n"


async def test_a_copy_that_ends_at_once_fails_the_fork_and_the_original_goes_on(spawned: Bench) -> None:
    original = await spawned.worker("import os\nos.register_at_fork(after_in_child=lambda: os._exit(3))")
    with pytest.raises(OperationFailed, match="ended before it could work"):
        await branch(original.worker, purpose="fork", copies=3)
    assert await original.run("print(1)") == "1\n"
    assert children(original.worker.pid) == []


async def test_an_original_that_ends_meanwhile_takes_its_copies_along(spawned: Bench) -> None:
    original = await spawned.worker("import os\nos.register_at_fork(after_in_parent=lambda: os._exit(3))")
    with pytest.raises(OperationFailed, match="exit status 3"):
        await branch(original.worker, purpose="fork")
    assert await original.ended == "exit status 3"
    assert spawned.nursery.pids == set()


async def test_an_original_that_is_killed_meanwhile_leaves_no_process(spawned: Bench) -> None:
    code = "import os, signal\nos.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGSTOP))"
    original = await spawned.worker(code)
    asked = asyncio.ensure_future(branch(original.worker, purpose="fork"))
    while not (middle := children(original.worker.pid)):  # noqa: ASYNC110 -- no event tells of it
        await asyncio.sleep(0)
    os.kill(original.worker.pid, signal.SIGKILL)
    with pytest.raises(OperationFailed, match="SIGKILL"):
        await asked
    await gone(*middle)


async def test_without_descriptors_there_is_no_copy_and_none_is_lost(
    spawned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = await spawned.worker("x = 1")
    before = len(os.listdir("/proc/self/fd"))
    both_ends, made = branching.both_ends, []

    def no_more() -> contextlib.AbstractContextManager[object]:
        if len(made) == 2:
            raise OSError(24, "Too many open files")
        made.append(1)
        return both_ends()

    monkeypatch.setattr(branching, "both_ends", no_more)
    with pytest.raises(OutOfResources, match="Too many open files"):
        await branch(original.worker, purpose="fork", copies=3)
    assert len(os.listdir("/proc/self/fd")) == before
    assert await original.run("print(x)") == "1\n"


async def test_a_limit_of_descriptors_below_the_workers_own_is_no_obstacle_and_holds_in_the_copy(
    spawned: Bench,
) -> None:
    code = "import resource\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
    original = await spawned.worker(code + "resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))")
    copy = await spawned.copy(original)
    for coder in (copy, original):
        assert await coder.run("print(resource.getrlimit(resource.RLIMIT_NOFILE) == (3, hard))") == "True\n"


async def test_an_original_without_descriptors_goes_on_without_a_fork(spawned: Bench) -> None:
    code = "import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (1100, 1100))\nfds = []\n"
    code += "try:\n    while True:\n        fds.append(os.dup(0))\nexcept OSError:\n    print('full')"
    original = await spawned.worker()
    assert await original.run(code) == "full\n"
    with pytest.raises(OperationFailed, match="Too many open files"):
        await branch(original.worker, purpose="fork")
    await original.run("for fd in fds:\n    os.close(fd)")
    assert await (await spawned.copy(original)).run("print(1)") == "1\n"


async def test_a_worker_that_names_another_process_is_of_no_use(
    spawned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branching, "SETTLE_LIMIT_S", 0.01)
    original = await spawned.worker()
    os.kill(original.worker.pid, signal.SIGSTOP)
    asked = asyncio.ensure_future(branch(original.worker, purpose="fork"))
    await asyncio.sleep(0)
    original.worker.data_received(b'{"type":"branching","id":"b","pid":%d,"lost":[]}\n' % os.getpid())
    with pytest.raises(OutOfStep, match="does not go on"):
        await asked
    os.kill(original.worker.pid, signal.SIGCONT)


async def test_a_worker_whose_forking_child_is_killed_goes_on(spawned: Bench) -> None:
    code = "import os, signal\nos.register_at_fork(after_in_parent=lambda: os.kill(middle(), signal.SIGKILL))\n"
    code += "def middle():\n    return int(open(f'/proc/self/task/{os.getpid()}/children').read())"
    original = await spawned.worker(code)
    with pytest.raises(OperationFailed):
        await branch(original.worker, purpose="fork")
    assert await original.run("print(1)") == "1\n"
    assert children(original.worker.pid) == []


async def test_a_copy_that_says_it_is_another_process_makes_its_worker_useless(spawned: Bench) -> None:
    code = """
import gc, os
importer = next(it for it in gc.get_objects() if type(it).__name__ == "Importer")
lie = os.getpid()
def begin_to_lie():
    importer.package.interpreter.os.getpid = lambda: lie
os.register_at_fork(after_in_child=begin_to_lie)
"""
    original = await spawned.worker(code)
    with pytest.raises(OutOfStep, match="not the process that it says it is"):
        await branch(original.worker, purpose="fork")


async def test_a_fake_worker_cannot_be_forked() -> None:
    class NoProcess(Deaf):
        pass

    with pytest.raises(OperationFailed, match="cannot be forked"):
        await branch(NoProcess(), purpose="fork")  # type: ignore[arg-type]


async def test_many_copies_at_once(spawned: Bench) -> None:
    original = await spawned.worker("x = 1")
    copies, _ = await spawned.branched(original, copies=64)
    assert len({copy.worker.pid for copy in copies}) == 64
    for copy in (copies[0], copies[63]):
        assert await copy.run("print(x)") == "1\n"
    for copy in copies:
        await copy.end()
    assert spawned.nursery.pids == {original.worker.pid}
    assert state(original.worker.pid) == "S"


async def test_a_parked_copy_is_forked_again_and_again(spawned: Bench) -> None:
    original = await spawned.worker("import gc, random\nrandom.seed(1)\nx = 1")
    parked = await spawned.copy(original, purpose="checkpoint")
    await original.run("x = 2; random.random()")
    for _ in range(2):
        back = await spawned.copy(parked, purpose="restore")
        assert await back.run("print(x, random.random(), gc.isenabled())") == "1 0.13436424411240122 True\n"
    assert await original.run("print(gc.isenabled())") == "True\n"
