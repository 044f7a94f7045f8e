"""Contexts in namespaces of their own: code, interrupts and ends are as in other contexts, and nothing is left."""

import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Client, Daemon, children, gone, state
from standing import SharedDaemon
from unshared import NOBODY, anybodys, daemon_of_nobody, need

STRICT = ("--isolation", "strict")


@pytest.fixture(params=["spawn", "fork"])
async def strict(request: pytest.FixtureRequest, standing: Callable[..., SharedDaemon]) -> AsyncIterator[Client]:
    """Yield a client of a daemon whose contexts are strictly isolated."""
    need("mount", "pid", "ipc", "net")
    async with Client(standing("--launcher", request.param, *STRICT).url) as client:
        yield client


async def told(client: Client, context: str, code: str) -> Any:
    """Return what ``code`` prints, as JSON."""
    result = await client.run(code, context)
    assert result.error is None, result
    assert result.stderr == ""
    return json.loads(result.stdout)


async def test_it_is_alone(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    seen = await told(
        strict,
        context,
        """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
print(json.dumps([os.getpid(), os.getppid(), [it for it in os.listdir("/proc") if it.isdigit()], os.getcwd(),
    status["Pid"].strip(), os.readlink("/proc/self"), os.listdir("/dev/shm")]))""",
    )
    assert seen == [2, 0, ["1", "2"], str(tmp_path), "2", "2", []], "1 does nothing"


CHILDREN = {
    "subprocess": "import subprocess; print(subprocess.check_output(['sh', '-c', 'echo 42']).decode())",
    "fork": """
import multiprocessing
with multiprocessing.get_context('fork').Pool(2) as pool: print(sum(pool.map(abs, [-20, -22])))""",
    "forkserver": """
import multiprocessing
with multiprocessing.get_context('forkserver').Pool(1) as pool: print(sum(pool.map(abs, [-20, -22])))""",
    "spawn": """
import multiprocessing
with multiprocessing.get_context('spawn').Pool(1) as pool: print(sum(pool.map(abs, [-20, -22])))""",
    "shared memory": """
from multiprocessing import get_context, shared_memory
def write(name):
    memory = shared_memory.SharedMemory(name)
    memory.buf[0] = 42
    memory.close()
memory = shared_memory.SharedMemory(create=True, size=100)
child = get_context('fork').Process(target=write, args=(memory.name,)); child.start(); child.join()
print(memory.buf[0]); memory.close(); memory.unlink()""",
    "semaphores": """
import multiprocessing
context = multiprocessing.get_context('fork'); semaphore = context.Semaphore(0); queue = context.Queue()
child = context.Process(target=lambda: (queue.put(42), semaphore.release())); child.start()
semaphore.acquire(); print(queue.get()); child.join()""",
    "a terminal": """
import os, pty
terminal, other = pty.openpty()
os.write(other, b'42')
print(os.read(terminal, 9).decode(), end='' if os.ttyname(other).startswith('/dev/pts/') else 'no name')""",
    "a server": """
import socket
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname()); client.send(b'42')
print(server.accept()[0].recv(9).decode())""",
}


@pytest.mark.parametrize("strict", ["fork"], indirect=True)
@pytest.mark.parametrize("how", CHILDREN)
async def test_processes_and_what_they_share_work(strict: Client, tmp_path: Path, how: str) -> None:
    context = await strict.create(cwd=str(tmp_path))
    assert await told(strict, context, CHILDREN[how]) == 42


async def test_two_contexts_share_nothing(strict: Client, tmp_path: Path) -> None:
    """Ports, names of shared memory, pids: both may have the same."""
    contexts = [await strict.create(cwd=str(tmp_path)) for _ in range(2)]
    for context in contexts:
        code = """
import json, os, socket
server = socket.create_server(("127.0.0.1", 4000))
abstract = socket.socket(socket.AF_UNIX); abstract.bind("\\0name")
file = open("/dev/shm/name", "x")
print(json.dumps(sorted(os.listdir("/dev/shm"))))"""
        assert await told(strict, context, code) == ["name"]


async def test_an_interrupt_keeps_the_state(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    await strict.run("x = 42", context)
    async with strict.running("import time\nprint('on')\nwhile True: time.sleep(9)", contextId=context) as running:
        await running.until("on")
        assert (await strict.request("POST", f"/context/{context}/interrupt"))[0] == 200
        result = await running.finish()
    assert result.error is not None
    assert result.error["name"] == "KeyboardInterrupt"
    assert await told(strict, context, "print(x)") == 42


async def test_an_interrupt_reaches_the_processes_that_the_code_waits_for(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    code = "import subprocess\nprocess = subprocess.Popen(['sleep', '1000'])\nprint('on', flush=True)\nprocess.wait()"
    async with strict.running(code, contextId=context) as running:
        await running.until("on")
        await strict.request("POST", f"/context/{context}/interrupt")
        await running.finish()
    # 0 if the interrupt came just when Popen had the status, and made it forget that.
    assert await told(strict, context, "print(process.wait())") in (0, -signal.SIGINT)


async def test_code_that_does_not_end_is_killed(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    code = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
for name in ('SIGCONT', 'SIGURG'): signal.signal(getattr(signal, name), signal.SIG_DFL)
while True: time.sleep(9)"""
    result = await strict.run(code, context, timeout=1)
    assert result.close_code == 4008
    assert "was killed by SIGKILL" in result.messages[-2]["value"]
    assert await told(strict, context, "print(1)") == 1


ENDS = {
    "exit status 3": "import os; os._exit(3)",
    "killed by SIGSEGV": "import ctypes; ctypes.string_at(0)",
    "killed by SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "killed by SIGTERM": "import os, signal; signal.raise_signal(signal.SIGTERM)",
    "killed by SIGABRT": "import os; os.abort()",
}


async def test_how_a_worker_ended_is_told(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    for how, code in ENDS.items():
        result = await strict.run(f"print('on'); {code}", context)
        assert result.stdout == "on\n"
        assert result.error is not None
        assert (result.error["name"], result.error["value"]) == ("WorkerDied", how)


async def test_exit_and_restart_make_a_new_worker(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    await strict.run("x = 1; exit()", context)
    assert (await strict.run("print('x' in globals())", context)).stdout == "False\n"
    await strict.run("x = 1", context)
    assert (await strict.request("POST", f"/context/{context}/restart"))[0] == 200
    assert await told(strict, context, "import os; print(int('x' in globals()) + os.getpid())") == 2


async def test_orphans_are_reaped(strict: Client, tmp_path: Path) -> None:
    context = await strict.create(cwd=str(tmp_path))
    code = """
import json, os, subprocess
reader, writer = os.pipe()
os.set_inheritable(writer, True)
os.system('(sleep 0.01 &)')
os.close(writer); os.read(reader, 1); os.close(reader)
own = subprocess.Popen(['true'])
"""
    await strict.run(code, context)
    for _ in range(100):  # it is reaped at the end of an execution, once it has ended
        left = await told(strict, context, "print(json.dumps([it for it in os.listdir('/proc') if it.isdigit()]))")
        if len(left) == 3:
            break
    assert len(left) == 3
    assert await told(strict, context, "print(own.wait())") == 0


FAMILY = """
import os, signal
reader, writer = os.pipe()
for _ in range(3):
    if not os.fork():
        os.setsid()
        if not os.fork():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(writer, b'.')
            while True: signal.pause()
        os._exit(0)
for _ in range(3): os.read(reader, 1)
print('on', flush=True)
"""


def family(pid: int) -> list[int]:
    """Return the pids of a process and its descendants."""
    return [pid, *(found for child in children(pid) for found in family(child))]


def mounts(pid: int) -> str:
    """Return what is mounted where ``pid`` is."""
    return Path(f"/proc/{pid}/mountinfo").read_text()


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_nothing_is_left_after_kill_9_of_the_daemon(
    start_daemon: Callable[..., Awaitable[Daemon]], launcher: str, tmp_path: Path
) -> None:
    need("mount", "pid", "ipc", "net")
    daemon = await start_daemon("--launcher", launcher, *STRICT)
    async with Client(daemon.url) as client, contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            context = await client.create(cwd=str(tmp_path))
            code = FAMILY + "while True: pass"
            running = await stack.enter_async_context(client.running(code, contextId=context))
            await running.until("on")
        below = [pid for child in children(daemon.pid) for pid in family(child)]
        daemon.process.kill()
        await gone(*below)
    assert await daemon.ended() == -signal.SIGKILL


async def test_nothing_is_left_after_a_deletion(standing: Callable[..., SharedDaemon], tmp_path: Path) -> None:
    need("mount", "pid", "ipc", "net")
    daemon = standing(*STRICT)
    async with Client(daemon.url) as client:
        mounted = mounts(daemon.pid)
        before = set(children(daemon.pid))
        context = await client.create(cwd=str(tmp_path))
        await client.run(FAMILY, context)
        (worker,) = [pid for pid in set(children(daemon.pid)) - before if len(family(pid)) > 3]
        processes = family(worker)
        assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
        await gone(*processes)
        assert [state(pid) for pid in processes] == ["X"] * len(processes)
        assert mounts(daemon.pid) == mounted


async def test_a_daemon_without_privileges_isolates_as_well(
    start_daemon: Callable[..., Awaitable[Daemon]],
) -> None:
    need("user", "mount", "pid", "ipc", "net", user=NOBODY)
    daemon = await start_daemon(*STRICT, "--cwd", "/usr", command=daemon_of_nobody())
    async with contextlib.AsyncExitStack() as stack:
        folders = [stack.enter_context(anybodys()) for _ in range(2)]
        client = await stack.enter_async_context(Client(daemon.url))
        one, other = [await client.create(cwd=str(folder)) for folder in folders]
        layers = (await client.request("GET", f"/context/{one}"))[1]["isolation"]["layers"]
        assert {"user-namespace", "mount-namespace", "pid-namespace", "ipc-namespace", "net-namespace"} <= set(layers)
        code = "import os; open('mine', 'w').close(); print(f'[{os.getpid()}, {os.getuid()}]')"
        assert await told(client, one, code) == [2, NOBODY]
        code = f"import os; print(int(os.path.exists({str(folders[0])!r})))"
        assert await told(client, other, code) == 0
        for how in ("fork", "shared memory", "a terminal", "a server"):
            assert await told(client, one, CHILDREN[how]) == 42
        running = await stack.enter_async_context(client.running(FAMILY + "while True: pass", contextId=one))
        await running.until("on")
        below = [pid for child in children(daemon.pid) for pid in family(child)]
        daemon.process.kill()
        await gone(*below)
