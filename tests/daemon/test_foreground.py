"""An interrupt reaches the processes that the code waits for, as ^C on a terminal does. Background processes stay."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from contract import interrupt
from harness import Client, Daemon, Gate, alive, children, gone
from standing import SharedDaemon, shared_daemon

pytestmark = pytest.mark.xdist_group("foreground")

# Code that waits for processes; one of them prints "started".
SAY = "print('started', flush=True); import time; time.sleep(1000)"
WAITING = {
    "os.system": "os.system('echo started; sleep 1000')",
    "a loop of os.system": "while True: os.system('echo started; sleep 1000')",
    "subprocess.run": "subprocess.run(['sh', '-c', 'echo started; sleep 1000'])",
    "subprocess.call": "subprocess.call('echo started; exec sleep 1000', shell=True)",
    "Popen.wait": "subprocess.Popen(['sh', '-c', 'echo started; exec sleep 1000']).wait()",
    "Popen.communicate": "subprocess.Popen(['sh', '-c', 'echo started >&3; sleep 1000'], stdout=subprocess.PIPE,"
    " pass_fds=[os.dup2(1, 3)]).communicate()",
    "a pipeline": "os.system('yes | (echo started; tail -n 1)')",
    "a pipeline of subprocess": "subprocess.run('yes | (echo started; tail -n 1)', shell=True, check=True)",
    "os.popen": "os.popen('echo started > /proc/$PPID/fd/1; sleep 1000').read()",
    "a child's child": "subprocess.run([sys.executable, '-c', \"import os; os.system('echo started; sleep 1000')\"])",
    "os.fork": "os.fork() or (print('started', flush=True), time.sleep(1000))\nos.wait()",
    "asyncio": "async def main():\n    child = await asyncio.create_subprocess_shell('echo started; sleep 1000')\n"
    "    await child.wait()\nasyncio.run(main())",
    "a thread": "t = threading.Thread(target=os.system, args=('echo started; sleep 1000',))\nt.start()\nt.join()",
    "multiprocessing.Process": "p = fork.Process(target=work, args=(1,))\np.start()\np.join()",
    "multiprocessing.Pool": "with fork.Pool(2) as pool: pool.map(work, range(10))",
    "ProcessPoolExecutor": "pool = concurrent.futures.ProcessPoolExecutor(2, fork)\n"
    "with pool: list(pool.map(work, range(10)))",
}
PRELUDE = (
    "import asyncio, concurrent.futures, multiprocessing, os, subprocess, sys, threading, time\n"
    "fork = multiprocessing.get_context('fork')\ndef work(n):\n    print('started', flush=True)\n    time.sleep(1000)\n"
    "kept = 1\nprint(os.getpid())"
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon with a long grace: a test of an interrupt that does not work would take long and fail."""
    with shared_daemon(tmp_path_factory.mktemp("foreground"), "--grace-s", "20") as daemon:
        yield daemon


@pytest.fixture
async def client(shared: SharedDaemon) -> AsyncIterator[Client]:
    async with Client(shared.url) as client:
        yield client


class Context:
    """A context, and the pid of its worker."""

    def __init__(self, client: Client, name: str, pid: int) -> None:
        self.client = client
        self.name = name
        self.pid = pid

    async def interrupted(self, code: str, **keys: object) -> dict[str, object]:
        """Interrupt ``code`` after it has printed "started"; return the error."""
        async with self.client.running(code, contextId=self.name, **keys) as running:
            await running.until("started")
            await interrupt(self.client, self.name)
            result = await running.finish()
        assert result.controls == ["interrupted"]
        assert result.error is not None
        return result.error

    async def kept(self) -> bool:
        """Return whether the context has kept its variables."""
        return (await self.client.run("print(kept)", self.name)).stdout == "1\n"


@pytest.fixture
async def context(client: Client, tmp_path: Path) -> AsyncIterator[Context]:
    name = await client.create(cwd=str(tmp_path))
    pid = int((await client.run(PRELUDE, name)).stdout)
    yield Context(client, name, pid)
    await client.request("DELETE", f"/context/{name}")


@pytest.mark.parametrize("waiting", WAITING)
async def test_what_the_code_waits_for_is_interrupted(context: Context, waiting: str) -> None:
    error = await context.interrupted(WAITING[waiting], graceS=4)
    assert error["name"] == "KeyboardInterrupt"
    assert await context.kept()
    # A pool's end may wait for a lock that one of its processes holds. The code's second interrupt then leaves them.
    if "Pool" not in waiting:
        await gone(*[pid for pid in children(context.pid) if alive(pid)])  # the test hangs if a process is left


