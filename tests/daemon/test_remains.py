"""Files that a context leaves in /dev/shm are removed, if they are provably its own and no other process uses them."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterator

import pytest
from harness import Client, Daemon, children, gone
from shared_memory import FOLDER, left
from shared_memory import name as name  # a fixture
from standing import SharedDaemon, shared_daemon

StartDaemon = Callable[..., Awaitable[Daemon]]

# Each makes a file ``name`` that no resource tracker knows, and keeps it.
MAKES = {
    "unregistered": """
from multiprocessing import resource_tracker, shared_memory
memory = shared_memory.SharedMemory(name, create=True, size=1 << 16)
resource_tracker.unregister(memory._name, "shared_memory")
""",
    "its tracker killed": """
import os, signal
from multiprocessing import resource_tracker, shared_memory
memory = shared_memory.SharedMemory(name, create=True, size=1 << 16)
os.kill(resource_tracker._resource_tracker._pid, signal.SIGKILL)
""",
    "shm_open, open and not mapped": """
import ctypes, os
descriptor = ctypes.CDLL(None).shm_open(b"/" + name.encode(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
os.ftruncate(descriptor, 4096)
""",
    "a semaphore": """
import ctypes, os
sem_open = ctypes.CDLL(None).sem_open
sem_open.restype = ctypes.c_void_p
semaphore = sem_open(b"/" + name.encode(), os.O_CREAT | os.O_EXCL, 0o600, 1)
""",
    "a mapped file in a folder": """
import mmap, os
os.mkdir(f"/dev/shm/{name}", 0o700)
with open(f"/dev/shm/{name}/{name}", "w+b") as file:
    file.truncate(4096)
    mapping = mmap.mmap(file.fileno(), 4096)
""",
    "a child's": """
import os, signal
reader, writer = os.pipe()
if not os.fork():
    from multiprocessing import resource_tracker, shared_memory
    memory = shared_memory.SharedMemory(name, create=True, size=1 << 16)
    resource_tracker.unregister(memory._name, "shared_memory")
    os.write(writer, b".")
    while True: signal.pause()
os.read(reader, 1)
""",
}
STUBBORN = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: signal.pause()
"""


@pytest.fixture(scope="module", params=["spawn", "fork"])
def launching(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon, once with each launcher."""
    folder = tmp_path_factory.mktemp("remains")
    with shared_daemon(folder, "--launcher", request.param, "--grace-s", "0.1") as daemon:
        yield daemon


async def make(client: Client, context: str, name: str, code: str) -> None:
    """Run ``code``, and check that it has made a file."""
    result = await client.run(f"name = {name!r}\n{code}", context)
    assert result.error is None
    assert left(name)


@pytest.mark.parametrize("what", MAKES)
async def test_what_no_tracker_knows_of_is_removed(launching: SharedDaemon, name: str, what: str) -> None:
    async with Client(launching.url) as client:
        context = await client.create()
        await make(client, context, name, MAKES[what])
        assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
        assert not left(name)


@pytest.mark.parametrize("how", ["timeout", "restart", "exit()", "os._exit(0)", "killed"])
async def test_it_is_removed_however_the_worker_ends(launching: SharedDaemon, name: str, how: str) -> None:
    async with Client(launching.url) as client:
        context = await client.create()
        await make(client, context, name, MAKES["unregistered" if how in ("timeout", "restart") else "a child's"])
        if how == "timeout":
            assert (await client.run(STUBBORN, context, timeout=1)).controls
        elif how == "restart":
            assert (await client.request("POST", f"/context/{context}/restart"))[0] == 200
        elif how == "killed":
            worker = int((await client.run("print(os.getpid())", context)).stdout)
            os.kill(worker, signal.SIGKILL)
            await gone(worker)
        else:
            await client.run(how, context)
        while left(name):  # the worker's end is reported before all of its files are removed
            assert (await client.run("print(1)", context)).stdout == "1\n", "another worker"


async def test_it_is_removed_when_the_daemon_is_killed(start_daemon: StartDaemon, name: str) -> None:
    daemon = await start_daemon()
    async with Client(daemon.url) as client:
        await make(client, await client.create(), name, MAKES["unregistered"])
        everyone = children(daemon.pid)  # the guard is also a child
        daemon.process.kill()
        await gone(*everyone)
        assert not left(name)


async def test_what_another_context_uses_stays_until_that_ends(launching: SharedDaemon, name: str) -> None:
    share = f"""
import mmap, os
descriptor = os.open("/dev/shm/{name}", os.O_RDWR)
mapping = mmap.mmap(descriptor, 4096)
os.close(descriptor)
"""
    async with Client(launching.url) as client:
        first, second = await client.create(), await client.create()
        assert (await client.run("pass", second)).error is None  # its worker is older than the file
        await make(client, first, name, MAKES["unregistered"])
        assert (await client.run(share, second)).error is None
        await client.request("DELETE", f"/context/{first}")
        assert left(name) == [name]
        await client.request("DELETE", f"/context/{second}")
        assert not left(name)


async def test_a_file_that_a_stranger_uses_stays(launching: SharedDaemon, name: str) -> None:
    async with Client(launching.url) as client:
        context = await client.create()
        await make(client, context, name, MAKES["unregistered"])
        descriptor = os.open(FOLDER / name, os.O_RDONLY)
        try:
            await client.request("DELETE", f"/context/{context}")
            assert left(name) == [name]
        finally:
            os.close(descriptor)


OPENS = {
    "older than the worker": ("r+b", True),
    "only read": ("rb", False),
}


@pytest.mark.parametrize("what", OPENS)
async def test_what_may_be_a_strangers_stays(launching: SharedDaemon, name: str, what: str) -> None:
    mode, older = OPENS[what]
    path = FOLDER / name
    if older:
        path.write_bytes(bytes(4096))
    async with Client(launching.url) as client:
        # These envs need a new worker: Python reads them only at its start.
        context = await client.create(envs={"PYTHONHASHSEED": "0"})
        assert (await client.run("pass", context)).error is None
        if not older:
            path.write_bytes(bytes(4096))
        code = f"""
import mmap, os
file = open({str(path)!r}, {mode!r})
mapping = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ | (mmap.PROT_WRITE if "+" in {mode!r} else 0))
if "+" in {mode!r}: mapping[:4] = b"here"; file.write(b"here"); file.flush()
other = os.open({str(path) + ".new"!r}, os.O_CREAT | os.O_WRONLY, 0o600)
"""
        assert (await client.run(code, context)).error is None
        await client.request("DELETE", f"/context/{context}")
        assert left(f"{name}.new") == [], "the worker's own file is removed, so the daemon has looked"
        assert left(name) == [name]
