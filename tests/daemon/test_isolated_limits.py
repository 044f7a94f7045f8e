"""Limits of isolated contexts: their private directories, their own /dev/shm, and their own user."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from contract import COMPLETED, ended, error
from harness import COMMAND, Client, Daemon
from standing import SharedDaemon

MIB = 1 << 20
WAIT = "\nimport signal; signal.pause()"
FILL = "import os, tempfile\nfor i in range(6): open(os.path.join({}, str(i)), 'wb').write(bytes(2 << 20))"
StartDaemon = Callable[..., Awaitable[Daemon]]


@pytest.fixture
async def isolated(standing: Callable[..., SharedDaemon]) -> AsyncIterator[Client]:
    """Yield a client of a daemon that isolates its contexts."""
    async with Client(standing("--isolation", "standard").url) as client:
        yield client


@pytest.mark.parametrize("place", ["tempfile.gettempdir()", "os.path.expanduser('~')", "'.'"])
async def test_private_directories_count_for_the_disk(isolated: Client, tmp_path: Path, place: str) -> None:
    context = await isolated.create(cwd=str(tmp_path), limits={"diskBytes": 8 * MIB})
    result = await isolated.run(FILL.format(place) + WAIT, context)
    assert ended(result) == ([error("WorkerDied", "disk limit of 8 MiB exceeded"), COMPLETED], 1000, "")


async def test_the_kernel_ends_an_isolated_worker_before_the_daemon(isolated: Client, tmp_path: Path) -> None:
    score = "print(open('/proc/self/oom_score_adj').read())"
    scores = []
    for limits in ({}, {"memoryBytes": 256 * MIB}):
        context = await isolated.create(cwd=str(tmp_path), limits=limits)
        scores.append(int((await isolated.run(score, context)).stdout))
    assert scores[1] == min(scores[0] + 500, 1000)


CLOSED = """
import os
for i in range(12):
    with open(f'/dev/shm/interpreterd-{os.getpid()}-{i}', 'wb') as file: file.write(bytes(8 << 20))
print('all written', flush=True)
"""


async def test_files_that_are_closed_count_in_a_shared_memory_of_its_own(isolated: Client, tmp_path: Path) -> None:
    context = await isolated.create(cwd=str(tmp_path), limits={"memoryBytes": 64 * MIB})
    shown = (await isolated.request("GET", f"/context/{context}"))[1]
    if "mount-namespace" not in shown["isolation"]["layers"]:
        pytest.skip("contexts share /dev/shm here")
    result = await isolated.run(CLOSED + WAIT, context)
    assert ended(result)[0][-2:] == [error("WorkerDied", "memory limit of 64 MiB exceeded"), COMPLETED]


BOMB = """
import os, resource
print(resource.getrlimit(resource.RLIMIT_NPROC), flush=True)
parent, born = os.getpid(), 0
try:
    for _ in range(60):
        if os.fork() == 0:
            while True: pass
        born += 1
except OSError as error:  # CPython 3.11 may lose the number of the error
    print(born, error.errno, flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser can start a daemon as another user")
async def test_the_kernel_stops_a_fork_bomb_of_a_context_with_a_user_of_its_own(start_daemon: StartDaemon) -> None:
    place = tempfile.mkdtemp()  # not below pytest's, which others cannot enter
    for folder in (place, work := f"{place}/work"):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", str(COMMAND)]
    try:
        daemon = await start_daemon(
            "--cwd", work, "--isolation", "standard", command=command, env={"HOME": place, "TMPDIR": place}
        )
        if not daemon.announced:
            pytest.skip(f"another user cannot run a daemon here: {daemon.log.decode()}")
        async with Client(daemon.url) as client:
            context = await client.create(limits={"processes": 20})
            shown = (await client.request("GET", f"/context/{context}"))[1]
            if "user-namespace" not in shown["isolation"]["layers"]:
                pytest.skip("contexts have no user namespaces here")
            result = await client.run(BOMB + WAIT, context)
            assert result.stdout.splitlines()[0] == "(24, 24)"
            assert ended(result)[0][-2:] == [error("WorkerDied", "process limit of 20 exceeded"), COMPLETED]
        await daemon.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)
