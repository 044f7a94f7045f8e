"""Libraries run unchanged in isolated contexts."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from isolated import PACKAGE, PROFILES, index, write_index
from standing import SharedDaemon, shared_daemon

from interpreterd.client import Interpreter

pytestmark = [pytest.mark.xdist_group("isolated libraries"), pytest.mark.timeout(120)]

# Each begins with its name and the end of its output.
PROGRAMS = """
# numpy: 100.0 (3,)
import numpy as np
print(np.linalg.inv(np.eye(200) * 2).trace(), np.random.rand(3).shape)
# pandas: 10
import pandas as pd
frame = pd.DataFrame({'a': range(5)})
frame.to_csv('a.csv')
print(pd.read_csv('a.csv').a.sum())
# polars: 10
import polars as pl
pl.DataFrame({'a': range(5)}).write_parquet('a.parquet')
print(pl.scan_parquet('a.parquet').sum().collect().item())
# matplotlib: True True
import matplotlib, matplotlib.pyplot as plt, os
plt.plot([1, 2])
plt.title('ü')
plt.savefig('a.png')
own = os.environ['HOME'], os.environ['TMPDIR']
print(os.path.getsize('a.png') > 5000, matplotlib.get_cachedir().startswith(own))
# sqlite: ('wal',) (3,)
import sqlite3
with sqlite3.connect('a.db') as db:
    db.execute('create table t (a)')
    db.executemany('insert into t values (?)', [(1,), (2,)])
print(db.execute('pragma journal_mode=wal').fetchone(), db.execute('select sum(a) from t').fetchone())
# threads: 5050
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(abs, range(-100, 0))))
# temporary files: True 3
import os, tempfile
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as file:
    print(folder.startswith(os.environ['TMPDIR']), file.write(b'abc'))
# ctypes: 42
import ctypes
print(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)(41))
# asyncio: b'7\\n' 32
import asyncio, sys
process = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(7)', stdout=-1)
print((await process.communicate())[0], await asyncio.to_thread(pow, 2, 5))
# mmap: b'abc'
import mmap
with mmap.mmap(-1, 4096) as memory:
    memory[:3] = b'abc'
    print(memory[:3])
# subprocess: b'42\\n' b''
import subprocess, sys
ran = subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True)
print(ran.stdout, ran.stderr)
# multiprocessing's Pool, Queue, Lock: [0, 1, 4, 9]
import multiprocessing
multiprocessing = multiprocessing.get_context('fork')
lock, queue = multiprocessing.Lock(), multiprocessing.Queue()
def work(n):
    with lock:
        queue.put(n * n)
with multiprocessing.Pool(2) as pool:
    pool.map(work, range(4))
print(sorted(queue.get(timeout=10) for _ in range(4)))
# multiprocessing's shared_memory: b'abc' 0
from multiprocessing import Process, shared_memory
memory = shared_memory.SharedMemory(create=True, size=8)
def work(name):
    other = shared_memory.SharedMemory(name=name)
    other.buf[:3] = b'abc'
    other.close()
child = Process(target=work, args=(memory.name,))
child.start()
child.join()
print(bytes(memory.buf[:3]), child.exitcode)
memory.close()
memory.unlink()
# multiprocessing's Manager: {'a': 1}
import multiprocessing
with multiprocessing.Manager() as manager:
    shared = manager.dict()
    child = multiprocessing.Process(target=shared.update, args=({'a': 1},))
    child.start()
    child.join()
    print(dict(shared))
# ProcessPoolExecutor: [1, 2]
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as pool:
    print(list(pool.map(abs, [-1, -2])))
"""
# What keeps locks in /dev/shm, of which a strict context has none without a view of its own.
IN_SHARED_MEMORY = re.compile("multiprocessing|ProcessPool")
SERVER = """
import asyncio, urllib.request, threading
async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")
    await writer.drain()
    writer.close()
async def work():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/").read())
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print(said, (await reader.read()).endswith(b"hello"))
    writer.close()
    server.close()
    await server.wait_closed()
