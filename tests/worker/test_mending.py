"""A copy works without what it has lost, and leaves alone what is the original's."""

from pathlib import Path

from branched import Bench


async def test_temporary_files_stay_until_the_original_removes_them(copying: Bench) -> None:
    code = "import os, tempfile\nd = tempfile.TemporaryDirectory()\nf = tempfile.NamedTemporaryFile()\n"
    code += "print(d.name, f.name)"
    original = await copying.worker()
    directory, file = map(Path, (await original.run(code)).split())
    copy = await copying.copy(original)
    await copy.run(
        "own = tempfile.NamedTemporaryFile(); place = own.name; own.close(); assert not os.path.exists(place)"
    )
    copy.start("f.close(); del d, f; exit()")
    assert await copy.ended == "exit status 0"
    assert directory.exists()
    assert file.exists()
    await original.run("del d; f.close()")
    assert not directory.exists()
    assert not file.exists()


async def test_what_goes_back_to_a_checkpoint_has_its_temporary_directories_again(copying: Bench) -> None:
    original = await copying.worker("import os, tempfile\nd = tempfile.TemporaryDirectory()")
    back = await copying.copy(await copying.copy(original, purpose="checkpoint"), purpose="restore")
    await original.end()
    assert await back.run(
        "place = d.name; there = os.path.exists(place); del d; print(there, os.path.exists(place))"
    ) == ("True False\n")


async def test_loops_go_on_in_each_and_do_not_disturb_each_other(copying: Bench) -> None:
    code = """
import asyncio
ticks = []
lock, queue = asyncio.Lock(), asyncio.Queue()
async def tick():
    while True:
        ticks.append(len(ticks))
        await queue.put(len(ticks))
        await asyncio.sleep(0.001)
task = asyncio.create_task(tick())
await queue.get()
"""
    step = """
import threading
async with lock:
    before = len(ticks)
    while len(ticks) < before + 3:
        await queue.get()
loop = asyncio.get_running_loop()
print(await loop.run_in_executor(None, lambda: 7), await asyncio.wait_for(asyncio.to_thread(int, 8), 30))
"""
    original = await copying.worker(code)
    copies, _ = await copying.branched(original, copies=2)
    for coder in (*copies, original, *copies, original):
        assert await coder.run(step) == "7 8\n"
    await copies[0].run("loop.close()")
    assert await original.run(step) == "7 8\n"


async def test_a_loop_of_codes_own_is_apart_too(copying: Bench) -> None:
    original = await copying.worker(
        "import asyncio\nloop = asyncio.new_event_loop()\nloop.run_until_complete(asyncio.sleep(0))"
    )
    copy = await copying.copy(original)
    for coder in (copy, original, copy):
        assert await coder.run("print(loop.run_until_complete(asyncio.sleep(0.001, 5)))") == "5\n"
    await copy.run("loop.close()")
    assert await original.run("print(loop.run_until_complete(asyncio.sleep(0.001, 5)))") == "5\n"


async def test_an_executor_of_threads_starts_others(copying: Bench) -> None:
    code = """
import concurrent.futures, threading
go = threading.Event()
pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(int).result()
running, waiting = pool.submit(go.wait), pool.submit(int)
"""
    original = await copying.worker(code)
    copy = await copying.copy(original)
    assert await copy.run("print(pool.submit(lambda: 5).result(30), waiting.cancelled())") == "5 True\n"
    assert await original.run("go.set(); print(waiting.result(30), pool.submit(lambda: 5).result(30))") == "0 5\n"
    copy.start("exit()")
    assert await copy.ended == "exit status 0"


async def test_pools_of_processes_are_broken_and_say_so(copying: Bench) -> None:
    code = """
import concurrent.futures, multiprocessing
context = multiprocessing.get_context("fork")
pool = concurrent.futures.ProcessPoolExecutor(1, context)
print(pool.submit(int).result(), end=" ")
other = context.Pool(1)
print(other.apply(int))
"""
    original = await copying.worker()
    assert await original.run(code) == "0 0\n"
    copy = await copying.copy(original)
    assert "did not come along when the context was forked" in await copy.fails("pool.submit(int)")
    assert "Pool not running" in await copy.fails("other.apply(int)")
    copy.start("exit()")
    assert await copy.ended == "exit status 0"
    assert await original.run("print(pool.submit(int).result(), other.apply(int))") == "0 0\n"
    await original.run("pool.shutdown(); other.terminate(); other.join()")


async def test_a_copys_exit_ends_no_process_of_the_original(copying: Bench) -> None:
    code = """
import multiprocessing, time
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,), daemon=True)
child.start()
"""
    original = await copying.worker(code)
    copy = await copying.copy(original)
    copy.start("exit()")
    assert await copy.ended == "exit status 0"
    assert await original.run("print(child.is_alive()); child.kill(); child.join()") == "True\n"


async def test_locks_of_logging_are_free_in_a_copy(copying: Bench) -> None:
    code = """
import logging, sys, threading
held, go = threading.Event(), threading.Event()
handler = logging.StreamHandler(sys.stdout)
logging.getLogger().addHandler(handler)
def hold():
    with handler.lock:
        held.set()
        go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
"""
    original = await copying.worker(code)
    copied = copying.copy(original)
    copy = await copied
    assert await copy.run("logging.warning('free')") == "free\n"
    await original.run("go.set(); thread.join()")
