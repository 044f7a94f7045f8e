"""Limits of one context, as clients see them. Other contexts are not affected."""

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from contract import COMPLETED, INTERRUPTED, RESTARTED, ended, error, stdout
from harness import Client, Daemon, Gate, gone

StartDaemon = Callable[..., Awaitable[Daemon]]
MIB = 1 << 20


@contextlib.asynccontextmanager
async def neighbour(client: Client, gate: Gate) -> AsyncIterator[None]:
    """Run another context during the block. Its variables and its execution must survive."""
    context = await client.create()
    await client.run("x = 'mine'", context)
    async with client.running(f"print('begun')\n{gate.wait}\nprint(x)", contextId=context) as running:
        await running.until("begun")
        yield
        gate.open()
        result = await running.finish()
    assert ended(result) == ([stdout("begun\nmine\n"), COMPLETED], 1000, "")


async def usable_again(client: Client, context: str) -> None:
    """Check that the context's next execution runs in a new worker."""
    assert ended(await client.run("print('x' in globals())", context)) == (
        [RESTARTED, stdout("False\n"), COMPLETED],
        1000,
        "",
    )


# Memory

# The amount is below RLIMIT_DATA, so only the watcher can find it.
EAT = "import mmap, signal; m = mmap.mmap(-1, 100 << 20, flags=mmap.MAP_{}); m.write(b'x' * len(m)); signal.pause()"
PRIVATE, SHARED = EAT.format("PRIVATE"), EAT.format("SHARED")
EATERS = {
    "worker": PRIVATE,
    "shared": SHARED,
    "child": f"import os\nif os.fork() == 0: {PRIVATE}\nos.wait()",
    "session": f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PRIVATE!r}], start_new_session=True)",
    "file": "import os, signal; fd = os.memfd_create('a'); os.write(fd, bytes(100 << 20)); signal.pause()",
    "shm": "import os, signal; f = open(f'/dev/shm/interpreterd-{os.getpid()}', 'wb', 0); os.remove(f.name)\n"
    "f.write(bytes(100 << 20)); signal.pause()",
    "together": f"import os\nfor _ in range(4):\n    if os.fork() == 0: {PRIVATE.replace('100', '25')}\nos.wait()",
}


@pytest.mark.parametrize("code", EATERS.values(), ids=EATERS)
async def test_memory_wherever_it_is(client: Client, gate: Gate, code: str) -> None:
    context = await client.create(limits={"memoryBytes": 64 * MIB})
    async with neighbour(client, gate):
        result = await client.run("x = 1\n" + code, context)
        assert ended(result) == ([error("WorkerDied", "memory limit of 64 MiB exceeded"), COMPLETED], 1000, "")
        await usable_again(client, context)


async def test_memory_of_a_fork(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--launcher", "fork", "--context-memory", "64M")
    async with Client(daemon.url) as client:
        context = await client.create()
        failed = await client.run("x = 1; bytearray(1 << 30)", context)
        assert failed.error is not None
        assert failed.error["name"] == "MemoryError"
        result = await client.run(EATERS["shared"], context)
        assert ended(result) == ([error("WorkerDied", "memory limit of 64 MiB exceeded"), COMPLETED], 1000, "")
        await usable_again(client, context)


async def test_an_allocation_beyond_the_limit_is_an_ordinary_error(client: Client) -> None:
    context = await client.create(limits={"memoryBytes": 64 * MIB})
    await client.run("x = 1", context)
    result = await client.run("y = bytearray(1 << 30)", context)
    assert result.error is not None
    assert (result.error["name"], result.controls, result.close_code) == ("MemoryError", ["completed"], 1000)
    assert "y = bytearray(1 << 30)" in result.error["traceback"]
    assert (await client.run("print(x)", context)).stdout == "1\n"
    child = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'bytearray(1 << 30)']).returncode)"
    result = await client.run(child, context)
    assert (result.stdout, result.stderr.splitlines()[-1]) == ("1\n", "MemoryError")