await work()
"""
INSTALL = """
import subprocess, sys
options = ["--quiet", "--disable-pip-version-check", "--target", "packages"]
index = ["--index-url", "http://127.0.0.1:{port}/simple"]
command = [sys.executable, "-m", "pip", "install", *options, *index, "{package}"]
ran = subprocess.run(command, capture_output=True, text=True)
print(ran.stdout, ran.stderr)
sys.path.insert(0, "packages")
import {package}
print({package}.VALUE)
"""
BROWSE = """
import subprocess
page = "data:text/html,<body><script>document.body.append(6*7)</script>"
ran = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page],
                     capture_output=True, text=True, timeout=60)
print(ran.stdout, ran.stderr[-2000:])
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve an index of packages; return its port."""
    with index(tmp_path_factory.mktemp("index")) as port:
        yield port


@pytest.fixture(scope="module")
def isolating(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[SharedDaemon]:
    """Start a daemon whose contexts may connect to the index."""
    flags = ["--python", sys.executable, "--isolation-ports", f"443,80,{port}"]
    with shared_daemon(tmp_path_factory.mktemp("daemon"), *flags) as daemon:
        yield daemon


@pytest.fixture
def run(isolating: SharedDaemon, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return a function: ``run(profile, code)`` runs code in a new context; returns all of its output.

    With ``layer``, code that needs this one in strict is skipped without it.
    """
    with Interpreter(isolating.url) as py:

        def run(profile: str, code: str, layer: str | None = None) -> str:
            with py.create_context(cwd=str(tmp_path), isolation=profile) as context:
                if profile == "strict" and layer is not None and layer not in context["isolation"]["layers"]:
                    pytest.skip(f"in strict it needs a {layer}, which this machine does not give")
                execution = context.execute(code)
                return f"{execution.stdout}{execution.stderr}{execution.error.traceback if execution.error else ''}"

        yield run


Run = Callable[..., str]


def programs() -> Iterator[tuple[str, str, str]]:
    """Yield name, code and the end of the output of each program."""
    for part in re.split("^# ", PROGRAMS, flags=re.MULTILINE)[1:]:
        title, _, code = part.partition("\n")
        name, _, said = title.partition(": ")
        yield name, code, said


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("code", "said"), [pytest.param(*rest, id=name) for name, *rest in programs()])
def test_a_library_runs_unchanged(run: Run, code: str, said: str, profile: str) -> None:
    assert run(profile, code, "mount-namespace" if IN_SHARED_MEMORY.search(code) else None).strip().endswith(said)


def test_a_shell_and_programs_of_the_system_run_in_standard(run: Run) -> None:
    said = run(
        "standard", "import subprocess\nprint(subprocess.check_output('echo $((6 * 7)) | sort | cat', shell=True))"
    )
    assert said == "b'42\\n'\n"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_server_of_the_contexts_own_can_be_reached_from_within(run: Run, profile: str) -> None:
    assert run(profile, SERVER, "net-namespace") == "b'hello' True\n"


def test_pip_installs_from_an_index_on_an_allowed_port_in_standard(run: Run, port: int) -> None:
    assert run("standard", INSTALL.format(port=port, package=PACKAGE)).endswith("42\n")


def test_pip_installs_a_file_of_the_contexts_own_in_strict(run: Run, tmp_path: Path) -> None:
    write_index(tmp_path)
    (wheel,) = tmp_path.rglob("*.whl")
    code = INSTALL.format(port=1, package=PACKAGE).replace(f'"{PACKAGE}"]', f'"{wheel}"]')
    assert run("strict", code).endswith("42\n")


def test_a_browser_runs_without_its_own_sandbox_in_standard(run: Run) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium here")
    assert "42</body>" in run("standard", BROWSE)


@pytest.mark.parametrize("profile", PROFILES)
def test_torch_computes_on_the_processor(run: Run, profile: str) -> None:
    code = "try:\n    import torch\nexcept ModuleNotFoundError:\n    print('none')\nelse:\n"
    code += "    print(int(torch.ones(9).sum()))"
    said = run(profile, code).strip()
    if said == "none":
        pytest.skip("torch is not installed here")
    assert said == "9"