async def test_a_timeout_does_so_too(context: Context) -> None:
    result = await context.client.run("os.system('sleep 1000')", context.name, timeout=1)
    assert result.error is not None
    assert (result.error["name"], result.controls) == ("TimeoutError", ["interrupted"])
    assert await context.kept()


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)",
        "subprocess.Popen(['setsid', 'sleep', '1000'])",
        "subprocess.Popen(['sleep', '1000'], preexec_fn=os.setpgrp)",
    ],
)
async def test_what_was_started_in_the_background_on_purpose_stays(context: Context, start: str) -> None:
    # The loop waits until the child has left the worker's group.
    code = f"child = {start}\nwhile os.getpgid(child.pid) == os.getpid(): pass\nos.system('echo started; sleep 1000')"
    await context.interrupted(code)
    assert (await context.client.run("print(child.poll(), kept)", context.name)).stdout == "None 1\n"


async def test_what_an_earlier_execution_has_started_stays(context: Context) -> None:
    """It is in the same process group and was started a moment ago. Its children also stay."""
    await context.client.run("child = subprocess.Popen(['sh', '-c', 'sleep 1000; exit 3'])", context.name)
    await context.interrupted("os.system('echo started; sleep 1000')")
    await context.interrupted("os.system('echo started; sleep 1000')")
    assert (await context.client.run("print(child.poll(), kept)", context.name)).stdout == "None 1\n"


async def test_code_that_ignores_interrupts_is_not_disturbed_by_them(context: Context, gate: Gate) -> None:
    code = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('started')\n{gate.wait}\nprint('end')"
    async with context.client.running(code, contextId=context.name) as running:
        await running.until("started")
        await interrupt(context.client, context.name)
        gate.open()
        result = await running.finish()
    assert result.stdout == "started\nend\n"
    assert await context.kept()


async def test_an_interrupt_of_code_that_handles_it_comes_once(context: Context) -> None:
    """The handler may take time and start processes. Only processes that ignored the interrupt get a second one.

    Its process is there at half of the grace, when those are interrupted again, and ends well before the code is.
    """
    code = (
        "try: os.system('echo started; sleep 1000')\nexcept KeyboardInterrupt:\n"
        "    print(subprocess.run(['sh', '-c', 'sleep 2.2']).returncode)\n    raise"
    )
    async with context.client.running(code, contextId=context.name, graceS=4) as running:
        await running.until("started")
        await interrupt(context.client, context.name)
        result = await running.finish()
    assert result.stdout.endswith("\n0\n")


async def test_a_process_that_wants_to_hear_it_twice_does(context: Context) -> None:
    """A worker of a pool begins its next task after the first interrupt."""
    count = "trap 'n=${n}x; [ $n = xx ] && exit' INT; echo started; while :; do sleep 0.05; done"
    await context.interrupted(f"subprocess.Popen(['bash', '-c', {count!r}])\nos.wait()\n", graceS=2)
    assert await context.kept()


async def test_the_next_execution_hears_nothing_of_it(context: Context) -> None:
    """The repeated interrupt is meant for the interrupted execution only."""
    child = "child = subprocess.Popen(['sh', '-c', 'trap \"\" INT; echo; exec sleep 1000'], stdout=subprocess.PIPE)"
    await context.interrupted(f"{child}\nchild.stdout.read(1)\nprint('started')\nchild.wait()", graceS=1)
    result = await context.client.run(
        "print(subprocess.run(['sleep', '1.2']).returncode, child.poll(), kept)\nchild.kill()", context.name
    )
    assert (result.stdout, result.error) == ("0 None 1\n", None)


async def test_workers_that_are_forked(start_daemon: Callable[..., Awaitable[Daemon]]) -> None:
    daemon = await start_daemon("--launcher", "fork", "--grace-s", "20")
    async with Client(daemon.url) as client:
        pid = int((await client.run(PRELUDE)).stdout)
        context = Context(client, "default", pid)
        for waiting in ("os.system", "subprocess.run"):
            assert (await context.interrupted(WAITING[waiting]))["name"] == "KeyboardInterrupt"
        assert await context.kept()


@pytest.mark.parametrize("grace_s", [0, 0.5])
async def test_a_grace_of_its_own(context: Context, grace_s: float) -> None:
    tries = "print('started', flush=True)\n        time.sleep(1000)"
    code = f"while True:\n    try:\n        {tries}\n    except KeyboardInterrupt: pass"
    error = await context.interrupted(code, graceS=grace_s)
    assert "lost" in str(error["value"])
    assert not await context.kept()


@pytest.mark.parametrize(
    ("grace_s", "code", "why"),
    [
        (20.5, "invalid_request", "graceS must be at most 20, the daemon's limit"),
        (-1, "invalid_request", "graceS must be a number of seconds from 0 to 4294967295"),
        ("2", "malformed_request", "graceS must be a number"),
        (True, "malformed_request", "graceS must be a number"),
    ],
)
async def test_a_grace_that_cannot_be(client: Client, grace_s: object, code: str, why: str) -> None:
    wish = {"code": "pass", "graceS": grace_s}
    assert await client.request("POST", "/execute", json=wish) == (400, {"error": why, "code": code})
    refused = await client.run(**wish)  # type: ignore[arg-type]
    assert (refused.close_code, refused.close_reason) == (1008 if code == "invalid_request" else 1002, why)