async def test_what_people_import_runs_within_a_quarter_of_a_gibibyte(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--python", sys.executable, "--context-memory", "256M")
    async with Client(daemon.url) as client:
        result = await client.run(
            "import matplotlib, numpy, pandas\nmatplotlib.use('Agg')\nfrom matplotlib import pyplot\n"
            "a = numpy.random.rand(500, 500) @ numpy.random.rand(500, 500)\n"
            "pandas.DataFrame(a).describe()\npyplot.plot(a[0])\nprint('done')"
        )
    assert ended(result) == ([stdout("done\n"), COMPLETED], 1000, "")


async def test_an_idle_context_that_grows_loses_its_worker_and_the_log_says_why(daemon: Daemon, gate: Gate) -> None:
    async with Client(daemon.url) as client:
        context = await client.create(limits={"memoryBytes": 64 * MIB})
        child = f"subprocess.Popen([sys.executable, '-c', {gate.wait + '; ' + PRIVATE!r}])"
        result = await client.run(f"import os, subprocess, sys; x = 1; {child}; print(os.getpid())", context)
        gate.open()
        await gone(int(result.stdout))
        await usable_again(client, context)
    await daemon.stop()
    assert f"context {context}: memory limit of 64 MiB exceeded".encode() in daemon.log


# Processes


async def test_processes(client: Client, gate: Gate) -> None:
    context = await client.create(limits={"processes": 4})
    start = (
        "import subprocess; x = [subprocess.Popen(['sleep', '1000']) for _ in range({})]; print(*[p.pid for p in x])"
    )
    async with neighbour(client, gate):
        allowed = await client.run(start.format(3), context)
        assert allowed.error is None
        result = await client.run(start.format(1) + "\nx[0].wait()", context)  # it may be killed before it prints
        assert ended(result)[0][-2:] == [error("WorkerDied", "process limit of 4 exceeded"), COMPLETED]
        await gone(*map(int, (allowed.stdout + result.stdout).split()))
        await usable_again(client, context)


async def test_threads_count_wherever_they_are(client: Client, gate: Gate) -> None:
    start = (
        "import threading as t, time\nfor _ in range({}): t.Thread(target=time.sleep, args=[99], daemon=True).start()"
    )
    child = "import os\nif os.fork() == 0: exec({!r}); time.sleep(99)\nos.wait()"
    context = await client.create(limits={"processes": 8})
    async with neighbour(client, gate):
        assert (await client.run(start.format(5), context)).error is None
        excess = error("WorkerDied", "process limit of 8 exceeded: threads count, too")
        assert ended(await client.run(child.format(start.format(5)), context)) == ([excess, COMPLETED], 1000, "")
        await usable_again(client, context)


async def test_open_files(client: Client) -> None:
    context = await client.create(limits={"openFiles": 64})
    result = await client.run("import os\nfiles = []\nwhile True: files.append(open(os.devnull))", context)
    assert result.error is not None
    assert result.error["value"] == "[Errno 24] Too many open files: '/dev/null'"
    assert (await client.run("del files; import decimal; print('goes on')", context)).stdout == "goes on\n"


BOMB_LIMIT = 150  # otherwise the bomb would hit other processes of this machine
BOMB = f"""
import mmap, os
x, taken = 1, mmap.mmap(-1, {BOMB_LIMIT})
for i in range({BOMB_LIMIT}):
    if not taken[i]:
        taken[i] = 1
        os.fork()
while True: pass
"""


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_a_fork_bomb(start_daemon: StartDaemon, gate: Gate, launcher: str) -> None:
    daemon = await start_daemon("--launcher", launcher, "--context-processes", "20")
    async with Client(daemon.url) as client:
        context = await client.create()
        async with neighbour(client, gate):
            result = await client.run(BOMB, context)
            assert ended(result) == ([error("WorkerDied", "process limit of 20 exceeded"), COMPLETED], 1000, "")
            await usable_again(client, context)


ESCAPE = """
import ctypes, os, signal
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


async def test_a_process_that_escapes_from_the_family_of_a_limited_worker_is_killed(client: Client) -> None:
    context = await client.create(limits={"processes": 4})
    result = await client.run(ESCAPE, context)
    await gone(int(result.stdout))
    assert (await client.run("print('lives')", context)).controls == ["completed"]


# Processor time

BURNERS = {
    "worker": "while True: pass",
    "child": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])",
    "children": "import subprocess, sys\nburn = 'import time\\nwhile time.process_time() < 0.05: pass'\n"
    "while True: subprocess.run([sys.executable, '-I', '-S', '-c', burn])",
    "unawaited": "import os, signal, time\nold = signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "while True:\n    if os.fork() == 0:\n        while time.process_time() < 1: pass\n        os._exit(0)\n"
    "    try: os.wait()\n    except ChildProcessError: pass",
}


@pytest.mark.parametrize("code", BURNERS.values(), ids=BURNERS)
async def test_processor_time_wherever_it_is_spent(client: Client, gate: Gate, code: str) -> None:
    context = await client.create(limits={"cpuSeconds": 0.3})
    async with neighbour(client, gate):
        await client.run("x = 1", context)
        result = await client.run(code, context)
        *_, told, control = result.messages
        value = "CPU limit of 0.3 s exceeded"
        assert (told["name"], told["value"], control) == ("LimitExceeded", value, INTERRUPTED)
        assert (result.close_code, result.close_reason) == (1008, value)
        assert (await client.run("print(x)", context)).stdout == "1\n"


async def test_processor_time_is_that_of_one_execution_and_waiting_costs_none(client: Client) -> None:
    context = await client.create(limits={"cpuSeconds": 1})
    burn = "import time\nuntil = time.process_time() + 0.6\nwhile time.process_time() < until: pass"
    for _ in range(2):
        assert (await client.run(burn, context)).error is None


async def test_code_that_goes_on_after_its_processor_time_is_killed(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--context-cpu-s", "0.1", "--grace-s", "0.1")
    async with Client(daemon.url) as client:
        await client.run("x = 1")
        result = await client.run("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
        value = "CPU limit of 0.1 s exceeded; its worker was killed by SIGKILL, and its variables are lost"
        assert ended(result) == ([error("LimitExceeded", value), INTERRUPTED], 1008, "CPU limit of 0.1 s exceeded")
        await usable_again(client, "default")


# Output


# Queue and code


# Where limits are set and shown
