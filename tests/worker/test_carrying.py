"""What a fork cannot carry is found at that moment, and named so that a person understands it."""

import pytest
from branched import Bench

from interpreterd.model.forks import Lost


async def lost_of(bench: Bench, code: str, after: str = "") -> list[tuple[str, str]]:
    """Return what a fork of a worker loses that has run ``code``; it runs ``after`` then."""
    original = await bench.worker(code)
    _, told = await bench.branched(original)
    if after:
        await original.run(after)
    return [(it.kind, it.name) for it in told.lost]


@pytest.mark.parametrize(
    ("code", "after", "lost"),
    [
        (
            "import threading\ngo = threading.Event()\nthreading.Thread(target=go.wait, name='my thread').start()",
            "go.set()",
            ("thread", "my thread"),
        ),
        (
            (
                "import _thread as t\nlock = t.allocate_lock()\nlock.acquire()\nt.start_new_thread(lock.acquire, ())\n"
                "while not t._count():\n    pass"
            ),
            "lock.release()",
            ("thread", "1 of _thread.start_new_thread()"),
        ),
        (
            "from concurrent.futures import *\nworkers = ThreadPoolExecutor(2)\nworkers.submit(int).result()",
            "workers.shutdown()",
            ("executor", "workers (ThreadPoolExecutor)"),
        ),
        (
            "from multiprocessing.pool import ThreadPool\nworkers = ThreadPool(2)",
            "workers.terminate()",
            ("executor", "workers (ThreadPool)"),
        ),
        (
            "import asyncio\ntask = asyncio.create_task(asyncio.sleep(1000), name='my task')\nawait asyncio.sleep(0)",
            "task.cancel()",
            ("task", "my task (sleep)"),
        ),
        (
            "import signal\nsignal.alarm(1000)",
            "signal.alarm(0)",
            ("timer", "ITIMER_REAL: signal.alarm(), signal.setitimer()"),
        ),
    ],
    ids=["thread", "bare thread", "executor", "pool", "task", "timer"],
)
async def test_what_does_not_come_along_is_named(copying: Bench, code: str, after: str, lost: tuple[str, str]) -> None:
    found = await lost_of(copying, code, after)
    assert [it for it in found if it[0] != "pipe"] == [lost]


async def test_child_processes_and_temporary_directories_are_named(copying: Bench) -> None:
    code = "import subprocess, tempfile\np = subprocess.Popen(['sleep', '1000'])\nd = tempfile.TemporaryDirectory()"
    original = await copying.worker(code)
    _, told = await copying.branched(original)
    pid, name = (await original.run("print(p.pid, d.name)")).split()
    assert told.lost == (Lost("process", f"{pid}: sleep 1000"), Lost("temporary", name))


async def test_nothing_is_lost_of_what_most_code_has(copying: Bench) -> None:
    code = """
import asyncio, concurrent.futures, contextlib, csv, json, logging, os, random, re, subprocess, tempfile, threading
logging.basicConfig()
log = logging.getLogger()
pool = concurrent.futures.ThreadPoolExecutor()
done = threading.Thread(target=int)
done.start()
done.join()
subprocess.run(["true"])
with tempfile.TemporaryDirectory() as place, open(os.path.join(place, "f"), "w") as file:
    file.write("x")
await asyncio.sleep(0)
print("a line without its end", end="")
"""
    assert await lost_of(copying, code) == []


async def test_at_most_a_hundred_are_named_and_the_rest_is_counted(copying: Bench) -> None:
    code = "import threading\ngo = threading.Event()\nfor number in range(130):\n"
    code += "    threading.Thread(target=go.wait, name='t' * number).start()"
    lost = await lost_of(copying, code, "go.set()")
    assert (len(lost), lost[-1]) == (101, ("more", "30 more"))


async def test_a_name_of_any_length_is_shortened(copying: Bench) -> None:
    code = "import threading\ngo = threading.Event()\nthreading.Thread(target=go.wait, name='ü' * 10000).start()"
    ((kind, name),) = await lost_of(copying, code, "go.set()")
    assert (kind, name) == ("thread", "ü" * 199 + "…")


async def test_code_that_has_broken_its_modules_can_be_forked_nevertheless(copying: Bench) -> None:
    code = "import asyncio, threading, weakref\nthreading.enumerate = asyncio.all_tasks = None\n"
    code += "del weakref.finalize._registry"
    assert await lost_of(copying, code) == []
