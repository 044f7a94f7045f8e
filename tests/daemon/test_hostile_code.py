"""User code breaks its own Python: its client gets the right messages, and the context's next execution works.

Each case has its own context in one daemon. Other contexts are not affected. No process is left after deletion.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from contract import COMPLETED, RESTARTED, ended, error, interrupt, stdout
from forging import FIND
from harness import Client, Gate, state
from hostile import DEATHS, ENDLESS, ERRORS, EXITS, HARMLESS, whole
from leaving import holds
from standing import SharedDaemon, shared_daemon
from worker_driver import find_pythons

from interpreterd.processes.families import descendants


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            (version, launcher), marks=pytest.mark.xdist_group(f"hostile {launcher}"), id=f"{launcher}-{version}"
        )
        for version, launcher in zip(
            [*find_pythons()][:: max(len(find_pythons()) - 1, 1)], ("spawn", "fork"), strict=False
        )
    ],
)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon: the oldest Python with spawned workers, then the newest Python with forked workers."""
    version, launcher = request.param
    flags = ("--python", find_pythons()[version], "--launcher", launcher, "--pool-size", "0", "--grace-s", "0.2")
    with shared_daemon(tmp_path_factory.mktemp("hostile"), *flags) as daemon:
        yield daemon


@pytest.fixture
async def client(shared: SharedDaemon) -> AsyncIterator[Client]:
    """Yield a client. At the end no process may be left, and the neighbour must be unchanged."""
    async with Client(shared.url) as client:
        if shared.neighbour is None:
            shared.neighbour = await client.create()
            await client.run("mine = 1", shared.neighbour)
        before = descendants(shared.pid)
        yield client
        _, body = await client.request("GET", "/contexts")
        for context in body["contexts"]:
            if context["id"] != shared.neighbour:
                await client.request("DELETE", f"/context/{context['id']}")
        assert ended(await client.run("print(mine)", shared.neighbour)) == ([stdout("1\n"), COMPLETED], 1000, "")
        assert descendants(shared.pid) == before


@pytest.fixture
async def context(client: Client) -> str:
    """Yield a context for one case."""
    return await client.create()


async def works(client: Client, context: str, *, restarted: bool = False) -> None:
    """Check that code in ``context`` works: output on both streams, an error, an interrupt."""
    before = [RESTARTED] if restarted else []
    both = [stdout("next\n"), {"type": "stderr", "text": "err\n"}]
    result = await client.run("print('next')\nimport sys; print('err', file=sys.stderr)", context)
    assert ended(result) == ([*before, *both, COMPLETED], 1000, "")
    result = await client.run("1/0", context)
    assert result.error is not None
    assert (result.error["name"], result.error["value"]) == ("ZeroDivisionError", "division by zero")
    async with client.running("print('on')\nwhile True: pass", contextId=context) as running:
        await running.until("on")
        await interrupt(client, context)
        result = await running.finish()
    assert result.error is not None
    assert (result.error["name"], result.controls) == ("KeyboardInterrupt", ["interrupted"])


def is_as(text: str, expected: str) -> bool:
    """Return whether ``text`` matches ``expected``, in which ``...`` stands for any text."""
    start, dots, end = expected.partition("...")
    return text.startswith(start) and text.endswith(end) if dots else text == expected


@pytest.mark.parametrize("name", DEATHS)
async def test_code_that_ends_its_python(client: Client, context: str, name: str) -> None:
    code, how = DEATHS[name]
    messages, close_code, reason = ended(await client.run(whole(code), context))
    assert (messages[-2:], close_code, reason) == ([error("WorkerDied", how), COMPLETED], 1000, "")
    await works(client, context, restarted=True)


@pytest.mark.parametrize("name", HARMLESS)
async def test_code_that_leaves_a_mess(client: Client, context: str, name: str) -> None:
    result = await client.run(whole(HARMLESS[name]), context)
    assert (result.error, result.controls, result.close_code) == (None, ["completed"], 1000)
    await works(client, context)


@pytest.mark.parametrize("name", ERRORS)
async def test_code_that_raises_what_is_hard_to_show(client: Client, context: str, name: str) -> None:
    code, kind, value = ERRORS[name]
    result = await client.run(whole(code), context)
    assert result.error is not None
    assert result.error["name"] == kind
    assert is_as(result.error["value"], value)
    assert (result.controls, result.close_code) == (["completed"], 1000)
    await works(client, context)


@pytest.mark.parametrize("name", ENDLESS)
async def test_code_that_does_not_end(client: Client, context: str, name: str) -> None:
    code, told, survives = ENDLESS[name]
    async with client.running(whole(code), contextId=context) as running:
        await running.until("on")
        assert await interrupt(client, context) == (200, {"interrupted": True})
        result = await running.finish()
    messages = [{**message, "traceback": ""} if "traceback" in message else message for message in result.messages]
    assert [message for message in messages if message["type"] not in ("stdout", "stderr")] == told
    if survives:
        await works(client, context)
    else:
        await works(client, context, restarted=True)


@pytest.mark.parametrize("name", EXITS)
async def test_a_python_that_does_not_want_to_exit(client: Client, context: str, name: str) -> None:
    result = await client.run(whole(f"{EXITS[name]}\nexit()"), context)
    assert (result.error, result.controls, result.close_code) == (None, ["completed"], 1000)
    await works(client, context, restarted=True)


# Resources that others also need


async def test_whatever_it_computes_the_daemon_goes_first(client: Client, context: str) -> None:
    result = await client.run("import os; print(os.nice(0))", context)
    assert result.stdout == f"{os.nice(0) + 5}\n"
    if "autogroup" in os.listdir("/proc/self") and os.geteuid() == 0:
        result = await client.run("print(open('/proc/self/autogroup').read())", context)
        assert result.stdout.split()[1:] == ["nice", "5"]


# Exceptions in the worker's own code, between two executions


def asleep(pid: int) -> bool:
    """Return whether an idle worker waits for the next message; or whether a thread sleeps."""
    return state(pid) == "S"


def threads(pid: int) -> list[int]:
    """Return the ids of a process's threads."""
    return [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]


async def test_a_signal_handler_that_raises_while_nothing_runs(client: Client, context: str) -> None:
    code = "signal.signal(signal.SIGUSR1, broken); x = 1; print(os.getpid())"
    worker = int((await client.run(whole(code), context)).stdout)
    for _ in range(3):
        await holds(lambda: asleep(worker))
        os.kill(worker, signal.SIGUSR1)
        assert ended(await client.run("print(x)", context)) == ([stdout("1\n"), COMPLETED], 1000, "")
    await works(client, context)


async def test_a_signal_handler_that_raises_again_and_again_costs_no_memory(client: Client, context: str) -> None:
    peak = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    code = f"signal.signal(signal.SIGUSR1, broken); before = {peak}; print(os.getpid())"
    worker = int((await client.run(whole(code), context)).stdout)
    for _ in range(2_000):
        while not asleep(worker):
            pass
        os.kill(worker, signal.SIGUSR1)
    grown_kib = int((await client.run(f"print({peak} - before)", context)).stdout)
    assert grown_kib < 4_000


async def test_an_exception_that_a_thread_sets_while_nothing_runs(
    client: Client, context: str, tmp_path: Path, gate: Gate
) -> None:
    """Python raises it when the next code has arrived."""
    result = await client.run(
        f"""
import ctypes, os, threading
def run():
    started.set()
    {gate.wait}
    ctypes.pythonapi.PyThreadState_SetAsyncExc(main, ctypes.py_object(TimeoutError))
    open({str(tmp_path / "set")!r}, 'w').close()
main = ctypes.c_ulong(threading.get_ident())
started = threading.Event()
threading.Thread(target=run).start()
started.wait()
x = 1
print(os.getpid())""",
        context,
    )
    # Until a new thread has begun, Python takes it for the thread that started it: the worker's own may be as new.
    await holds(lambda: all(asleep(thread) for thread in threads(int(result.stdout))))
    gate.open()
    await holds(lambda: "set" in os.listdir(tmp_path))
    assert ended(await client.run("print(x)", context)) == ([stdout("1\n"), COMPLETED], 1000, "")
    await works(client, context)


async def test_a_channel_that_does_not_block_is_not_asked_again_and_again(client: Client, context: str) -> None:
    code = FIND + "for fd in channel: os.set_blocking(fd, False)\nprint(os.getpid())"
    worker = int((await client.run(code, context)).stdout)
    await holds(lambda: asleep(worker))
    await works(client, context)


# Streams


async def test_a_stream_that_cannot_be_repaired_costs_no_variable(client: Client, context: str) -> None:
    await client.run(
        "import os, resource; x = 1; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)); os.close(1)", context
    )
    result = await client.run("print('next')", context)
    assert result.error is not None
    assert result.error["value"] == "[Errno 9] Bad file descriptor"
    result = await client.run("os.write(2, b'%d' % x)", context)
    assert ended(result) == ([{"type": "stderr", "text": "1"}, COMPLETED], 1000, "")


async def test_stdout_that_is_none_stays_so(client: Client, context: str) -> None:
    await client.run("import sys; sys.stdout = None", context)
    assert ended(await client.run("print('nowhere')", context)) == ([COMPLETED], 1000, "")
    await client.run("sys.stdout = sys.__stdout__", context)
    await works(client, context)


async def test_a_write_of_its_own_stays(client: Client, context: str) -> None:
    """Libraries that capture output do this."""
    await client.run(
        "import sys\noriginal, seen = sys.stdout.write, []\n"
        "def write(text):\n  seen.append(text)\n  return original(text)\n"
        "sys.stdout.write = write",
        context,
    )
    for word in ("one", "two"):
        assert (await client.run(f"print('{word}'); print('err', file=sys.stderr)", context)).stdout == f"{word}\n"
    await client.run("del sys.stdout.write", context)
    assert (await client.run("print(seen)", context)).stdout == "['one', '\\n', 'two', '\\n']\n"
    await works(client, context)


async def test_children_inherit_no_descriptor_of_the_worker(client: Client, context: str) -> None:
    """A child of ``os.system`` inherits only the three standard descriptors."""
    result = await client.run("import os; os.system('ls -l /proc/self/fd')", context)
    targets = [line.split(" -> ")[1] for line in result.stdout.splitlines() if " -> " in line]
    assert [target.partition(":")[0] for target in targets if not target.startswith("/proc/")] == [
        "/dev/null",
        "pipe",
        "pipe",
    ]
